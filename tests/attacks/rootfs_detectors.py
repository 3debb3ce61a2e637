"""Looks for a Garden that follows by name what a step has written, and a small one that does."""

import os
import subprocess

from harness.http import StatusError

SECRET = "the other team's"
LOOK = "cat /secret /in/secret 2>/dev/null; echo evil > /planted; echo evil > /in/planted"

# Exchanges two names all the while, until its input ends.
SWAP = """
import ctypes, select, sys
swap = ctypes.CDLL(None, use_errno=True).syscall
one, other = (name.encode() for name in sys.argv[1:])
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(1000):
        swap(316, -100, one, -100, other, 2)
"""


def reached(api, victim, rootfs, mounts=()):
    """What a container of this root and these mounts has of the victim's directory: some of "read" and "written". Nothing, and the
    refusal's words, if it wasn't made."""
    try:
        handle = api.create(rootfs, mounts=mounts)
    except StatusError as refusal:
        return set(), refusal.response.json()["Message"]
    try:
        out = api.output(handle, "sh", "-c", LOOK)[1].decode()
    finally:
        api.destroy(handle)
    found = {"read"} if SECRET in out else set()
    if os.path.exists(victim / "planted"):
        found.add("written")
        os.unlink(victim / "planted")
    return found, ""


class Swapping:
    """While it lasts, two names in a directory are exchanged as fast as the kernel does it."""

    def __init__(self, one, other):
        self._words = [str(one), str(other)]

    def __enter__(self):
        self._process = subprocess.Popen(["/usr/bin/python3", "-c", SWAP, *self._words], stdin=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(30) == 0


class GardenByName:
    """What the detector must find: containers whose root and mounts are found by name, with all links, when they are used."""

    def __init__(self):
        self._containers = {}

    def create(self, rootfs, mounts=()):
        handle = f"h{len(self._containers)}"
        self._containers[handle] = (rootfs, mounts)
        return handle

    def output(self, handle, *command):
        rootfs, mounts = self._containers[handle]
        script = "".join(f"mkdir -p {rootfs}{to}; mount --bind {source} {rootfs}{to}; " for source, to, *_ in mounts)
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", f'{script} exec chroot "$@"', "sh", rootfs, *command],
                              capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def destroy(self, handle):
        del self._containers[handle]


def host_mounts():
    with open("/proc/self/mountinfo") as lines:
        return sorted(line.split()[4] for line in lines)
