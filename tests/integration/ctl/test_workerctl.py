"""concourse-workerctl against a whole worker, and against one that is partly or wholly down."""

import json
import os
import re
import signal
import subprocess

import pytest

from harness.wait import wait_until


class Ctl:
    def __init__(self, install, runtime_dir):
        self.program = install.program("concourse-workerctl")
        self.environment = {"PATH": os.environ["PATH"], "CONCOURSE_RUNTIME_DIR": str(runtime_dir)}

    def __call__(self, *words, status=0):
        done = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=120, env=self.environment)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout if status == 0 or not done.stderr else done.stderr


@pytest.fixture
def ctl(install, supervised):
    """For a worker of stand-ins."""
    return Ctl(install, supervised.run)


@pytest.fixture
def real_ctl(install, worker):
    """For a whole worker that is registered at the hub."""
    return Ctl(install, worker.runtime_dir)


def rows(text):
    lines = text.splitlines()
    return {line.split()[0]: line for line in lines[lines.index("") + 1:][1:]}


def test_status_of_a_whole_worker(real_ctl, worker, hub):
    hub.wait_for(lambda hub: hub.atc.worker(worker.name).heartbeats >= 1, "a heartbeat")
    text = real_ctl("status")
    assert text.startswith("worker ready, version ")
    lines = rows(text)
    assert set(lines) == {"garden", "baggageclaim", "beacon", "healthcheck"}
    assert all(line.split()[1] == "ready" for line in lines.values())
    assert "0 containers" in lines["garden"] and "driver overlay" in lines["baggageclaim"]
    assert f"as {worker.name}, at 127.0.0.1:{hub.port}, heartbeat" in lines["beacon"]
    assert str(worker.pid("garden")) in lines["garden"].split()

    answer = json.loads(real_ctl("status", "--json"))
    assert answer["supervisor"]["pid"] == worker.pid("supervisor")
    assert {name: service["up"] for name, service in answer["services"].items()} == dict.fromkeys(lines, True)
    assert answer["services"]["beacon"]["beacon"]["current"]["tsa"] == f"127.0.0.1:{hub.port}"


def test_containers_and_volumes(real_ctl, worker, hub):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        handle = build.container("task")

        listed = real_ctl("garden", "list").splitlines()
        assert listed[0].split() == ["HANDLE", "STATE", "ADDRESS", "PROCESSES"]
        line = next(line for line in listed if line.startswith(handle)).split()
        assert line[1] == "active" and line[2].startswith("10.") and line[3] == "1"
        assert handle in json.loads(real_ctl("garden", "list", "--json"))
        assert json.loads(real_ctl("garden", "inspect", handle))["State"] == "active"

        volumes = {line.split()[0]: line for line in real_ctl("volumes", "list").splitlines()[1:]}
        assert len(volumes) == len(json.loads(real_ctl("volumes", "list", "--json"))) >= 2
        some = next(iter(volumes))
        assert json.loads(real_ctl("volumes", "inspect", some))["handle"] == some

        tree = real_ctl("volumes", "tree").splitlines()
        assert {line.split()[-1] for line in tree} == set(volumes) and any("└─ " in line for line in tree)
        sizes = [line.split() for line in real_ctl("volumes", "du").splitlines()]
        assert sizes[0] == ["HANDLE", "SIZE", "FILES"] and {row[0] for row in sizes[1:-1]} == set(volumes) and sizes[-1][0] == "all"
        assert sizes[1][2] == "MiB", "the image's rootfs has a busybox and a bash"

        real_ctl("garden", "destroy", handle)
        assert handle not in real_ctl("garden", "list")


def test_refusals_carry_the_services_own_words(real_ctl):
    assert real_ctl("garden", "inspect", "nothing", status=1).startswith(
        "concourse-workerctl: error: Garden refused GET /containers/nothing/info with status ")
    assert "nothing" in real_ctl("volumes", "destroy", "nothing", status=1)


def test_log_level_is_live(real_ctl, worker, hub):
    real_ctl("log-level", "beacon", "error")
    before = len([e for e in worker.events() if e["source"] == "beacon"])
    real_ctl("beacon", "reconnect")
    hub.wait_for(lambda hub: hub.atc.worker(worker.name).registrations == 2, "another registration")
    real_ctl("log-level", "beacon", "debug")
    assert len([e for e in worker.events() if e["source"] == "beacon"]) == before
    assert "loud" in real_ctl("log-level", "garden", "loud", status=1)


def test_a_planned_restart_of_one_service(real_ctl, worker):
    before = {service: worker.pid(service) for service in ("garden", "beacon")}
    real_ctl("restart", "garden")
    wait_until(lambda: worker.find_pid("garden") not in (None, before["garden"]), "another Garden")
    wait_until(lambda: rows(real_ctl("status"))["garden"].split()[1] == "ready", "Garden to be ready")
    assert worker.find_pid("beacon") == before["beacon"]
    supervised = json.loads(real_ctl("status", "--json"))["services"]["garden"]["supervised"]
    assert supervised["restarts"] == 0 and supervised["last_end"] == "exit status 0"


def test_drain_land_and_watch(real_ctl, worker, hub):
    text = real_ctl("drain", "--land", "--watch")
    assert text.splitlines()[-1] == "ended"
    assert worker.wait_exit() == 0
    assert hub.state(worker.name) == "landed"


@pytest.fixture
def busy(worker, hub):
    """A build that goes on."""
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        yield
        build.abort()


def test_a_drain_is_bounded(real_ctl, worker, hub, busy):
    real_ctl("drain", "--land", "--deadline=2h")
    wait_until(lambda: re.search(r"^draining: land for \S+, waits for .*, ends in 1h59m\S* at the latest$", real_ctl("status"), re.M),
               lambda: f"the deadline in {real_ctl('status')}")
    lines = real_ctl("drain", "--land", "--deadline", "2s", "--watch").splitlines()
    assert any("ends in 1m at the latest" in line for line in lines) and lines[-1] == "ended"
    assert worker.wait_exit() == 3
    assert hub.state(worker.name) == "landing", "it comes back with its containers"


def test_a_drain_is_bounded_where_systemd_does_the_supervisors_work(real_ctl, worker, hub, busy):
    worker.kill_supervisor()
    real_ctl("drain", "--retire", "--deadline=1h")
    wait_until(lambda: re.search(r"^draining: retiring for \S+, .*ends in 59m\S* at the latest$", real_ctl("status"), re.M),
               lambda: f"the deadline in {real_ctl('status')}")
    assert real_ctl("drain", "--retire", "--deadline=1s", "--watch").splitlines()[-1] == "ended"
    hub.wait_for(lambda hub: worker.name not in hub.atc.workers, "the worker to be deleted")
    worker.start()


def test_a_deadline_that_makes_no_sense_is_refused(ctl):
    assert "flag --deadline" in ctl("drain", "--land", "--deadline=soon", status=2)
    assert "flag --deadline" in ctl("drain", "--land", "--deadline=0", status=2)
    assert "--deadline is for --land and --retire" in ctl("drain", "--stop", "--deadline=1m", status=2)


def test_a_drain_can_be_taken_back(real_ctl, worker, hub):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        real_ctl("drain", "--land")
        hub.wait_state(worker.name, "landing")
        wait_until(lambda: re.search(r"^draining: land for \S+, waits for 1 container with a running process: \S+$", real_ctl("status"), re.M),
                   lambda: f"the build in {real_ctl('status')}")
        real_ctl("drain", "--cancel")
        hub.wait_state(worker.name, "running")
        assert "draining" not in real_ctl("status")
        assert "isn't draining" in real_ctl("drain", "--cancel", status=1)
        build.abort()


def test_status_says_which_service_is_down_and_why(ctl, supervised):
    supervised.start_ready()
    supervised.behave(garden={"exit": 7})
    supervised.kill(supervised.pid_of("garden"))
    supervised.wait_for_log("supervisor.service restart", count=5, service="garden")
    lines = rows(ctl("status", status=1))
    assert "waiting to restart" in lines["garden"] and "last end: exit status 7" in lines["garden"]
    assert lines["beacon"].split()[1] == "ready"


def test_status_is_watched(ctl, supervised):
    supervised.start_ready()
    process = subprocess.Popen([ctl.program, "status", "--watch"], stdout=subprocess.PIPE, env=ctl.environment)
    try:
        seen = b""
        while seen.count(b"\x1b[2J") < 2:  # drawn once more
            seen += process.stdout.read1(4096)
    finally:
        process.kill()
        process.communicate()
    assert seen.count(b"SERVICE") >= 1


def test_status_without_a_supervisor(ctl, supervised):
    supervised.start_ready()
    supervised.process.kill()
    supervised.process.wait()
    text = ctl("status")
    assert text.startswith("supervisor not running\n") or text.startswith("supervisor nobody listens\n")
    assert all(line.split()[1] == "ready" for line in rows(text).values())


def test_everything_is_down(ctl, supervised):
    text = ctl("status", status=1)
    assert [line.split()[1] for line in rows(text).values()] == ["down"] * 4
    assert "Garden does not answer" in ctl("garden", "list", status=1)
    assert "BaggageClaim does not answer" in ctl("volumes", "list", status=1)
    assert "the beacon is not running" in ctl("beacon", "status", status=1)
    assert "nothing to drain" in ctl("drain", "--land", status=1)
    assert "systemctl stop concourse-worker.target" in ctl("drain", "--stop", status=1)


def test_drain_stop(ctl, supervised):
    supervised.start_ready()
    ctl("drain", "--stop")
    assert supervised.process.wait(60) == 0
    assert supervised.leftovers() == []


def test_without_a_supervisor_the_beacon_drains(ctl, supervised):
    supervised.start_ready()
    supervised.process.kill()
    supervised.process.wait()
    ctl("drain", "--retire")
    supervised.wait_for_event("beacon", "retire")


@pytest.mark.parametrize("words,message", [
    (["drain"], "say how: --land, --retire, --stop or --cancel"),
    (["drain", "--land", "--stop"], "--land and --stop can't both be done"),
    (["log-level", "gardne", "debug"], "unknown service 'gardne'; one of supervisor, garden, baggageclaim, beacon, healthcheck"),
    (["restart", "supervisor"], "unknown service 'supervisor'; one of garden, baggageclaim, beacon, healthcheck"),
])
def test_wrong_uses(ctl, words, message):
    assert ctl(*words, status=2) == f"concourse-workerctl: error: {message}\n"


def test_every_help_ends_with_an_example(ctl):
    verbs = [line.split("  ")[1] for line in ctl("--help").splitlines() if line.startswith("  ") and line.endswith(".")]
    assert len(verbs) >= 13
    for verb in verbs:
        words = [word for word in verb.split(" [")[0].split() if not word.isupper()]
        assert ctl(*words, "--help").splitlines()[-2:] != [] and "Example:\n  concourse-workerctl " + " ".join(words) in ctl(*words, "--help")


def test_a_quit_signal_is_not_needed_to_see_the_state(real_ctl, worker):
    worker.signal(signal.SIGQUIT)
    worker.wait_log("supervisor.state", '"service":"garden"')
    assert real_ctl("status").startswith("worker ready")
