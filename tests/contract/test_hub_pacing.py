"""The hub waits where the real web node waits, asks in its order, and counts every wait: held against recorded builds of a real one."""

import asyncio
import json
import re

import pytest
from mock_resource import SOURCE, mock

from harness.recorded import TRANSCRIPTS
from hub.web.baggageclaim import VolumeError
from hub.web.waits import GET_LOCK, TRANSPORT_ERROR, VOLUME_LOCK, VOLUME_POLL, BackOff

RECORDED = [json.loads(line) for line in (TRANSCRIPTS / "pacing.jsonl").read_text().splitlines()]
WORKERS = list(dict.fromkeys(row["worker"] for row in RECORDED))
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def recorded(worker):
    return [row for row in RECORDED if row["worker"] == worker]


def without_polls(requests):
    """Polls of one volume count once: how many there are is the worker's doing."""
    return [request for request, before in zip(requests, [None] + requests) if not (request == before and "/volumes-async/" in request[1])]


def asked(exchanges):
    """(server, request) of what a fake worker was asked, without handles."""
    lines = [(api, " ".join(text.split(" ", 2)[:2])) for api, text in exchanges]
    return [(api, re.sub(r"/attaches/[^/]+", "/attaches/A", UUID.sub("H", line))) for api, line in lines]


async def pipeline(hub):
    """The recorded job: get, a task with its input and an output, a task that reads it, a put, and the get of what was put."""
    build = hub.build("w")
    got = await build.cached_get("r", "mock", SOURCE, {"version": "mock"})
    one = await build.task("a", got.artifact, ["sh", "-c", "echo hi > out/x"], {"r": got.artifact}, ["out"])
    await build.task("b", got.artifact, ["cat", "out/x"], {"out": one.outputs["out"]})
    put = await build.put("r", "mock", SOURCE, {"version": "v2"})
    await build.cached_get("get of the put", "mock", SOURCE, put.version)
    build.finish()


@pytest.mark.parametrize("worker", WORKERS)
def test_a_build_asks_a_worker_in_the_order_of_the_web(run, worker):
    async def test(hub, fake):
        earlier = hub.build("w")
        for number, version in enumerate(("mock", "v2")):
            await earlier.cached_get(f"get {number}", "mock", SOURCE, {"version": version})
        start = len(fake.exchanges)
        await pipeline(hub)
        return asked(fake.exchanges[start:])

    theirs = [(row["server"], row["request"].split("?")[0]) for row in recorded(worker)]
    ours = [(api, request.split("?")[0]) for api, request in run(test, mock)]
    assert without_polls(ours) == without_polls(theirs)


@pytest.mark.parametrize("worker", WORKERS)
def test_the_web_pauses_behind_a_204_and_nowhere_else_as_long(worker):
    rows = recorded(worker)
    gaps = {True: [], False: []}
    for row, following in zip(rows, rows[1:]):
        polled = row["request"] == "GET /volumes-async/H" and row["status"] == 204
        gaps[polled].append(following["ms"] - row["ms"] - row["answer_ms"])
    assert all(250 <= gap <= 760 for gap in gaps[True]), gaps[True]
    assert max(gaps[False]) < 100


def test_the_real_web_never_waits_for_a_volume_whose_answer_is_held():
    waits = {worker: sum(row["request"] == "GET /volumes-async/H" and row["status"] == 204 for row in recorded(worker)) for worker in WORKERS}
    assert waits["this one, answering at once"] > 5
    assert waits["this one, holding the answer"] == 0
    last = recorded("this one, holding the answer")[-1]
    assert last["ms"] < 1000  # it took 5,813 ms before, by the same list


@pytest.mark.parametrize(("initial", "maximum", "intervals"), [(0.5, 10, [0.5, 0.75, 1.125, 1.6875, 2.53125]), (1, 16, [1, 1.5, 2.25])])
def test_a_back_off_is_that_of_the_library(initial, maximum, intervals):
    ranges = [[] for _ in range(20)]
    for _ in range(500):
        back_off = BackOff(initial, maximum)
        for seen in ranges:
            seen.append(back_off.next())
    for seen, interval in zip(ranges, intervals + [None] * (19 - len(intervals)) + [maximum]):
        if interval:
            assert 0.5 * interval <= min(seen) < 0.6 * interval and 1.4 * interval < max(seen) <= 1.5 * interval


def test_each_204_is_a_wait_and_is_counted(run):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    async def test(hub, fake):
        hub.waits._sleep = sleep
        create = hub.client("w").baggageclaim.create

        async def polled(statuses):
            before = hub.waits.counts[VOLUME_POLL]
            fake.polls = statuses
            await create(f"h{len(statuses)}", {"type": "empty"})
            return hub.waits.counts[VOLUME_POLL] - before

        assert [await polled(statuses) for statuses in ([200], [204, 200], [204, 204, 204, 200])] == [0, 1, 3]
        assert hub.waits.seconds[VOLUME_POLL] == pytest.approx(sum(pauses))
        fake.polls = [204, 404]
        with pytest.raises(VolumeError, match="future not found: gone"):
            await create("gone", {"type": "empty"})
        assert sum(line == ("baggageclaim", "DELETE /volumes-async/gone") for line in asked(fake.exchanges)) == 1

    run(test, mock)
    assert all(0.5 * 0.5 * 1.5**n <= pause <= 1.5 * 0.5 * 1.5**n for n, pause in zip((0, 0, 1, 2), pauses)), pauses


def test_a_volume_that_another_step_makes_is_looked_for_each_second(run):
    async def test(hub, fake):
        pauses = []

        async def sleep(seconds):
            pauses.append(seconds)
            await asyncio.sleep(0.01)

        hub.waits._sleep = sleep
        fake.polls = [200]
        await asyncio.gather(*[hub.build("w", name=name).check("mock", SOURCE) for name in ("1", "2")])
        assert hub.waits.counts[VOLUME_LOCK] >= 1 and set(pauses) == {1.0}
        assert sum('"type":"import"' in text for _, text in fake.exchanges) == 1

    run(test, mock)


def test_a_version_that_another_step_gets_is_looked_for_each_5_s(run):
    async def test(hub, fake):
        fake.polls = [200]
        hub.waits._sleep = lambda seconds: asyncio.sleep(0.01)
        one, two = hub.build("w", name="1"), hub.build("w", name="2")
        await asyncio.gather(*[build.cached_get("get", "mock", SOURCE, {"version": "v1"}) for build in (one, two)])
        assert hub.waits.seconds[GET_LOCK] == 5 * hub.waits.counts[GET_LOCK] >= 5
        assert sum(process.spec["path"] == "/opt/resource/in" for process in fake.processes.values()) == 1

    run(test, mock)


def test_a_refused_connection_is_a_wait_of_about_a_second(run):
    async def test(hub, fake):
        fake.polls = [200]
        row, good = hub.atc.worker("w"), hub.atc.worker("w").addr
        row.addr = "127.0.0.1:1"  # nobody listens there

        async def sleep(seconds):
            assert 0.5 <= seconds <= 1.5
            row.addr = good

        hub.waits._sleep = sleep
        await hub.build("w").check("mock", SOURCE)
        assert hub.waits.counts[TRANSPORT_ERROR] == 1

    run(test, mock)
