"""Recorded builds of a real web node, played against the worker: what the web sends is taken, and what it gets has the recorded form."""

import pytest

from harness.replay import Replay

RECORDED_TYPE = "/usr/local/concourse/resource-types/mock/rootfs.tgz"


@pytest.fixture
def replay(make_worker, resource_types, hub):
    """A worker whose TSA isn't there: nobody sweeps what the replay makes."""
    worker = make_worker(hub, flags=["--tsa-host=127.0.0.1:1"]).start().wait_ready()
    replay = Replay(worker, {RECORDED_TYPE: resource_types / "busybox/rootfs.tgz", "/work-dir": worker.work_dir})
    yield replay
    for handle in worker.garden.containers():
        worker.garden.destroy(handle)


def web_only(api, request):
    """Pings of the TSA and the worker's own sweeps are no part of a build."""
    return request in ("GET /volumes",) or request.startswith("DELETE /containers/") or request.startswith("DELETE /volumes/")


@pytest.mark.parametrize(("first", "last"), [(2, 160)], ids=["check, get, two tasks and a put"])
def test_a_build(replay, first, last):
    replay.play("build", first, last, web_only)
    replay.finish()
    assert not replay.differences, "\n".join(replay.differences)
