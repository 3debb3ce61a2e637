"""What a process took of memory while something was done."""

from pathlib import Path


class PeakMemory:
    """The most that a process had in use since `with` began, against what it had before."""

    def __init__(self, pid):
        self.proc = Path(f"/proc/{pid}")

    def __enter__(self):
        (self.proc / "clear_refs").write_text("5")  # VmHWM begins anew
        self.before = self._kib("VmHWM")
        return self

    def __exit__(self, *_):
        self.grown = max(self._kib("VmHWM") - self.before, 0) << 10

    def _kib(self, field):
        line = next(line for line in (self.proc / "status").read_text().splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1])

    def beyond(self, ceiling):
        """Lines about what was too much; none is well."""
        return [f"{self.grown >> 20} MiB were taken, {ceiling >> 20} are allowed"] if self.grown > ceiling else []
