"""What a build takes is its work: the whole worker's answers give the web no reason to pause."""

import contextlib

from hub.web.waits import TRANSPORT_ERROR

IMAGE = {"mirror_self": True}


def job(build, version):
    """As in a pipeline: the image and input are there already after the first time."""
    got = build.cached_get("get", "busybox", IMAGE, {"version": version})
    one = build.task("one", got.artifact, ["sh", "-ec", "echo hi > out/x"], {"source": got.artifact}, ["out"])
    two = build.task("two", got.artifact, ["cat", "out/x"], {"out": one.outputs["out"]})
    put = build.put("put", "busybox", {}, {"version": "1"}, {"out": one.outputs["out"]})
    assert one.succeeded and put.succeeded and two.stdout == b"hi\r\n"


def waits(hub):
    return hub.do(lambda hub: dict(hub.waits.counts))


def test_a_build_makes_the_web_wait_for_nothing_but_its_work(hub, worker):
    before = waits(hub)
    for _ in range(3):
        with hub.build(worker.name) as build:
            job(build, "1")
    assert waits(hub) == before


def test_builds_at_once_make_the_web_wait_for_nothing_but_their_work(hub, worker):
    with hub.build(worker.name) as build:
        job(build, "1")  # afterwards the base volume and the version are there, which one step makes and others wait for
    before = waits(hub)
    with contextlib.ExitStack() as stack:
        steps = []
        for number in range(4):
            build = stack.enter_context(hub.build(worker.name, name=str(number)))
            got = build.cached_get("get", "busybox", IMAGE, {"version": "1"})
            steps.append(build.start("task", "task", got.artifact, ["sh", "-ec", "echo hi > out/x"], {"source": got.artifact}, ["out"]))
        assert [step.result().status for step in steps] == [0] * 4
    assert waits(hub) == before


def test_the_count_sees_a_worker_that_is_not_there(hub, worker):
    """The detector itself: an address where nobody listens makes the web wait, and is counted."""
    row, before = hub.worker(worker.name), waits(hub)
    good = row.addr

    def cut(hub):
        counted = hub.waits.note

        def mended(kind, seconds):
            row.addr = good
            counted(kind, seconds)

        hub.waits.note, row.addr = mended, "127.0.0.1:1"

    hub.do(cut)
    with hub.build(worker.name) as build:
        assert build.check("busybox", {}).succeeded
    after = waits(hub)
    assert after != before and after[TRANSPORT_ERROR] == before.get(TRANSPORT_ERROR, 0) + 1
