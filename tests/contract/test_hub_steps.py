"""The hub's steps against recordings of a real web node, and its rules for trying again."""

import asyncio
import json

import pytest
from mock_resource import SOURCE, mock

from harness.recorded import connections, normal_form
from hub.web.build import Aborted
from hub.web.garden import GardenError
from hub.web.intercept import intercept
from hub.web.process import ProcessError

def assert_same(exchanges, recording):
    ours, theirs = normal_form(exchanges), normal_form(recording)
    assert ours == theirs, "\n".join(["ours, where it differs:"] + [line for line in ours if line not in theirs] + ["the web's:"]
                                     + [line for line in theirs if line not in ours])


def test_the_steps_of_a_build_are_those_of_the_web(run):
    async def test(hub, worker):
        build = hub.build("w")
        marks = []

        async def step(coroutine):
            start = len(worker.exchanges)
            result = await coroutine
            marks.append(worker.exchanges[start:])
            assert result.succeeded
            return result

        await step(build.check("mock", SOURCE))
        got = await step(build.get("get", "mock", SOURCE, {"version": "mock"}))
        script = "echo $GREETING; echo oops >&2; ls m; echo made > o/made.txt; date >> cachedir/dates; cat cachedir/dates; sleep 1"
        task = await step(build.task("one", got.artifact, ["sh", "-c", script], {"m": got.artifact}, ["o"], ["cachedir"], user="root"))
        command = json.loads(connections("build", 129, 129)[0][1].split("\r\n\r\n")[1])
        await step(build.task("two", got.artifact, [command["path"], *command["args"]], {"o": task.outputs["o"]}, user="nonroot",
                              cpu_shares=512, memory=268435456))
        return marks

    check, get, one, two = run(test, mock)
    assert_same(check, connections("build", 2, 24))
    assert_same(get, connections("build", 28, 57))
    assert_same(one, connections("build", 58, 99))
    assert_same(two, connections("build", 100, 132))


def test_a_put_without_inputs_is_that_of_the_web(run):
    recording = connections("build", 133, 160)
    request = next(json.loads(line) for _, text in recording for line in text.split("\n") if '"source":0,"data"' in line)

    async def test(hub, worker):
        build = hub.build("w")
        await build.check("mock", {})  # the base volume is there already
        start = len(worker.exchanges)
        sent = json.loads(request["data"])
        await build.put("put", "mock", sent["source"], sent.get("params"))
        return worker.exchanges[start:]

    assert_same(run(test, mock), recording)


def test_an_interception_is_that_of_the_web(run):
    async def interception(process):
        await process.stdin_closed.wait()
        assert process.stdin == b"echo intercepted; exit 4\n"
        await process.write("stdout", b"intercepted\n")
        return 4

    async def script(process):
        return await (interception if process.spec["path"] == "sh" and "args" not in process.spec else mock)(process)

    async def typed():
        yield b"echo intercepted; exit 4\n"

    async def test(hub, worker):
        build = hub.build("w")
        got = await build.get("get", "mock", SOURCE)
        task = await build.task("one", got.artifact, ["sh", "-c", "true"], user="root")
        start, output = len(worker.exchanges), []
        status = await (await intercept(hub, task.container, ("sh",), typed(), output.append)).wait()
        return worker.exchanges[start:], status, output

    exchanges, status, output = run(test, script)
    assert (status, output) == (4, [b"intercepted\n"])
    assert_same(exchanges, connections("intercept-and-abort", 65, 70))


def test_a_lost_stream_is_attached_to_again_and_goes_on_in_the_same_output(run):
    async def script(process):
        await process.write("stdout", b"one ")
        process.drop()
        await process.write("stdout", b"two")
        return 3

    async def test(hub, _worker):
        return await _task(hub, script)

    result = run(test, _tasks(script))
    assert (result.status, result.stdout, result.attachments) == (3, b"one two", 2)


def test_an_error_in_the_stream_fails_the_step(run):
    async def script(process):
        process.main.write(b'{"process_id":"task","error":"the container is gone"}\n')
        process.drop()
        return 0

    async def test(hub, _worker):
        with pytest.raises(ProcessError, match="process error: the container is gone"):
            await _task(hub, script)

    run(test, _tasks(script))


def test_a_refused_attach_after_a_lost_stream_fails_the_step(run):
    async def test(hub, worker):
        async def refused_later(process):
            worker.refuse.append(lambda method, path: (404, {"Type": "ProcessNotFoundError", "Message": "no", "Handle": "", "ProcessID": "task",
                                                             "Binary": ""}) if path.endswith("/processes/task") else False)
            process.drop()
            await process.attached.wait()

        worker._script = _tasks(refused_later)
        with pytest.raises(GardenError, match="Exit status: 404"):
            await _task(hub, None)

    run(test, mock)


def test_a_hijacked_answer_that_closes_its_connection_is_refused(run):
    async def test(hub, worker):
        async def attach(_status, _process_id, _process, _reader, writer, _exchange):
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n")

        worker._attach = attach
        with pytest.raises(OSError, match="persistent connection closed"):
            await hub.build("w").check("mock", {})

    run(test, mock)


def test_requests_without_a_body_are_repeated_when_the_connection_is_refused(run):
    async def test(hub, worker):
        row, dial, refused = hub.atc.worker("w"), hub.network.dial, asyncio.Event()

        async def watched(address):
            try:
                return await dial(address)
            except ConnectionRefusedError:
                refused.set()
                raise

        hub.network.dial = watched
        good, row.addr = row.addr, "127.0.0.1:1"  # nobody listens there
        step = asyncio.create_task(hub.build("w").check("mock", {}))
        await refused.wait()
        row.addr = good
        return await step

    assert run(test, mock).succeeded


def test_an_answer_that_never_came_fails_an_ordinary_request(run):
    async def test(hub, worker):
        worker.refuse.append(lambda method, path: None if path == "/containers" else False)
        with pytest.raises(OSError, match="^EOF$"):
            await hub.build("w").check("mock", {})

    run(test, mock)


def test_an_abort_stops_the_container_and_keeps_its_last_words(run):
    words = []

    async def script(process):
        await process.write("stdout", b"working\n")
        await process.stopped.wait()
        await process.write("stdout", b"terminated\n")
        return 143

    async def test(hub, worker):
        build = hub.build("w", on_output=lambda _step, _stream, data: words.append(data))
        got = await build.get("get", "mock", SOURCE)
        step = asyncio.create_task(build.task("one", got.artifact, ["sh"]))
        while b"working\n" not in words:
            await asyncio.sleep(0.01)
        build.abort()
        with pytest.raises(Aborted):
            await step
        assert worker.stops == [False]

    run(test, _tasks(script))
    assert words[-1] == b"terminated\n"


def test_a_step_of_a_second_web_node_takes_up_what_the_first_left(run):
    async def test(hub, worker):
        build = hub.build("w")
        first = await build.get("get", "mock", SOURCE, {"version": "mock"})
        processes = len(worker.processes)
        again = await build.get("get", "mock", SOURCE, {"version": "mock"})
        assert again.container == first.container and again.version == first.version
        assert len(worker.processes) == processes, "the script ran twice"

    run(test, mock)


def _tasks(script):
    """`script` for the process "task", the mock resource for others."""
    async def either(process):
        return await (script if process.spec.get("id") == "task" else mock)(process)
    return either


async def _task(hub, _script):
    build = hub.build("w")
    got = await build.get("get", "mock", SOURCE)
    return await build.task("one", got.artifact, ["sh"])

