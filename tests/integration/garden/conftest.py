"""One Garden alone, started by hand: no supervisor, no volumes."""

import os
import socket
import subprocess

import pytest

from harness.garden import GardenClient
from harness.program import Program
from harness.wait import wait_until
from harness.worker import network_pool


class Garden(Program):
    def __init__(self, install, work_dir, runtime_dir, flags=()):
        super().__init__()
        self.program = install.program("concourse-garden")
        self.work_dir, self.runtime_dir = work_dir, runtime_dir
        self.api = GardenClient(f"unix:{runtime_dir}/garden.sock")
        self.pool = network_pool()
        self.flags = list(flags)
        self._listener = None

    def keep_listener(self):
        """From now on its socket outlives it, as one of systemd or the supervisor does."""
        path = self.api.address.removeprefix("unix:")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1024)
        return self

    def close_listener(self):
        if self._listener is not None:
            self._listener.close()
            os.unlink(self.api.address.removeprefix("unix:"))

    def start(self):
        command = [self.program, f"--work-dir={self.work_dir}", f"--runtime-dir={self.runtime_dir}", f"--garden-network-pool={self.pool}",
                   "--log-format=json", "--log-level=debug", *self.flags]
        environment, inherited = {}, ()
        if self._listener is not None:
            inherited = (self._listener.fileno(),)
            environment = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "garden"}
            command = ["/bin/bash", "-c", f'LISTEN_PID=$$ exec "$@" 3<&{inherited[0]} {inherited[0]}<&-', "", *command]
        self.launch_command(command, environment, inherited)
        wait_until(lambda: self.process.poll() is not None or any("garden.ready" in line for line in self.lines), "Garden to be ready", 60)
        assert self.process.poll() is None, "".join(self.lines)
        return self

    def destroy_all(self):
        for handle in self.api.containers():
            self.api.destroy(handle)


@pytest.fixture
def make_garden(sandboxed, install, scratch, run_dir):
    gardens = []

    def make(*flags, keep_listener=False):
        number = len(gardens)
        gardens.append(Garden(install, scratch / f"work{number}", run_dir / f"g{number}", flags))
        if keep_listener:
            gardens[-1].keep_listener()
        return gardens[-1].start()

    yield make
    for garden in gardens:
        if garden.process.poll() is not None:
            garden.start()
        garden.destroy_all()
        garden.stop()
        garden.close_listener()


@pytest.fixture
def garden(make_garden):
    return make_garden()


@pytest.fixture
def api(garden):
    return garden.api


@pytest.fixture
def own_rootfs(scratch, rootfs):
    """A root file system that unprivileged containers own: as BaggageClaim would give it to them."""
    copy = scratch / "rootfs"
    subprocess.run(["cp", "-a", rootfs, copy], check=True)
    owner = _highest_id()
    subprocess.run(["find", copy, "-uid", "0", "-exec", "chown", "-h", f"{owner}:{owner}", "{}", "+"], check=True)
    return copy


@pytest.fixture
def container(api, own_rootfs):
    return api.create(own_rootfs)


def _highest_id():
    with open("/proc/self/uid_map") as lines:
        return max(int(inside) + int(size) - 1 for inside, _, size in map(str.split, lines))
