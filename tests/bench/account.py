"""What the worker's processes took: all of the sandbox less this program, which is the hub."""

import os
import time
from pathlib import Path

SERVICES = ("supervisor", "garden", "baggageclaim", "beacon", "healthcheck")
TICK = os.sysconf("SC_CLK_TCK")


class Account:
    """Between `Account(workers)` and `close()`: CPU-seconds by service, "containers" for everything else (shims, OCI runtimes, what the builds
    run), and "hub" for this program, which plays the web. The kernel's own threads are in none of them."""

    def __init__(self, workers):
        self._pids = [(name, worker.pid(name)) for worker in workers for name in SERVICES]
        self._before = self._now()

    def close(self):
        now = self._now()
        taken = {name: now[name] - self._before[name] for name in now}
        taken["containers"] = taken.pop("sandbox") - sum(taken.values())
        return taken

    def _now(self):
        found = dict.fromkeys(SERVICES, 0.0) | {"hub": time.process_time(), "sandbox": sandbox_seconds()}
        for name, pid in self._pids:
            found[name] += process_seconds(pid)
        return found


def sandbox_seconds():
    """Of everything in the sandbox's cgroup, also of what has ended."""
    for path, unit in ((Path("/sys/fs/cgroup/cpuacct/cpuacct.usage"), 1e9), (Path("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage"), 1e9)):
        if path.exists():
            return int(path.read_text()) / unit
    for path in (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/unified/cpu.stat")):
        if path.exists():
            return int(path.read_text().split()[1]) / 1e6
    raise FileNotFoundError("no CPU accounting in /sys/fs/cgroup: neither cpuacct.usage nor cpu.stat")


def process_seconds(pid):
    """User and system time of a process itself: its children are "containers"."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK
