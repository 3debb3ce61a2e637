"""Containers: what is inside, what is kept, what is refused, what is left."""

import json
import concurrent.futures
import os
import re
import signal
import struct
import subprocess
import threading

import pytest

from harness.control import ask
from harness.garden import tty
from harness.http import StatusError


def in_container(api, handle, script, **spec):
    status, out, err = api.output(handle, "sh", "-c", script, **spec)
    assert status == 0, (out, err)
    return out.decode()


def test_handles_are_listed_once_complete_and_gone_once_destroyed(api, own_rootfs):
    assert api.containers() == []
    handle = api.create(own_rootfs, handle="one")
    assert handle == "one"
    assert api.containers() == ["one"]
    with pytest.raises(StatusError, match="already exists"):
        api.create(own_rootfs, handle="one")
    api.destroy("one")
    assert api.containers() == []
    with pytest.raises(StatusError) as refusal:
        api.destroy("one")
    assert refusal.value.status == 404
    assert refusal.value.response.json()["Type"] == "ContainerNotFoundError"


def test_refused_creates_leave_nothing(garden, api, own_rootfs):
    for spec, words in (({"rootfs": ""}, "rootfs must not be empty"), ({"rootfs": "raw:///no/such"}, "/no/such"),
                        ({"handle": "../x"}, "handle"), ({"handle": "-rf"}, "handle")):
        with pytest.raises(StatusError, match=words):
            api.call("POST", "/containers", {"handle": "x", "rootfs": f"raw://{own_rootfs}", **spec})
    with pytest.raises(StatusError, match="^.*rootfs '.*': its '/etc' is a directory: no file can be mounted on it"):
        api.create(own_rootfs, handle="x", mounts=[("/etc/hostname", "/etc")])
    with pytest.raises(StatusError, match="create container: start:"):
        api.create(own_rootfs, handle="x", mounts=[("/etc", "/sys/no/such")])  # the OCI runtime can't make it
    assert api.containers() == []
    assert os.listdir(garden.runtime_dir / "garden/containers") == []
    assert api.create(own_rootfs, handle="x") == "x"


def test_broken_bodies_are_errors_not_deaths(garden, api, container):
    for body in (b"", b"{", b"[]", b"7", b'{"handle":1,"path":1,"kill":1,"value":1}', b"\xff\xfe", b'"' * 1000):
        for method, path in (("POST", ""), ("POST", f"/{container}/processes"), ("PUT", f"/{container}/stop"),
                             ("PUT", f"/{container}/properties/x")):
            answer = api.request(method, f"/containers{path}", body)
            assert answer.status == 500, (method, path, body)
            assert answer.json()["Message"]
    assert api.request("GET", "/nothing").body == b"404 page not found\n"
    assert api.request("DELETE", "/containers").status == 405
    assert api.ping() == {}
    assert garden.process.poll() is None


def test_the_inside_of_an_unprivileged_container(api, container):
    assert in_container(api, container, "id -u").strip() == "0"
    assert in_container(api, container, "hostname").strip() == container
    assert in_container(api, container, "cat /etc/hostname").strip() == container
    status = dict(line.split(":\t") for line in in_container(api, container, "cat /proc/self/status").splitlines() if ":\t" in line)
    assert status["CapEff"] == "00000000a80425fb"
    assert status["CapInh"] == status["CapAmb"] == "0" * 16
    assert status["Seccomp"] == "2"
    assert "4294967294" in in_container(api, container, "cat /proc/self/uid_map")
    assert api.output(container, "sh", "-c", "mount -t tmpfs none /mnt")[0] != 0
    assert api.output(container, "sh", "-c", "echo 1 > /proc/sys/kernel/panic")[0] != 0
    assert in_container(api, container, "cat /proc/kcore | wc -c").strip() == "0"


def test_no_descriptor_of_ours_gets_inside(api, container):
    assert in_container(api, container, "ls /proc/self/fd").split() == ["0", "1", "2", "3"]  # 3 is ls reading its directory
    # The init's own descriptors can be counted but not opened, nor can it be traced.
    for way in ("readlink /proc/1/fd/3", "echo > /proc/1/fd/3", "cat /proc/1/environ", "cat /proc/1/mem"):
        assert api.output(container, "sh", "-c", way)[0] != 0, way


def test_a_privileged_container_has_what_the_worker_has(api, rootfs, scratch):
    copy = scratch / "privileged"
    subprocess.run(["cp", "-a", rootfs, copy], check=True)
    handle = api.create(copy, privileged=True)
    with open("/proc/self/status") as lines:
        bounding = next(line.split()[1] for line in lines if line.startswith("CapBnd"))
    inside = in_container(api, handle, "grep CapEff /proc/self/status").split()[1]
    assert int(inside, 16) == int(bounding, 16)
    in_container(api, handle, "mkdir -p /mnt && mount -t tmpfs none /mnt && umount /mnt")
    assert in_container(api, handle, "cat /proc/self/uid_map").split()[:2] == ["0", "0"]
    assert in_container(api, handle, "stat -c %t:%T /dev/fuse").strip() == "a:e5"


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_privileged_container_can_make_each_hierarchy_of_cgroups(make_garden, rootfs, scratch, runtime):
    """On cgroup v1, as Docker in a step does it: crun leaves links there that lead to nothing, on which mkdir fails."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        pytest.skip("this machine has cgroup v2")
    api = make_garden(f"--oci-runtime={runtime}").api
    copy = scratch / "privileged"
    subprocess.run(["cp", "-a", rootfs, copy], check=True)
    handle = api.create(copy, privileged=True)
    status, out, err = api.output(handle, "sh", "-ec", "cd /sys/fs/cgroup; for s in $(sed -e 1d -e 's/\t.*//' /proc/cgroups); do mkdir -p $s; done; "
                                  "for f in *; do test -e $f || echo dangling $f; done")
    assert (status, out, err) == (0, b"", b"")


@pytest.mark.parametrize("mode, capabilities, mounts", [("ignore", "00000000a80425fb", False), ("fuse-only", "00000000a82425fb", True)])
def test_privileged_modes_that_keep_the_hosts_root_away(make_garden, own_rootfs, mode, capabilities, mounts):
    api = make_garden(f"--containerd-privileged-mode={mode}").api
    handle = api.create(own_rootfs, privileged=True)
    assert in_container(api, handle, "grep CapEff /proc/self/status").split()[1] == capabilities
    assert "4294967294" in in_container(api, handle, "cat /proc/self/uid_map")
    assert (api.output(handle, "sh", "-c", "mkdir -p /mnt && mount -t tmpfs none /mnt")[0] == 0) is mounts
    assert (in_container(api, handle, "stat -c %t:%T /dev/fuse 2>/dev/null || true").strip() == "a:e5") is mounts


def test_bind_mounts_are_writable_only_when_asked(api, own_rootfs, scratch):
    for name in ("rw", "ro"):
        (scratch / name).mkdir()
        (scratch / name / "file").write_text(name)
        os.chmod(scratch / name, 0o777)
    handle = api.create(own_rootfs, mounts=[(scratch / "rw", "/in/rw"), (scratch / "ro", "/in/ro", 0)])
    assert in_container(api, handle, "cat /in/rw/file /in/ro/file") == "rwro"
    in_container(api, handle, "echo new > /in/rw/new")
    assert (scratch / "rw/new").read_text() == "new\n"
    assert api.output(handle, "sh", "-c", "echo new > /in/ro/new")[0] != 0


def test_properties_of_any_size_survive_a_kill(garden, api, container):
    big = json.dumps({"version": {"ref": "x" * 100_000}})
    api.set_property(container, "concourse:resource-result", big)
    api.set_property(container, "empty", "")
    garden.kill()
    garden.start()
    properties = api.properties(container)
    assert properties == {"user": "", "concourse:resource-result": big, "empty": ""}
    assert api.call("GET", f"/containers/{container}/properties/concourse%3Aresource-result") == {"value": big}
    api.call("DELETE", f"/containers/{container}/properties/empty")
    with pytest.raises(StatusError, match="property does not exist: empty"):
        api.call("GET", f"/containers/{container}/properties/empty")
    assert api.containers(user="") == [container]
    assert api.containers(user="x") == []


def test_limits_are_set_and_reported(api, own_rootfs):
    limits = {"memory_limits": {"limit_in_bytes": 64 << 20}, "cpu_limits": {"limit_in_shares": 200}, "pid_limits": {"max": 20}}
    handle = api.create(own_rootfs, limits=limits)
    assert api.call("GET", f"/containers/{handle}/limits/memory") == {"limit_in_bytes": 64 << 20}
    assert api.call("GET", f"/containers/{handle}/limits/cpu") == {"limit_in_shares": 200}
    assert api.call("GET", f"/containers/{handle}/limits/disk") == {}
    status, _, err = api.output(handle, "sh", "-c", "for i in $(seq 50); do sleep 30 & done; wait")
    assert status != 0
    assert b"fork" in err
    api.stop(handle, kill=True)
    # The reason is told at once, while what has noticed nothing goes on.
    process = api.run(handle, "sh", "-c", "head -c 200000000 /dev/zero | tail -c 199999999 > /dev/null; read x")
    process.stderr.wait_for(b"concourse: out of memory")
    process.close_stdin()
    process.wait()
    # An eater dies, the container lives, and the reason is told.
    eat = "head -c 200000000 /dev/zero | tail -c 199999999 > /dev/null; exit $?"
    status, _, err = api.output(handle, "sh", "-c", eat)
    assert status != 0
    assert re.search(rb"concourse: out of memory: the container reached its limit of 64 MiB \(peak use 6[34] MiB\); the kernel killed ", err)
    status, out, _ = api.output(handle, "sh", "-c", eat, tty=tty())
    assert status != 0
    assert b"concourse: out of memory" in out and out.count(b"concourse:") == 1
    assert api.output(handle, "true")[0] == 0


# open("/dev/shm/full", O_WRONLY | O_CREAT, 0666), then write to it for ever, from its own first page. x86-64.
FILL = bytes.fromhex("6a0258488d3d20000000be41000000bab60100000f05976a0158488d358effffffba001000000f05ebed") + b"/dev/shm/full\0"


def static_program(code):
    """The smallest of executables: one page, no library."""
    base, start = 0x400000, 120
    header = struct.pack("<4s5B7x2HI3QI6H", b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = start + len(code)
    return header + struct.pack("<2I6Q", 1, 5, 0, base, base, size, size, 4096) + code


def out_of_memory_soon(api, rootfs):
    program = rootfs / "bin/fill"
    program.write_bytes(static_program(FILL))
    program.chmod(0o755)
    return api.create(rootfs, limits={"memory_limits": {"limit_in_bytes": 16 << 20}})


def test_a_container_out_of_memory_keeps_its_init(api, own_rootfs):
    """Memory that no kill gives back, filled by a process smaller than the init: by size the init would go, and all with it."""
    handle = out_of_memory_soon(api, own_rootfs)
    assert api.output(handle, "cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj")[1] == b"0\n100\n"
    status, _, err = api.output(handle, "/bin/fill")
    assert status == 128 + signal.SIGKILL and b"concourse: out of memory" in err
    assert api.info(handle)["State"] == "active"


def test_an_end_of_the_init_by_the_kernel_is_told(api, own_rootfs):
    """A step can put itself on a level with the init again; its log must still say why everything ended."""
    handle = out_of_memory_soon(api, own_rootfs)
    status, _, err = api.output(handle, "sh", "-c", "echo 0 > /proc/self/oom_score_adj; exec /bin/fill")
    assert status == 128 + signal.SIGKILL and b"concourse: out of memory" in err
    assert api.info(handle)["State"] == "stopped"
    api.destroy(handle)


def test_kills_for_memory_are_counted_also_of_containers_that_are_gone(garden, api, own_rootfs):
    def status():
        return ask(garden.runtime_dir, "garden")

    def eat(handle):
        assert api.output(handle, "sh", "-c", "head -c 200000000 /dev/zero | tail -c 199999999 > /dev/null; exit $?")[0] != 0

    assert (status()["tasks"], status()["oom_kills"]) == (0, 0)
    handles = [api.create(own_rootfs, limits={"memory_limits": {"limit_in_bytes": 32 << 20}}) for _ in range(2)]
    sleeper = api.run(handles[0], "sh", "-c", "echo up; exec sleep 600")
    sleeper.stdout.wait_for(b"up")
    assert status()["tasks"] == 3, "two inits and a sleep"
    for handle in handles:
        eat(handle)
    killed = status()["oom_kills"]
    assert killed >= 2 and status()["oom_kills"] == killed
    eat(handles[1])
    api.destroy(handles[1])
    assert status()["oom_kills"] > killed, "of one that nobody had asked about before it was destroyed"
    # Another Garden begins anew, whatever the kernel has counted for the container that goes on.
    garden.kill()
    garden.start()
    assert (status()["containers"], status()["oom_kills"]) == (1, 0)
    eat(handles[0])
    assert status()["oom_kills"] >= 1


def test_max_containers(make_garden, own_rootfs):
    api = make_garden("--garden-max-containers=1").api
    api.create(own_rootfs, handle="one")
    with pytest.raises(StatusError, match="max containers reached"):
        api.create(own_rootfs, handle="two")
    api.destroy("one")
    api.create(own_rootfs, handle="two")


def test_info(api, container):
    process = api.run(container, "sleep", "1000", id="sleeper")
    info = api.info(container)
    assert info["State"] == "active"
    assert info["ProcessIDs"] == ["sleeper"]
    assert info["Properties"] == {"user": ""}
    assert info["ContainerIP"] in in_container(api, container, "cat /etc/hosts")
    bulk = api.call("GET", f"/containers/bulk_info?handles={container},ghost")
    assert bulk[container]["Info"] == info
    assert bulk["ghost"]["Err"]["Type"] == "ContainerNotFoundError"
    process.detach()


def test_metrics_and_capacity(api, own_rootfs):
    handle = api.create(own_rootfs, limits={"memory_limits": {"limit_in_bytes": 128 << 20}, "cpu_limits": {"limit_in_shares": 64}, "pid_limits": {"max": 50}})
    api.output(handle, "sh", "-c", "head -c 20000000 /dev/zero > /big; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    metrics = api.call("GET", f"/containers/{handle}/metrics")
    assert metrics["CPUStat"]["Usage"] > 0
    assert metrics["MemoryStat"]["TotalUsageTowardLimit"] > 0
    assert metrics["MemoryStat"]["hierarchical_memory_limit"] in (128 << 20, 0)  # cgroup v2 has no such number
    assert metrics["PidStat"] == {"Current": 1, "Max": 50}
    assert metrics["NetworkStat"]["TxBytes"] >= 0
    assert 0 < metrics["Age"] < 600e9
    assert metrics["CPUEntitlement"] > 0
    bulk = api.call("GET", f"/containers/bulk_metrics?handles={handle},ghost")
    assert bulk[handle]["Err"] is None
    assert bulk["ghost"]["Err"]["Type"] == "ContainerNotFoundError"
    capacity = api.call("GET", "/capacity")
    assert capacity["memory_in_bytes"] > 0 and capacity["disk_in_bytes"] > 0
    assert capacity["max_containers"] == 250


def test_many_at_once(api, own_rootfs):
    def life(number):
        handle = api.create(own_rootfs, handle=f"c{number}")
        try:
            return api.output(handle, "sh", "-c", f"echo {number}")[1]
        finally:
            api.destroy(handle)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(life, range(24))) == [f"{n}\n".encode() for n in range(24)]
    assert api.containers() == []


def test_a_second_destroy_is_told_so(api, own_rootfs):
    handle = api.create(own_rootfs)
    process = api.run(handle, "sh", "-c", "trap 'sleep 1; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    process.stdout.wait_for(b"ready")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(api.request("DELETE", f"/containers/{handle}"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 500]
    assert "container already being destroyed" in max(answers, key=lambda answer: answer.status).json()["Message"]
    process.wait()
