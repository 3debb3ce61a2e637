"""What a build can do to its watchers with the end of its output: hold it open, write there for ever, keep terminals."""

import os
import pty
import threading

import pytest

from attacks.output_detectors import endless, lost, terminals
from harness.garden import tty
from harness.wait import PATIENCE, wait_until

LIMIT = 5 + PATIENCE  # docs/protocols/shim.md, "The end of output", on a machine that is busy


@pytest.fixture
def shim(garden, container):
    return int((garden.runtime_dir / "garden" / "containers" / container / "shim.pid").read_text())


def running(api, container, name):
    return api.output(container, "pidof", name)[0] == 0


def test_what_helpers_write_behind_the_exit_is_not_lost(api, container):
    """exec > >(tee log); …; exit: the last lines are still in the helper when the shell ends."""
    script = "rm -f /p; mkfifo /p; tee /log < /p & exec > /p 2>&1; seq 500; exit 3"
    expected = b"".join(b"%d\n" % n for n in range(1, 501))
    for _ in range(20):
        status, out, _ = api.output(container, "sh", "-c", script)
        assert status == 3
        assert lost(expected, out) == []


def test_a_helper_may_be_slow(api, container):
    status, out, err = api.output(container, "sh", "-c", "(sleep 0.2; echo late; echo late >&2)& echo now; exit 3")
    assert (status, lost(b"now\nlate\n", out), lost(b"late\n", err)) == (3, [], [])


@pytest.mark.parametrize("writer", ["yes", "yes | while read x; do echo $x; sleep 0.1; done"])
def test_a_background_writer_without_end_holds_no_build(api, container, writer):
    process = api.run(container, "sh", "-c", f"({writer}) & sleep 0.3; exit 3")
    assert endless(process.stdout, LIMIT) == []
    assert process.wait() == 3
    wait_until(lambda: not running(api, container, "yes"), "the writer to be told that nobody reads")


def test_who_holds_the_output_and_says_nothing_holds_no_build(api, container):
    process = api.run(container, "sh", "-c", "sleep 1000 & echo said; exit 3")
    assert endless(process.stdout, LIMIT) == []
    assert (process.wait(), process.stdout.data()) == (3, b"said\n")
    assert running(api, container, "sleep")


def test_a_writer_on_a_terminal_without_end_holds_no_build(api, container, shim):
    # One that opens it again: what the shell had is hung up with it.
    script = "t=$(tty); setsid sh -c \"trap '' HUP; while :; do exec 2>/dev/null > $t && exec yes; done\" & sleep 0.5; echo said; exit 3"
    process = api.run(container, "sh", "-c", script, tty=tty())
    assert endless(process.stdout, LIMIT) == []
    assert process.wait() == 3
    wait_until(lambda: terminals(shim) == [], "the terminal's master to be closed")
    wait_until(lambda: not running(api, container, "yes"), "the writer to be told that nobody reads")


def test_ended_terminals_are_given_back(api, container, shim):
    for i in range(20):
        process = api.run(container, "sh", "-c", "(trap '' HUP; sleep 1000) & exit 0", tty=tty())
        # More than the terminal takes, so that it waits in the shim.
        process.write("x" * 65536)
        assert process.wait() == 0, i
    wait_until(lambda: terminals(shim) == [], lambda: f"the masters to be closed: {terminals(shim)}")


def test_a_reader_who_never_reads_keeps_no_pipe_and_no_terminal(api, container, shim):
    process = api.run(container, "sh", "-c", "yes & sleep 0.3; exit 3", id="task")
    process.detach()
    wait_until(lambda: not running(api, container, "yes"), "the writer to be told that nobody reads", LIMIT)
    with open(f"/proc/{shim}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 64 << 10  # KiB
    again = api.attach(container, "task")
    assert again.wait() == 3
    assert set(again.stdout.data()) <= set(b"y\n")
    assert again.stdout.data()


def test_a_container_can_be_destroyed_while_its_ended_process_is_still_written_for(api, own_rootfs):
    for how in ({}, {"tty": tty()}):
        handle = api.create(own_rootfs)
        process = api.run(handle, "sh", "-c", "yes & sleep 0.3; exit 3", **how)
        process.stdout.wait_for(b"y")
        wait_until(lambda handle=handle: not api.info(handle)["ProcessIDs"], "the shell to exit")
        api.destroy(handle)
        assert endless(process.stdout, LIMIT) == []
        assert process.wait() == 3


def test_the_detectors_see():
    class Endless:
        """A stream that nobody ends."""

        def wait_end(self, timeout):
            if not threading.Event().wait(timeout):
                raise TimeoutError

    assert endless(Endless(), 0.01) == ["no end of the output within 0.01 s of the exit"]
    assert lost(b"1\n2\n", b"1\n") == ["4 bytes were written, 2 arrived"]
    before = terminals(os.getpid())
    ours, theirs = pty.openpty()
    try:
        assert len(terminals(os.getpid())) == len(before) + 1
    finally:
        os.close(ours)
        os.close(theirs)
