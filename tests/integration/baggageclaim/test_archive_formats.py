"""Archives of the programs that people pack with, and our archives read by them: each tree comes out as it was."""

import hashlib
import os
import subprocess

import pytest

PACKERS = {f"GNU tar {form}{sparse}": ["tar", f"--format={form}", *sparse.split()] for form in ("v7", "ustar", "oldgnu", "gnu", "posix")
           for sparse in ("", " --sparse") if form not in ("v7", "ustar") or not sparse}
PACKERS |= {f"GNU tar sparse {version}": ["tar", "--format=posix", "--sparse", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0")}
PACKERS |= {f"bsdtar {form}": ["bsdtar", f"--format={form}"] for form in ("pax", "gnutar", "ustar")}
PACKERS["busybox"] = ["busybox", "tar"]
PYTHON = "import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall()"
READERS = {"GNU tar": ["tar", "-xf", "-"], "bsdtar": ["bsdtar", "-xpf", "-"], "busybox": ["busybox", "tar", "-xf", "-"],
           "Python": ["/usr/bin/python3", "-c", PYTHON]}


def tree(root):
    found = {}
    for place, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            regular = not os.path.islink(path) and os.path.isfile(path)
            with open(path if regular else os.devnull, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, root)] = (oct(status.st_mode), int(status.st_mtime) if regular else 0, status.st_nlink if regular else 0,
                                                  os.readlink(path) if os.path.islink(path) else content)
    return found


@pytest.fixture
def packed(scratch):
    """Names, links, modes, times and holes of many kinds. What old formats can't say isn't in `plain`."""
    for kind in ("plain", "full"):
        root = scratch / kind
        (root / "d").mkdir(parents=True)
        (root / "d" / "file").write_text("content")
        (root / "d" / "file").chmod(0o4751)
        os.link(root / "d" / "file", root / "hard")
        os.symlink("d/file", root / "soft")
        os.utime(root / "hard", (1_000_000_000, 1_000_000_000))
        with open(root / "sparse", "wb") as file:
            file.truncate(3 << 20)
            os.pwrite(file.fileno(), b"data", 1 << 20)
    (scratch / "full" / ("l" * 150)).write_text("a long name")
    deep = scratch / "full" / ("p" * 120) / ("q" * 200)
    deep.mkdir(parents=True)
    (deep / "file").write_text("below long names")
    os.symlink("y/" * 150, scratch / "full" / "long-link")
    return scratch


@pytest.mark.parametrize("packer", PACKERS)
def test_an_archive_of_another_program(make_server, packed, packer):
    server = make_server("naive").start()
    source = packed / ("plain" if packer.endswith(("v7", "ustar")) else "full")
    archive = subprocess.run([*PACKERS[packer], "-C", source, "-cf", "-", "."], check=True, capture_output=True).stdout
    server.api.create("empty", "v", privileged=True)
    server.api.stream_in("v", archive)
    assert tree(server.data("v")) == tree(source)


@pytest.mark.parametrize("reader", READERS)
def test_our_archive_read_by_another_program(make_server, packed, reader):
    server = make_server("naive").start()
    server.api.create({"type": "import", "path": str(packed / "full")}, "v", privileged=True)
    out = packed / "out"
    out.mkdir()
    subprocess.run(READERS[reader], cwd=out, input=server.api.stream_out("v"), check=True, capture_output=True)
    assert tree(out) == tree(packed / "full")
