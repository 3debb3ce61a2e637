"""File systems: a step writes links where its outputs are used as an image, or mounted, by another."""

import contextlib
import os
import shutil
import subprocess

import pytest
from attacks.rootfs_detectors import SECRET, GardenByName, Swapping, host_mounts, reached
from harness.http import StatusError
from harness.wait import wait_until

LINK = "there is a symbolic link in it"


@pytest.fixture(params=["crun", "runc"])
def garden(request, make_garden):
    return make_garden(f"--oci-runtime={request.param}")


class Volumes:
    """Directories where BaggageClaim has its volumes: one of the attacker's, and one of another team's."""

    def __init__(self, work_dir, image):
        self.live, self.image = work_dir / "volumes/live", image
        self.mine, self.other = self.new("mine"), self.new("other")
        for volume in (self.mine, self.other):
            subprocess.run(["cp", "-a", image, volume / "rootfs"], check=True)
        (self.other / "rootfs/secret").write_text(SECRET)
        self.victim = self.other / "rootfs"
        self.victim.chmod(0o1777)

    def new(self, name):
        path = self.live / name / "volume"
        path.mkdir(parents=True)
        owner = self.image.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        return path


@pytest.fixture
def volumes(garden, own_rootfs):
    return Volumes(garden.work_dir, own_rootfs)


def plant(directory, victim):
    """Links of all kinds to the victim's directory: their names."""
    up = "/".join([".."] * len(directory.parts))
    links = {"absolute": victim, "relative": f"{up}{victim}", "chain": "absolute", "magic": f"/proc/self/root{victim}",
             "above": victim.parent, "root": "/", "deep/link": victim}
    (directory / "deep").mkdir()
    for name, target in links.items():
        (directory / name).symlink_to(target)
    return ["absolute", "relative", "chain", "magic", "deep/link", f"above/{victim.name}", f"root{victim}", f"root/proc/self/root{victim}"]


def test_the_detector_finds_a_garden_that_follows_links(scratch, own_rootfs):
    volumes = Volumes(scratch / "work", own_rootfs)
    for name in plant(volumes.mine, volumes.victim):
        assert reached(GardenByName(), volumes.victim, volumes.mine / name)[0] == {"read", "written"}, name
        assert reached(GardenByName(), volumes.victim, own_rootfs, [(volumes.mine / name, "/in")])[0] == {"read", "written"}, name
    (volumes.mine / "swapped").symlink_to(volumes.victim)
    found = set()
    with Swapping(volumes.mine / "rootfs", volumes.mine / "swapped"):
        wait_until(lambda: found.update(reached(GardenByName(), volumes.victim, volumes.mine / "rootfs")[0]) or found, "the race to be lost")


def test_no_link_leads_a_container_to_anothers_files(api, volumes, own_rootfs, scratch):
    """In a volume, and in a directory that Garden knows nothing about."""
    (scratch / "output").mkdir()
    for place in (volumes.mine, scratch / "output"):
        for name in plant(place, volumes.victim):
            for found, words in (reached(api, volumes.victim, place / name), reached(api, volumes.victim, own_rootfs, [(place / name, "/in")])):
                assert not found and LINK in words, (place / name, words)
    assert LINK in reached(api, volumes.victim, f"/proc/self/root{volumes.victim}")[1]
    assert LINK in reached(api, volumes.victim, own_rootfs, [(f"/proc/1/root{volumes.victim}", "/in")])[1]
    # What is no link is what it was.
    assert reached(api, volumes.victim, volumes.other / "rootfs")[0] == {"read", "written"}
    assert reached(api, volumes.victim, own_rootfs, [(volumes.other / "rootfs", "/in")])[0] == {"read", "written"}


def test_a_single_file_that_is_a_link_is_mounted_nowhere(api, volumes, own_rootfs):
    (volumes.mine / "file").symlink_to(volumes.victim / "secret")
    assert LINK in reached(api, volumes.victim, own_rootfs, [(volumes.mine / "file", "/secret")])[1]
    found, _ = reached(api, volumes.victim, own_rootfs, [(volumes.victim / "secret", "/secret")])
    assert found == {"read"}


@pytest.mark.parametrize("what", ["root", "source"])
def test_a_directory_that_is_swapped_for_a_link_meanwhile(api, volumes, own_rootfs, what):
    (volumes.mine / "swapped").symlink_to(volumes.victim)
    made = refused = 0
    with Swapping(volumes.mine / "rootfs", volumes.mine / "swapped"):
        while made < 8 or refused < 2:
            mounts = [(volumes.mine / "rootfs", "/in")] if what == "source" else []
            found, words = reached(api, volumes.victim, own_rootfs if mounts else volumes.mine / "rootfs", mounts)
            assert not found
            assert not words or LINK in words, words
            made, refused = made + (not words), refused + bool(words)
            assert made + refused < 1000


def test_a_container_keeps_its_root_and_a_new_garden_refuses_the_same(garden, api, volumes):
    handle = api.create(volumes.mine / "rootfs", limits={"disk_limits": {"byte_hard": 1 << 30}})
    (volumes.mine / "rootfs").rename(volumes.mine / "aside")
    (volumes.mine / "rootfs").symlink_to(volumes.victim)
    garden.kill()
    garden.start()
    assert api.output(handle, "cat", "/secret")[0] == 1
    archive = api.request("GET", f"/containers/{handle}/files?source=/secret")
    assert archive.status == 500 and SECRET.encode() not in archive.body
    assert LINK in reached(api, volumes.victim, volumes.mine / "rootfs")[1]
    api.destroy(handle)
    assert (volumes.victim / "secret").read_text() == SECRET


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_links_of_the_operators_go_on_working(make_garden, own_rootfs, scratch, runtime):
    """The work directory is one, and so are the volumes in it."""
    (scratch / "disk/work").mkdir(parents=True)
    (scratch / "disk/volumes").mkdir()
    (scratch / "work0").symlink_to("disk/work")
    (scratch / "disk/work/volumes").symlink_to(scratch / "disk/volumes")
    garden = make_garden(f"--oci-runtime={runtime}")
    volumes = Volumes(garden.work_dir, own_rootfs)
    assert reached(garden.api, volumes.victim, volumes.victim, [(volumes.victim, "/in")])[0] == {"read", "written"}
    assert reached(garden.api, volumes.victim, scratch / "disk/volumes/live/other/volume/rootfs")[0] == {"read", "written"}
    (volumes.mine / "link").symlink_to("rootfs")
    assert LINK in reached(garden.api, volumes.victim, volumes.mine / "link")[1]


def test_an_image_may_have_links_to_nowhere_where_something_is_mounted(api, volumes, own_rootfs):
    for name, target in {"tmp": "/private/tmp", "etc": "../../usr/absent/etc"}.items():
        shutil.rmtree(own_rootfs / name, ignore_errors=True)
        (own_rootfs / name).symlink_to(target)
    handle = api.create(own_rootfs, mounts=[(volumes.mine, "/tmp/build/in"), (volumes.other, "/tmp/build/in/below/it"), (volumes.other, "/etc/certs", 0)])
    script = "cat /etc/hosts /private/tmp/build/in/below/it/rootfs/secret && echo x > /tmp/build/in/file && ! echo x > /etc/certs/file"
    status, out, _ = api.output(handle, "sh", "-c", script)
    assert status == 0 and b"localhost" in out and SECRET.encode() in out
    assert (volumes.mine / "file").read_text() == "x\n" and not (volumes.other / "file").exists()
    owner = own_rootfs.stat().st_uid
    for made in (own_rootfs / "private/tmp/build", own_rootfs / "usr/absent/etc/hosts", volumes.mine / "below"):
        assert made.lstat().st_uid == owner, made


def test_a_link_in_a_mounted_volume_leads_no_mount_to_the_containers_own(api, volumes, own_rootfs):
    for name, target in {"a": "/proc/self/attr", "b": "/", "c": "../dev"}.items():
        (volumes.mine / name).symlink_to(target)
        with pytest.raises(StatusError, match="which is the container's own"):
            api.create(own_rootfs, mounts=[(volumes.mine, "/v"), (volumes.other, f"/v/{name}")])


def test_what_is_mounted_for_a_container_shows_nowhere_on_the_host(garden, api, volumes, own_rootfs):
    before = host_mounts()
    handle = api.create(own_rootfs, mounts=[(volumes.mine, "/in"), (volumes.other, "/dev/shm/other", 0), (volumes.other, "/sys/fs/cgroup", 0)])
    assert host_mounts() == before
    assert api.output(handle, "sh", "-c", "ls /dev/shm/other/rootfs /in/rootfs /sys/fs/cgroup/rootfs && ! echo x > /dev/shm/other/x")[0] == 0
    with pytest.raises(StatusError):
        api.create(own_rootfs, mounts=[(volumes.mine, "/sys/no/such")])
    assert host_mounts() == before
    shim = int((garden.runtime_dir / "garden/containers" / handle / "shim.pid").read_text())
    assert os.readlink(f"/proc/{shim}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    assert not [fd for fd in os.listdir(f"/proc/{shim}/fd") if "volume" in os.readlink(f"/proc/{shim}/fd/{fd}")]
    api.destroy(handle)


@pytest.mark.parametrize("victim", ["garden", "shim"])
def test_a_kill_in_mid_create_leaves_no_mount(make_garden, volumes_for, own_rootfs, scratch, victim):
    (scratch / "bin").mkdir()
    os.mkfifo(scratch / "never")
    runtime = scratch / "bin/crun"
    # It says that it was started by the file's being there, and waits with its arguments, by which Garden finds it.
    runtime.write_text(f"""#!/bin/sh
case "$*" in *--bundle*held*) : > {scratch}/started; exec sh -c 'read x < {scratch}/never' sh "$@";; esac
exec /usr/bin/crun "$@"
""")
    runtime.chmod(0o755)
    garden = make_garden(f"--oci-runtime={runtime}", "--garden-request-timeout=1h")
    volumes, before = volumes_for(garden), host_mounts()
    request = subprocess.Popen(["/usr/bin/python3", "-c", CREATE, garden.api.address, str(own_rootfs), str(volumes.mine)], cwd="tests")
    wait_until((scratch / "started").exists, "the runtime to be started")
    assert host_mounts() == before
    if victim == "garden":
        garden.kill()
        garden.start()
    else:
        os.kill(int((garden.runtime_dir / "garden/containers/held/shim.pid").read_text()), 9)
    request.wait(60)
    wait_until(lambda: not os.listdir(garden.runtime_dir / "garden/containers"), "what was left to be removed")
    assert host_mounts() == before
    assert garden.api.containers() == []


CREATE = """
import sys
from harness.garden import GardenClient
GardenClient(sys.argv[1]).create(sys.argv[2], handle="held", mounts=[(sys.argv[3], "/in")])
"""


@pytest.fixture
def volumes_for(own_rootfs):
    return lambda garden: Volumes(garden.work_dir, own_rootfs)


@pytest.mark.parametrize("handle", ["-rf", "--root", "-", "--help"])
def test_a_handle_is_never_an_option(api, own_rootfs, handle):
    with contextlib.suppress(StatusError):
        api.destroy(handle)
    with pytest.raises(StatusError, match="not begin with '.' or '-'"):
        api.create(own_rootfs, handle=handle)


def test_a_record_of_an_earlier_version_with_such_a_handle_is_removed(garden, api):
    for handle in ("-rf", "--help"):
        (garden.runtime_dir / "garden/containers" / handle).mkdir()
    garden.kill()
    garden.start()
    assert os.listdir(garden.runtime_dir / "garden/containers") == []
