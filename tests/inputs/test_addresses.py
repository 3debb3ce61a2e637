"""Addresses to listen on: 0.0.0.0 and :: are every one of IPv4 and IPv6, and what peers are told is listened on, or that is said."""

import http.client
import json
import socket
import subprocess

import pytest

from harness.worker import free_port

FAMILY_6 = "--baggageclaim-p2p-interface-family=6"
ADDRESS = "fd00:99::1"


@pytest.fixture
def eth0(sandboxed):
    """The sandbox's eth0 with an IPv6 address."""
    subprocess.run(["ip", "address", "add", f"{ADDRESS}/64", "dev", "eth0", "nodad"], check=True)
    yield
    subprocess.run(["ip", "address", "del", f"{ADDRESS}/64", "dev", "eth0"], check=True)


def reached(address, port):
    with socket.create_connection((address, port), 10):
        return True


@pytest.mark.parametrize("any_address", ["0.0.0.0", "::"])
def test_peers_of_both_families_reach_what_listens_everywhere(make_server, eth0, any_address):
    port = free_port()
    server = make_server("naive", f"--baggageclaim-bind-ip={any_address}", f"--baggageclaim-bind-port={port}", FAMILY_6).start()
    url = server.api.request("GET", "/p2p-url").body.decode()
    assert url == f"http://[{ADDRESS}]:{port}"
    peer = http.client.HTTPConnection(ADDRESS, port, timeout=20)
    peer.request("GET", "/volumes")
    assert peer.getresponse().status == 200
    peer.close()
    assert all(reached(address, port) for address in ("127.0.0.1", "::1", "192.0.2.1"))
    assert not any("peer-to-peer" in line for line in server.lines)


@pytest.mark.parametrize("any_address", ["0.0.0.0", "::"])
def test_health_is_answered_on_both_families(make_worker, hub, any_address):
    worker = make_worker(hub, flags=[f"--healthcheck-bind-ip={any_address}"])
    worker.start()
    port = worker.health_port
    worker.wait_ready()
    assert reached("127.0.0.1", port) and reached("::1", port)


@pytest.mark.parametrize("flags,what", [
    ([], f"peers are told http://[{ADDRESS}]:7788, where nobody listens"),
    (["--baggageclaim-bind-ip=127.0.0.1"], f"peers are told http://[{ADDRESS}]:7788, where nobody listens"),
    (["--baggageclaim-bind-ip=192.0.2.1"], f"peers are told http://[{ADDRESS}]:7788, where nobody listens"),
    (["--baggageclaim-p2p-interface-name-pattern=ens"], "no interface whose name matches 'ens' has an IPv6 address: peers can't stream to this worker"),
    (["--baggageclaim-bind-ip=0.0.0.0"], None),
    ([f"--baggageclaim-bind-ip={ADDRESS}"], None),
])
def test_an_address_on_which_nobody_listens_is_said(make_server, install, scratch, eth0, flags, what):
    flags = [FAMILY_6, *flags]
    check = subprocess.run([install.program("concourse-baggageclaim"), "--check-config", f"--work-dir={scratch}", *flags], capture_output=True, text=True,
                           timeout=60, check=False)
    assert check.returncode == 0, check.stderr
    env_file = scratch / "worker.env"
    lines = [flag[2:].split("=", 1) for flag in flags]
    env_file.write_text("".join(f"CONCOURSE_{name.upper().replace('-', '_')}={value}\n" for name, value in lines))
    doctor = subprocess.run([install.program("concourse-workerctl"), "doctor", "--json", f"--env-file={env_file}"], capture_output=True, text=True, timeout=60,
                            check=False)
    found = {entry["subject"]: entry for entry in json.loads(doctor.stdout)}["peer-to-peer"]
    if what is None:
        assert (found["verdict"], "warning" in check.stderr) == ("OK", False)
        return
    assert (found["verdict"], found["what"]) == ("warning", what)
    assert f"warning: peer-to-peer: {what}; " in check.stderr
    server = make_server("naive", *flags).start()
    assert server.wait_for_log(f"baggageclaim.peer-to-peer: {what}")["remedy"]
