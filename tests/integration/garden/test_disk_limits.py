"""Limits on what a container's root may hold, on a btrfs of its own. Both kinds of the kernel's quotas: simple ones, which Garden
switches on where there are none, and full ones, which an operator may have."""

import re
import subprocess

import pytest

from harness.baggageclaim_server import Server
from harness.http import StatusError

MIB = 1 << 20


class Btrfs:
    """`base` is a subvolume with the root file system and 8 MiB more; volumes are snapshots of it."""

    def __init__(self, path):
        self.path, self.base = path, path / "base"

    def make(self, image):
        with image.open("wb") as file:
            file.truncate(512 * MIB)
        self.path.mkdir()
        subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, self.path], check=True)
        self("subvolume", "create", self.base)
        return self

    def __call__(self, *words):
        return subprocess.run(["btrfs", *words], check=True, capture_output=True, text=True, timeout=60).stdout

    def volume(self, name):
        (self.path / name).mkdir()
        self("subvolume", "snapshot", self.base, self.path / name / "volume")
        return self.path / name / "volume"

    def quotas(self):
        """{id of subvolume: (limit on referenced, on exclusive)}, "none" for none; nothing at all if there are no quotas."""
        uuid = self("filesystem", "show", self.path).split("uuid: ")[1].split()[0]
        if not subprocess.run(["test", "-d", f"/sys/fs/btrfs/{uuid}/qgroups"], check=False).returncode == 0:
            return {}
        self("filesystem", "sync", self.path)
        rows = re.findall(r"^0/(\d+)\s+\d+\s+\d+\s+(\w+)\s+(\w+)", self("qgroup", "show", "-re", "--raw", self.path), re.MULTILINE)
        return {int(number): limits for number, *limits in rows}

    def limits(self, volume):
        return self.quotas()[int(self("inspect-internal", "rootid", volume))]


@pytest.fixture
def btrfs(scratch, own_rootfs):
    if "\tbtrfs\n" not in open("/proc/filesystems").read():
        pytest.skip("the kernel has no btrfs")
    made = Btrfs(scratch / "btrfs").make(scratch / "btrfs.img")
    subprocess.run(["cp", "-a", f"{own_rootfs}/.", made.base], check=True)
    subprocess.run(["chown", "--reference", own_rootfs, made.base], check=True)
    (made.base / "more").write_bytes(b"x" * (8 * MIB))
    yield made
    subprocess.run(["umount", made.path], check=True)


@pytest.fixture
def baggageclaim(install, scratch, run_dir, sandboxed):
    """A BaggageClaim with driver btrfs."""
    server = Server(install, scratch / "volumes-of", run_dir / "b", "btrfs").start()
    yield server
    server.leave_nothing()
    subprocess.run(["umount", server.volumes_dir], check=True)


def limited(api, volume, mib, exclusive=False, **spec):
    return api.create(volume, limits={"disk_limits": {"byte_hard": int(mib * MIB), **({"scope": 1} if exclusive else {})}}, **spec)


def fill(api, handle, path="/full", mib=64):
    """How many MiB of so many the container could write, and what was said about the rest."""
    _, out, err = api.output(handle, "/bin/sh", "-c", f"dd if=/dev/zero of={path} bs=1M count={mib} 2>&1; wc -c < {path}")
    assert not err, out
    return int(out.split()[-1]) / MIB, out.decode()


@pytest.fixture(params=["simple", "full"])
def kind(request, btrfs):
    if request.param == "full":
        btrfs("quota", "enable", btrfs.path)
        btrfs("quota", "rescan", "-w", btrfs.path)
    return request.param


def test_what_is_written_has_a_limit(btrfs, kind, garden, api):
    volume, free = btrfs.volume("v"), btrfs.volume("w")
    handle, other = limited(api, volume, 20, exclusive=True), api.create(free)
    written, said = fill(api, handle)
    assert 16 < written <= 20 and "quota exceeded" in said
    assert fill(api, other)[0] == 64
    # What is given back can be used again.
    assert api.output(handle, "/bin/sh", "-c", "rm /full && sync -f / && head -c 10000000 /dev/zero > /again")[0] == 0
    assert api.call("GET", f"/containers/{handle}/limits/disk") == {"byte_hard": 20 * MIB, "scope": 1}
    assert any("switched on btrfs' quotas" in line for line in garden.lines) == (kind == "simple")
    assert "none" not in btrfs.limits(volume)[1 if kind == "full" else 0]
    api.destroy(handle)
    assert btrfs.limits(volume) == ["none", "none"] == btrfs.limits(free)


def test_what_the_image_has_counts_in_the_total(btrfs, kind, api):
    volume = btrfs.volume("v")
    image = int(subprocess.run(["du", "-s", "--block-size=1", volume], check=True, capture_output=True, text=True).stdout.split()[0]) / MIB
    assert 8 < image < 16
    with pytest.raises(StatusError, match=r"disk limit: the limit of 8388608 bytes is smaller than what the root file system has already, \d+ bytes"):
        limited(api, volume, 8)
    assert api.containers() == []
    written, said = fill(api, limited(api, volume, 20))
    assert 20 - image - 3 < written < 20 - image + 1.5  # du rounds up what btrfs keeps in its metadata
    assert "quota exceeded" in said
    # Of what was there when the container came, its own part is known: the rest is the image's.
    api.destroy(api.containers()[0])
    again, said = fill(api, limited(api, volume, 24), "/more-of-it")
    assert 24 - image - written - 3 < again < 24 - image - written + 1.5


def test_a_limit_of_a_volume_that_is_full_to_the_brim_can_be_changed_and_lifted(btrfs, kind, api):
    """The kernel wants some room for the change itself, in the subvolume by which it is asked."""
    volume = btrfs.volume("v")
    api.destroy(limited(api, volume, 20, exclusive=True))
    number = btrfs("inspect-internal", "rootid", volume).strip()
    btrfs("qgroup", "limit", "16K", f"0/{number}", btrfs.path)
    full = limited(api, volume, 30, exclusive=kind == "full")
    assert "none" in btrfs.limits(volume) and btrfs.limits(volume)[kind == "full"] != "none"
    assert fill(api, full, mib=2)[0] == 2
    btrfs("qgroup", "limit", "16K", f"0/{number}", btrfs.path)
    api.destroy(full)
    assert btrfs.limits(volume) == ["none", "none"]


def test_the_root_of_an_image_that_was_fetched(btrfs, api):
    directory = btrfs.volume("v")
    (directory / "rootfs").mkdir()
    for path in [*directory.iterdir()]:
        if path.name != "rootfs":
            path.rename(directory / "rootfs" / path.name)
    subprocess.run(["chown", "--reference", directory, directory / "rootfs"], check=True)
    handle = limited(api, directory / "rootfs", 12, exclusive=True)
    assert fill(api, handle)[0] <= 12
    assert btrfs.limits(directory)[0] != "none"


def test_a_limit_outlives_garden(btrfs, garden, api):
    volume = btrfs.volume("v")
    handle = limited(api, volume, 12, exclusive=True)
    garden.kill()
    garden.start()
    assert fill(api, handle)[0] <= 12
    api.destroy(handle)
    assert btrfs.limits(volume) == ["none", "none"]


def test_a_creation_that_fails_leaves_no_limit(btrfs, api):
    volume, port = btrfs.volume("v"), {"netin": [{"host_port": 61234, "container_port": 80}]}
    api.create(btrfs.volume("w"), **port)
    with pytest.raises(StatusError, match="61234"):
        limited(api, volume, 20, **port)
    assert btrfs.limits(volume) == ["none", "none"]


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_subvolume_inside_is_no_way_out(btrfs, make_garden, runtime):
    """It would have a quota of its own, and none is set."""
    api = make_garden(f"--oci-runtime={runtime}").api

    def make(handle):
        return api.output(handle, "/usr/bin/btrfs", "subvolume", "create", "/inner")

    tools = {"mounts": [("/usr", "/usr", 0), ("/usr/lib", "/lib", 0), ("/usr/lib64", "/lib64", 0)]}
    assert make(api.create(btrfs.volume("w"), **tools))[0] == 0
    status, _, err = make(limited(api, btrfs.volume("v"), 20, **tools))
    assert status != 0 and b"Operation not permitted" in err


def test_without_a_limit_there_are_no_quotas(btrfs, api):
    api.destroy(api.create(btrfs.volume("v"), limits={"disk_limits": {"byte_hard": 0, "scope": 1}}))
    assert btrfs.quotas() == {}


def test_where_a_limit_cant_hold_the_log_says_so(btrfs, garden, api, own_rootfs):
    """A directory of a file system is no volume of its own: to limit it would be to limit all of that."""
    for rootfs in (own_rootfs, btrfs.path / "directory"):
        if not rootfs.exists():
            subprocess.run(["cp", "-a", own_rootfs, rootfs], check=True)
        handle = limited(api, rootfs, 1)
        assert fill(api, handle, mib=4)[0] == 4
        assert api.call("GET", f"/containers/{handle}/limits/disk") == {"byte_hard": MIB}
        assert any("the disk limit doesn't hold" in line and handle in line and f"'{rootfs}' is no btrfs subvolume" in line for line in garden.lines)
    assert btrfs.quotas() == {}
    handle = api.create(own_rootfs, limits={"disk_limits": {"inode_hard": 5}})
    assert any("the disk limit doesn't hold" in line and handle in line and "inode_hard" in line for line in garden.lines)


def test_an_unknown_scope_is_refused(api, own_rootfs):
    with pytest.raises(StatusError, match="unknown disk limit scope 2"):
        api.create(own_rootfs, limits={"disk_limits": {"byte_hard": 1, "scope": 2}})


def finish_removals(btrfs):
    for what in ("filesystem", "subvolume", "filesystem"):  # the first wakes the kernel's cleaner, for which the second waits
        btrfs(what, "sync", btrfs.path)


def test_a_limit_goes_with_the_volume(baggageclaim, rootfs, api):
    volumes, btrfs = baggageclaim.api, Btrfs(baggageclaim.volumes_dir)
    volumes.create("empty", "image", privileged=True)
    subprocess.run(["cp", "-a", f"{rootfs}/.", baggageclaim.data("image")], check=True)
    volumes.create({"type": "cow", "volume": "image"}, "v")  # shown with other owners: a mount lies over it
    handle = limited(api, baggageclaim.data("v"), 12, exclusive=True)
    assert 8 < fill(api, handle)[0] <= 12
    number = int(btrfs("inspect-internal", "rootid", baggageclaim.data("v")))
    assert btrfs.quotas()[number] != ["none", "none"]
    # Before its container, so that nobody lifts the limit; and with a child, for which the kernel keeps what is known of `v`.
    baggageclaim.restart()
    volumes.create({"type": "cow", "volume": "v"}, "child")
    volumes.destroy("v")
    api.destroy(handle)
    finish_removals(btrfs)
    assert number in btrfs.quotas()
    volumes.destroy("child")
    finish_removals(btrfs)
    # The next volume that goes takes it along.
    volumes.create("empty", "w")
    volumes.destroy("w")
    assert number not in btrfs.quotas()
