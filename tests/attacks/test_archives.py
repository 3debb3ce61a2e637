"""What archives and trees that were made to harm can do to BaggageClaim: to its memory, its processors, its files."""

import io
import os
import signal
import subprocess
import sys
import tarfile

import pytest

from attacks.memory_detectors import PeakMemory
from harness.baggageclaim import tar_of
from harness.baggageclaim_server import Server
from harness.wait import wait_until

CEILING = 64 << 20  # docs/limits.md
BLOCK = 512


@pytest.fixture
def server(sandboxed, install, scratch, run_dir):
    server = Server(install, scratch / "work", run_dir / "b", "naive").start()
    # What every stream takes once: threads' stacks, buffers.
    server.api.create("empty", "warm")
    server.api.stream_in("warm", tar_of({"f": b"x" * 1_000_000}))
    server.api.stream_out("warm")
    yield server
    server.leave_nothing()


def header(name=b"n", type_=b"0", size=0):
    info = tarfile.TarInfo(name.decode())
    info.type, info.size = type_, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pieces(make, count, at_once=200):
    """What make(0) … make(count - 1) return, some at a time."""
    for start in range(0, count, at_once):
        yield b"".join(make(n) for n in range(start, min(start + at_once, count)))


def stream_in(server, body, encoding="raw"):
    server.api.create("empty", "v")
    return server.api.request("PUT", "/volumes/v/stream-in?path=.", headers={"Content-Encoding": encoding}, pieces=body)


def read_through(server, handle, encoding="raw"):
    """How long the stream out is, as far as it goes, and whether it came to its end."""
    connection, head = server.api.open_stream_out(handle, encoding=encoding)
    size = 0
    with connection:
        assert head.status == 200
        try:
            for piece in connection.body(head):
                size += len(piece)
        except OSError:
            return size, False
        except Exception as error:
            assert "HttpError" in type(error).__name__, error
            return size, False
    return size, True


def make_deep(root, depth, name):
    """Directories in each other, deeper than a path can say."""
    at = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    return at


def test_the_detector_sees_a_process_that_takes_memory():
    program = "import sys\nfor line in sys.stdin:\n    x = b'x' * int(line)\n    del x\n    print('taken', flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def take(size):
            process.stdin.write(f"{size}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "taken\n"

        take(1)
        with PeakMemory(process.pid) as little:
            take(10 << 20)
        with PeakMemory(process.pid) as much:
            take(100 << 20)
        process.stdin.close()
    assert little.beyond(CEILING) == []
    assert len(much.beyond(CEILING)) == 1 and much.grown > 90 << 20


def test_a_deep_tree_going_out(server):
    """1,990 levels of long names, as deep as its path may be and deeper: an error then, and little memory in both cases."""
    for depth, whole in ((250, True), (1990, False)):
        handle = f"deep{depth}"
        server.api.create("empty", handle, privileged=True)
        os.close(make_deep(server.data(handle), depth, "d" * 255))
        with PeakMemory(server.process.pid) as memory:
            _, ended = read_through(server, handle)
        assert memory.beyond(CEILING) == []
        assert ended == whole
    assert any("nested too deeply" in line for line in server.lines)


def test_hard_links_far_down(server):
    server.api.create("empty", "v", privileged=True)
    at = make_deep(server.data("v"), 250, "d" * 255)
    for n in range(2000):
        os.close(os.open(f"f{n}", os.O_CREAT, dir_fd=at))
        os.link(f"f{n}", f"g{n}", src_dir_fd=at, dst_dir_fd=at)
    os.close(at)
    with PeakMemory(server.process.pid) as memory:
        assert read_through(server, "v")[1]
    assert memory.beyond(CEILING) == []


def test_directories_that_wait_for_their_times(server):
    """20,000 directories, each with a path as long as the kernel takes it."""
    inner = "/".join(["d" * 200] * 18)
    start = b"".join(long_header("/".join(["d" * 200] * n) + "/", b"5") for n in range(1, 19))
    body = (piece for part in ([start], pieces(lambda n: long_header(f"{inner}/{n:0>200}/", b"5"), 20_000), [bytes(2 * BLOCK)]) for piece in part)
    with PeakMemory(server.process.pid) as memory:
        assert stream_in(server, body).status == 204
    assert memory.beyond(CEILING) == []
    subprocess.run(["rm", "-rf", server.data("v") / ("d" * 200)], check=True)  # takes longer than an answer may


def long_header(name, type_):
    name = name.encode() + b"\0"
    return header(b"././@LongLink", b"L", len(name)) + name + bytes(-len(name) % BLOCK) + header(b"short", type_)


def pax_header(records, type_=b"x"):
    content = b""
    for key, value in records:
        rest = b" %s=%s\n" % (key, value)
        length = len(rest) + 1
        while len(rest) + len(str(length)) > length:
            length += 1
        content += str(length).encode() + rest
    return header(b"x", type_, len(content)) + content + bytes(-len(content) % BLOCK)


ENDLESS = {
    "a list of parts": lambda: ([gnu_sparse_start()], pieces(lambda n: GNU_PARTS, 2_000_000)),
    "a list of parts in the content": lambda: ([pax_header([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"9")]),
                                                header(b"f", b"0", 1 << 32), b"9999999999\n"], pieces(lambda n: b"0\n0\n" * 128, 8_000_000)),
    "a header": lambda: ([header(b"x", b"x", 1 << 32)], pieces(lambda n: bytes(1 << 16), 65536)),
    "global headers": lambda: (pieces(lambda n: pax_header([(b"SCHILY.xattr.user.%d" % n, b"v" * 60_000)], b"g"), 2000), [bytes(2 * BLOCK)]),
    "a name": lambda: ([header(b"x", b"L", 1 << 32)], pieces(lambda n: b"n" * (1 << 16), 65536)),
    "attributes": lambda: ([pax_header([(b"SCHILY.xattr.user.%d" % n, b"v") for n in range(100_000)]), header()],),
}
GNU_PARTS = (b"00000000000\0" * 2 * 21 + b"\1").ljust(BLOCK, b"\0")


def gnu_sparse_start():
    block = bytearray(header(b"f", b"S"))
    block[482:495] = b"\1" + b"00000001000\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("what", ENDLESS)
def test_something_without_end_going_in(server, what):
    body = (piece for part in ENDLESS[what]() for piece in part)
    with PeakMemory(server.process.pid) as memory:
        try:
            answer = stream_in(server, body)
        except (BrokenPipeError, ConnectionResetError):
            answer = None  # refused while it was still being sent
    assert memory.beyond(CEILING) == []
    if what == "global headers":
        assert answer.status == 204
    else:
        assert answer is None or (answer.status == 400 and b"failed to stream in to volume: " in answer.body)
        assert not list(server.data("v").iterdir())


def test_a_hole_that_has_no_end(server):
    """16 TiB of zeros: nothing grows, and when the reader goes, or the server is told to stop, it is over."""
    server.api.create("empty", "v", privileged=True)
    with open(server.data("v") / "hole", "wb") as file:
        file.truncate((16 << 40) - (1 << 20))
    for encoding in ("raw", "gzip", "zstd", "s2"):
        connection, head = server.api.open_stream_out("v", encoding=encoding)
        with PeakMemory(server.process.pid) as memory, connection:
            body = connection.body(head)
            for _ in range(20):
                next(body)
        assert memory.beyond(CEILING) == [], encoding
        wait_until(lambda: server.status()["requests"] == 0, "the stream to end")
    connection, head = server.api.open_stream_out("v")
    with connection:
        next(connection.body(head))
        server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0


def test_a_long_hole_coming_in_costs_nothing(server):
    """GNU tar's own archive of a file of 1 TiB."""
    place = server.work_dir / "from"
    place.mkdir()
    with open(place / "f", "wb") as file:
        file.truncate(1 << 40)
        os.pwrite(file.fileno(), b"data", 1 << 39)
    for form in ("gnu", "posix"):
        archive = subprocess.run(["tar", f"--format={form}", "--sparse", "-C", place, "-c", "f"], check=True, capture_output=True).stdout
        assert stream_in(server, [archive]).status == 204
        status = (server.data("v") / "f").stat()
        assert status.st_size == 1 << 40 and status.st_blocks * 512 < 1 << 20
        server.api.destroy("v")


def test_a_million_files_go_out(server):
    """What is many and small but harmless still works."""
    server.api.create("empty", "v", privileged=True)
    count = 1_000_000 if os.environ.get("CONCOURSE_TEST_LONG") else 50_000
    for n in range(count):
        if n % 1000 == 0:
            (server.data("v") / f"d{n}").mkdir()
        os.close(os.open(server.data("v") / f"d{n - n % 1000}" / f"f{n}", os.O_CREAT))
    with PeakMemory(server.process.pid) as memory:
        size, ended = read_through(server, "v")
    assert ended and size > count * BLOCK
    assert memory.beyond(CEILING) == []


def test_a_member_of_each_kind_that_a_file_system_cannot_hold_is_left_out_or_told(server):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("f")
        info.mode, info.mtime = 0o644, -1.5
        info.pax_headers = {"SCHILY.xattr.user.big": "v" * 60_000, "SCHILY.xattr.user.small": "v", "SCHILY.acl.access": "user::rwx,nonsense", "mtime": "-1.5"}
        archive.addfile(info)
    assert stream_in(server, [out.getvalue()]).status == 204
    file = server.data("v") / "f"
    assert file.stat().st_mode & 0o7777 == 0o644
    assert file.stat().st_mtime_ns == -1_500_000_000
    assert os.getxattr(file, "user.small") == b"v"
    server.api.destroy("v")
    answer = stream_in(server, [tar_of({"n" * 300: b""})])
    assert answer.status == 400 and "File name too long" in answer.json()["error"]
