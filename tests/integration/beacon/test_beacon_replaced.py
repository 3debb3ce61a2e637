"""A beacon that starts its own successor: made before the old one is broken, nothing that is open is lost, and a successor that fails
changes nothing."""

import contextlib
import os
import signal
import socket

import pytest

from harness import control
from harness.control import ControlError
from harness.wait import wait_until
from traffic import connect, exchange, receive


def pid_of(beacon):
    return control.ask(beacon.runtime, "beacon", "status")["pid"]


@contextlib.contextmanager
def replaced(beacon):
    """Asks for it and gives the pid of the new process, which is a child of this one, as systemd's would be."""
    old = pid_of(beacon)
    beacon.ask_plain("replace")
    new = wait_until(lambda: (pid := pid_of(beacon)) != old and pid, "the successor to answer")
    try:
        yield new
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(new, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(new, 0)


class Manager:
    """What systemd hears of it: (pid, text)."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setblocking(False)
        self.heard = []

    def said(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self.socket.recvmsg(4096, 64)
                self.heard.append((int.from_bytes(ancillary[0][2][:4], "little"), data.decode()))
        return self.heard


@pytest.fixture
def manager(scratch):
    with contextlib.closing((made := Manager(scratch / "n")).socket):
        yield made


def test_the_successor_is_registered_before_the_old_one_lets_go_and_carries_what_is_open(make_tsa, make_beacon, services, manager):
    tsa = make_tsa()
    beacon = make_beacon(tsa, environment={"NOTIFY_SOCKET": str(manager.path)})
    old = tsa.wait_registered()
    with connect(old.garden) as s:
        s.sendall(b"before")
        assert receive(s, 6) == b"before"
        with replaced(beacon) as pid:
            new = tsa.wait_registered(2)
            tsa.wait(old.interrupted.is_set, "the old registration to be told")
            assert new.connection is not old.connection
            data = os.urandom(1 << 20)
            s.sendall(data)
            assert receive(s, len(data)) == data
            exchange(new.garden, b"new")
            assert beacon.process.poll() is None and not old.ended.is_set()
            s.close()
            assert beacon.process.wait(60) == 0
            assert beacon.status()["state"] == "registered" and pid_of(beacon) == pid
            said = manager.said()
    # The manager is told whom to watch before that one speaks, and from then on the old one is silent.
    change = said.index((beacon.process.pid, f"MAINPID={pid}"))
    assert {who for who, _ in said[:change]} == {beacon.process.pid}
    later = said[change + 1:]
    assert {who for who, text in later if not text.startswith("EXIT_STATUS")} == {pid}
    assert "READY=1" in later[0][1] and "STATUS=registered" in later[0][1]


def test_a_successor_that_can_not_start_changes_nothing(make_tsa, make_beacon, services, keys, scratch):
    key = scratch / "key"
    key.write_bytes(keys.private("worker").read_bytes())
    key.chmod(0o600)
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--sweep-interval=200ms", private_key=key)
    registered = tsa.wait_registered()
    key.rename(scratch / "away")
    beacon.ask_plain("replace")
    beacon.wait_log("no successor, this beacon goes on", error="ended before it was registered")
    os.waitpid(beacon.logged("successor started")[0]["data"]["pid"], 0)
    assert pid_of(beacon) == beacon.process.pid
    exchange(registered.garden, b"still there")
    rounds = beacon.status()["sweeps"]["containers"]["rounds"]
    beacon.wait_status(lambda s: s["sweeps"]["containers"]["rounds"] > rounds, "the sweeps to go on")
    (scratch / "away").rename(key)
    with replaced(beacon):
        tsa.wait_registered(2)
        assert beacon.process.wait(60) == 0


def test_a_drain_that_a_lost_successor_was_asked_for_is_the_old_ones(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    tsa.refuse_worker = True
    with replaced(beacon) as pid:
        beacon.ask("land")
        tsa.refuse_worker = False
        os.kill(pid, signal.SIGKILL)
        beacon.wait_log("no successor, this beacon goes on")
        beacon.wait_status(lambda s: s["drain"] == "landing" and s["command"]["state"] == "done", "the drain to go on")
    assert pid_of(beacon) == beacon.process.pid


def test_it_is_refused_while_one_is_under_way_and_under_a_supervisor(make_tsa, make_beacon, services, run_dir):
    tsa = make_tsa()
    beacon = make_beacon(tsa, environment={"NOTIFY_SOCKET": str(run_dir / "notify.sock")})
    tsa.wait_registered()
    with pytest.raises(ControlError, match="ask it for the restart"):
        beacon.ask_plain("replace")
    assert pid_of(beacon) == beacon.process.pid
    beacon.end()

    beacon = make_beacon(tsa)
    tsa.wait_registered(2)
    tsa.refuse_worker = True
    with replaced(beacon):
        with pytest.raises(ControlError, match="being replaced already"):
            beacon.ask_plain("replace")
