"""Mount namespaces as containers have them: a process that has mounted something of the host's at a place of its own."""

import contextlib
import os
import subprocess

from harness.wait import wait_until


@contextlib.contextmanager
def mounted_in_a_container(source, place, propagation="private"):
    """`source` bind-mounted at `place` in a mount namespace that a sleeping process holds; None mounts nothing. Gives a path at which
    the host sees the place inside."""
    # Of the host's other mounts nothing is left in a container.
    leave = "awk '$5 ~ /\\/volume$/ {print $5}' /proc/self/mountinfo | xargs -r umount"
    command = "exec sleep infinity" if source is None else f'mount --bind "{source}" "{place}" && {leave} && exec sleep infinity'
    process = subprocess.Popen(["unshare", "--mount", "--propagation", propagation, "sh", "-c", command])
    try:
        wait_until(lambda: process.poll() is not None or _is(process.pid, b"sleep"), "the container")
        assert process.poll() is None, f"could not mount {source} at {place}"
        yield f"/proc/{process.pid}/root{place}"
    finally:
        process.kill()
        process.wait()


def _is(pid, name):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().startswith(name)


def device(path):
    return os.stat(path).st_dev
