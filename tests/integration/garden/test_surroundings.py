"""What a process finds around it: environment, groups, limits, rights, namespaces, devices. guardian's behaviours, as its users
have come to rely on them."""

import base64
import json
import os
import subprocess

import pytest

from harness.garden import tty
from harness.http import StatusError

ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USER_PATH = "/usr/local/bin:/usr/bin:/bin"


def said(api, handle, script, **spec):
    status, out, err = api.output(handle, "/bin/sh", "-c", script, **spec)
    assert status == 0, (out, err)
    return out.decode().splitlines()


def status_of(api, handle, **spec):
    return dict(line.split(":\t", 1) for line in said(api, handle, "cat /proc/self/status", **spec) if ":\t" in line)


def test_the_filter_given_ready_to_crun_is_the_one_it_would_make(make_garden, own_rootfs, scratch):
    """The instructions that crun keeps beside its state, with and without the annotation."""
    garden = make_garden("--oci-runtime=crun")
    handle = garden.api.create(own_rootfs)
    config = json.loads((garden.runtime_dir / "garden/containers" / handle / "config.json").read_text())
    given = (garden.runtime_dir / "garden/oci" / handle / "seccomp.bpf").read_bytes()
    assert len(given) > 1000 and base64.b64decode(config.pop("annotations")["run.oci.seccomp_bpf_data"]) == given
    assert "2" in said(garden.api, handle, "grep ^Seccomp: /proc/self/status")[0]  # SECCOMP_MODE_FILTER

    config["process"]["args"] = ["/bin/sh"]
    config["root"]["path"] = str(own_rootfs)  # Garden's own shows to its shim alone
    config["linux"]["cgroupsPath"] += "-by-hand"
    for namespace in config["linux"]["namespaces"]:
        namespace.pop("path", None)  # its user namespace is there for the runtime alone, too
    bundle = scratch / "bundle"
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps(config))
    crun = ["crun", "--cgroup-manager=cgroupfs", "--root", str(scratch / "state")]
    subprocess.run([*crun, "create", "--bundle", str(bundle), "by-hand"], check=True, stdin=subprocess.DEVNULL, timeout=60)
    try:
        assert (scratch / "state/by-hand/seccomp.bpf").read_bytes() == given
    finally:
        subprocess.run([*crun, "delete", "--force", "by-hand"], check=True, timeout=60)


@pytest.fixture
def bare(api, own_rootfs):
    """A container without any environment of its own."""
    return api.create(own_rootfs, env=[])


def test_the_path_is_that_of_the_user(api, bare):
    assert said(api, bare, "echo $PATH") == [ROOT_PATH]
    assert said(api, bare, "echo $PATH", user="nonroot") == [USER_PATH]
    # A variable that only looks like it changes nothing; one that is given does.
    assert said(api, bare, "echo $PATH", env=["MYPATH=x", "PATHS=y"], user="nonroot") == [USER_PATH]
    assert said(api, bare, "echo $PATH", env=["PATH=/bin"]) == ["/bin"]


def test_user_and_home(api, bare, own_rootfs):
    ask = "echo $USER $HOME"
    assert said(api, bare, ask) == ["root /root"]
    assert said(api, bare, ask, user="nonroot") == ["nonroot /home/nonroot"]
    assert said(api, bare, ask, user="4711") == ["4711 /"]
    assert said(api, bare, ask, env=["USER=me", "HOME=/h", "A_USER=x"]) == ["me /h"]
    assert said(api, bare, ask, env=["USER=me"], user="nonroot") == ["nonroot /home/nonroot"]  # who it is wins over what it is called
    named = api.create(own_rootfs, env=["USER=container", "A=container", "B=container"])
    assert said(api, named, "echo $USER $A $B $C", env=["A=process", "C=process"]) == ["container process container process"]


def test_groups(api, bare):
    assert said(api, bare, "id -G") == ["0"]
    assert said(api, bare, "id -G", user="nonroot") == ["65532 50"]  # staff, by /etc/group
    assert said(api, bare, "id -G", user="nonroot:adm")[0].split()[0] == "4"
    assert said(api, bare, "id -u; id -G", user="4711:4712") == ["4711", "4712"]


def test_limits_of_a_process(api, bare):
    limits = {"nofile": 100, "core": 0, "cpu": 77, "fsize": 8192, "stack": 1 << 20, "nproc": 500}
    ask = "for l in n c t f s; do ulimit -S$l; ulimit -H$l; done; grep processes /proc/self/limits"
    lines = said(api, bare, ask, rlimits=limits, user="nonroot")
    assert lines[:10] == ["100", "100", "0", "0", "77", "77", "16", "16", "1024", "1024"]
    assert lines[10].split()[2:4] == ["500", "500"]
    status, _, err = api.output(bare, "sh", "-c", "head -c 100000 /dev/zero > /tmp/big", rlimits={"fsize": 8192})
    assert status != 0 and os.WEXITSTATUS(status << 8) in (1, 128 + 25, 255), (status, err)
    assert said(api, bare, "ulimit -n")[0] != "100"  # of that process alone
    with pytest.raises(StatusError, match="unknown resource limit 'speed'"):
        api.run(bare, "true", rlimits={"speed": 1})


def test_the_umask_is_022(api, bare):
    for spec in ({}, {"user": "nonroot"}, {"tty": tty()}):
        assert said(api, bare, "umask", **spec) == ["0022"], spec
    assert said(api, bare, "touch /tmp/f; mkdir /tmp/d; stat -c %a /tmp/f /tmp/d") == ["644", "755"]


def test_rights_of_root_and_of_others(api, bare):
    root, other = status_of(api, bare), status_of(api, bare, user="nonroot")
    assert root["CapPrm"] == root["CapEff"] == root["CapBnd"] == other["CapBnd"] == "00000000a80425fb"
    assert other["CapPrm"] == other["CapEff"] == "0" * 16
    for status in (root, other):
        assert status["CapInh"] == status["CapAmb"] == "0" * 16
        assert status["NoNewPrivs"] == "0"  # sudo and ping of an image work
        assert status["Seccomp"] == "2"


@pytest.mark.parametrize("privileged", [False, True])
def test_namespaces_are_its_own(api, own_rootfs, rootfs, scratch, privileged):
    if privileged:
        subprocess.run(["cp", "-a", rootfs, scratch / "privileged"], check=True)
    handle = api.create(scratch / "privileged" if privileged else own_rootfs, privileged=privileged)
    kinds = ("net", "ipc", "uts", "pid", "mnt", "user")
    inside = dict(zip(kinds, said(api, handle, "".join(f"readlink /proc/self/ns/{kind};" for kind in kinds))))
    shared = {kind for kind in kinds if inside[kind] == os.readlink(f"/proc/self/ns/{kind}")}
    assert shared == ({"user"} if privileged else set())


@pytest.mark.parametrize("privileged", [False, True])
def test_devices_of_the_host_are_out_of_reach(api, own_rootfs, rootfs, scratch, privileged):
    if privileged:
        subprocess.run(["cp", "-a", rootfs, scratch / "privileged"], check=True)
    handle = api.create(scratch / "privileged" if privileged else own_rootfs, privileged=privileged)
    assert set(said(api, handle, "cd /dev; echo *")[0].split()) - {"fuse", "core"} == {
        "concourse-init", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
    said(api, handle, "for d in null zero full urandom; do head -c 1 /dev/$d > /dev/null || exit 1; done; echo x > /dev/null")
    for node in ("b 7 0", "b 8 0", "c 1 1", "c 1 11", "c 10 237"):  # a loop device, a disk, memory, the kernel's log, loop-control
        assert api.output(handle, "sh", "-c", f"mknod /dev/x {node} && head -c 1 /dev/x")[0] != 0, node
        api.output(handle, "rm", "-f", "/dev/x")


def test_a_working_directory_does_not_follow_links_into_the_host(api, own_rootfs, scratch):
    (scratch / "host").mkdir(mode=0o777)
    (own_rootfs / "abroad").symlink_to(scratch / "host")
    (own_rootfs / "home-again").symlink_to("/tmp")
    handle = api.create(own_rootfs)
    with pytest.raises(StatusError, match="working directory '/abroad/made': No such file"):
        api.run(handle, "pwd", dir="/abroad/made")
    assert said(api, handle, "pwd -P", dir="/home-again/made") == ["/tmp/made"]
    assert os.listdir(scratch / "host") == []


def test_attached_clients_are_signalled_and_told_alike(api, bare):
    for signal, ending in ((0, 143), (1, 137)):
        first = api.run(bare, "sh", "-c", "echo up; exec sleep 1000", id=f"p{signal}")
        first.stdout.wait_for(b"up")
        others = [api.attach(bare, first.id) for _ in range(3)]
        others[1].signal(signal)
        assert [process.wait() for process in (first, *others)] == [ending] * 4
        assert api.attach(bare, first.id).wait() == ending
