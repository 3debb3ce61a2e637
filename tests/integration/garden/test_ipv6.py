"""IPv6 of containers (docs/protocols/garden.md): on by --containerd-v6-enable alone, and then behind every rule that holds for IPv4."""

import contextlib
import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness import outside
from harness.http import StatusError
from harness.outside import HOST6, OUTSIDE, OUTSIDE6, listening, talk
from harness.wait import wait_until

POOL = "fd9c:31a6:c759:"  # the default's
GATEWAY = f"{POOL}:1"
ON = "--containerd-v6-enable"


@pytest.fixture(autouse=True)
def world(sandboxed):
    with outside.ipv6():
        yield


@pytest.fixture
def garden(make_garden):
    return make_garden(ON)


def address_of(api, handle):
    return api.info(handle)["ContainerIPv6"]


def inside(garden, handle, *command):
    """Of a program of the host, with all its powers, in the container's network: its output."""
    pid = (garden.runtime_dir / "garden/containers" / handle / "init.pid").read_text().strip()
    done = subprocess.run(["nsenter", "-t", pid, "-n", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ip_json(*arguments):
    return json.loads(subprocess.run(["ip", "-j", *arguments], check=True, capture_output=True, text=True).stdout)


def test_address_route_and_names(garden, api, container):
    address = address_of(api, container)
    assert address == f"{POOL}:2"
    addresses = {info["local"]: info for link in json.loads(inside(garden, container, "ip", "-j", "-6", "address", "show", "dev", "eth0"))
                 for info in link["addr_info"]}
    assert addresses[address]["prefixlen"] == 128
    assert not any("tentative" in info for info in addresses.values())  # nothing is asked before it is used
    assert len(addresses) == 1  # not even a link-local one
    default, = json.loads(inside(garden, container, "ip", "-j", "-6", "route", "show", "default"))
    assert (default["gateway"], default["dev"]) == (GATEWAY, "eth0")
    assert inside(garden, container, "cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra") == "0\n"
    _, hosts, _ = api.output(container, "cat", "/etc/hosts")
    assert f"{api.info(container)['ContainerIP']} {container}\n{address} {container}\n" in hosts.decode()


def test_the_world_is_reached_through_the_hosts_address(api, container):
    with listening(OUTSIDE6, 5001, "outside"), listening(OUTSIDE, 5001, "outside"):
        assert talk(api, container, OUTSIDE6, 5001) == f"hello {HOST6}"
        assert talk(api, container, OUTSIDE, 5001) == f"hello {outside.HOST}"


@pytest.fixture
def routed(sandboxed):
    """The world knows the way to containers."""
    route = ["ip", "-n", "outside", "-6", "route"]
    subprocess.run([*route, "add", f"{POOL}:/64", "via", HOST6], check=True)
    yield
    subprocess.run([*route, "del", f"{POOL}:/64"], check=True)


def test_without_masquerade_containers_are_seen_as_themselves_and_still_not_called(make_garden, own_rootfs, routed):
    api = make_garden(ON, "--containerd-v6-disable-masquerade").api
    handle = api.create(own_rootfs)
    address = address_of(api, handle)
    with listening(OUTSIDE6, 5002, "outside"):
        assert talk(api, handle, OUTSIDE6, 5002) == f"hello {address}"
    process = api.run(handle, "sh", "-c", "echo up; nc -l -p 6000 < /etc/hostname")
    process.stdout.wait_for(b"up")
    call = ["/usr/bin/python3", "-c", f"import socket; print(socket.create_connection(('{address}', 6000), 10).makefile().read())"]
    refused = subprocess.run(["ip", "netns", "exec", "outside", *call], capture_output=True, text=True, timeout=30)
    assert "No route to host" in refused.stderr
    assert handle in subprocess.run(call, capture_output=True, text=True, timeout=30).stdout  # the host itself may


def test_the_host_is_not_reached_unless_allowed(make_garden, own_rootfs):
    with listening("::", 5003):
        closed = make_garden(ON).api
        handle = closed.create(own_rootfs)
        assert talk(closed, handle, HOST6, 5003) == talk(closed, handle, GATEWAY, 5003) == ""
        opened = make_garden(ON, "--garden-allow-host-access", "--containerd-v6-pool=fd00:8::/64").api
        handle = opened.create(own_rootfs)
        assert talk(opened, handle, HOST6, 5003) == talk(opened, handle, "fd00:8::1", 5003) == f"hello {address_of(opened, handle)}"


def link_of(api, handle):
    """The host's end of its link."""
    return "cw" + "".join(f"{int(part):02x}" for part in api.info(handle)["ContainerIP"].split("."))


def test_denied_networks_and_exceptions(make_garden, own_rootfs):
    with listening(OUTSIDE6, 5005, "outside"), listening(OUTSIDE6, 5006, "outside"):
        garden = make_garden(ON, "--garden-deny-network=2001:db8::/64", "--garden-deny-network=fd00:ec2::254", f"--garden-deny-network={OUTSIDE}/32")
        api = garden.api
        handle, hermetic = api.create(own_rootfs), api.create(own_rootfs, netout_rules=[])
        assert talk(api, handle, OUTSIDE6, 5005) == talk(api, handle, "fd00:ec2::254", 80) == talk(api, hermetic, OUTSIDE6, 5005) == ""
        rule = {"protocol": 1, "networks": [{"start": "2001:db8::1", "end": OUTSIDE6}], "ports": [{"start": 5005}], "log": True}
        for each in (handle, hermetic):
            api.call("POST", f"/containers/{each}/net/out/bulk", [rule, {"protocol": 4, "icmps": {"type": 128}}])
            assert talk(api, each, OUTSIDE6, 5005) == f"hello {HOST6}"
            assert talk(api, each, OUTSIDE6, 5006) == ""
            assert api.output(each, "ping", "-6", "-c", "1", "-w", "10", OUTSIDE6)[0] == 0
        with pytest.raises(StatusError, match="protocol 3 does not go to 2001:db8::2"):
            api.call("POST", f"/containers/{handle}/net/out", {"protocol": 3, "networks": [{"start": OUTSIDE6}]})
        garden.kill()
        garden.start()  # the rules are made anew from the records
        for each in (handle, hermetic):
            assert talk(api, each, OUTSIDE6, 5005) == f"hello {HOST6}"
            assert talk(api, each, OUTSIDE6, 5006) == ""


def test_a_hermetic_container_reaches_nobody(api, own_rootfs, container):
    hermetic = api.create(own_rootfs, netout_rules=[])
    process = api.run(container, "sh", "-c", "echo up; nc -l -p 6001 < /etc/hostname")
    process.stdout.wait_for(b"up")
    with listening(OUTSIDE6, 5007, "outside"):
        assert talk(api, hermetic, OUTSIDE6, 5007) == talk(api, hermetic, address_of(api, container), 6001) == ""
        assert talk(api, container, OUTSIDE6, 5007) == f"hello {HOST6}"
    process = api.run(hermetic, "sh", "-c", "echo up; nc -l -p 6002 < /etc/hostname")
    process.stdout.wait_for(b"up")
    assert talk(api, container, address_of(api, hermetic), 6002) == ""


# argv: where to send, sources. One datagram under each, whether it is an address of this machine or not.
SEND = """
import socket, sys
link = socket.if_nametoindex("eth0")
for source in sys.argv[2:]:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT
    s.bind((source, 0, 0, link))
    s.sendto(source.encode(), (sys.argv[1], 5008, 0, link))
"""

# Prints what datagrams say until one says argv[1].
HEAR = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(("::", 5008))
print("up", flush=True)
while (said := s.recv(100).decode()) != sys.argv[1]:
    print(said)
"""


@contextlib.contextmanager
def hearing(last, *where):
    """What has come before the word `last`, at the end."""
    heard = []
    with subprocess.Popen([*where, "/usr/bin/python3", "-c", HEAR, last], stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout.readline() == "up\n"
        yield heard
        heard += listener.communicate(timeout=70)[0].split()


def test_a_forged_source_goes_nowhere(garden, api, own_rootfs, container):
    own, other = address_of(api, container), address_of(api, api.create(own_rootfs))
    with hearing(own, "ip", "netns", "exec", "outside") as heard:
        inside(garden, container, "/usr/bin/python3", "-c", SEND, OUTSIDE6, other, GATEWAY, HOST6, OUTSIDE6, "2001:db8:1::7", "::1", own)
    assert heard == []


def test_link_local_addresses_are_no_way_to_the_host(make_garden, own_rootfs):
    for flags in ([], ["--garden-allow-host-access"]):
        garden = make_garden(ON, *flags)
        handle = garden.api.create(own_rootfs)
        own, link = address_of(garden.api, handle), link_of(garden.api, handle)
        host, = (info["local"] for one in ip_json("-6", "address", "show", "dev", link) for info in one["addr_info"] if info["scope"] == "link")
        last = own if flags else "the host"
        with hearing(last) as heard:
            inside(garden, handle, "/usr/bin/python3", "-c", SEND, "ff02::1", "fe80::66", *([] if flags else [own]))
            inside(garden, handle, "/usr/bin/python3", "-c", SEND, host, "fe80::66", own)
            if not flags:  # the host hears itself
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own_voice:
                    own_voice.sendto(last.encode(), ("::1", 5008))
        assert heard == []
        garden.api.destroy(handle)


# argv: the victim's address, our MAC address. To all on the link: "it is here", and "I am your router".
CLAIM = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
mac = bytes.fromhex(sys.argv[2].replace(":", ""))
claim = bytes([136, 0, 0, 0, 0x20, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, sys.argv[1]) + bytes([2, 1]) + mac
prefix = bytes([3, 4, 64, 0xc0]) + (7200).to_bytes(4, "big") * 2 + bytes(4) + socket.inet_pton(socket.AF_INET6, "2001:db8:9::")
router = bytes([134, 0, 0, 0, 64, 0]) + (1800).to_bytes(2, "big") + bytes(8) + bytes([1, 1]) + mac + prefix
for message in (claim, router):
    s.sendto(message, ("ff02::1", 0))
"""


def test_who_claims_anothers_address_or_to_be_a_router_is_not_believed(garden, api, own_rootfs, container):
    victim, client = api.create(own_rootfs), api.create(own_rootfs)
    def routes():
        return sorted(map(str, ip_json("-6", "route")))

    before = routes()
    link, = json.loads(inside(garden, container, "ip", "-j", "link", "show", "dev", "eth0"))
    inside(garden, container, "/usr/bin/python3", "-c", CLAIM, address_of(api, victim), link["address"])
    process = api.run(victim, "sh", "-c", "echo up; nc -l -p 6003 < /etc/hostname")
    process.stdout.wait_for(b"up")
    assert victim in talk(api, client, address_of(api, victim), 6003)
    assert routes() == before
    assert not any("2001:db8:9:" in info["local"] for one in ip_json("-6", "address") for info in one["addr_info"])


def test_containers_reach_each_other(api, own_rootfs):
    server, client = api.create(own_rootfs), api.create(own_rootfs)
    process = api.run(server, "sh", "-c", "echo up; nc -l -p 6004 < /etc/hostname")
    process.stdout.wait_for(b"up")
    wait_until(lambda: server in talk(api, client, address_of(api, server), 6004), "an answer of the other container")


def test_addresses_are_kept_through_a_kill_and_given_back_at_the_end(make_garden, own_rootfs):
    garden = make_garden(ON, "--containerd-v6-pool=fd00:7::/126")  # room for two
    api = garden.api
    first, second = api.create(own_rootfs), api.create(own_rootfs)
    assert [address_of(api, each) for each in (first, second)] == ["fd00:7::2", "fd00:7::3"]
    with pytest.raises(StatusError, match="network: IPv6 pool fd00:7::/126 has no free address"):
        api.create(own_rootfs)
    garden.kill()
    garden.start()
    assert [address_of(api, each) for each in (first, second)] == ["fd00:7::2", "fd00:7::3"]
    with listening(OUTSIDE6, 5009, "outside"):
        assert talk(api, second, OUTSIDE6, 5009) == f"hello {HOST6}"
    with pytest.raises(StatusError, match="has no free address"):
        api.create(own_rootfs)
    api.destroy(first)
    assert not any(route["dst"] == "fd00:7::2" for route in ip_json("-6", "route"))
    third = api.create(own_rootfs)
    assert address_of(api, third) == "fd00:7::2"


def test_what_a_killed_garden_leaves_behind_is_removed(make_garden, own_rootfs):
    garden = make_garden(ON, "--containerd-v6-pool=fd00:7::/126")
    api = garden.api
    handle = api.create(own_rootfs, netout_rules=[])
    garden.kill()
    (garden.runtime_dir / "garden/containers" / handle / "created").unlink()  # as if it had been killed while creating
    garden.start()
    assert api.containers() == []
    assert not any(route["dst"].startswith("fd00:7::") for route in ip_json("-6", "route"))
    both = {address_of(api, api.create(own_rootfs)) for _ in range(2)}
    assert both == {"fd00:7::2", "fd00:7::3"}


def test_a_restart_without_ipv6_cuts_it_off_and_one_with_it_brings_it_back(make_garden, own_rootfs, routed):
    garden = make_garden(ON, "--garden-allow-host-access")
    api = garden.api
    container = api.create(own_rootfs)
    api.call("POST", f"/containers/{container}/net/out", {"protocol": 4})
    address = address_of(api, container)
    with listening(OUTSIDE6, 5010, "outside"), listening(OUTSIDE, 5010, "outside"), listening("::", 5010):
        assert talk(api, container, GATEWAY, 5010) == f"hello {address}"
        garden.kill()
        garden.flags.remove(ON)
        garden.start()
        assert talk(api, container, OUTSIDE6, 5010) == talk(api, container, GATEWAY, 5010) == ""
        assert talk(api, container, OUTSIDE, 5010) == f"hello {outside.HOST}"
        assert address_of(api, api.create(own_rootfs)) == ""
        garden.kill()
        garden.flags.append(ON)
        garden.start()
        assert address_of(api, container) == address
        assert talk(api, container, OUTSIDE6, 5010) == f"hello {HOST6}"


def test_the_host_forwards_and_still_learns_its_own_routes(sandboxed, make_garden, own_rootfs):
    conf = Path("/proc/sys/net/ipv6/conf")
    (conf / "all/forwarding").write_text("0")
    try:
        (conf / "eth0/accept_ra").write_text("1")
        api = make_garden(ON).api
        assert (conf / "all/forwarding").read_text() == "1\n"
        assert (conf / "eth0/accept_ra").read_text() == "2\n"  # 1 would mean nothing any more
        assert (conf / link_of(api, api.create(own_rootfs)) / "accept_ra").read_text() == "0\n"
    finally:
        (conf / "eth0/accept_ra").write_text("1")


def test_off_means_none(make_garden, own_rootfs):
    api = make_garden().api
    handle = api.create(own_rootfs)
    assert address_of(api, handle) == ""
    assert [line.split()[-1] for line in api.output(handle, "cat", "/proc/net/if_inet6")[1].split(b"\n") if line] == [b"lo"]
    assert b"::" not in api.output(handle, "cat", "/etc/hosts")[1]
    for rule, words in (({"protocol": 4}, "protocol 4 is ICMPv6, and containers have no IPv6"),
                        ({"networks": [{"start": OUTSIDE6}]}, f"'{OUTSIDE6}' is an IPv6 address, and containers have no IPv6")):
        with pytest.raises(StatusError, match=words):
            api.call("POST", f"/containers/{handle}/net/out", rule)


@pytest.mark.parametrize("flags, line", [
    ([ON, "--containerd-v6-pool=10.0.0.0/16"], "flag --containerd-v6-pool: '10.0.0.0/16' is not an IPv6 network such as fd9c:31a6:c759::/64"),
    ([ON, "--containerd-v6-pool=fd00::/127"], "flag --containerd-v6-pool: IPv6 pool fd00::/127 has no room for a container: at least a /126 is needed"),
    ([ON, "--containerd-v6-pool=fe80::/64"], "flag --containerd-v6-pool: IPv6 pool fe80::/64 is of addresses that are not routed, such as fe80::/10"),
    ([ON, "--containerd-v6-pool=nope"], "flag --containerd-v6-pool: 'nope' is not a network such as 10.80.0.0/16"),
    ([ON, "--garden-mtu=1000"], "flag --garden-mtu: IPv6 needs an MTU of 1280 at least, and this is 1000"),
    (["--garden-deny-network=fd00::/8"],
     "flag --garden-deny-network: 'fd00::/8' is an IPv6 network, and containers have no IPv6 without --containerd-v6-enable")])
def test_bad_settings_are_one_line(install, scratch, run_dir, flags, line):
    for check in ([], ["--check-config"]):
        done = subprocess.run([install.program("concourse-garden"), f"--work-dir={scratch}/w", f"--runtime-dir={run_dir}/r", *flags, *check],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (2, f"concourse-garden: error: {line}\n")
