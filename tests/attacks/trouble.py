"""What an attack may have done to a process, seen from outside: the detector of several groups."""

import os
import signal
from pathlib import Path


class Watched:
    """A process (of subprocess), its memory and descriptors as they are now. Limits are on top of that."""

    def __init__(self, process):
        self.process = process
        self.rss, self.descriptors, self.threads = self._look()

    def _look(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        descriptors = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        return int(fields.get("VmRSS", "0 kB").split()[0]) << 10, descriptors, int(fields["Threads"])

    def _sanitized(self):
        """Such a program keeps what was freed: its memory says nothing."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text()
        return "libasan" in maps or "libtsan" in maps

    def troubles(self, rss=64 << 20, descriptors=64, threads=16, answers=None):
        """Lines about what is wrong with it; none if nothing is. `answers` is called and must not raise."""
        if (status := self.process.poll()) is not None:
            return [f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"]
        found = []
        now_rss, now_descriptors, now_threads = self._look()
        if now_rss - self.rss > rss and not self._sanitized():
            found.append(f"grew by {(now_rss - self.rss) >> 20} MiB")
        if now_descriptors - self.descriptors > descriptors:
            found.append(f"opened {now_descriptors - self.descriptors} descriptors")
        if now_threads - self.threads > threads:
            found.append(f"started {now_threads - self.threads} threads")
        if answers:
            try:
                answers()
            except Exception as error:
                found.append(f"does not answer: {error}")
        return found
