"""A Debian with a systemd of its own, booted by systemd-nspawn from a tree that isn't changed (tests/debian-tree)."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from harness.machine import Machine
from harness.wait import wait_until

BOOT = 60.0  # seconds
# The tree's controllers are mounted read-only by nspawn on cgroup v1; a worker's machine has them writable.
INIT = """for mount in $(awk '$3 ~ /^cgroup/ || $2 == "/sys/fs/cgroup" {print $2}' /proc/self/mounts); do mount -o remount,bind,rw "$mount"; done
exec /lib/systemd/systemd"""


class BootedMachine(Machine):
    """Shares the network of whoever boots it, nothing else; `work` (a directory on a real disk) is /var/lib/concourse-worker in it."""

    def __init__(self, tree, directory, work):
        self.root = Path(directory) / "root"
        self._layers = Path(directory) / "layers"
        self._tree, self._work = Path(tree), Path(work)
        self._log = Path(directory) / "console.log"
        self._nspawn = None
        self._leader = None

    def __enter__(self):
        self._had_run_systemd, self._cgroups_before = Path("/run/systemd").exists(), _cgroups()
        for path in (self.root, self._layers / "upper", self._layers / "work"):
            path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={self._tree},upperdir={self._layers}/upper,workdir={self._layers}/work", self.root], check=True)
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.run("systemctl", "poweroff", check=False)
            self._nspawn.wait(BOOT)
        finally:
            self._end()

    def _boot(self):
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--capability=all", "--console=pipe", "--kill-signal=SIGRTMIN+3",
                   "--system-call-filter=add_key keyctl bpf", f"--machine=cw-test-{os.getpid()}", f"--bind={self._work}:/var/lib/concourse-worker",
                   "--resolv-conf=off", f"--directory={self.root}", "/bin/sh", "-c", INIT]
        with self._log.open("wb") as log:
            # /proc and /sys as on a machine: containers must be able to mount their own.
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=os.environ | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"})
        wait_until(self._has_booted, lambda: f"the machine to boot; its console: {self._log.read_text()[-2000:]}", BOOT)

    def _has_booted(self):
        if self._nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with status {self._nspawn.returncode}: {self._log.read_text()[-2000:]}")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        if not children:
            return False
        self._leader = children[0]
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def _end(self):
        if self._nspawn is not None and self._nspawn.poll() is None:
            self._nspawn.kill()
            self._nspawn.wait()
        subprocess.run(["umount", "-l", self.root], check=False)
        shutil.rmtree(self._layers, ignore_errors=True)
        if not self._had_run_systemd:
            shutil.rmtree("/run/systemd", ignore_errors=True)
        # nspawn's cgroups and those of the machine's systemd. What has the worker's name in it is for the tests to find.
        for folder in sorted(_cgroups() - self._cgroups_before, reverse=True):
            if "concourse" not in folder:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def _inside(self, words):
        return ["nsenter", f"--target={self._leader}", "--all", "--root", "--wdns=/", "--", *super()._inside(words)]

    def _seen(self, path):
        return f"/proc/{self._leader}/root{path}"


def _cgroups():
    return {folder for folder, _, _ in os.walk("/sys/fs/cgroup")}
