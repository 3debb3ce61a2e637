"""What happens inside containers is in Garden's log, told by their shims, and so in `concourse-workerctl trace`."""

import json
import os
import re
import signal
import subprocess

import pytest

from harness.wait import wait_until


@pytest.fixture
def trace(install, garden, scratch):
    """The events of a container, as (event, {field: value}), of all Gardens so far."""
    earlier = []

    def trace(handle):
        (scratch / "log").write_text("".join([*earlier, *garden.lines]))
        text = subprocess.run([install.program("concourse-workerctl"), "trace", handle, f"--file={scratch}/log", f"--runtime-dir={garden.runtime_dir}"],
                              capture_output=True, text=True, check=True, timeout=60).stdout
        return [parsed(line) for line in text.splitlines()[1:]]

    trace.keep = lambda: earlier.extend(garden.lines)
    trace.earlier = earlier
    return trace


def parsed(line):
    event, fields = re.match(r" *\+[\d.]+ s \w+ +\w+ +(.*?)(?:  (.*))?$", line).groups()
    return event, dict(field.split("=", 1) for field in (fields or "").split() if "=" in field)


def wait_logged(garden, *parts):
    wait_until(lambda: any(all(part in line for part in parts) for line in garden.lines), lambda: f"{parts} in {''.join(garden.lines[-20:])}")


def test_the_life_of_a_container_in_order(garden, api, own_rootfs, trace):
    handle = api.create(own_rootfs)
    assert api.output(handle, "sh", "-c", "exit 7", id="first")[0] == 7
    running = api.run(handle, "sh", "-c", "echo up; exec sleep 600", id="second", env=["TOKEN=hunter2"])
    running.stdout.wait_for(b"up")
    api.destroy(handle)
    running.detach()
    wait_logged(garden, "container destroyed", handle)
    events = [(event, fields.get("process"), fields.get("status")) for event, fields in trace(handle) if event.split()[0] in ("container", "process")]
    assert events == [("container created", None, None), ("process started", "first", None), ("process ended", "first", "7"),
                      ("process started", "second", None), ("process ended", "second", "143"), ("container destroyed", None, None)]
    assert not any(secret in line for line in garden.lines for secret in ("hunter2", "TOKEN", "exit 7", "sleep 600"))


def test_an_end_while_garden_was_away_is_told_with_its_own_time(garden, api, container, trace):
    process = api.run(container, "sh", "-c", "read line; exit 4", id="task")
    wait_logged(garden, "process started", '"task"')
    garden.kill()
    trace.keep()
    process.write("go\n")
    assert process.wait() == 4
    garden.start()
    wait_logged(garden, "process ended", '"task"')
    ended = [json.loads(line) for line in garden.lines if "process ended" in line]
    run = next(json.loads(line)["data"]["request"] for line in trace.earlier if "process started" in line)
    assert [line["data"] for line in ended] == [{"handle": container, "process": "task", "status": 4, "request": run}]
    started = next(json.loads(line) for line in garden.lines if line.startswith("{"))
    assert ended[0]["timestamp"] < started["timestamp"], "it was over before this Garden began"
    api.destroy(container)
    wait_logged(garden, "container destroyed", container)
    order = [event for event, _ in trace(container)]
    life = ["container created", "process started", "process ended", "container destroyed"]
    assert sorted(life, key=order.index) == life and order.count("process ended") == 1


def test_a_kill_for_want_of_memory(garden, api, own_rootfs, trace):
    handle = api.create(own_rootfs, limits={"memory_limits": {"limit_in_bytes": 32 << 20}})
    assert api.output(handle, "sh", "-c", "exec tail -c 100000000 /dev/zero", id="hungry")[0] == 137
    wait_logged(garden, "process ended", "hungry")
    events = dict(trace(handle))
    assert int(events["out of memory"]["kills"]) >= 1 and events["process ended"]["status"] == "137"


def test_a_shim_that_was_killed_is_told_of(garden, api, container):
    os.kill(int((garden.runtime_dir / "garden/containers" / container / "shim.pid").read_text()), signal.SIGKILL)
    wait_logged(garden, "the shim of a container has ended", container)


def test_an_orderly_destruction_is_no_surprise(garden, api, own_rootfs):
    for _ in range(5):
        api.destroy(api.create(own_rootfs))
    wait_until(lambda: sum("container destroyed" in line for line in garden.lines) == 5, "five destructions in the log")
    assert not any("has ended, and the container with it" in line for line in garden.lines)
