"""One BaggageClaim alone, started by hand: as a worker's service, on a Unix socket, over a work directory of its own."""

import json
from pathlib import Path

from harness.baggageclaim import BaggageclaimClient
from harness.control import ask
from harness.program import Program
from harness.wait import wait_until

LAST_ID = 4294967294  # what root of an unprivileged container is on the host


class Server(Program):
    def __init__(self, install, work_dir, runtime_dir, driver, flags=()):
        super().__init__()
        self.program = install.program("concourse-baggageclaim")
        self.work_dir, self.runtime_dir, self.driver = Path(work_dir), Path(runtime_dir), driver
        self.volumes_dir, self.overlays_dir = self.work_dir / "volumes", self.work_dir / "overlays"
        self.api = BaggageclaimClient(f"unix:{runtime_dir}/baggageclaim.sock")
        self.flags = list(flags)

    def launch(self, *more):
        """Starts it and doesn't wait."""
        command = [self.program, f"--work-dir={self.work_dir}", f"--runtime-dir={self.runtime_dir}", f"--baggageclaim-driver={self.driver}",
                   "--log-format=json", "--log-level=debug", *self.flags, *more]
        self.launch_command(command)
        return self

    def start(self, *more):
        self.launch(*more)
        wait_until(lambda: self.process.poll() is not None or self.logged("baggageclaim.listening"), "BaggageClaim to listen", 60)
        assert self.process.poll() is None, "".join(self.lines)
        return self

    def restart(self):
        self.kill()
        return self.start()

    def logged(self, event):
        """The data of the last such event, or None."""
        for line in reversed(list(self.lines)):
            if f'"{event}"' in line:
                return json.loads(line)["data"] or {"": ""}
        return None

    def status(self):
        return ask(self.runtime_dir, "baggageclaim")

    def data(self, handle):
        return self.volumes_dir / "live" / handle / "volume"

    def layer(self, handle):
        return self.overlays_dir / handle

    def record(self, handle, file, stage="live"):
        return self.volumes_dir / stage / handle / file

    def mounts(self):
        """{mount point below the work directory: how many mounts lie there}."""
        counts = {}
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            point = line.split()[4]
            if point.startswith(f"{self.work_dir}/"):
                counts[point] = counts.get(point, 0) + 1
        return counts

    def leave_nothing(self):
        """All volumes destroyed, the server gone. An orderly stop flushes the disk, which takes its time and is for the tests of stops."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.start()
        # Children first: what others lie on goes with the clean-up.
        for handle in self.api.handles():
            self.api.destroy(handle)
        self.api.call("POST", "/volumes/cleanup-orphans")
        self.kill()
