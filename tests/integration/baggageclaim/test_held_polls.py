"""A poll of a pending creation is held until there is something to tell, and costs no thread meanwhile."""

import gzip
import io
import os
import resource
import select
import tarfile
from pathlib import Path

import pytest

from harness.http import Connection
from harness.wait import wait_until

WAITERS = 1000
AT_ONCE = 10  # seconds: less than a poll is held, more than a slow machine takes


class Gate:
    """A creation that lasts until it is told to go on: an import of an archive that comes through a FIFO."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.strategy = {"type": "import", "path": str(path)}
        # For both, so that nobody's open(2) waits.
        self.fd = os.open(path, os.O_RDWR)

    def open(self):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("file"))
        os.write(self.fd, gzip.compress(archive.getvalue()))
        self.close()

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None


@pytest.fixture
def gate(scratch):
    gate = Gate(scratch / "archive")
    yield gate
    gate.close()


def begin(server, gate, handle="v"):
    server.api.call("POST", "/volumes-async", {"handle": handle, "strategy": gate.strategy})
    folder = Path(f"/proc/{server.process.pid}/fd")
    wait_until(lambda: any(os.path.realpath(fd) == str(gate.path) for fd in folder.iterdir()), "the creation to read the archive")


def ask(server, handle="v", timeout=60):
    """A connection that waits for the answer to its poll."""
    connection = Connection(server.api.address, timeout)
    connection.send("GET", f"/volumes-async/{handle}")
    return connection


def answer(connection):
    response = connection.head()
    response.body = b"".join(connection.body(response))
    return response


def silent(*connections, seconds=0.3):
    return not select.select([connection.socket for connection in connections], [], [], seconds)[0]


def process(server, name):
    return int(next(line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith(name)).split()[1])


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def settled_descriptors(server):
    """Without connections that are just being closed."""
    seen = []

    def same():
        seen.append(descriptors(server))
        return len(seen) > 5 and len(set(seen[-5:])) == 1

    wait_until(same, "the descriptors to settle")
    return seen[-1]


def test_a_poll_is_answered_when_the_volume_is_made_and_its_connection_goes_on(overlay, gate):
    begin(overlay, gate)
    with ask(overlay) as poll:
        assert silent(poll), answer(poll)
        gate.open()
        assert answer(poll).json()["handle"] == "v"
        poll.send("DELETE", "/volumes-async/v")
        assert answer(poll).status == 204
        poll.send("GET", "/volumes-async/v")
        assert answer(poll).status == 404


def test_a_poll_of_a_creation_that_fails_is_told(overlay, gate):
    begin(overlay, gate)
    with ask(overlay, timeout=AT_ONCE) as poll:
        gate.close()  # no archive at all
        assert answer(poll).status == 400


def test_a_poll_of_a_creation_that_goes_on_for_long_is_answered_in_time_for_the_web(overlay, gate):
    begin(overlay, gate)
    with ask(overlay) as poll:  # the web waits 60 s
        assert answer(poll).status == 204
        gate.open()
    assert overlay.api.request("GET", "/volumes-async/v").status == 200


def test_a_poll_of_a_creation_that_is_cancelled_ends_at_once(overlay, gate):
    begin(overlay, gate)
    with ask(overlay, timeout=AT_ONCE) as poll:
        assert overlay.api.request("DELETE", "/volumes-async/v").status == 204
        assert answer(poll).status == 404
    gate.close()
    wait_until(lambda: overlay.status()["volumes"]["init"] == 0, "the creation to end")


def test_of_a_client_that_goes_nothing_is_left(overlay, gate):
    begin(overlay, gate)
    before = settled_descriptors(overlay)
    for _ in range(5):
        polls = [ask(overlay) for _ in range(50)]
        wait_until(lambda: descriptors(overlay) == before + 50, "the polls to arrive")
        for poll in polls:
            poll.close()
        wait_until(lambda: descriptors(overlay) == before, "them to be forgotten")
    gate.open()
    assert overlay.api.request("GET", "/volumes-async/v").status == 200


def test_a_stop_answers_what_waits_and_the_successor_goes_on(overlay, gate):
    begin(overlay, gate)
    with ask(overlay, timeout=AT_ONCE) as poll:
        assert silent(poll)
        overlay.process.terminate()
        assert answer(poll).status == 204
    overlay.kill()  # it would wait for the archive
    overlay.start()
    with ask(overlay) as poll:
        assert silent(poll)
        gate.open()
        assert answer(poll).json()["handle"] == "v"


def test_a_thousand_waiters_cost_no_threads_and_little_memory(overlay, gate):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    begin(overlay, gate)
    overlay.api.handles()
    before, memory, threads = settled_descriptors(overlay), process(overlay, "VmRSS:"), process(overlay, "Threads:")
    polls = [ask(overlay) for _ in range(WAITERS)]
    wait_until(lambda: descriptors(overlay) >= before + WAITERS, "the polls to arrive")
    wait_until(lambda: overlay.status()["requests"] == 0, "all to be held")
    # Those that a burst of requests takes go again while it is held.
    wait_until(lambda: process(overlay, "Threads:") <= threads, "the threads to go", 20)
    assert silent(*polls, seconds=0)
    assert process(overlay, "VmRSS:") < memory + 8 * 1024, "KiB"
    assert overlay.api.request("GET", "/volumes/nobody", timeout=AT_ONCE).status == 404
    gate.open()
    assert all(answer(poll).status == 200 for poll in polls)
    for poll in polls:
        poll.close()
