"""Everything an operator does to a worker, in the middle of a build that writes line after line: no build fails, no line is lost."""

import contextlib
import os
import re
import signal
import socket
import threading

import pytest

from harness import control
from harness.wait import wait_until

# CONCOURSE_TEST_RESTARTS=20 for a long run by hand.
RESTARTS = int(os.environ.get("CONCOURSE_TEST_RESTARTS", "2"))


def start_lines(build, count, step="task"):
    """A task that writes a line every 10 ms."""
    artifact = build.get(f"image of {step}", "busybox", {"mirror_self": True}).artifact
    script = f"i=0; while [ $i -lt {count} ]; do echo line $i; i=$((i+1)); sleep 0.01; done"
    return build.start("task", step, artifact, ["sh", "-c", script])


def check_lines(result, count):
    assert result.status == 0
    assert result.stdout.decode().replace("\r\n", "\n").splitlines() == [f"line {n}" for n in range(count)]


def received(manager):
    """The lines that a service manager has been told since the last time."""
    lines = []
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += manager.recv(1 << 16).decode().splitlines()
    return lines


@pytest.mark.parametrize("number,during,after", [(signal.SIGUSR1, "landing", "landed"), (signal.SIGUSR2, "retiring", "")])
def test_land_and_retire_let_the_build_end_first(hub, make_worker, scratch, number, during, after):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(scratch / "manager"))
    manager.setblocking(False)
    worker = make_worker(hub, environment={"NOTIFY_SOCKET": str(scratch / "manager")}).start().wait_ready().wait_registered()
    with hub.build(worker.name) as build:
        step = start_lines(build, 500)
        step.wait_for(b"line 50\r")
        worker.signal(number)
        hub.wait_state(worker.name, during)
        waits = f"{during}, waits for 1 container with a running process: {build.container('task')}"
        worker.wait_log("drain under way", build.container("task"))
        wait_until(lambda: any(waits in line for line in received(manager)), f"the manager to be told {waits!r}")
        # A beacon that dies or is restarted, and a lost connection, don't undo it.
        worker.kill_service("beacon")
        hub.wait_for(lambda hub: hub.atc.worker(worker.name).registrations == 2, "the registration of the next beacon")
        assert hub.state(worker.name) == during
        result = step.result()
        assert result.status == 0 and result.stdout.endswith(b"line 499\r\n")
        assert hub.state(worker.name) == during and worker.process.poll() is None
    hub.wait_state(worker.name, after)
    assert worker.wait_exit() == 0
    manager.close()


def test_a_drain_goes_on_while_the_tsa_is_away(hub, worker):
    with hub.build(worker.name) as build:
        step = start_lines(build, 600)
        step.wait_for(b"line 50\r")
        worker.signal(signal.SIGUSR1)
        hub.wait_state(worker.name, "landing")
        hub.stop()
        worker.wait_log("drain under way", "a connection to a TSA")
        hub.start()
        result = step.result()
        assert result.status == 0 and result.stdout.endswith(b"line 599\r\n")
    hub.wait_state(worker.name, "landed")
    assert worker.wait_exit() == 0


def test_a_drain_ends_by_its_deadline_and_the_build_goes_on_after_the_next_start(hub, make_worker):
    worker = make_worker(hub, flags=["--drain-timeout=2s"]).start().wait_ready().wait_registered()
    with hub.build(worker.name) as build:
        step = start_lines(build, 1000)
        step.wait_for(b"line 50\r")
        worker.signal(signal.SIGUSR1)
        assert worker.wait_exit() == 3
        worker.start().wait_ready().wait_registered()
        check_lines(step.result(), 1000)


def test_restarts_in_place(hub, make_worker):
    worker = make_worker(hub).start().wait_ready().wait_registered()
    count = 400 + 700 * RESTARTS
    with hub.build(worker.name) as build:
        step = start_lines(build, count)
        for restart in range(RESTARTS):
            step.wait_for(b"line %d\r" % (50 + 700 * restart), timeout=60)
            assert worker.stop() == 0
            worker.start().wait_ready().wait_registered()
        result = step.result(300)
        check_lines(result, count)
        assert result.attachments == RESTARTS + 1


def test_builds_that_begin_during_restarts_succeed(hub, make_worker):
    worker = make_worker(hub).start().wait_ready().wait_registered()
    results, enough = [], threading.Event()

    def builds():
        while not enough.is_set():
            with hub.build(worker.name) as build:
                artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
                results.append(build.task("task", artifact, ["sh", "-c", "echo built > out/file"], outputs=["out"]).status)

    crowd = [threading.Thread(target=remember(results, builds), daemon=True) for _ in range(3)]
    for thread in crowd:
        thread.start()
    for restart in range(RESTARTS + 1):
        seen = len(results)
        wait_until(lambda: len(results) > seen + 2, "builds", timeout=60)
        assert worker.stop() == 0
        worker.start().wait_ready().wait_registered()
    enough.set()
    for thread in crowd:
        thread.join(120)
    assert set(results) == {0}, results


def remember(results, action):
    """The action, whose error becomes a result."""
    def run():
        try:
            action()
        except Exception as error:
            results.append(error)
    return run


def test_moves_between_two_tsas(hub, make_worker):
    other = hub.do(lambda hub: hub.tsa.listen())
    flags = [f"--tsa-host=127.0.0.1:{port}" for port in (hub.port, other)] + ["--rebalance-interval=1s"]
    worker = make_worker(hub, flags=flags).start().wait_ready().wait_registered()
    count = 600
    with hub.build(worker.name) as build:
        steps = [start_lines(build, count, f"task {n}") for n in range(2)]
        moved = hub.worker(worker.name).registrations
        for step in steps:
            result = step.result()
            check_lines(result, count)
            assert result.attachments == 1, "the stream broke"
    assert hub.worker(worker.name).registrations - moved >= 3
    hosts = {re.search(r"127\.0\.0\.1:\d+", line)[0] for line in worker.lines() if '"message":"beacon.registered"' in line}
    assert hosts == {f"127.0.0.1:{hub.port}", f"127.0.0.1:{other}"}


def test_restarts_of_the_beacon_are_made_before_they_break(hub, worker):
    with hub.build(worker.name) as build:
        step = start_lines(build, 600)
        for restart in range(2):
            step.wait_for(b"line %d\r" % (50 + 250 * restart))
            before = hub.worker(worker.name).registrations
            control.ask(worker.runtime_dir, "supervisor", "restart", service="beacon")
            hub.wait_for(lambda hub: hub.atc.worker(worker.name).registrations > before, "the next beacon's registration")
            worker.wait_log("old beacon ends with its last connection")
            with hub.build(worker.name) as other:
                assert other.get("get", "busybox", {"mirror_self": True}).succeeded
        result = step.result()
        check_lines(result, 600)
        assert result.attachments == 1, "the stream broke"
    worker.wait_log("old beacon ended", "exit status 0")
