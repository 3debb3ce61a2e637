"""The kinds of work: each is an async function of (hub, number) that does one round and returns its times in seconds."""

import asyncio
import gzip
import io
import random
import tarfile
import time

from hub.web.intercept import intercept

IMAGE = {"mirror_self": True}
PROMPT = b"# "


class Clock:
    def __enter__(self):
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._start


async def succeed(step):
    result = await step
    if not result.succeeded:
        raise RuntimeError(f"a step ended with status {result.status}: {result.stderr[-400:]!r}")
    return result


async def image(build):
    return (await succeed(build.cached_get("get", "busybox", IMAGE, {"version": "1"}))).artifact


async def one_build(hub, name):
    """A job as in pipelines: a get of a known version, a task with its input and an output, one that reads it, a put, and the get of what was put."""
    build = hub.build("worker-0", name=name)
    try:
        got = await image(build)
        made = await succeed(build.task("make", got, ["sh", "-c", "echo hi > out/x"], {"source": got}, ["out"]))
        await succeed(build.task("read", got, ["cat", "out/x"], {"out": made.outputs["out"]}))
        put = await succeed(build.put("put", "busybox", {}, {"version": "2"}))
        await succeed(build.cached_get("get of the put", "busybox", IMAGE, put.version))
    finally:
        build.finish()


async def builds(hub, number):
    with Clock() as clock:
        await one_build(hub, str(number))
    return [clock.seconds]


def parallel(count):
    async def work(hub, number):
        with Clock() as clock:
            await asyncio.gather(*[one_build(hub, f"{number}.{each}") for each in range(count)])
        return [clock.seconds]

    return work


def checks(count):
    async def work(hub, number):
        times = []
        for each in range(count):
            build = hub.build("worker-0", name=f"check {number}.{each}")
            with Clock() as clock:
                await succeed(build.check("busybox", {}))
            times.append(clock.seconds)
            build.finish()
        return times

    return work


def upload(archive):
    async def work(hub, number):
        build = hub.build("worker-0", name=f"execute {number}")
        with Clock() as clock:
            uploaded = await build.upload(archive)
        hub.atc.volumes.rows[uploaded.handle].kept = False
        build.finish()
        return [clock.seconds]

    return work


def input_from_elsewhere(mib, p2p):
    """The time of a task on worker-1 whose input is on worker-0."""
    async def work(hub, number):
        hub.p2p = p2p
        here, there = hub.build("worker-0", name=f"source {number}"), hub.build("worker-1", name=f"target {number}")
        try:
            made = await succeed(here.task("make", await image(here), ["sh", "-c", f"head -c {mib}m /dev/urandom > out/x"], (), ["out"]))
            tool = await image(there)
            with Clock() as clock:
                await succeed(there.task("read", tool, ["test", "-s", "in/x"], {"in": made.outputs["out"]}))
        finally:
            here.finish()
            there.finish()
        return [clock.seconds]

    return work


async def first_prompt(hub, number):
    build = hub.build("worker-0", name=f"intercepted {number}")
    try:
        task = await succeed(build.task("task", await image(build), ["true"]))
        prompt, written, typed = asyncio.Event(), bytearray(), asyncio.Queue()

        async def stdin():
            while (data := await typed.get()) is not None:
                yield data

        def output(data):
            written.extend(data)
            if PROMPT in written:
                prompt.set()

        with Clock() as clock:
            started = await intercept(hub, task.container, ("bash",), stdin(), output, output, (120, 40))
            await asyncio.wait_for(prompt.wait(), 60)
        typed.put_nowait(b"exit\n")
        await asyncio.wait_for(started.wait(), 60)
        return [clock.seconds]
    finally:
        build.finish()


def archive_of_files(count):
    contents = random.Random(1)
    return _archive((f"dir{number % 50}/file{number}", contents.randbytes(2048) + bytes(2048)) for number in range(count))


def archive_of_mib(mib):
    """Half of it can be compressed."""
    contents = random.Random(1)
    return _archive([("file", b"".join(contents.randbytes(1 << 15) + bytes(1 << 15) for _ in range(mib * 16)))])


def _archive(files):
    out = io.BytesIO()
    with gzip.open(out, "wb", compresslevel=1) as compressed, tarfile.open(fileobj=compressed, mode="w|") as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
