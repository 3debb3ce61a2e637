"""Keys of the host's kernel: what a container can reach of those that the worker was started with, and what it can put there."""

import ctypes
import json
import os

import pytest
from attacks.conftest import PYTHON_MOUNTS, python_here, python_inside

ADD_KEY, KEYCTL = 248, 250  # system calls of x86_64
JOIN, SEARCH, LINK, SESSION, USER = 1, 10, 8, -3, -4
SECRET = "the worker's secret"

# Prints {"found": 0 or errno, "linked": 0 or errno}: whether the secret is reachable through the session keyring, and whether
# something can be put into it.
DETECTOR = f"""
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
call = lambda *words: 0 if libc.syscall({KEYCTL}, *words) >= 0 else ctypes.get_errno()
print(json.dumps({{"found": call({SEARCH}, {SESSION}, b"user", {SECRET.encode()!r}, 0), "linked": call({LINK}, {USER}, {SESSION})}}))
"""

EPERM, ENOKEY, EACCES = 1, 126, 13


@pytest.fixture
def secret():
    """This process, and so the worker that it starts, has a session keyring with a key in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(KEYCTL, JOIN, None) >= 0, os.strerror(ctypes.get_errno())
    assert libc.syscall(ADD_KEY, b"user", SECRET.encode(), b"x", 1, SESSION) >= 0, os.strerror(ctypes.get_errno())
    yield
    assert libc.syscall(KEYCTL, JOIN, None) >= 0


def test_the_detector_finds_a_session_keyring_that_is_the_workers(secret):
    assert json.loads(python_here(DETECTOR)) == {"found": 0, "linked": 0}


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_container_that_may_use_keyrings_has_one_that_is_empty_and_stays_so(secret, make_garden, own_rootfs, runtime):
    api = make_garden(f"--oci-runtime={runtime}", "--containerd-privileged-mode=fuse-only").api
    handle = api.create(own_rootfs, mounts=PYTHON_MOUNTS, privileged=True)
    assert json.loads(python_inside(api, handle, DETECTOR)) == {"found": ENOKEY, "linked": EACCES}


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_privileged_container_has_a_keyring_of_its_own(secret, make_garden, own_rootfs, runtime):
    api = make_garden(f"--oci-runtime={runtime}").api
    handle = api.create(own_rootfs, mounts=PYTHON_MOUNTS, privileged=True)
    assert json.loads(python_inside(api, handle, DETECTOR)) == {"found": ENOKEY, "linked": 0}
    other = api.create(own_rootfs, mounts=PYTHON_MOUNTS)
    assert json.loads(python_inside(api, other, DETECTOR)) == {"found": EPERM, "linked": EPERM}
