"""What a serving hub does for each command."""

import asyncio
import time

from hub.cli.wire import to_bytes, to_text
from hub.web.intercept import intercept

IMAGE = {"mirror_self": True}
TASK = """
echo "$GREETING from $(hostname), as $(id -un), in $(pwd)"
echo "kernel $(uname -r), addresses: $(ip -4 -o addr show scope global | awk '{print $4}' | tr '\\n' ' ')"
echo "input 'source' has version $(cat source/version)"
for i in 1 2 3 4 5; do echo "working $i/5"; sleep 0.2; done
sha256sum source/version > built/version.sha256
echo "left $(ls built) in output 'built'"
"""


async def workers(hub, caller):
    rows = [["NAME", "STATE", "VERSION", "CONTAINERS", "VOLUMES", "RESOURCE TYPES"]]
    for row in hub.atc.workers.values():
        payload = row.payload
        rows.append([row.name, row.state, payload.version, str(payload.active_containers), str(payload.active_volumes),
                     ", ".join(kind.type for kind in payload.resource_types)])
    for row in rows:
        caller.tell("row", columns=row)


async def containers(hub, caller):
    caller.tell("row", columns=["HANDLE", "WORKER", "STATE", "DIRECTORY"])
    for row in hub.atc.containers.rows.values():
        known = hub.containers.get(row.handle)
        caller.tell("row", columns=[row.handle, row.worker, row.state, known.spec.directory if known else ""])


async def volumes(hub, caller):
    caller.tell("row", columns=["HANDLE", "WORKER", "STATE", "COPY OF"])
    for row in hub.atc.volumes.rows.values():
        caller.tell("row", columns=[row.handle, row.worker, row.state, row.parent or ""])


async def wait(hub, caller, name, state, timeout):
    await hub.wait_for_state(name, "" if state == "gone" else state, timeout)


async def land(hub, caller, name):
    hub.atc.land(name, hub.atc.worker(name).payload.team)


async def retire(hub, caller, name):
    hub.atc.retire(name, hub.atc.worker(name).payload.team)


async def sweep(hub, caller, timeout):
    """Gives everything to the garbage collector, what outlives builds too, and waits until the workers have destroyed it."""
    atc = hub.atc

    def empty():
        for handle in list(atc.containers.rows):
            atc.containers.destroy(handle)
        if not atc.containers.rows:
            for handle in list(atc.volumes.rows):
                atc.volumes.destroy(handle)  # those without copies, first
        return not atc.containers.rows and not atc.volumes.rows

    await hub.wait_for(empty, timeout, "containers and volumes to be destroyed")


async def prune(hub, caller, name):
    hub.atc.prune(name)


async def demo(hub, caller, keep):
    """A build with a get, a task and a put."""
    worker = hub.atc.place()
    build = hub.build(worker.name, on_output=_output_to(caller))
    try:
        with _Timed(caller, "get: fetch the resource, which is also the task's image"):
            got = await _succeed(build.get("get", "busybox", IMAGE, {"version": "1"}))
        with _Timed(caller, "task: with the input 'source' and the output 'built'"):
            task = await _succeed(build.task("task", got.artifact, ["sh", "-ec", TASK], {"source": got.artifact}, ["built"], (),
                                             {"GREETING": "hello"}))
        with _Timed(caller, "put: hand over the output"):
            await _succeed(build.put("put", "busybox", {}, {"version": "2"}, {"built": task.outputs["built"]}))
    finally:
        build.finish(keep=("task",) if keep else ())


async def run(hub, caller, words):
    """A one-off task, whose container stays for `intercept`."""
    worker = hub.atc.place()
    build = hub.build(worker.name, name="one-off", on_output=_output_to(caller, "task"))
    try:
        got = await _succeed(build.get("get", "busybox", IMAGE, {"version": "1"}))
        result = await build.task("task", got.artifact, words, {"source": got.artifact})
        caller.tell("phase", text=f"exit status {result.status}; container {result.container}")
        return result.status
    finally:
        build.finish(keep=("task",))


async def run_intercept(hub, caller, handle, words, tty):
    """Without a handle: the container that was made last."""
    live = [row.handle for row in hub.atc.containers.rows.values() if row.state == "created" and row.handle in hub.containers]
    matching = [known for known in live if known.startswith(handle or "")]
    if not matching:
        raise CommandError(f"no container {handle or ''} to intercept; `run` makes one that stays, `containers` lists them")
    typed = asyncio.Queue()

    class Stdin:
        def __aiter__(self):
            return self

        async def __anext__(self):
            data = await typed.get()
            if data is None:
                typed.put_nowait(None)
                raise StopAsyncIteration
            return data

    def output(stream):
        return lambda data: caller.tell("output", step="intercept", stream=stream, data=to_text(data))

    started = await intercept(hub, matching[-1], words, Stdin(), output("stdout"), output("stderr"), tuple(tty) if tty else None)

    async def listen():
        async for line in caller.lines():
            if "data" in line:
                typed.put_nowait(to_bytes(line["data"]))
            elif "resize" in line:
                started.process.set_tty(*line["resize"])
            else:
                typed.put_nowait(None)

    listening = asyncio.create_task(listen())
    try:
        return await started.wait()
    finally:
        listening.cancel()


COMMANDS = {"workers": workers, "containers": containers, "volumes": volumes, "wait": wait, "land": land, "retire": retire, "sweep": sweep, "prune": prune,
            "demo": demo, "run": run, "intercept": run_intercept}


class CommandError(Exception):
    pass


async def _succeed(step):
    result = await step
    if not result.succeeded:
        raise CommandError(f"exit status {result.status}")
    return result


def _output_to(caller, only=None):
    def tell(step, stream, data):
        if only in (None, step):
            caller.tell("output", step=step, stream=stream, data=to_text(data))
    return tell


class _Timed:
    """A phase with its duration."""

    def __init__(self, caller, text):
        self._caller, self._text = caller, text

    def __enter__(self):
        self._caller.tell("phase", text=self._text)
        self._start = time.monotonic()

    def __exit__(self, kind, *_):
        took = time.monotonic() - self._start
        self._caller.tell("phase", text=f"{'failed' if kind else 'done'} in {took:.2f} s")
