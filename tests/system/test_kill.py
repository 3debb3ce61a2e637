"""kill -9 of each process of the worker while a build runs: the build never notices."""

import pytest

LINES = 600  # every 10 ms: six seconds
NUMBERS = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); sleep 0.01; done"


def lines_of(data):
    return data.decode().replace("\r\n", "\n").splitlines()


def start_numbers(build):
    artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
    return build.start("task", "task", artifact, ["sh", "-c", NUMBERS])


def test_no_line_is_lost_or_repeated_whatever_else_is_killed(hub, worker):
    with hub.build(worker.name) as build:
        step = start_numbers(build)
        for at, service in ((50, "garden"), (150, "baggageclaim"), (250, "healthcheck")):
            step.wait_for(b"line %d\r" % at)
            worker.kill_service(service)
        step.wait_for(b"line 350\r")
        worker.kill_supervisor()
        worker.start().wait_ready()
        result = step.result()
    assert result.status == 0
    assert lines_of(result.stdout) == [f"line {n}" for n in range(LINES)]
    assert result.attachments == 1, "the stream broke"


def test_a_killed_beacon_costs_no_build(hub, worker):
    with hub.build(worker.name) as build:
        step = start_numbers(build)
        step.wait_for(b"line 100\r")
        worker.kill_service("beacon")
        result = step.result()
    assert result.status == 0 and result.attachments > 1
    # What was under way in the tunnel is gone with it; nothing may come twice or out of order.
    numbers = [int(line.split()[1]) for line in lines_of(result.stdout) if line.startswith("line ") and line.split()[1].isdigit()]
    assert numbers == sorted(set(numbers)) and numbers[-1] == LINES - 1
    assert hub.worker(worker.name).registrations == 2


@pytest.mark.parametrize("service", ["garden", "baggageclaim"])
def test_a_killed_service_finds_everything_again(hub, worker, service):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        before = build.task("before", artifact, ["sh", "-ec", "echo x > out/file"], outputs=["out"])
        worker.kill_service(service)
        after = build.task("after", artifact, ["cat", "in/file"], {"in": before.outputs["out"]})
        assert after.stdout == b"x\r\n"
        again = hub.start_intercept(before.container, ("cat",), stdin=b"still here")
        assert (again.wait(), again.data()) == (0, b"still here")


def test_a_task_that_ends_while_garden_is_dead_has_its_status_and_output(hub, worker):
    import os
    import signal

    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo started; until [ -e out/go ]; do sleep 0.02; done; echo ended; exit 9"],
                           outputs=["out"])
        step.wait_for(b"started")
        supervisor, garden = worker.pid("supervisor"), worker.pid("garden")
        os.kill(supervisor, signal.SIGSTOP)  # nobody restarts it now
        try:
            os.kill(garden, signal.SIGKILL)
            volume = next(path for path in (worker.work_dir / "volumes/live").iterdir() if _is_output(hub, build, path.name))
            (volume / "volume/go").touch()
            step.wait_for(b"ended")
        finally:
            os.kill(supervisor, signal.SIGCONT)
        result = step.result()
        assert (result.status, lines_of(result.stdout)) == (9, ["started", "ended"])


def _is_output(hub, build, handle):
    container = build.container("task")
    return hub.do(lambda hub: any(volume.handle == handle and path.endswith("/out")
                                  for path, volume in hub.containers[container].volumes.items()))
