"""Driver btrfs, on an image of its own: snapshots, views, restarts."""

import os
import subprocess

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.baggageclaim_server import LAST_ID


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


@pytest.fixture
def server(make_server):
    if "\tbtrfs\n" not in open("/proc/filesystems").read():
        pytest.skip("the kernel has no btrfs")
    server = make_server("btrfs").start()
    yield server
    server.leave_nothing()
    server.process = None
    subprocess.run(["umount", server.volumes_dir], check=True)


def test_snapshots_and_views_over_a_restart(server):
    api = server.api
    api.create("empty", "p", privileged=True)
    api.stream_in("p", tar_of({"file": b"1", "gone": b"x"}))
    api.create({"type": "cow", "volume": "p"}, "u")
    (server.data("u") / "gone").unlink()
    api.create({"type": "cow", "volume": "u"}, "uu", uid=1000, gid=1000)
    api.stream_in("p", tar_of({"later": b"2"}))
    expected = {"p": {"file": b"1", "gone": b"x", "later": b"2"}, "u": {"file": b"1"}, "uu": {"file": b"1"}}

    def check():
        assert api.handles() == set(expected)
        for handle, files in expected.items():
            assert files_of(api.stream_out(handle)) == files
        assert owner(server.data("p") / "file") == (0, 0)
        assert owner(server.data("u") / "file") == (LAST_ID, LAST_ID)
        assert owner(server.data("uu") / "file") == (1000, 1000)

    check()
    mounts = server.mounts()
    for _ in range(2):
        server.restart()
        check()
        assert server.mounts() == mounts
    api.set_privileged("u", True)
    assert owner(server.data("u") / "file") == (0, 0)
    api.set_privileged("u", False)
    api.destroy("p")
    del expected["p"]
    assert files_of(api.stream_out("u")) == {"file": b"1"}


def test_a_user_of_many_files_is_mapped(server):
    api = server.api
    api.create("empty", "p")
    api.stream_in("p", tar_of({str(n): b"x" for n in range(200)}))
    api.create({"type": "cow", "volume": "p"}, "v", uid=1000, gid=1001)
    assert {owner(path) for path in (server.data("v"), *server.data("v").iterdir())} == {(1000, 1001)}
    assert '"uids":[[0,1000],[1000,0]]' in server.record("v", "format.json").read_text()
    server.restart()
    assert {owner(path) for path in server.data("v").iterdir()} == {(1000, 1001)}


def test_subvolumes_made_inside_go_with_the_volume(server):
    server.api.create("empty", "v", privileged=True)
    subprocess.run(["btrfs", "subvolume", "create", server.data("v") / "inner"], check=True, capture_output=True)
    subprocess.run(["btrfs", "subvolume", "create", server.data("v") / "inner/inmost"], check=True, capture_output=True)
    (server.data("v") / "inner/inmost/file").write_bytes(b"x")
    server.api.destroy("v")
    listed = subprocess.run(["btrfs", "subvolume", "list", server.volumes_dir], check=True, capture_output=True, text=True).stdout
    assert listed == ""


def test_only_one_server_and_one_loop_device(server):
    loops = subprocess.run(["losetup", "-j", f"{server.volumes_dir}.img"], check=True, capture_output=True, text=True).stdout
    assert len(loops.splitlines()) == 1
    second = subprocess.run([server.program, f"--work-dir={server.work_dir}", f"--runtime-dir={server.runtime_dir}/2", "--baggageclaim-driver=btrfs"],
                            capture_output=True, text=True, timeout=60, check=False)
    assert "is in use by process" in second.stderr
    server.restart()
    assert subprocess.run(["losetup", "-j", f"{server.volumes_dir}.img"], check=True, capture_output=True, text=True).stdout == loops
