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


@pytest.mark.parametrize("ranges", [[("build", 2, 265)], [("build", 2, 24), ("build", 211, 238), ("intercept-and-abort", 18, 80)]],
                         ids=["a build and a failing one", "an intercepted and aborted task"])
def test_a_recorded_build_gets_answers_of_the_recorded_form(replay, ranges):
    for name, first, last in ranges:
        replay.play(name, first, last)
    replay.finish()
    assert not replay.differences, "\n".join(replay.differences)
