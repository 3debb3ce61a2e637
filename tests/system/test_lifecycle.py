"""Registration, heartbeats, landing, retiring, stopping: the worker's life as its hub sees it."""

import json
import signal

from harness.wait import wait_until


def test_the_registration_says_what_the_worker_is(hub, worker):
    payload = hub.worker(worker.name).payload
    kind = payload.resource_types[0]
    assert (payload.platform, payload.team, payload.tags, payload.ephemeral) == ("linux", "", [], False)
    assert payload.version == "3.0" and payload.start_time > 1_500_000_000
    assert (kind.type, kind.image, kind.privileged) == ("busybox", str(hub.resource_types / "busybox/rootfs.tgz"), False)
    assert kind.version
    hub.wait_for(lambda hub: hub.atc.worker(worker.name).heartbeats >= 2, "two heartbeats")


def test_flags_reach_the_registration(hub, make_worker):
    worker = make_worker(hub, "tagged", ["--tag=fast", "--tag=big", "--ephemeral", "--http-proxy=http://proxy:1", "--protocol-version=2.5"])
    worker.start().wait_registered()
    payload = hub.worker("tagged").payload
    assert (payload.tags, payload.ephemeral, payload.http_proxy_url, payload.version) == (["fast", "big"], True, "http://proxy:1", "2.5")


def test_an_orderly_stop_leaves_nothing_and_is_a_success(hub, make_worker):
    worker = make_worker(hub).start().wait_ready().wait_registered()
    assert worker.stop() == 0
    # That nothing is left, the check after each test says.


def test_a_stop_in_mid_build_lets_the_next_worker_go_on_with_it(hub, make_worker):
    worker = make_worker(hub).start().wait_ready().wait_registered()
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.02; done"])
        step.wait_for(b"line 50\r")
        assert worker.stop() == 0
        worker.start().wait_ready().wait_registered()
        result = step.result()
        assert result.status == 0 and result.stdout.decode().splitlines()[-1] == "line 299"
        lines = result.stdout.decode().splitlines()
        assert len(lines) == len(set(lines)), "a line came twice"


def test_a_worker_that_the_web_lands_finishes_its_build_and_ends(hub, worker):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo started; sleep 2; echo done"])
        step.wait_for(b"started")
        hub.land(worker.name)
        assert step.result().status == 0
    hub.wait_state(worker.name, "landed")
    assert worker.wait_exit() == 0


def test_usr1_lands_and_usr2_retires(hub, make_worker):
    for number, state in ((signal.SIGUSR1, "landed"), (signal.SIGUSR2, "")):
        worker = make_worker(hub, f"worker-{number}").start().wait_ready().wait_registered()
        worker.signal(number)
        hub.wait_state(worker.name, state)
        assert worker.wait_exit() == 0


def test_a_worker_that_the_web_retires_is_forgotten_and_ends(hub, worker):
    hub.retire(worker.name)
    hub.wait_state(worker.name, "")
    assert worker.wait_exit() == 0


def test_a_retired_worker_ends_what_still_runs_in_it(hub, make_worker):
    worker = make_worker(hub, "left", ["--sweep-interval=10m"]).start().wait_ready().wait_registered()
    with hub.build("left") as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        assert build.task("task", artifact, ["true"]).status == 0
    for handle in (left := worker.garden.containers()):
        worker.garden.run(handle, "sleep", "600")
    assert left
    worker.signal(signal.SIGUSR2)
    hub.wait_state("left", "")
    assert worker.wait_exit() == 0
    assert list((worker.runtime_dir / "garden/containers").iterdir()) == []


def test_the_web_goes_away_and_comes_back(hub, worker):
    hub.stop()
    wait_until(lambda: worker.health.request("GET", "/").status == 200, "the worker to be well without a web")
    hub.start()
    hub.wait_for(lambda hub: hub.atc.worker(worker.name).registrations == 2, "a second registration", 60)
    with hub.build(worker.name) as build:
        assert build.get("get", "busybox").succeeded


def test_the_healthcheck_tells_the_truth(hub, worker):
    answer = worker.health.request("GET", "/")
    assert (answer.status, answer.body) == (200, b"")


def test_ready_follows_registration_and_drain(hub, worker):
    def ready():
        answer = worker.health.request("GET", "/ready")
        return answer.status, json.loads(answer.body)

    status, verdict = ready()
    assert (status, verdict["reasons"]) == (200, [])
    assert verdict["checks"]["registration"]["heartbeat_age_seconds"] < 60 and verdict["checks"]["disk"]["free_bytes"] > 0
    with hub.build(worker.name) as build:
        build.task("task", build.get("image", "busybox", {"mirror_self": True}).artifact, ["true"])
    assert "last_container_made_seconds_ago" in ready()[1]["checks"]["garden"]
    hub.stop()
    wait_until(lambda: ready()[0] == 503 and "registration: " in ready()[1]["reasons"][0], "not to be ready without a TSA")
    assert worker.health.request("GET", "/live").status == 200
    hub.start()
    wait_until(lambda: ready()[0] == 200, "to be ready again")
