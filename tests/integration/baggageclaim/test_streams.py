"""Streams into and out of volumes: all of it or an error, in every encoding, and never beyond the volume."""

import gzip
import io
import os
import random
import socket
import subprocess
import tarfile
import threading
from urllib.parse import quote, urlencode

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.http import Connection, HttpError
from harness.wait import wait_until

ENCODINGS = ("raw", "gzip", "zstd", "s2")


def decoded(encoding, data):
    if encoding == "gzip":
        return gzip.decompress(data)
    if encoding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


def stream_in(api, handle, body, path=".", encoding="raw", **query):
    """The answer, whatever it is."""
    url = f"/volumes/{quote(handle)}/stream-in?{urlencode({'path': path, **query})}"
    return api.request("PUT", url, headers={"Content-Encoding": encoding}, pieces=[body] if isinstance(body, bytes) else body)


def test_what_goes_out_comes_in_again_in_every_encoding(server, api):
    noise = random.Random(1)
    files = {"empty": b"", "small": b"content", "d/big": noise.randbytes(3_000_000) + bytes(2_000_000), "d/e/f": b"x" * 70_000, "ä ö\n": b"name"}
    api.create("empty", "a")
    api.create("empty", "b", privileged=True)
    api.stream_in("a", tar_of(files))
    for encoding in ENCODINGS:
        out = api.stream_out("a", encoding=encoding)
        if encoding != "s2":
            assert files_of(decoded(encoding, out)) == files
        api.stream_in("b", [out[i:i + 30_011] for i in range(0, len(out), 30_011)], encoding=encoding)
        assert files_of(api.stream_out("b")) == files


def test_the_head_of_a_stream_comes_at_once_and_says_nothing_about_its_encoding(api):
    api.create("empty", "v")
    connection, head = api.open_stream_out("v", encoding="gzip")
    with connection:
        assert head.status == 200
        assert head.headers["transfer-encoding"] == "chunked"
        assert not {"content-encoding", "content-length", "trailer"} & head.headers.keys()
        assert gzip.decompress(b"".join(connection.body(head)))


def test_what_is_streamed_out_begins_with_what_was_asked_for(server, api):
    api.create("empty", "v")
    api.stream_in("v", tar_of({"d": None, "d/file": b"content"}))
    (server.data("v") / "d").chmod(0o2750)
    os.symlink("/d/file", server.data("v") / "link")

    def members(path):
        with tarfile.open(fileobj=io.BytesIO(api.stream_out("v", path=path))) as archive:
            return [(member.name, member.type, member.mode) for member in archive]

    assert members("d") == [(".", tarfile.DIRTYPE, 0o2750), ("./file", tarfile.REGTYPE, 0o644)]
    assert members("d/file") == [("file", tarfile.REGTYPE, 0o644)]
    assert members("link") == [("link", tarfile.REGTYPE, 0o644)]
    assert members("/../d/./file") == [("file", tarfile.REGTYPE, 0o644)]
    assert members("")[0][0] == members(".")[0][0] == members("/")[0][0] == "."


def test_errors_before_the_first_byte(api):
    api.create("empty", "v")

    def out(handle, path, encoding):
        answer = api.request("PUT", f"/volumes/{handle}/stream-out?path={path}", headers={"Accept-Encoding": encoding})
        return answer.status, answer.json()["error"]

    message = "failed to stream out from volume"
    assert out("nobody", ".", "raw") == (404, message)
    assert out("v", "none", "raw") == (404, "no such file or directory")
    for encoding in ("", "identity", "gzip, deflate", "GZIP"):
        assert out("v", ".", encoding) == (400, message)

    message = "failed to stream in to volume"
    nobody = stream_in(api, "nobody", tar_of({"a": b""}))
    assert (nobody.status, nobody.json()["error"]) == (404, message)
    for encoding in ("", "br", "gzip, raw"):
        answer = stream_in(api, "v", tar_of({"a": b""}), encoding=encoding)
        assert (answer.status, answer.json()["error"]) == (400, message)
    for limit in ("x", "-1", "nan", "inf", "1e300", "1x"):
        answer = stream_in(api, "v", tar_of({"a": b""}), limit=limit)
        assert (answer.status, answer.json()["error"]) == (400, f"invalid limit {limit}")
    assert files_of(api.stream_out("v")) == {}


def test_a_stream_longer_than_its_limit(api):
    api.create("empty", "v")
    archive = tar_of({"a": random.Random(1).randbytes(2_000_000)})
    for limit, told in (("0.000009", "9B"), ("1.000000", "1MB")):
        answer = stream_in(api, "v", archive, limit=limit)
        assert (answer.status, answer.json()["error"]) == (403, f"exceeded volume streaming limit of {told}")
        assert files_of(api.stream_out("v")) == {}
    for limit in ("0.000000", "0", f"{(len(archive) + 2) / (1 << 20):f}"):
        assert stream_in(api, "v", archive, limit=limit).status == 204
    # Counted are the bytes that are sent, not what they hold.
    assert stream_in(api, "v", gzip.compress(tar_of({"b": bytes(2_000_000)})), encoding="gzip", limit="0.1").status == 204


def test_a_broken_stream_leaves_nothing(server, api):
    api.create("empty", "source")
    api.stream_in("source", tar_of({f"d{n}/f": random.Random(n).randbytes(50_000) for n in range(20)}))
    api.create("empty", "empty")
    api.create("empty", "full")
    api.stream_in("full", tar_of({"kept": b"1", "d1/f": b"old"}))
    for encoding in ENCODINGS:
        whole = api.stream_out("source", encoding=encoding)
        for broken in (whole[:len(whole) // 2], whole[:100], b"garbage" + whole):
            for handle, before in (("empty", {}), ("full", {"kept": b"1", "d1/f": b"old"})):
                answer = stream_in(api, handle, broken, encoding=encoding)
                assert answer.status == 400, encoding
                assert answer.json()["error"].startswith("failed to stream in to volume: "), answer.body
                assert files_of(api.stream_out(handle)) == before
    assert not [path for path in server.work_dir.rglob("*") if "stream-in" in path.name]


def test_a_client_that_breaks_off_leaves_nothing(server, api):
    api.create("empty", "v")
    archive = tar_of({"a": bytes(500_000), "b": bytes(500_000)})
    with Connection(api.address) as connection:
        connection.send("PUT", "/volumes/v/stream-in?path=new/place", headers={"Content-Encoding": "raw", "Transfer-Encoding": "chunked", "Content-Length": None})
        connection.socket.sendall(b"%x\r\n" % len(archive) + archive[:600_000])
        wait_until(lambda: (server.data("v") / "new/place/a").exists(), "the first file")
    wait_until(lambda: not list(server.data("v").iterdir()), "the volume to be empty again")
    wait_until(lambda: not server.record("v", "stream-in.json").exists(), "the journal to go")
    # Cut off between two members, where the archive alone looks whole.
    with Connection(api.address) as connection:
        connection.send("PUT", "/volumes/v/stream-in", headers={"Content-Encoding": "raw", "Transfer-Encoding": "chunked", "Content-Length": None})
        piece = tar_of({"a": b"1"})[:1024]
        connection.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.head().status == 500
    assert not list(server.data("v").iterdir())


def test_a_stream_out_that_breaks_is_no_short_success(server, api):
    api.create("empty", "v", privileged=True)
    (server.data("v") / "shrinking").write_bytes(b"x" * (64 << 20))
    connection, head = api.open_stream_out("v", encoding="raw")
    with connection:
        assert head.status == 200
        body = connection.body(head)
        next(body)
        os.truncate(server.data("v") / "shrinking", 1000)
        with pytest.raises((HttpError, ConnectionResetError)):
            for _ in body:
                pass


def test_a_slow_reader_holds_little_memory_and_a_gone_one_nothing(server, api):
    api.create("empty", "v")
    api.stream_in("v", tar_of({"big": random.Random(1).randbytes(30_000_000)}))
    connections = [api.open_stream_out("v")[0] for _ in range(8)]
    memory = int(next(line for line in open(f"/proc/{server.process.pid}/smaps_rollup") if line.startswith("Pss:")).split()[1])
    assert memory < 100_000 or "asan" in str(server.program)  # KiB
    for connection in connections:
        connection.close()
    wait_until(lambda: server.status()["requests"] == 0, "the streams to end")


def test_nothing_gets_out_of_a_volume(server, api, scratch):
    (scratch / "secret").write_bytes(b"secret")
    api.create("empty", "v", privileged=True)
    os.symlink(scratch, server.data("v") / "out")
    os.symlink("../../../../../../etc", server.data("v") / "up")
    for path in ("out/secret", "out", "up/passwd", "../../../../../../../../etc/passwd", "/proc/self/environ"):
        answer = api.request("PUT", f"/volumes/v/stream-out?path={quote(path)}", headers={"Accept-Encoding": "raw"})
        assert answer.status == 404, path
    for path in ("out", "out/x", "up/x"):
        answer = stream_in(api, "v", tar_of({"file": b"x"}), path=path)
        assert answer.status in (204, 400, 500)
    assert {path.name for path in scratch.iterdir() if path.is_file()} == {"secret"}
    assert not os.path.exists("/etc/x")


def hostile_archives():
    def member(name, type_=tarfile.REGTYPE, link="", data=b"x", **fields):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = type_, link, len(data) if type_ == tarfile.REGTYPE else 0
        for field, value in fields.items():
            setattr(info, field, value)
        return info, data

    yield "parent", [member("../escaped")]
    yield "inner parent", [member("a/../../escaped")]
    yield "link then through it", [member("l", tarfile.SYMTYPE, "OUTSIDE"), member("l/escaped")]
    yield "relative link then through it", [member("l", tarfile.SYMTYPE, "../../../../../../../../../..OUTSIDE"), member("l/escaped")]
    yield "hard link to outside", [member("h", tarfile.LNKTYPE, "../../../../../../../../../..OUTSIDE/secret"), member("h")]
    yield "device", [member("d", tarfile.CHRTYPE, devmajor=1, devminor=1)]
    yield "impossible owner", [member("o", uid=4294967294)]
    yield "file as directory", [member("f"), member("f/x")]


def test_an_archive_made_to_harm_is_refused(server, api, scratch):
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    api.create("empty", "v")
    for name, members in hostile_archives():
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for info, data in members:
                info.linkname = info.linkname.replace("OUTSIDE", str(outside))
                archive.addfile(info, io.BytesIO(data))
        assert stream_in(api, "v", out.getvalue()).status == 400, name
        assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("secret", b"secret")], name
        assert list(server.data("v").iterdir()) == [], name


def test_a_link_swapped_in_during_a_stream_leads_nowhere(server, api, scratch):
    """A container keeps exchanging a directory for a link to the host while an archive is extracted over it."""
    outside = scratch / "outside"
    outside.mkdir()
    api.create("empty", "v", privileged=True)
    data = server.data("v")
    (data / "keep").write_bytes(b"")
    os.symlink(outside, data / "link")
    (data / "d").mkdir()
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for a, b in (("d", "saved"), ("link", "d"), ("d", "link"), ("saved", "d")):
                try:
                    os.rename(data / a, data / b)
                except OSError:
                    pass

    thread = threading.Thread(target=swap)
    thread.start()
    for _ in range(5):
        stream_in(api, "v", tar_of({f"d/f{n}": b"x" for n in range(300)}))
        api.request("PUT", "/volumes/v/stream-out?path=d", headers={"Accept-Encoding": "raw"})
    stop.set()
    thread.join()
    assert list(outside.iterdir()) == []


def test_ceilings_are_flags(make_server):
    server = make_server("naive", "--baggageclaim-stream-max-entries=3", "--baggageclaim-stream-max-mib=1").start()
    server.api.create("empty", "v")
    assert stream_in(server.api, "v", tar_of({str(n): b"" for n in range(4)})).status == 400
    assert stream_in(server.api, "v", tar_of({"big": bytes(1_100_000)})).status == 400
    assert stream_in(server.api, "v", tar_of({"a": b"1", "b": bytes(900_000)})).status == 204


def test_a_full_disk_is_said_and_leaves_the_volumes_whole(make_server, scratch):
    small = scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], check=True)
    try:
        server = make_server("overlay")
        server.work_dir = small
        server.volumes_dir, server.overlays_dir = small / "volumes", small / "overlays"
        server.start()
        api = server.api
        api.create("empty", "kept")
        api.stream_in("kept", tar_of({"file": b"content"}))
        api.create("empty", "v")
        answer = stream_in(api, "v", tar_of({"a": b"1", "big": random.Random(1).randbytes(20_000_000)}))
        assert answer.status == 500
        assert "No space left on device" in answer.json()["error"]
        assert list(server.data("v").iterdir()) == []
        assert files_of(api.stream_out("kept")) == {"file": b"content"}
        (server.data("v") / "fill").write_bytes(b"")
        subprocess.run(["dd", "if=/dev/zero", f"of={server.data('v')}/fill", "bs=64k"], capture_output=True, check=False)
        assert api.request("POST", "/volumes", {"handle": "w", "strategy": {"type": "empty"}}).status in (201, 500)
        api.destroy("v")
        api.create({"type": "cow", "volume": "kept"}, "child")
        assert files_of(api.stream_out("child")) == {"file": b"content"}
        server.leave_nothing()
        server.process = None
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_reader_that_has_seen_enough_is_no_error(overlay):
    overlay.api.create("empty", "v")
    stream_in(overlay.api, "v", tar_of({"big": bytes(32 << 20)}))
    with socket.socket(socket.AF_UNIX) as reader:
        reader.connect(str(overlay.runtime_dir / "baggageclaim.sock"))
        reader.sendall(b"PUT /volumes/v/stream-out?path=. HTTP/1.1\r\nHost: x\r\nAccept-Encoding: raw\r\nContent-Length: 0\r\n\r\n")
        assert reader.recv(1 << 16).startswith(b"HTTP/1.1 200 OK")
    hung_up = wait_until(lambda: overlay.logged("baggageclaim.client hung up"), "the end of the stream")
    assert hung_up["target"] == "/volumes/v/stream-out?path=."
    assert overlay.logged("baggageclaim.response broken off") is None


def test_a_volume_that_was_read_to_its_end_is_destroyed_at_once(overlay):
    """The reader may be quicker than the server: what the stream held of the volume is let go before its last byte is sent."""
    everywhere = os.sched_getaffinity(0)
    for task in os.listdir(f"/proc/{overlay.process.pid}/task"):
        os.sched_setaffinity(int(task), {min(everywhere)})
        os.setpriority(os.PRIO_PROCESS, int(task), 19)
    os.sched_setaffinity(0, {min(everywhere)})
    try:
        overlay.api.create("empty", "parent")
        overlay.api.stream_in("parent", tar_of({"file": b"content"}))
        for number in range(50):
            overlay.api.create({"type": "cow", "volume": "parent"}, f"v{number}")
            assert files_of(overlay.api.stream_out(f"v{number}")) == {"file": b"content"}
            overlay.api.destroy(f"v{number}")
            assert os.listdir(overlay.volumes_dir / "dead") == []
    finally:
        os.sched_setaffinity(0, everywhere)
