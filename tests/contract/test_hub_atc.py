"""The hub's table of workers and its garbage collection, on a clock of the test's own."""

import pytest

from hub.atc.errors import AtcError, WorkerGone
from hub.atc.payload import parse_worker
from hub.atc.workers import Atc


class Build:
    def __init__(self, worker, interruptible=False):
        self.workers, self.interruptible = {worker}, interruptible


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def atc(clock):
    return Atc(missing_grace=300, clock=clock)


def payload(name="w", **fields):
    return parse_worker({"name": name, "addr": "127.0.0.1:1", "baggageclaim_url": "http://127.0.0.1:2", "version": "3.0", **fields})


def state(atc, name="w"):
    return atc.workers[name].state if name in atc.workers else None


def test_a_worker_without_heartbeats_stalls_and_a_heartbeat_brings_it_back(atc, clock):
    atc.register(payload(), ttl=60)
    clock.now += 61
    atc.collect()
    assert state(atc) == "stalled"
    assert atc.heartbeat(payload(), ttl=60) == "running"


def test_an_ephemeral_worker_is_deleted_when_it_stalls_and_its_next_heartbeat_is_told_so(atc, clock):
    atc.register(payload(ephemeral=True), ttl=60)
    clock.now += 61
    atc.collect()
    with pytest.raises(WorkerGone):
        atc.heartbeat(payload(), ttl=60)


def test_a_landing_worker_lands_when_no_build_waits_for_it(atc):
    atc.register(payload(), ttl=60)
    build = Build("w")
    atc.builds.add(build)
    atc.land("w", "")
    atc.collect()
    assert state(atc) == "landing" and atc.heartbeat(payload(), 60) == "landing"
    atc.builds.discard(build)
    atc.collect()
    assert state(atc) == "landed" and atc.workers["w"].addr is None


def test_an_interruptible_build_is_not_waited_for(atc):
    atc.register(payload(), ttl=60)
    atc.builds.add(Build("w", interruptible=True))
    atc.retire("w", "")
    atc.collect()
    assert state(atc) is None


def test_a_registration_makes_a_draining_worker_run_again_unless_it_says_otherwise(atc):
    atc.register(payload(), ttl=60)
    atc.land("w", "")
    atc.register(payload(state="landing"), ttl=60)
    assert state(atc) == "landing"
    atc.register(payload(), ttl=60)
    assert state(atc) == "running"


@pytest.mark.parametrize(("fields", "status"), [({"version": "v1"}, 400), ({"addr": ""}, 400), ({"team": "nobody"}, 400),
                                                ({"state": "dancing"}, 500)])
def test_a_bad_registration_is_refused(atc, fields, status):
    with pytest.raises(AtcError) as refusal:
        atc.register(payload(**fields), ttl=60)
    assert refusal.value.status == status


def test_a_name_of_another_team_is_refused(atc):
    atc.register(payload(team="main"), ttl=60)
    for call, status in ((lambda: atc.register(payload(), 60), 500), (lambda: atc.land("w", ""), 400), (lambda: atc.delete("w", ""), 400)):
        with pytest.raises(AtcError) as refusal:
            call()
        assert refusal.value.status == status


def test_unknown_workers_can_be_retired_but_neither_landed_nor_deleted(atc):
    atc.retire("x", "")
    for call, status in ((lambda: atc.land("x", ""), 404), (lambda: atc.delete("x", ""), 500)):
        with pytest.raises(AtcError) as refusal:
            call()
        assert refusal.value.status == status


def test_running_workers_cannot_be_pruned(atc, clock):
    atc.register(payload(), ttl=60)
    with pytest.raises(AtcError):
        atc.prune("w")
    clock.now += 61
    atc.collect()
    atc.prune("w")
    assert state(atc) is None


def test_unknown_handles_are_to_be_destroyed_until_they_are_not_reported_any_more(atc):
    atc.containers.report("w", ["stray"])
    assert atc.containers.destroying("w") == ["stray"] == atc.containers.destroying("w")
    atc.containers.report("w", [])
    assert atc.containers.destroying("w") == []


def test_a_container_missing_for_longer_than_the_grace_period_is_forgotten(atc, clock):
    for worker in ("w", "stalled"):
        atc.containers.creating(worker, worker)
        atc.containers.created(worker)
        atc.containers.report(worker, [])
    atc.containers.creating("young", "w")
    atc.containers.report("w", [])
    clock.now += 301
    atc.containers.collect({"stalled"})
    assert set(atc.containers.rows) == {"stalled", "young"}, "one that is being created is not missing; a stalled worker's are kept"


def test_a_container_that_shows_up_again_is_not_missing(atc, clock):
    atc.containers.creating("c", "w")
    atc.containers.created("c")
    atc.containers.report("w", [])
    clock.now += 200
    atc.containers.report("w", ["c"])
    clock.now += 200
    atc.containers.collect()
    assert "c" in atc.containers.rows


def test_a_volume_with_children_is_not_destroyed_and_a_lost_one_takes_them_along(atc, clock):
    atc.volumes.creating("parent", "w")
    atc.volumes.creating("child", "w", parent="parent", container="c")
    for handle in ("parent", "child"):
        atc.volumes.created(handle)
    atc.volumes.destroy("parent")
    assert atc.volumes.destroying("w") == []
    atc.volumes.collect(atc.containers)
    assert atc.volumes.destroying("w") == ["child"], "its container is gone, and nothing is a copy of it"
    atc.volumes.rows["child"].state = "created"
    atc.volumes.rows["parent"].kept = atc.volumes.rows["child"].kept = True
    atc.volumes.report("w", ["child"])
    clock.now += 301
    atc.volumes.collect(atc.containers)
    assert not atc.volumes.rows


@pytest.mark.parametrize("value", [{"name": 1}, {"start_time": "x"}, {"ephemeral": 1}, {"tags": [1]}, {"resource_types": [{"type": 1}]}, [], "x"])
def test_a_payload_with_a_wrong_type_is_refused(value):
    with pytest.raises(ValueError):
        parse_worker(value)


def test_a_payload_is_read_as_go_reads_it():
    worker = parse_worker({"NAME": "w", "tags": ["a", ""], "team": None, "unknown": {}, "resource_types": [{"Type": "git", "privileged": True}]})
    assert (worker.name, worker.tags, worker.team) == ("w", ["a"], "")
    assert (worker.resource_types[0].type, worker.resource_types[0].privileged) == ("git", True)
