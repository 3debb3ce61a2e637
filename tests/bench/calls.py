"""What is measured through the two APIs: each function takes a subject with its image and yields (row, figure, unit) once a round."""

import gzip
import io
import json
import os
import random
import tarfile
import threading
import time

from harness.http import Connection

MIB = 1 << 20
BIG = 256  # MiB, half of it random, half zeros
FILES = 5000  # of 4 KiB


class Image:
    """A base volume with a root file system, as a resource type's."""

    def __init__(self, subject, archive):
        self.subject = subject
        self.base = subject.baggageclaim.create({"type": "import", "path": str(archive)})["handle"]

    def copy(self, privileged=False):
        return self.subject.baggageclaim.create({"type": "cow", "volume": self.base}, privileged=privileged)


def elapsed(function):
    start = time.perf_counter()
    value = function()
    return time.perf_counter() - start, value


def one_step(image):
    """(container made, first answer of the process, its exit told, container destroyed) in seconds, each from the one before."""
    garden = image.subject.garden
    volume = image.copy()
    times = [time.perf_counter()]
    handle = garden.create(volume["path"])
    times.append(time.perf_counter())
    process = garden.run(handle, "/bin/true")
    times.append(time.perf_counter())
    assert process.wait() == 0
    times.append(time.perf_counter())
    garden.destroy(handle)
    times.append(time.perf_counter())
    image.subject.baggageclaim.destroy(volume["handle"])
    return [after - before for before, after in zip(times, times[1:])]


def steps(image):
    each = [one_step(image) for _ in range(5)]
    yield "a step", sorted(sum(times) for times in each)[2] * 1000, "ms"
    yield "of that, from run to the process's first answer", sorted(times[1] for times in each)[2] * 1000, "ms"


def steps_at_once(image, threads=4, count=16):
    left, lock, failures = [count], threading.Lock(), []

    def work():
        while True:
            with lock:
                if not left[0]:
                    return
                left[0] -= 1
            try:
                one_step(image)
            except Exception as failure:  # told below, by the thread that measures
                failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    seconds, _ = elapsed(lambda: [worker.start() for worker in workers] + [worker.join() for worker in workers])
    if failures:
        raise failures[0]
    yield f"steps a second, {threads} at a time", count / seconds, "/s"


def output(image, mib=BIG):
    garden = image.subject.garden
    volume = image.copy()
    handle = garden.create(volume["path"])
    seconds, process = elapsed(lambda: _drained(garden, handle, f"dd if=/dev/zero bs=65536 count={mib * 16} 2>/dev/null"))
    assert process == mib * MIB, f"{process} bytes came of {mib * MIB}"
    garden.destroy(handle)
    image.subject.baggageclaim.destroy(volume["handle"])
    yield "what a process writes, until a client has it", mib / seconds, "MiB/s"


def _drained(garden, handle, script):
    """Bytes of stdout, kept nowhere."""
    with Connection(garden.address) as main:
        main.send("POST", f"/containers/{handle}/processes", {"path": "/bin/sh", "args": ["-c", script], "rlimits": {}, "image": {}})
        assert main.head().status in (200, 201)
        first = json.loads(main.file.readline())
        with Connection(garden.address) as stdout:
            stdout.send("GET", f"/containers/{handle}/processes/{first['process_id']}/attaches/{first['stream_id']}/stdout", headers={"Content-Type": "application/json"})
            assert stdout.head().status == 200
            return _drain(stdout)


def _drain(connection):
    """To the end of the connection, so that Python isn't what is measured; bytes on the wire."""
    count, buffer = len(connection.file.peek()), bytearray(MIB)
    while size := connection.socket.recv_into(buffer):
        count += size
    return count


def big_archive(mib=BIG):
    noise = random.Random(1).randbytes(MIB // 2)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("big")
        info.size = mib * MIB
        archive.addfile(info, io.BytesIO((noise + bytes(MIB // 2)) * mib))
    return out.getvalue()


def files_archive(count=FILES):
    noise = random.Random(2).randbytes(MIB)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for number in range(count):
            info = tarfile.TarInfo(f"d{number % 50}/f{number}")
            info.size, info.mode = 4096, 0o644
            archive.addfile(info, io.BytesIO(noise[number:number + 4096]))
    return out.getvalue()


def streams(image, archive=[]):
    baggageclaim = image.subject.baggageclaim
    if not archive:  # made once
        archive.append(big_archive())
    size = len(archive[0]) / MIB
    source = baggageclaim.create("empty")["handle"]
    baggageclaim.stream_in(source, gzip.compress(archive[0], 1), encoding="gzip")
    for encoding in ("raw", "gzip", "zstd"):
        wire = baggageclaim.stream_out(source, encoding=encoding)
        connection, _ = baggageclaim.open_stream_out(source, encoding=encoding)
        with connection:
            seconds, _ = elapsed(lambda: _drain(connection))
        yield f"a volume of {BIG} MiB out, {encoding}", size / seconds, "MiB/s"
        target = baggageclaim.create("empty")["handle"]
        seconds, _ = elapsed(lambda: baggageclaim.stream_in(target, (wire[at:at + (1 << 18)] for at in range(0, len(wire), 1 << 18)), encoding=encoding))
        yield f"a volume of {BIG} MiB in, {encoding}", size / seconds, "MiB/s"
        baggageclaim.destroy(target)
    baggageclaim.destroy(source)


def copies(image):
    baggageclaim = image.subject.baggageclaim
    parent = baggageclaim.create("empty", privileged=True)["handle"]
    baggageclaim.stream_in(parent, files_archive(), encoding="gzip")
    seconds, copy = elapsed(lambda: baggageclaim.create({"type": "cow", "volume": parent}, privileged=False)["handle"])
    yield f"{FILES} files: a copy-on-write volume with other owners", seconds * 1000, "ms"
    seconds, _ = elapsed(lambda: baggageclaim.destroy(copy))
    yield f"{FILES} files: destroying it", seconds * 1000, "ms"
    baggageclaim.destroy(parent)


def proportional_mib(pids):
    """PSS, so that pages that are shared count once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def memory(image, count=10):
    """Only of this worker: whose processes belong to a container isn't known of another."""
    worker = getattr(image.subject, "worker", None)
    if worker is None:
        return
    garden = image.subject.garden
    yield "memory of Garden, idle", proportional_mib([worker.pid("garden")]), "MiB"
    volumes = [image.copy() for _ in range(count)]
    handles = [garden.create(volume["path"]) for volume in volumes]
    names = {"concourse-shim", "concourse-init"}
    pids = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _command(pid) in names]
    yield "memory of a container's shim and init", proportional_mib(pids) / count, "MiB"
    for handle, volume in zip(handles, volumes):
        garden.destroy(handle)
        image.subject.baggageclaim.destroy(volume["handle"])


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0]).decode(errors="replace")
    except OSError:
        return ""


KINDS = {"steps": [steps, steps_at_once], "output": [output], "streams": [streams], "copies": [copies], "memory": [memory]}
