"""A hub and workers of the measured install."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from harness.hub import TestHub
from harness.install import Install
from harness.worker import Worker, free_port
from hub.rootfs import make_resource_type

PERIOD = 2.0  # seconds between heartbeats, sweeps and collections: shorter than in a cluster, so that rounds are swept soon
LIMIT = 900.0  # seconds for one round


class Stage:
    """Use as a context manager. `workers` are registered; `run` runs a coroutine of the hub's loop."""

    def __init__(self, prefix, runtime, workers=1, flags=()):
        self._install = Install(prefix / "bin")
        self._runtime = runtime
        self._count = workers
        self._flags = flags
        self._exits = contextlib.ExitStack()
        self.workers = []

    def __enter__(self):
        with self._exits:
            disk = self._directory("/var/tmp")
            make_resource_type(disk / "resource-types")
            self.hub = self._exits.enter_context(TestHub(disk / "hub", disk / "resource-types", PERIOD))
            for number in range(self._count):
                flags = [f"--oci-runtime={self._runtime}", "--log-level=info", f"--sweep-interval={PERIOD:g}s", "--baggageclaim-bind-ip=192.0.2.1",
                         f"--baggageclaim-bind-port={free_port()}", "--baggageclaim-p2p-interface-name-pattern=eth0", *self._flags]
                worker = Worker(self._install, disk / f"worker{number}", self._directory("/run"), self.hub, f"worker-{number}", flags)
                self._exits.callback(self._end, worker)
                self.workers.append(worker.start())
            for worker in self.workers:
                worker.wait_ready().wait_registered()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *failure):
        return self._exits.__exit__(*failure)

    def run(self, function):
        """`function(hub)` on the hub's loop, awaited."""
        return self.hub.do(function, LIMIT)

    def waits(self):
        return self.run(lambda hub: sum(hub.waits.counts.values()))

    def sweep(self):
        """Until containers, and volumes of builds, are destroyed."""
        self.hub.wait_for(lambda hub: not hub.atc.containers.rows and all(row.kept for row in hub.atc.volumes.rows.values()),
                          "what the round left to be swept", LIMIT)

    def _directory(self, base):
        path = Path(tempfile.mkdtemp(prefix="cb", dir=base))
        os.chmod(path, 0o755)
        self._exits.callback(shutil.rmtree, path, ignore_errors=True)
        return path

    @staticmethod
    def _end(worker):
        try:
            worker.empty()
        finally:
            worker.stop()
