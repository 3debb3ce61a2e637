"""Limits of containers where systemd and cgroup v2 are in charge. conftest leaves this file out where they are not."""

import contextlib

import pytest

from installed import NAME, SERVICES, SLICE

CGROUP = f"/sys/fs/cgroup/concourse.slice/{SLICE}"
MIB = 1 << 20
EAT = "head -c {0} /dev/zero | tail -c {0} > /dev/null; exit $?"


@pytest.fixture
def garden(target):
    """Its API to ourselves: the beacon would have containers destroyed that the cluster doesn't know."""
    target.run("systemctl", "stop", "concourse-beacon")
    yield target.garden()
    target.run("systemctl", "start", "concourse-beacon")


@pytest.fixture
def rootfs(target):
    """A root file system for containers without volumes, owned as they see it."""
    path = "/var/lib/concourse-worker/test-rootfs"
    target.run("mkdir", path)
    target.run("tar", "-C", path, "-xzf", "/opt/resource-types/busybox/rootfs.tgz")
    target.run("chown", "-hR", "4294967294:4294967294", path)
    yield path
    target.run("rm", "-r", path)


@contextlib.contextmanager
def container(garden, rootfs, **spec):
    handle = garden.create(rootfs, **spec)
    try:
        yield handle
    finally:
        garden.destroy(handle)


def cgroup_files(machine, handle, *names):
    return [machine.output("sh", "-c", f"cat {CGROUP}/concourse-*/{handle}/{name}") for name in names]


def test_containers_are_in_the_workers_slice_and_keep_their_limits(target, garden, rootfs):
    limits = {"memory_limits": {"limit_in_bytes": 64 * MIB}, "cpu_limits": {"limit_in_shares": 200}, "pid_limits": {"max": 20}}
    expected = [str(64 * MIB), "0", "20"]
    with container(garden, rootfs, limits=limits) as handle:
        names = ["memory.max", "memory.swap.max", "pids.max"]
        assert cgroup_files(target, handle, *names) == expected
        [weight] = cgroup_files(target, handle, "cpu.weight")
        assert 1 < int(weight) < 100, "fewer shares than the 1024 of others"
        garden.output(handle, "true")
        [processes] = cgroup_files(target, handle, "cgroup.procs")
        assert len(processes.split()) == 1, "its init"
        # What makes systemd look at its cgroups again, and another Garden.
        target.run("systemctl", "daemon-reload")
        target.run("systemctl", "set-property", "--runtime", SLICE, "CPUWeight=90")
        target.run("systemctl", "revert", SLICE)
        target.run("systemctl", "restart", "concourse-garden")
        assert cgroup_files(target, handle, *names, "cpu.weight") == [*expected, weight]
        status, _, err = garden.output(handle, "sh", "-c", "for i in $(seq 50); do sleep 30 & done; wait")
        assert status != 0 and b"fork" in err
        assert garden.call("GET", f"/containers/{handle}/metrics")["PidStat"]["Max"] == 20
    assert target.output("sh", "-c", f"find {CGROUP} -name '{handle}'") == ""


def test_a_step_that_is_out_of_memory_ends_alone(target, hub):
    before = {service: target.pid(service) for service in SERVICES}
    with hub.build(NAME) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        task = build.task("task", artifact, ["sh", "-c", EAT.format(200 * MIB)], memory=32 * MIB)
    assert task.status != 0
    assert b"concourse: out of memory: the container reached its limit of 32 MiB" in task.stdout
    assert {service: target.pid(service) for service in SERVICES} == before
    assert target.active(*SERVICES) == SERVICES


def test_a_limit_of_the_slice_holds_for_containers_and_spares_the_services(target, garden, rootfs):
    before = {service: target.pid(service) for service in SERVICES}
    assert target.output("cat", f"/proc/{before['concourse-garden']}/oom_score_adj") == "-900"
    target.run("systemctl", "set-property", "--runtime", SLICE, f"MemoryMax={128 * MIB}")
    try:
        with container(garden, rootfs) as handle:
            assert garden.output(handle, "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj")[1] == b"0\n100\n"
            status, _, err = garden.output(handle, "sh", "-c", EAT.format(200 * MIB))
            assert status != 0 and b"concourse: out of memory: the machine has none left for the container" in err
            assert garden.output(handle, "true")[0] == 0
    finally:
        target.run("systemctl", "set-property", "--runtime", SLICE, "MemoryMax=infinity")
        target.run("systemctl", "revert", SLICE)
    assert {service: target.pid(service) for service in SERVICES} == before
