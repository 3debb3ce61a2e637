"""What is measured: an install of this worker, or another worker beside it, by its two APIs."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.baggageclaim import BaggageclaimClient
from harness.garden import GardenClient
from harness.http import HttpError
from harness.install import Install
from harness.wait import wait_until
from harness.worker import Worker
from hub.keys import make_files

NOWHERE = "127.0.0.1:2"  # nobody sweeps what the bench makes
START = 90.0  # seconds


class Ours:
    """A whole worker from an install prefix. Context manager."""

    def __init__(self, name, prefix, runtime):
        self.name = name
        self._install = Install(prefix / "bin")
        self._runtime = runtime
        self._exits = contextlib.ExitStack()

    def __enter__(self):
        with self._exits:
            disk, run = (self._directory(base) for base in ("/var/tmp", "/run"))
            make_files(disk / "keys")
            flags = [f"--oci-runtime={self._runtime}", "--log-level=info", f"--tsa-host={NOWHERE}", f"--tsa-public-key={disk / 'keys/tsa_host_key.pub'}",
                     f"--tsa-worker-private-key={disk / 'keys/worker_key'}", "--sweep-interval=1h"]
            self.worker = Worker(self._install, disk, run, flags=flags)
            self._exits.callback(self._end)
            self.worker.start().wait_ready()
            self.garden, self.baggageclaim = self.worker.garden, self.worker.baggageclaim
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *failure):
        return self._exits.__exit__(*failure)

    def _end(self):
        try:
            self.worker.empty()
        finally:
            self.worker.stop()

    def _directory(self, base):
        path = Path(tempfile.mkdtemp(prefix="cb", dir=base))
        os.chmod(path, 0o755)
        self._exits.callback(shutil.rmtree, path, ignore_errors=True)
        return path


class Beside:
    """Another worker, by a command that starts it with Garden at 127.0.0.1:7777 and BaggageClaim at 127.0.0.1:7788 and prints its pid. Context manager."""

    def __init__(self, name, command):
        self.name = name
        self._command = command
        self.garden = GardenClient("127.0.0.1:7777")
        self.baggageclaim = BaggageclaimClient("127.0.0.1:7788")

    def __enter__(self):
        self._pid = int(subprocess.run(self._command, shell=True, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])
        wait_until(lambda: self._answers(self.garden, "/ping") and self._answers(self.baggageclaim, "/volumes"), f"{self.name} to answer", START)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{self._pid}").exists() or "\nState:\tZ" in Path(f"/proc/{self._pid}/status").read_text(), f"{self.name} to end", START)

    @staticmethod
    def _answers(api, path):
        try:
            return api.request("GET", path, timeout=10).status == 200
        except (OSError, HttpError):
            return False
