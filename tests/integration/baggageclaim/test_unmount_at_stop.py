"""Orderly stops: nothing stays mounted that nobody uses, and nothing is mounted twice that somebody does."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.control_double import Control
from harness.http import Connection, HttpError
from harness.namespaces import device, mounted_in_a_container
from harness.wait import wait_until


@pytest.fixture
def family(overlay):
    """A volume and its copy."""
    overlay.api.create("empty", "root")
    overlay.api.stream_in("root", tar_of({"file": b"1"}))
    overlay.api.create({"type": "cow", "volume": "root"}, "copy")
    return overlay


@pytest.fixture
def inside(scratch):
    (scratch / "inside").mkdir()
    return scratch / "inside"


def test_a_stop_leaves_no_mounts_and_a_start_makes_them_again(server, api):
    api.create("empty", "root", privileged=True)
    api.stream_in("root", tar_of({"file": b"1"}))
    api.create({"type": "cow", "volume": "root"}, "copy")
    api.create({"type": "cow", "volume": "copy"}, "users", uid=1000, gid=1000)
    before = server.mounts()
    for _ in range(2):
        assert server.stop() == 0
        assert server.mounts() == {}
        # Nobody can take an empty mount point for the volume.
        assert server.data("root").exists() == (server.driver == "naive")
        server.start()
        assert server.mounts() == before
        assert {handle: files_of(api.stream_out(handle)) for handle in api.handles()} == dict.fromkeys(("root", "copy", "users"), {"file": b"1"})


def test_an_overlay_that_a_container_uses_stays(family, inside):
    with mounted_in_a_container(family.data("copy"), inside) as seen:
        overlay = device(family.data("copy"))
        assert family.stop() == 0
        assert family.mounts() == {str(family.data("copy")): 1}
        assert family.logged("baggageclaim.mounts released")["in_use"] == [str(family.data("copy"))]
        Path(seen, "written while stopped").write_bytes(b"2")
        family.start()
        assert device(family.data("copy")) == overlay
        Path(seen, "written after").write_bytes(b"3")
        assert files_of(family.api.stream_out("copy")) == {"file": b"1", "written while stopped": b"2", "written after": b"3"}
    assert family.stop() == 0
    assert family.mounts() == {}


def test_what_a_container_has_of_a_bind_mount_is_its_own(family, inside):
    with mounted_in_a_container(family.data("root"), inside) as seen:
        family.stop()
        assert family.mounts() == {}
        Path(seen, "more").write_bytes(b"2")
        family.start()
        assert files_of(family.api.stream_out("root")) == {"file": b"1", "more": b"2"}


def test_an_overlay_with_an_open_file_stays(family):
    with open(family.data("copy") / "file", "rb"):
        family.stop()
        assert family.mounts() == {str(family.data("copy")): 1}
    family.start()
    family.stop()
    assert family.mounts() == {}


def test_namespaces_that_follow_ours_use_nothing(make_server):
    """As systemd gives them to services that hide something from themselves."""
    server = make_server("overlay")
    server.work_dir.mkdir()
    subprocess.run(["mount", "--bind", server.work_dir, server.work_dir], check=True)
    subprocess.run(["mount", "--make-shared", server.work_dir], check=True)
    try:
        server.start()
        server.api.create("empty", "root")
        server.api.create({"type": "cow", "volume": "root"}, "copy")
        with mounted_in_a_container(None, "", propagation="slave") as seen:
            followed = Path(f"{Path(seen).parent}/mountinfo")
            assert str(server.data("copy")) in followed.read_text()
            server.stop()
            assert str(server.data("copy")) not in followed.read_text()
            server.start()
        server.leave_nothing()
        server.process = None
    finally:
        subprocess.run(["umount", server.work_dir], check=True)


@pytest.fixture
def garden(family):
    double = Control(family.runtime_dir, "garden", {"state": "ready"})
    yield double
    double.close()
    (family.runtime_dir / "control/garden.sock").unlink()


def test_while_garden_runs_everything_stays_mounted(family, garden):
    """It may be about to make a container on a volume: only this server is being restarted."""
    before = family.mounts()
    assert family.stop() == 0
    assert family.mounts() == before
    family.start()
    assert family.mounts() == before
    garden.answer = {"state": "stopping"}
    assert family.stop() == 0
    assert family.mounts() == {}


def test_a_garden_that_stops_a_moment_later_keeps_nothing(family, garden):
    """The whole worker is told to stop, and this server hears of it first."""
    family.process.terminate()
    wait_until(lambda: garden.asked, "Garden to be asked")
    garden.answer = {"state": "stopping"}
    assert family.process.wait(60) == 0
    assert family.mounts() == {}


def test_a_changed_privilege_is_not_mounted_over_a_container(family, inside):
    with mounted_in_a_container(family.data("copy"), inside) as seen:
        overlay = device(family.data("copy"))
        family.api.set_privileged("copy", True)
        assert device(family.data("copy")) == overlay
        assert os.stat(family.data("copy") / "file").st_uid == os.stat(f"{seen}/file").st_uid == 0
    family.restart()
    assert os.stat(family.data("copy") / "file").st_uid == 0
    family.api.set_privileged("copy", False)
    assert os.stat(family.data("copy") / "file").st_uid != 0


def test_a_layer_that_a_container_writes_to_is_removed_when_it_has_gone(family, inside):
    api = family.api
    with mounted_in_a_container(family.data("copy"), inside) as seen:
        api.destroy("copy")
        assert api.handles() == {"root"}
        api.call("POST", "/volumes/cleanup-orphans")
        Path(seen, "more").write_bytes(b"2")
        assert (family.layer("copy") / "more").exists()
    wait_until(lambda: api.call("POST", "/volumes/cleanup-orphans") or not family.layer("copy").exists(), "the layer to go")


def test_a_stop_waits_for_streams_and_a_second_one_does_not(overlay):
    api = overlay.api
    api.create("empty", "v")
    archive = tar_of({"a": bytes(600_000)})

    def begin():
        connection = Connection(api.address)
        connection.send("PUT", "/volumes/v/stream-in?path=.", headers={"Content-Encoding": "raw", "Transfer-Encoding": "chunked", "Content-Length": None})
        connection.socket.sendall(b"%x\r\n" % len(archive) + archive[:550_000])
        wait_until(lambda: list(overlay.data("v").rglob("a")), "the stream to be extracted")
        return connection

    with begin() as connection:
        overlay.process.terminate()
        wait_until(lambda: not _accepts(api), "it to stop accepting")
        connection.socket.sendall(archive[550_000:] + b"\r\n0\r\n\r\n")
        assert connection.head().status == 204
        assert overlay.process.wait(60) == 0
    overlay.start()
    with begin() as connection:
        overlay.process.terminate()
        wait_until(lambda: not _accepts(api), "it to stop accepting")
        overlay.process.terminate()
        assert overlay.process.wait(60) == 0
        with pytest.raises((HttpError, ConnectionError)):
            connection.head()
    overlay.start()
    assert files_of(api.stream_out("v")) == {"a": bytes(600_000)}


def _accepts(api):
    try:
        with Connection(api.address):
            return True
    except OSError:
        return False
