"""Kernels without what containers need: the start, --check-config and concourse-workerctl doctor say the same, with the remedy."""

import json
import subprocess

import pytest

from harness.http import StatusError
from harness.install import Install

NAMESPACES = "can't be made; user.max_user_namespaces is 0"
# The number is each user namespace's own: the command is root of one in which there can be no more.
NO_NAMESPACES = ["/usr/bin/python3", "-c", """
import ctypes, os, sys
ready, mapped = os.pipe(), os.pipe()
if (child := os.fork()) == 0:
    assert ctypes.CDLL(None).unshare(0x10000000 | 0x00020000) == 0  # CLONE_NEWUSER, CLONE_NEWNS
    os.write(ready[1], b"x")
    os.read(mapped[0], 1)
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
    os.execv(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for file in ("uid_map", "gid_map"):
    open(f"/proc/{child}/{file}", "w").write("0 0 65536")
os.write(mapped[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""]
MEMORY = "without memory: no container with a limit of that kind can be made"
# The other hierarchies of cgroup v1, in a place of their own.
HIDE_MEMORY = ("mount -t tmpfs cgroups /mnt && for name in $(ls /sys/fs/cgroup); do [ $name = memory ] || { mkdir /mnt/$name && "
               "mount --bind /sys/fs/cgroup/$name /mnt/$name; }; done && mount --rbind /mnt /sys/fs/cgroup && exec")
NO_MEMORY = ["unshare", "-m", "--propagation", "slave", "sh", "-c", f'{HIDE_MEMORY} "$@"', ""]


def run(kernel, *command):
    return subprocess.run([*kernel, *map(str, command)], capture_output=True, text=True, timeout=120, check=False)


def checked(install, scratch, run_dir, kernel):
    return run(kernel, install.program("concourse-garden"), "--check-config", f"--work-dir={scratch}", f"--runtime-dir={run_dir}")


def doctor(install, kernel):
    return {entry["subject"]: entry for entry in json.loads(run(kernel, install.program("concourse-workerctl"), "doctor", "--json").stdout)}


def test_no_user_namespaces(sandboxed, install, scratch, run_dir):
    check = checked(install, scratch, run_dir, NO_NAMESPACES)
    assert check.returncode == 1
    assert f"error: user namespaces: {NAMESPACES}; sysctl -w user.max_user_namespaces=" in check.stderr
    found = doctor(install, NO_NAMESPACES)["user namespaces"]
    assert (found["verdict"], found["what"]) == ("failure", NAMESPACES)
    started = run(NO_NAMESPACES, install.program("concourse-garden"), f"--work-dir={scratch}", f"--runtime-dir={run_dir}")
    assert started.returncode == 1
    assert f"no container can be made: user namespaces: {NAMESPACES}; sysctl -w user.max_user_namespaces=" in started.stderr
    assert "Install crun or runc" not in started.stderr


@pytest.fixture
def cgroup_v1(sandboxed):
    with open("/proc/self/mounts") as mounts:
        if not any(line.split()[1] == "/sys/fs/cgroup/memory" for line in mounts):
            pytest.skip("this machine has cgroup v2, whose controllers can't be hidden; the unit tests have both")


def test_no_memory_accounting(cgroup_v1, make_garden, own_rootfs, install, scratch, run_dir, monkeypatch):
    check = checked(install, scratch, run_dir, NO_MEMORY)
    assert check.returncode == 0
    assert f"warning: cgroups: cgroup v1, {MEMORY}; start the kernel with cgroup_enable=memory" in check.stderr
    found = doctor(install, NO_MEMORY)["cgroups"]
    assert (found["verdict"], found["what"]) == ("warning", f"cgroup v1, {MEMORY}")

    wrapper = scratch / "concourse-garden"
    program = install.program("concourse-garden")
    wrapper.write_text(f"#!/bin/sh\nexec unshare -m --propagation slave sh -c '{HIDE_MEMORY} {program} \"$@\"' garden \"$@\"\n")
    wrapper.chmod(0o755)
    original = Install.program
    monkeypatch.setattr(Install, "program", lambda self, name: wrapper if name == "concourse-garden" else original(self, name))
    garden = make_garden()
    assert "cgroup_enable=memory" in garden.wait_for_log(f"garden.cgroups: cgroup v1, {MEMORY}")["remedy"]
    with pytest.raises(StatusError) as error:
        garden.api.create(own_rootfs, limits={"memory_limits": {"limit_in_bytes": 64 << 20}})
    assert "the limit of 67108864 bytes of memory can't be held: cgroup v1 has no controller 'memory' on this machine" in str(error.value)
    assert garden.api.containers() == []
    handle = garden.api.create(own_rootfs, limits={"pid_limits": {"max": 50}})
    assert garden.api.output(handle, "true")[0] == 0


def test_the_start_the_check_and_the_doctor_agree_on_this_machine(garden, install, scratch, run_dir):
    told = {(entry["subject"], entry["what"]) for entry in doctor(install, []).values() if entry["verdict"] == "warning"}
    told = {f"{subject}: {what}" for subject, what in told if subject in ("cgroups", "memory and swap", "DNS")}
    check = checked(install, scratch, run_dir, []).stderr
    for what in told:
        assert f"warning: {what}" in check
        assert garden.wait_for_log(f"garden.{what}")["remedy"]
    assert check.count("warning: ") == len(told)
