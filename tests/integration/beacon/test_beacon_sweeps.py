"""Sweeping: everything is reported or nothing is; what the web wants gone is destroyed; what fails is tried again."""

import json
import threading

import pytest

from harness.control_double import Control
from harness.wait import wait_until
from stand_ins import Api

SWEEP = "--sweep-interval=200ms"


class World:
    """Containers and volumes, and the APIs that list and destroy them."""

    def __init__(self):
        self.containers, self.volumes = set(), set()
        self.list_answer = {}  # path -> (status, body) or None, instead of the true list
        self.undestroyable = set()
        self.slow = threading.Event()
        self.slow.set()
        self.garden, self.baggageclaim = Api(self.answer_garden), Api(self.answer_baggageclaim)

    def answer_garden(self, method, path):
        if method == "GET" and path == "/containers":
            return self.list_answer.get(path, (200, json.dumps({"Handles": sorted(self.containers)})))
        return self.destroy(self.containers, method, path)

    def answer_baggageclaim(self, method, path):
        if method == "GET" and path == "/volumes":
            listed = [{"handle": h, "path": "/x/" + h, "properties": {"a": "b"}, "privileged": False} for h in sorted(self.volumes)]
            return self.list_answer.get(path, (200, json.dumps(listed)))
        if method == "POST":
            return 204, ""
        return self.destroy(self.volumes, method, path)

    def destroy(self, things, method, path):
        assert method == "DELETE"
        handle = path.rsplit("/", 1)[1]
        assert self.slow.wait(60)
        if handle in self.undestroyable:
            return 500, "it clings"
        if handle not in things:
            return 404, "unknown handle"
        things.discard(handle)
        return 204, ""


@pytest.fixture
def world(services):
    world = World()
    services.garden.handler, services.baggageclaim.handler = world.garden, world.baggageclaim
    return world


def reports(tsa, kind):
    return [arguments for _, arguments, _ in tsa.commands_named("report-" + kind)]


def wait_report(tsa, kind, handles):
    wait_until(lambda: reports(tsa, kind) and reports(tsa, kind)[-1] == handles, lambda: f"{handles}, last were {reports(tsa, kind)[-3:]}")


def test_reports_what_is_there_and_destroys_what_the_web_wants_gone(make_tsa, make_beacon, world):
    world.containers = {"c1", "c2", "c3"}
    world.volumes = {f"v{i}" for i in range(10)}
    gone_containers, gone_volumes = ["c2", "never-was"], [f"v{i}" for i in range(8)]
    tsa = make_tsa()
    tsa.respond["sweep-containers"] = lambda a, w: (0, json.dumps([h for h in gone_containers if h in world.containers or h == "never-was"]))
    tsa.respond["sweep-volumes"] = lambda a, w: (0, json.dumps([h for h in gone_volumes if h in world.volumes]))
    world.slow.clear()
    beacon = make_beacon(tsa, SWEEP, "--container-sweeper-max-in-flight=2", "--volume-sweeper-max-in-flight=3", "--team=main")
    wait_report(tsa, "containers", ["c1", "c2", "c3"])
    wait_until(lambda: world.baggageclaim.running == 3, "three volumes being destroyed")
    world.slow.set()
    wait_report(tsa, "containers", ["c1", "c3"])
    wait_report(tsa, "volumes", ["v8", "v9"])
    assert world.baggageclaim.most_running == 3
    wait_until(lambda: world.baggageclaim.made("POST", "/volumes/cleanup-orphans"), "the orphans being cleaned up")
    # Every command names the worker and its team: that is how the TSA knows whose it is.
    assert all((w["name"], w["team"]) == ("w1", "main") for _, _, w in tsa.commands)
    assert beacon.status()["sweeps"]["containers"]["failing"] == 0
    assert len(tsa.connections) == 1


def test_nothing_is_reported_as_the_bare_word(make_tsa, make_beacon, world):
    tsa = make_tsa()
    make_beacon(tsa, SWEEP)
    wait_report(tsa, "containers", [])
    wait_report(tsa, "volumes", [])


@pytest.mark.parametrize("answer", [
    (500, '{"Handles":["c1"]}'),
    (200, '{"Handles":["c1"'),
    (200, '{"Handles":["c1",""]}'),
    (200, '{"Handles":["c1",7]}'),
    (200, '{"Handles":"c1"}'),
    (200, "{}"),
    (200, ""),
    None,
], ids=str)
def test_a_list_that_may_not_be_whole_is_never_reported(make_tsa, make_beacon, world, answer):
    world.containers = {"c1", "c2"}
    world.list_answer["/containers"] = answer
    tsa = make_tsa()
    tsa.respond["sweep-containers"] = lambda a, w: (0, json.dumps(["c2"] if "c2" in world.containers else []))
    beacon = make_beacon(tsa, SWEEP)
    tsa.wait(lambda: len(tsa.commands_named("sweep-containers")) >= 3, "sweeps")
    assert reports(tsa, "containers") == []
    assert "c2" not in world.containers  # asking what to destroy is always safe
    assert beacon.logged("sweep step failed", kind="containers", step="list")
    del world.list_answer["/containers"]
    wait_report(tsa, "containers", ["c1"])


def test_a_service_that_is_away_is_not_reported_empty(make_tsa, make_beacon, world, services):
    world.volumes = {"v1"}
    tsa = make_tsa()
    make_beacon(tsa, SWEEP)
    wait_report(tsa, "volumes", ["v1"])
    services.baggageclaim.stop()
    seen = len(tsa.commands_named("sweep-volumes"))
    tsa.wait(lambda: len(tsa.commands_named("sweep-volumes")) >= seen + 3, "sweeps")
    services.baggageclaim.handler = world.baggageclaim
    services.baggageclaim.start()
    seen = len(reports(tsa, "volumes"))
    tsa.wait(lambda: len(reports(tsa, "volumes")) > seen, "a report")
    assert all(r == ["v1"] for r in reports(tsa, "volumes"))


def uuids(count):
    return {f"{i:08x}-0000-4000-8000-000000000000" for i in range(count)}


def test_seven_thousand_volumes_fit_in_one_report(make_tsa, make_beacon, world):
    world.volumes = uuids(7000)
    tsa = make_tsa()
    make_beacon(tsa, SWEEP)
    wait_report(tsa, "volumes", sorted(world.volumes))


def test_more_volumes_than_a_report_holds_are_not_cut_but_swept_until_they_fit(make_tsa, make_beacon, world):
    world.volumes = uuids(10000)
    doomed = sorted(world.volumes)[:3100]
    tsa = make_tsa()
    tsa.respond["sweep-volumes"] = lambda a, w: (0, "[]")
    beacon = make_beacon(tsa, SWEEP, "--volume-sweeper-max-in-flight=50")
    line = beacon.wait_log("report left out", kind="volumes", count=10000)[0]
    assert line["level"] == "warn"
    assert reports(tsa, "volumes") == []
    tsa.respond["sweep-volumes"] = lambda a, w: (0, json.dumps([h for h in doomed if h in world.volumes]))
    wait_until(lambda: reports(tsa, "volumes"), "a report", 120)
    assert reports(tsa, "volumes")[0] == sorted(world.volumes)
    assert len(world.volumes) == 6900


def test_what_can_not_be_destroyed_is_told_and_left_for_later(make_tsa, make_beacon, world):
    world.containers = {"c1", "c2"}
    world.undestroyable = {"c1"}
    tsa = make_tsa()
    tsa.respond["sweep-containers"] = lambda a, w: (0, json.dumps(sorted(world.containers)))
    beacon = make_beacon(tsa, SWEEP)
    line = beacon.wait_log("destroying failed", handle="c1")[0]
    assert "it clings" in line["data"]["error"]
    seen = len(tsa.commands_named("sweep-containers"))
    tsa.wait(lambda: len(tsa.commands_named("sweep-containers")) >= seen + 3, "sweeps")
    assert world.garden.made("DELETE", "/containers/c1") == ["/containers/c1"]  # the next attempt is half a minute away
    assert world.containers == {"c1"}
    assert beacon.status()["sweeps"]["containers"]["failing"] == 1


@pytest.mark.parametrize("answer", [(1, ""), (0, "nonsense"), (0, '{"a":1}'), (0, "[1]")], ids=str)
def test_an_answer_that_can_not_be_read_destroys_nothing(make_tsa, make_beacon, world, answer):
    world.containers = {"c1"}
    tsa = make_tsa()
    tsa.respond["sweep-containers"] = lambda a, w: answer
    beacon = make_beacon(tsa, SWEEP)
    beacon.wait_log("sweep step failed", kind="containers", step="sweep")
    assert not world.garden.made("DELETE")
    tsa.respond["sweep-containers"] = lambda a, w: (0, "null\n")
    seen = len(tsa.commands_named("sweep-containers"))
    tsa.wait(lambda: len(tsa.commands_named("sweep-containers")) > seen + 1, "sweeps")
    assert beacon.status()["losses"] == 0


def test_no_sweep_runs_without_a_registration(make_tsa, make_beacon, world):
    tsa = make_tsa()
    tsa.register = False
    beacon = make_beacon(tsa, SWEEP)
    tsa.wait(lambda: tsa.registrations, "forward-worker")
    beacon.wait_status(lambda s: s["state"] == "registering" and s["current"]["since_ms"] > 1000, "a second of registering")
    assert [c for c in tsa.commands if c[0] != "forward-worker"] == []


@pytest.fixture
def baggageclaim_control(run_dir):
    (run_dir / "control").mkdir(exist_ok=True)
    control = Control(run_dir, "baggageclaim", {"disk": {"state": "ok", "free_bytes": 1 << 40}})
    yield control
    control.close()


def test_a_low_disk_has_the_web_asked_at_once_and_again(make_tsa, make_beacon, world, baggageclaim_control):
    world.containers, world.volumes = {"c1"}, {"v1", "v2"}
    tsa = make_tsa()
    tsa.respond["sweep-volumes"] = lambda a, w: (0, json.dumps([h for h in ("v1",) if h in world.volumes]))
    beacon = make_beacon(tsa, "--sweep-interval=1h")
    beacon.wait_status(lambda s: s["state"] == "registered", "the registration")
    wait_until(lambda: len(baggageclaim_control.asked) >= 2, "two looks at the disk")
    assert [c for c in tsa.commands if c[0] != "forward-worker"] == []
    baggageclaim_control.answer = {"disk": {"state": "low", "why": "1 GiB is free"}}
    wait_report(tsa, "containers", ["c1"])
    wait_until(lambda: world.volumes == {"v2"}, "the volume that may go to be destroyed")
    assert beacon.wait_log("the disk is low")[0]["data"]["why"] == "1 GiB is free"
    wait_report(tsa, "volumes", ["v2"])
    # As often as it is allowed to, not at every look.
    assert 2 * len(reports(tsa, "volumes")) < len(baggageclaim_control.asked)
    baggageclaim_control.answer = {"disk": {"state": "ok"}}
    beacon.wait_log("the disk has room again")
    assert len(beacon.logged("the disk is low")) == 1
