"""The marks on the volumes' disk, on small file systems: what is refused when, what still works, and how it comes back."""

import contextlib
import os
import random
import subprocess
import threading

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.wait import wait_until
from harness.worker import free_port

MIB = 1 << 20
REMEDY = "let other volumes go, enlarge the disk, or lower --baggageclaim-disk-hard-free"


@contextlib.contextmanager
def mounted(path, *options):
    path.mkdir()
    subprocess.run(["mount", *options, path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture
def small(request, scratch):
    """A small file system: tmpfs unless the test says ext4."""
    if getattr(request, "param", "tmpfs") == "tmpfs":
        options = ["-t", "tmpfs", "-o", "size=64m,nr_inodes=4000", "tmpfs"]
    else:
        image = scratch / "image"
        image.touch()
        os.truncate(image, 64 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-N", "2000", image], check=True)
        options = ["-o", "loop", image]
    with mounted(scratch / "small", *options) as path:
        yield path


BOTH = pytest.mark.parametrize("small", ["tmpfs", "ext4"], indirect=True)
EXT4 = pytest.mark.parametrize("small", ["ext4"], indirect=True)


@pytest.fixture
def small_server(small, make_server):
    """Makes servers whose work directory is on `small`."""
    made = []

    def make(*flags):
        server = make_server("overlay", *flags)
        server.work_dir = small / "work"
        server.volumes_dir, server.overlays_dir = server.work_dir / "volumes", server.work_dir / "overlays"
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.leave_nothing()
        server.process = None  # before its disk goes


def file_system(path):
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip().replace("ext2/ext3", "ext4")


def disk_of(server):
    return server.status()["disk"]


def fill_bytes(path, leave=0):
    """Writes until no more than so much is free to others."""
    with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while (room := os.statvfs(path)).f_bavail * room.f_frsize > leave:
            file.write(bytes(64 << 10) if room.f_bavail * room.f_frsize > leave + (1 << 20) else bytes(4 << 10))


def fill_inodes(directory, leave=0):
    directory.mkdir(exist_ok=True)
    for number in range(os.statvfs(directory).f_favail - leave):
        (directory / str(number)).touch()


def create_is_refused(api, handle="refused"):
    """The text of the refusal, the same both ways."""
    request = {"handle": handle, "strategy": {"type": "empty"}, "properties": None}
    answer = api.request("POST", "/volumes", request)
    assert answer.status == 500
    assert api.request("POST", "/volumes-async", request).status == 201
    poll = wait_until(lambda: (p := api.request("GET", f"/volumes-async/{handle}")).status != 204 and p, "the creation to end")
    assert (poll.status, poll.json().keys(), answer.json().keys()) == (500, {"error"}, {"error"})
    text = answer.json()["error"]
    assert text.startswith("failed to create volume: this worker's disk is full: ") and text.endswith("; " + REMEDY)
    assert poll.json()["error"].split(": ")[:2] == text.split(": ")[:2]
    assert api.request("DELETE", f"/volumes-async/{handle}").status == 204
    assert api.lookup(handle) is None
    return text


def test_below_the_soft_mark_it_says_so_and_goes_on(small_server, small):
    server = small_server("--baggageclaim-disk-soft-free=50%", "--baggageclaim-disk-hard-free=4M")
    disk = disk_of(server)
    assert (disk["state"], disk["soft"]["bytes"], disk["hard"], "why" in disk) == ("ok", 32 * MIB, {"bytes": 4 * MIB, "inodes": 0}, False)
    assert disk["soft"]["inodes"] == disk["inodes"] // 2
    fill_bytes(small / "fill", 20 * MIB)
    disk = disk_of(server)
    assert disk["state"] == "low"
    assert disk["why"] == f"20.0 MiB of 64.0 MiB are free on '{server.volumes_dir}', and the soft mark is 32.0 MiB"
    wait_until(lambda: server.logged("baggageclaim.disk is low"), "a line in the log")
    server.api.create("empty", "v")
    server.api.stream_in("v", tar_of({"a": b"1"}))
    (small / "fill").unlink()
    assert disk_of(server)["state"] == "ok"
    wait_until(lambda: server.logged("baggageclaim.disk has room again"), "a line in the log")


@BOTH
def test_below_the_hard_mark_of_bytes_nothing_is_made_until_there_is_room(small_server, small):
    server = small_server("--baggageclaim-disk-hard-free=8M")
    api = server.api
    api.create("empty", "v", properties={"a": "b"})
    api.stream_in("v", tar_of({"kept": b"1"}))
    fill_bytes(small / "fill", 4 * MIB)
    text = create_is_refused(api)
    assert "4.0 MiB of " in text and f"are free on '{server.volumes_dir}', and the hard mark is 8.0 MiB; " in text
    assert disk_of(server)["state"] == "full"
    wait_until(lambda: server.logged("baggageclaim.disk is full: no volumes are made"), "a line in the log")
    refused = api.request("PUT", "/volumes/v/stream-in?path=.", headers={"Content-Encoding": "raw"}, pieces=[tar_of({"b": b"1"})])
    assert refused.status == 500
    assert refused.json()["error"].startswith("failed to stream in to volume: this worker's disk is full: ")
    assert files_of(api.stream_out("v")) == {"kept": b"1"}
    assert api.request("PUT", "/volumes/nobody/stream-in?path=.", headers={"Content-Encoding": "raw"}, pieces=[b""]).status == 404
    (small / "fill").unlink()
    api.create_async("empty", "w")
    api.stream_in("v", tar_of({"b": b"2"}))
    assert files_of(api.stream_out("v")) == {"kept": b"1", "b": b"2"}


@BOTH
def test_below_the_hard_mark_of_inodes_nothing_is_made_until_there_is_room(small_server, small):
    server = small_server("--baggageclaim-disk-hard-free=10%")
    server.api.create("empty", "v")
    fill_inodes(small / "fill", 100)
    free = os.statvfs(small).f_favail
    assert f"{free} of {os.statvfs(small).f_files} inodes are free on " in create_is_refused(server.api)
    subprocess.run(["rm", "-r", small / "fill"], check=True)
    server.api.create("empty", "w")


@pytest.mark.parametrize("what", ["bytes", "inodes"])
@BOTH
def test_with_nothing_left_at_all_volumes_are_changed_and_destroyed(small_server, small, what):
    server = small_server("--baggageclaim-disk-hard-free=4M")
    api = server.api
    for handle in ("a", "b", "c", "d"):
        api.create("empty", handle, properties={"kind": "test"})
    api.create({"type": "cow", "volume": "a"}, "child")
    wait_until(lambda: len(list((server.volumes_dir / "reserve").iterdir())) == 16, "the reserve")
    # As a container of root's would.
    if what == "bytes":
        fill_bytes(server.data("a") / "fill", -1)
        with pytest.raises(OSError), open(small / "other", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    else:
        fill_inodes(server.data("a") / "fill")
        with pytest.raises(OSError):
            (small / "other").touch()
    for value in ("1", "2", "3"):
        api.call("PUT", "/volumes/b/properties/round", {"value": value})
    api.set_privileged("b", True)
    if (what, "ext4") != ("bytes", file_system(small)):  # which finds a block here and there
        wait_until(lambda: server.logged("baggageclaim.reserved room given up"), "a line in the log")
    assert api.lookup("b")["properties"] == {"kind": "test", "round": "3"} and api.lookup("b")["privileged"]
    assert len(api.volumes(kind="test")) == 4
    # So is a server started.
    server.restart()
    assert api.handles() == {"a", "b", "c", "d", "child"}
    api.destroy("c")
    api.call("DELETE", "/volumes/destroy", ["d", "child"])
    api.call("POST", "/volumes/cleanup-orphans")
    api.destroy("a")
    assert api.handles() == {"b"}
    (small / "other").unlink(missing_ok=True)
    wait_until(lambda: len(list((server.volumes_dir / "reserve").iterdir())) == 16, "the reserve to be made again")
    api.create("empty", "again")


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@EXT4
def test_a_running_stream_stops_at_the_hard_mark_and_keeps_nothing(small_server, small, encoding):
    server = small_server("--baggageclaim-disk-hard-free=16M")
    api = server.api
    api.create("empty", "v")
    api.stream_in("v", tar_of({"old": b"1"}))
    free = disk_of(server)["free_bytes"]
    lowest, stop = [free], threading.Event()

    def watch():
        while not stop.wait(0.002):
            room = os.statvfs(small)
            lowest[0] = min(lowest[0], room.f_bavail * room.f_frsize)

    watcher = threading.Thread(target=watch)
    watcher.start()
    archive = tar_of({"first": b"2", "old": b"3", "big": random.Random(1).randbytes(free)})
    if encoding == "gzip":
        archive = subprocess.run(["gzip", "-1"], input=archive, capture_output=True, check=True).stdout
    answer = api.request("PUT", "/volumes/v/stream-in?path=.", headers={"Content-Encoding": encoding}, pieces=[archive])
    stop.set()
    watcher.join()
    assert answer.status == 500
    assert answer.json()["error"].startswith("failed to stream in to volume: this worker's disk is full: ")
    assert answer.json()["error"].endswith(f"and the hard mark is 16.0 MiB; {REMEDY}")
    assert 12 * MIB < lowest[0] < free - 8 * MIB
    assert files_of(api.stream_out("v")) == {"old": b"1"}
    assert [f.name for f in server.data("v").iterdir()] == ["old"]
    wait_until(lambda: disk_of(server)["free_bytes"] > free - MIB, "the room to be free again")


def test_a_stream_of_many_small_files_stops_at_the_hard_mark_of_inodes(small_server):
    server = small_server("--baggageclaim-disk-hard-free=50%")
    server.api.create("empty", "v")
    archive = tar_of({f"d/{n}": b"" for n in range(3000)})
    answer = server.api.request("PUT", "/volumes/v/stream-in?path=.", headers={"Content-Encoding": "raw"}, pieces=[archive])
    assert answer.status == 500 and " inodes are free on " in answer.json()["error"]
    assert list(server.data("v").iterdir()) == []


def test_a_peer_whose_disk_is_full_says_so_at_the_other_end(small_server, make_server):
    port = free_port()
    small_server("--baggageclaim-disk-hard-free=32M", "--baggageclaim-bind-ip=127.0.0.1",
                 f"--baggageclaim-bind-port={port}").api.create("empty", "w")
    source = make_server("naive").start()
    source.api.create("empty", "v")
    source.api.stream_in("v", tar_of({"big": random.Random(1).randbytes(50 * MIB)}))
    url = f"http://127.0.0.1:{port}/volumes/w/stream-in?path=."
    answer = source.api.request("PUT", f"/volumes/v/stream-p2p-out?path=.&encoding=raw&streamInURL={url.replace('?', '%3F').replace('=', '%3D')}")
    assert "p2p-stream-in 500: failed to stream in to volume: this worker's disk is full: " in answer.body.decode()


def test_without_marks_only_the_disk_refuses(small_server, small):
    server = small_server("--baggageclaim-disk-hard-free=0", "--baggageclaim-disk-soft-free=0")
    fill_bytes(small / "fill", MIB)
    assert disk_of(server)["state"] == "ok"
    server.api.create("empty", "v")


@pytest.mark.parametrize("value", ["10", "120%", "2GB"])
def test_a_mark_that_is_none_is_one_line_and_status_2(install, run_dir, scratch, value):
    for program, flags in (("concourse-baggageclaim", [f"--work-dir={scratch}"]), ("concourse-baggageclaim", [f"--work-dir={scratch}", "--check-config"])):
        ended = subprocess.run([install.program(program), f"--runtime-dir={run_dir}", f"--baggageclaim-disk-hard-free={value}", *flags],
                               capture_output=True, text=True, timeout=60)
        assert ended.returncode == 2
        assert ended.stderr == (f"concourse-baggageclaim: error: flag --baggageclaim-disk-hard-free: '{value}' is neither a share such as 5%, "
                                "nor a size such as 2G, nor both as 5%,2G, nor 0\n")
