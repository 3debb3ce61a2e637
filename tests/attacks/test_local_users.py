"""A user of the host without any rights: what a container's root has made set-user-id must not make that user root.

Handles are no secret: mount points are in everybody's /proc/self/mountinfo."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.baggageclaim_server import LAST_ID

USER = 54321  # nobody's id


class Refused:
    returncode = 126


def as_user(*command, groups=()):
    try:
        return subprocess.run([*map(str, command)], user=USER, group=USER, extra_groups=groups, capture_output=True, text=True, timeout=60, check=False)
    except PermissionError:  # the program itself isn't reached
        return Refused


def plant(directory, owner):
    """A set-user-id program that tells its effective user, as a container's root would make it."""
    path = directory / "suid"
    shutil.copyfile("/usr/bin/id", path)
    os.chown(path, owner, owner)
    path.chmod(0o4755)


def escalations(*trees):
    """{path: who the user becomes} of every set-user-id program in there that the user can run."""
    found = {}
    for tree in trees:
        for folder, _, names in os.walk(tree):
            for path in (Path(folder, name) for name in names):
                if path.is_file() and path.lstat().st_mode & 0o4000:
                    ran = as_user(path, "-u")
                    if ran.returncode == 0 and int(ran.stdout) != USER:
                        found[path] = int(ran.stdout)
    return found


def planted(tree):
    return sum(names.count("suid") for _, _, names in os.walk(tree))


def test_the_detector_finds_a_directory_that_is_open(scratch):
    (scratch / "overlays").mkdir(mode=0o755)
    plant(scratch / "overlays", 0)
    assert escalations(scratch) == {scratch / "overlays/suid": 0}
    (scratch / "overlays").chmod(0o700)
    assert escalations(scratch) == {}


@pytest.fixture(params=["overlay", "walked-overlay", "naive", "btrfs"])
def server(request, make_server):
    flags = ("--baggageclaim-disable-id-mapped-mounts",) if request.param == "walked-overlay" else ()
    server = make_server(request.param.removeprefix("walked-"), *flags)
    yield server
    server.leave_nothing()
    server.process = None
    subprocess.run(["umount", "-q", server.volumes_dir], check=False)  # of driver btrfs


def make_volumes(server):
    """A volume of each kind, and a copy of each, with a program in it that its container's root has made."""
    for kind, owner in (("unprivileged", LAST_ID), ("privileged", 0)):
        server.api.create("empty", kind, privileged=kind == "privileged")
        server.data(kind).chmod(0o755)
        plant(server.data(kind), owner)
        server.api.create({"type": "cow", "volume": kind}, f"{kind}-copy", privileged=kind == "privileged")


def test_nothing_set_user_id_in_a_volume_is_reached(server):
    server.start()
    make_volumes(server)
    assert planted(server.work_dir) >= 4
    assert escalations(server.work_dir) == {}


def test_a_tree_that_was_left_open_is_closed_at_the_next_start(server):
    """By an older version, or by the Go worker."""
    server.start()
    make_volumes(server)
    server.kill()
    directories = [path for path in (server.volumes_dir, server.overlays_dir) if path.exists()]
    for path in directories:
        os.chown(path, 0, 0)
        path.chmod(0o755)
    image = Path(f"{server.volumes_dir}.img")
    if image.exists():
        image.chmod(0o644)
    assert escalations(server.work_dir)
    server.start()
    assert escalations(server.work_dir) == {}
    assert not image.exists() or image.stat().st_mode & 0o077 == 0


def test_what_is_left_for_the_go_worker_is_closed(server):
    server.start()
    make_volumes(server)
    server.kill()
    done = subprocess.run([server.program, "convert-to-go", f"--work-dir={server.work_dir}", f"--runtime-dir={server.runtime_dir}",
                           f"--baggageclaim-driver={server.driver}", *server.flags], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert planted(server.work_dir) >= 2
    assert escalations(server.work_dir) == {}


def test_the_root_of_containers_gets_through(make_server):
    """Its group alone is let in, and only by names that it knows."""
    server = make_server("overlay").start()
    make_volumes(server)
    path = server.data("unprivileged") / "suid"
    assert as_user(path, "-u", groups=[LAST_ID]).returncode == 0
    assert as_user("ls", server.volumes_dir, groups=[LAST_ID]).returncode != 0
    assert as_user("stat", server.layer("unprivileged"), groups=[LAST_ID]).returncode != 0


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_containers_records_are_closed_and_what_was_open_is_repaired(make_garden, own_rootfs, runtime):
    garden = make_garden(f"--oci-runtime={runtime}")
    handle = garden.api.create(own_rootfs)
    directory = garden.runtime_dir / "garden" / "containers" / handle
    assert (directory / "mounts").exists()
    for path in (directory, directory / "mounts", directory / "shim.sock"):
        assert as_user("stat", path).returncode != 0
    garden.kill()
    (garden.runtime_dir / "garden").chmod(0o755)
    assert as_user("stat", directory / "mounts").returncode == 0
    garden.start()
    assert as_user("stat", directory / "mounts").returncode != 0
    assert garden.api.output(handle, "sh", "-c", "echo more >> /etc/hosts && cat /etc/hosts")[0] == 0
    garden.api.output(garden.api.create(own_rootfs), "cat", "/etc/hosts")
