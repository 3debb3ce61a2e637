"""The network of containers, against a far end ("outside", 192.0.2.2) that the sandbox provides."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.http import StatusError
from harness.outside import HOST, OUTSIDE, listening, talk
from harness.wait import wait_until


def test_address_route_names(garden, api, container):
    address = api.info(container)["ContainerIP"]
    _, out, _ = api.output(container, "sh", "-c", "ip -4 addr show dev eth0; ip route; cat /etc/hosts; cat /etc/resolv.conf")
    text = out.decode()
    assert f"inet {address}/32" in text
    assert f"{address} {container}" in text
    assert "127.0.0.1 localhost" in text
    _, out, _ = api.output(container, "cat", "/proc/net/if_inet6")
    assert [line.split()[-1] for line in out.decode().splitlines()] == ["lo"]  # ::1 and no other IPv6
    assert out.startswith(b"0" * 31 + b"1 ")


def test_the_world_is_reached_through_the_hosts_address(api, container):
    with listening(OUTSIDE, 5001, "outside"):
        assert talk(api, container, OUTSIDE, 5001) == f"hello {HOST}"


def test_an_address_can_be_asked_for(api, own_rootfs):
    handle = api.create(own_rootfs, network="10.99.0.6/24")
    assert api.info(handle)["ContainerIP"] == "10.99.0.6"
    with listening(OUTSIDE, 5011, "outside"):
        assert talk(api, handle, OUTSIDE, 5011) == f"hello {HOST}"
    assert api.info(api.create(own_rootfs, network="10.99.0.0/30"))["ContainerIP"] == "10.99.0.2"
    for wanted, words in (("10.99.0.6/24", "network: network '10.99.0.6/24': the address is taken"), ("127.0.0.2/24", "is taken"),
                          ("10.99.0.1/24", "not for containers"), ("ten", "not an IPv4 network")):
        with pytest.raises(StatusError, match=words):
            api.create(own_rootfs, network=wanted)


def test_the_host_is_not_reached_unless_allowed(make_garden, own_rootfs):
    with listening(HOST, 5002):
        closed = make_garden().api
        assert talk(closed, closed.create(own_rootfs), HOST, 5002) == ""
        opened = make_garden("--garden-allow-host-access").api
        handle = opened.create(own_rootfs)
        assert talk(opened, handle, HOST, 5002) == f"hello {opened.info(handle)['ContainerIP']}"


def test_denied_networks(make_garden, own_rootfs):
    with listening(OUTSIDE, 5003, "outside"):
        api = make_garden(f"--garden-deny-network={OUTSIDE}/32").api
        assert talk(api, api.create(own_rootfs), OUTSIDE, 5003) == ""


def links_of_containers():
    return [name for _, name in socket.if_nameindex() if name.startswith("cw")]


def test_no_link_is_left_when_destroy_has_answered(api, own_rootfs):
    """Nor are several that end together in each other's way."""
    handles = [api.create(own_rootfs) for _ in range(8)]
    assert len(links_of_containers()) == 8
    for _ in range(2):
        api.destroy(handles.pop())
        assert len(links_of_containers()) == len(handles)
    with ThreadPoolExecutor() as pool:
        list(pool.map(api.destroy, handles))
    assert links_of_containers() == []
    # The address is free at once, and so is its link's name.
    for _ in range(3):
        api.destroy(api.create(own_rootfs, network="10.99.0.6/24"))
        assert links_of_containers() == []


def test_addresses_whose_links_are_not_ours_are_passed_over(garden, api, own_rootfs):
    """Of another worker's container, or of whomever: they are left alone and named."""
    base = api.info(api.create(own_rootfs))["ContainerIP"].rsplit(".", 1)[0]
    links = {f"cw{socket.inet_aton(f'{base}.{n}').hex()}": n for n in (3, 4)}
    for link, group in links.items():
        subprocess.run(["ip", "link", "add", link, "group", str(group), "type", "veth", "peer", "name", f"p{group}"], check=True)
    try:
        assert api.info(api.create(own_rootfs))["ContainerIP"] == f"{base}.5"
        for link, group in links.items():
            assert f"(group {group})" in garden.wait_for_log("garden.an address is passed over: its link is not this worker's", link=link)["owner"]
        with pytest.raises(StatusError, match="the address is taken"):
            api.create(own_rootfs, network=f"{base}.3/24")
        assert links.keys() <= {name for _, name in socket.if_nameindex()}
    finally:
        for link in links:
            subprocess.run(["ip", "link", "delete", link], check=True)
    # What was passed over is free again once the link has gone.
    assert api.info(api.create(own_rootfs, network=f"{base}.3/24"))["ContainerIP"] == f"{base}.3"


def test_two_workers_with_one_pool_share_it(make_garden, own_rootfs):
    first, second = make_garden(), make_garden()
    second.stop()
    second.pool = first.pool
    second.start()
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda n: (first, second)[n % 2].api.create(own_rootfs), range(8)))
    addresses = {(first, second)[n % 2].api.info(handle)["ContainerIP"] for n, handle in enumerate(made)}
    assert len(addresses) == 8
    second.api.destroy(made[1])
    assert len(links_of_containers()) == 7


def test_a_hermetic_container_reaches_nobody(api, own_rootfs, container):
    with listening(OUTSIDE, 5004, "outside"):
        handle = api.create(own_rootfs, netout_rules=[])
        assert talk(api, handle, OUTSIDE, 5004) == ""
        assert api.output(handle, "cat", "/etc/resolv.conf")[1] == b""
        assert talk(api, container, OUTSIDE, 5004) == f"hello {HOST}"


def test_containers_reach_each_other_but_not_under_a_false_name(api, own_rootfs):
    server, client = api.create(own_rootfs), api.create(own_rootfs)
    address = api.info(server)["ContainerIP"]
    process = api.run(server, "sh", "-c", "echo up; nc -l -p 6000 < /etc/hostname")
    process.stdout.wait_for(b"up")
    wait_until(lambda: server in talk(api, client, address, 6000), "an answer of the other container")
    # No right to make raw packets is needed to claim an address: it is only added, and dropped by the host.
    _, out, _ = api.output(client, "sh", "-c", "ip addr add 10.1.1.1/32 dev eth0 2>&1; echo $?")
    assert out.decode().split()[-1] != "0"


def test_dns_servers_and_hosts_of_the_operator(make_garden, own_rootfs, scratch):
    (scratch / "config.ini").write_text("[server]\ndns-server = 9.9.9.9\nadditional-host-entry = 1.2.3.4 special\ngraph = /g\n")
    garden = make_garden("--garden-dns-server=1.1.1.1", "--garden-dns-server=8.8.8.8", f"--garden-config={scratch / 'config.ini'}", "--garden-tag=x")
    api = garden.api
    for warning in ("garden-config: --garden-graph has no effect", "--garden-tag has no effect"):
        assert any(f"garden.{warning}" in line for line in garden.lines)
    handle = api.create(own_rootfs)
    assert api.output(handle, "cat", "/etc/resolv.conf")[1] == b"nameserver 1.1.1.1\nnameserver 8.8.8.8\n"
    assert b"1.2.3.4 special\n" in api.output(handle, "cat", "/etc/hosts")[1]


@pytest.mark.parametrize("flag, words", [("--garden-network-pool=x", "--garden-network-pool: 'x'"), ("--garden-deny-network=1.2.3.4/40", "--garden-deny-network"),
                                         ("--garden-additional-host-entry=nope", "--garden-additional-host-entry"), ("--nope", "unknown flag '--nope'"),
                                         ("--oci-runtime=/no/such", "/no/such"), ("--runtime=containerd", "no runtime 'containerd'"),
                                         ("--garden-bin=gdn", "drop --garden-bin")])
def test_bad_flags_are_one_line(install, scratch, run_dir, flag, words):
    done = subprocess.run([install.program("concourse-garden"), f"--work-dir={scratch}/w", f"--runtime-dir={run_dir}/r", flag], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == (1 if "oci-runtime" in flag else 2)
    errors = done.stderr.strip().split("\n")
    assert len(errors) == 1
    assert words in errors[0]


def test_a_work_dir_that_containers_can_not_reach_is_named(install, scratch, run_dir):
    (scratch / "closed/w").mkdir(parents=True)
    (scratch / "closed").chmod(0o700)
    done = subprocess.run([install.program("concourse-garden"), f"--work-dir={scratch}/closed/w", f"--runtime-dir={run_dir}/r"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.endswith(f"chmod o+x '{scratch}/closed'\n")


def test_a_mapped_port_leads_into_the_container(api, container):
    mapping = api.call("POST", f"/containers/{container}/net/in", {"host_port": 0, "container_port": 7000})
    assert mapping["container_port"] == 7000
    assert 61001 <= mapping["host_port"] < 61001 + 4534
    process = api.run(container, "sh", "-c", "echo up; nc -l -p 7000 < /etc/hostname")
    process.stdout.wait_for(b"up")
    said = subprocess.run(["ip", "netns", "exec", "outside", "/usr/bin/python3", "-c",
                           f"import socket; print(socket.create_connection(('{HOST}', {mapping['host_port']}), 10).makefile().read())"],
                          capture_output=True, text=True, timeout=30)
    assert container in said.stdout, said.stderr
    assert api.info(container)["MappedPorts"] == [{"HostPort": mapping["host_port"], "ContainerPort": 7000}]
    same = api.call("POST", f"/containers/{container}/net/in", {"host_port": 62000})
    assert same == {"host_port": 62000, "container_port": 62000}
    with pytest.raises(StatusError, match="host port 62000 is mapped already"):
        api.call("POST", f"/containers/{container}/net/in", {"host_port": 62000})


def test_net_out_rules_are_exceptions_to_what_is_denied(make_garden, own_rootfs):
    with listening(OUTSIDE, 5005, "outside"), listening(OUTSIDE, 5006, "outside"):
        garden = make_garden(f"--garden-deny-network={OUTSIDE}/32")
        api = garden.api
        handle, other = api.create(own_rootfs), api.create(own_rootfs, netout_rules=[])
        rule = {"protocol": 1, "networks": [{"start": OUTSIDE, "end": OUTSIDE}], "ports": [{"start": 5005, "end": 5005}], "log": True}
        api.call("POST", f"/containers/{handle}/net/out", rule)
        api.call("POST", f"/containers/{other}/net/out/bulk", [rule, {"protocol": 2, "networks": [{"start": "9.9.9.9"}]}])
        for each in (handle, other):
            assert talk(api, each, OUTSIDE, 5005) == f"hello {HOST}"
            assert talk(api, each, OUTSIDE, 5006) == ""
        with pytest.raises(StatusError, match="Ports cannot be specified"):
            api.call("POST", f"/containers/{handle}/net/out", {"protocol": 3, "ports": [{"start": 1}]})
        garden.kill()
        garden.start()  # the rules are made anew from the records
        assert talk(api, handle, OUTSIDE, 5005) == f"hello {HOST}"
        assert talk(api, handle, OUTSIDE, 5006) == ""


QUERY = bytes.fromhex("1234010000010000000000000161016200000100 01".replace(" ", ""))  # the A record of a.b

ASK = f"""
import socket, sys
query = bytes.fromhex("{QUERY.hex()}")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(20)
udp.sendto(query, (sys.argv[1], 53))
print(udp.recv(512).hex())
tcp = socket.create_connection((sys.argv[1], 53), 20)
tcp.sendall(len(query).to_bytes(2, "big") + query)
print(tcp.makefile("rb").read()[2:].hex())
"""


def test_names_are_served_to_containers_and_the_host_stays_closed(make_garden, own_rootfs):
    garden = make_garden("--garden-dns-proxy-enable")
    api = garden.api
    handle = api.create(own_rootfs)
    gateway = api.info(handle)["HostIP"]
    own = api.output(handle, "cat", "/etc/resolv.conf")[1].decode().splitlines()  # and the host's search
    assert own[0] == f"nameserver {gateway}" and not any(line.startswith("nameserver") for line in own[1:])
    # No resolver can be reached here: that is said, by either way, instead of nothing for ever.
    pid = (garden.runtime_dir / "garden/containers" / handle / "init.pid").read_text().strip()
    asked = subprocess.run(["nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c", ASK, gateway], capture_output=True, text=True, timeout=60)
    failure = QUERY[:2] + b"\x81\x82" + QUERY[4:]  # an answer, SERVFAIL, with the question
    assert asked.stdout.split() == [failure.hex()] * 2, asked.stderr
    with listening(HOST, 5020):
        assert talk(api, handle, HOST, 5020) == ""
