"""What the kernel counts by user: one container takes all that it can get, and another container and the host's root go on."""

import json
import subprocess

import pytest
from attacks.conftest import PYTHON_MOUNTS, python_here, python_inside

from harness.wait import PATIENCE

LIBC = """
import ctypes, errno, json, os, resource, signal, sys, tempfile
libc = ctypes.CDLL(None, use_errno=True)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

def call(name, *words):
    result = getattr(libc, name)(*words)
    return (result, 0) if result >= 0 else (result, ctypes.get_errno())

class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("flags", "maxmsg", "msgsize", "curmsgs", "a", "b", "c", "d")]

def queue(number):
    return call("mq_open", f"/attack-{os.getpid()}-{number}".encode(), os.O_CREAT | os.O_RDWR, 0o600, ctypes.byref(Attributes(0, 10, 8192)))

RT = signal.SIGRTMIN + 3
signal.pthread_sigmask(signal.SIG_BLOCK, {RT})

def pending_signal():
    return call("sigqueue", os.getpid(), RT, ctypes.c_void_p(0))
"""

# Takes everything and keeps it until its input ends. Says {what: the error that stopped it}.
HOG = LIBC + """
instances, files, folder = [], [], tempfile.mkdtemp(dir="/dev/shm")
told = {}
while "instances" not in told:
    fd, error = call("inotify_init")
    if error: told["instances"] = error
    else: instances.append(fd)
number = 0
while "watches" not in told:
    path = f"{folder}/{number}".encode()
    os.mkdir(path)
    number += 1
    for fd in instances:
        _, error = call("inotify_add_watch", fd, path, 2)
        if error:
            told["watches"] = error
            break
number = 0
while "queues" not in told:
    _, error = queue(number)
    number += 1
    if error: told["queues"] = error
while "signals" not in told:
    _, error = pending_signal()
    if error: told["signals"] = error
print(json.dumps(told), flush=True)
sys.stdin.read()
"""

# Wants one of each. Says {what: 0 or the error}.
DETECTOR = LIBC + """
said = {"queues": queue(0)[1], "signals": pending_signal()[1]}
libc.mq_unlink(f"/attack-{os.getpid()}-0".encode())
fd, said["instances"] = call("inotify_init")
said["watches"] = call("inotify_add_watch", fd, b"/", 2)[1] if fd >= 0 else said["instances"]
print(json.dumps(said))
"""

EAGAIN, EMFILE, ENOSPC = 11, 24, 28
USED_UP = {"instances": EMFILE, "watches": ENOSPC, "queues": EMFILE, "signals": EAGAIN}
ROOM = dict.fromkeys(USED_UP, 0)


def test_the_detector_finds_namespaces_that_share_an_owner(sandboxed):
    """Two user namespaces of one user of the host, as all containers' would be if they were all root's."""
    def within(source, **options):
        return subprocess.Popen(["/usr/bin/unshare", "--user", "--map-root-user", "--ipc", "--mount", "/usr/bin/python3", "-c", source], user=54323, group=54323,
                                extra_groups=(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
    hog = within(HOG)
    try:
        assert json.loads(hog.stdout.readline()) == USED_UP
        said = json.loads(within(DETECTOR).communicate(timeout=PATIENCE)[0])
        assert all(said.values()), said
    finally:
        hog.communicate(timeout=PATIENCE)
        subprocess.run("rm -rf /dev/shm/tmp*", shell=True, check=True)


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_what_one_container_uses_up_is_missing_to_nobody_else(make_garden, own_rootfs, runtime):
    api = make_garden(f"--oci-runtime={runtime}").api
    greedy, other = (api.create(own_rootfs, mounts=PYTHON_MOUNTS) for _ in range(2))
    hog = api.run(greedy, "/usr/bin/python3", "-c", HOG)
    assert json.loads(hog.stdout.wait_for(b"\n")) == USED_UP
    assert json.loads(python_inside(api, other, DETECTOR)) == ROOM
    assert json.loads(python_inside(api, api.create(own_rootfs, mounts=PYTHON_MOUNTS), DETECTOR)) == ROOM
    assert json.loads(python_here(DETECTOR)) == ROOM
    hog.close_stdin()
    assert hog.wait() == 0
