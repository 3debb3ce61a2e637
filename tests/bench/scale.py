"""What must not grow with what is there already, and what a step costs above the OCI runtime alone."""

import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.calls import elapsed
from harness.wait import wait_until

VOLUMES = 5000
CONTAINERS = 240
SAMPLE = 50  # calls behind each figure


def copies_beside_many(image):
    baggageclaim = image.subject.baggageclaim

    def creation():
        times = []
        for _ in range(SAMPLE):
            seconds, volume = elapsed(image.copy)
            baggageclaim.destroy(volume["handle"])
            times.append(seconds * 1000)
        return median(times)

    yield "a copy-on-write volume, few there", creation(), "ms"
    for _ in range(VOLUMES):
        baggageclaim.create("empty")
    yield f"a copy-on-write volume, {VOLUMES} there", creation(), "ms"
    worker = image.subject.worker
    start = time.perf_counter()
    pid = worker.pid("baggageclaim")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: _another(worker, pid), "another BaggageClaim")
    baggageclaim.volumes()  # waits on the listener, which outlives the service
    yield f"BaggageClaim killed with {VOLUMES} volumes, until it answers again", (time.perf_counter() - start) * 1000, "ms"
    for handle in baggageclaim.handles() - {image.base}:
        baggageclaim.destroy(handle)


def _another(worker, pid):
    try:
        return worker.find_pid("baggageclaim") not in (None, pid)
    except (OSError, KeyError):
        return False


def containers_beside_many(image):
    garden, baggageclaim = image.subject.garden, image.subject.baggageclaim

    def creation():
        times = []
        for _ in range(SAMPLE):
            volume = image.copy()
            seconds, handle = elapsed(lambda path=volume["path"]: garden.create(path))
            garden.destroy(handle)
            baggageclaim.destroy(volume["handle"])
            times.append(seconds * 1000)
        return median(times)

    yield "a container, none there", creation(), "ms"
    volumes = [image.copy() for _ in range(CONTAINERS)]
    handles = [garden.create(volume["path"]) for volume in volumes]
    yield f"a container, {CONTAINERS} there", creation(), "ms"
    for handle, volume in zip(handles, volumes):
        garden.destroy(handle)
        baggageclaim.destroy(volume["handle"])


def runtime_alone(runtime, archive):
    """Median ms of the OCI runtime's own create, start and delete of `true`, by its default description, no network, no limits."""
    folder = Path(tempfile.mkdtemp(prefix="cb", dir="/var/tmp"))
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "rootfs", filter="fully_trusted")
        subprocess.run([runtime, "spec"], cwd=folder, check=True)
        config = json.loads((folder / "config.json").read_text())
        config["process"].update({"args": ["/bin/true"], "terminal": False})
        (folder / "config.json").write_text(json.dumps(config))
        times = []
        for number in range(SAMPLE // 2):
            name = f"bench-{number}"
            begin = time.perf_counter()
            for words in (["create", "--bundle", str(folder), name], ["start", name], ["delete", "--force", name]):
                subprocess.run([runtime, *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            times.append((time.perf_counter() - begin) * 1000)
        return median(times)
    finally:
        shutil.rmtree(folder)
