"""Files streamed into and out of containers: as which user, from where, and what a hostile archive or client achieves."""

import io
import os
import shutil
import subprocess
import tarfile
from urllib.parse import urlencode

import pytest

from harness.http import Connection, HttpError, StatusError
from harness.wait import wait_until


def tar(*members):
    """An archive of (name, content) and of TarInfo."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode, info.uid, info.mtime = len(member[1]), 0o777, 4711, 1_500_000_000
                archive.addfile(info, io.BytesIO(member[1]))
    return data.getvalue()


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def put(api, handle, destination, archive, **query):
    pieces = [archive[i:i + 5000] for i in range(0, len(archive), 5000)]
    return api.call("PUT", f"/containers/{handle}/files?{urlencode({'destination': destination, **query})}", pieces=pieces,
                    headers={"Content-Type": "application/x-tar"})


def get(api, handle, source, **query):
    answer = api.request("GET", f"/containers/{handle}/files?{urlencode({'source': source, **query})}")
    if answer.status != 200:
        raise StatusError("GET files", answer)
    assert answer.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        return {m.name: archive.extractfile(m).read() if m.isreg() else m for m in archive.getmembers()}


def get_members(api, handle, source):
    answer = api.request("GET", f"/containers/{handle}/files?{urlencode({'source': source})}")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        return {m.name: m for m in archive}


def transfers():
    """The nstars that run on this machine, or in this test's part of it."""
    return subprocess.run(["pgrep", "-f", "^[^ ]*concourse-nstar "], capture_output=True, check=False).stdout.split()


def sh(api, handle, script):
    status, out, err = api.output(handle, "sh", "-c", script)
    assert status == 0, (out, err)
    return out.decode().split()


@pytest.fixture(params=[False, True], ids=["unprivileged", "privileged"])
def any_container(request, api, rootfs, own_rootfs, scratch):
    if not request.param:
        return api.create(own_rootfs)
    return api.create(shutil.copytree(rootfs, scratch / "privileged", symlinks=True), privileged=True)


def test_files_go_in_and_come_out_as_root(api, any_container):
    assert put(api, any_container, "/new/place", tar(("a", b"1"), ("d/b", b"x" * 100_000))) == {}
    assert sh(api, any_container, "cd /new/place; stat -c '%u:%g %a %Y' a; wc -c < d/b") == ["0:0", "755", "1500000000", "100000"]
    assert get(api, any_container, "/new/place/a") == {"a": b"1"}
    whole = get(api, any_container, "/new/place")
    assert set(whole) == {"place", "place/a", "place/d", "place/d/b"} and whole["place/d/b"] == b"x" * 100_000
    assert set(get(api, any_container, "/new/place/")) == {".", "./a", "./d", "./d/b"}


def test_a_user_s_files_are_the_user_s_and_no_more_than_that(api, container):
    put(api, container, "own/files", tar(("a", b"1")), user="nonroot")
    assert sh(api, container, "stat -c %u:%g ~nonroot/own ~nonroot/own/files/a") == ["65532:65532"] * 2
    assert get(api, container, "own/files/a", user="nonroot") == {"a": b"1"}
    sh(api, container, "mkdir -m 700 /secret; echo 1 > /secret/file; mkdir /open")
    with pytest.raises(StatusError, match="ermission denied"):
        put(api, container, "/open", tar(("a", b"1")), user="nonroot")
    with pytest.raises(StatusError, match="ermission denied"):
        get(api, container, "/secret/file", user="nonroot")
    for call in (lambda: put(api, container, "/", tar(), user="nobody-here"), lambda: get(api, container, "/", user="nobody-here")):
        with pytest.raises(StatusError, match="unable to find user nobody-here"):
            call()


def test_links_holes_and_empty_archives_survive(api, container):
    put(api, container, "/w", b"")
    put(api, container, "/w", tar(("f", b"1"), special("s", tarfile.SYMTYPE, "/etc/passwd"), special("h", tarfile.LNKTYPE, "/f"),
                                  special("p", tarfile.FIFOTYPE)))
    assert sh(api, container, "cd /w; readlink s; stat -c %h f; test -p p && echo fifo") == ["/etc/passwd", "2", "fifo"]
    sh(api, container, "cd /w; dd if=/dev/zero of=hole bs=1 count=0 seek=50M 2>&1; echo end >> hole")
    out = get(api, container, "/w/")
    assert out["./s"].linkname == "/etc/passwd" and len(out["./hole"]) == (50 << 20) + 4 and out["./hole"].endswith(b"\0end\n")
    assert {out["./f"].linkname if not isinstance(out["./f"], bytes) else "first",
            out["./h"].linkname if not isinstance(out["./h"], bytes) else "first"} & {"first"}


def test_no_reader_needs_to_know_of_holes(api, container):
    """Busybox's tar, among others, takes the map of a file with holes for its content."""
    sh(api, container, "mkdir /w; cd /w; dd if=/dev/zero of=hole bs=1 count=0 seek=5M 2>&1; echo end >> hole; dd if=/dev/zero of=all bs=1 count=0 seek=3M 2>&1")
    archive = api.request("GET", f"/containers/{container}/files?{urlencode({'source': '/w/'})}").body
    assert b"GNU.sparse" not in archive and b"GNUSparseFile" not in archive
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        assert {m.name: (m.size, m.type) for m in members if m.isreg()} == {"./hole": ((5 << 20) + 4, tarfile.REGTYPE), "./all": (3 << 20, tarfile.REGTYPE)}


def test_times_before_1970_go_in_and_come_out(api, container):
    old = tarfile.TarInfo("old")
    old.mtime, old.pax_headers = -86_400, {"mtime": "-86400.5"}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(old)
    put(api, container, "/w", data.getvalue())
    assert sh(api, container, "stat -c %Y /w/old")[0] in ("-86400", "-86401")
    assert -86_402 < get_members(api, container, "/w/")["./old"].mtime <= -86_400


def test_attributes_that_the_place_cannot_have_are_left_out(api, container):
    info = tarfile.TarInfo("f")
    info.size = 2
    info.pax_headers = {"SCHILY.xattr.user.large": "v" * 100_000, "SCHILY.xattr.trusted.t": "v", "SCHILY.xattr.nonsense": "v"}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b"hi"))
    assert put(api, container, "/w", data.getvalue()) == {}
    assert sh(api, container, "cat /w/f") == ["hi"]


def test_nothing_leads_out_of_the_container(api, container, scratch):
    outside = scratch / "outside"
    outside.mkdir()
    sh(api, container, f"mkdir /w; ln -s {outside} /w/away; ln -s ../../../../../../.. /w/up")
    put(api, container, "/w", tar(("up/from-up", b"1"), ("/absolute", b"2")))
    with pytest.raises(StatusError):
        put(api, container, "/w/away", tar(("a", b"1")))  # a link to nothing, in there
    with pytest.raises(StatusError, match="[.][.]"):
        put(api, container, "/w", tar(("../../escaped", b"1")))
    assert sh(api, container, "cat /from-up /w/absolute") == ["12"]
    assert os.listdir(outside) == []
    assert not os.path.exists("/from-up") and not os.path.exists("/absolute") and not os.path.exists("/escaped")
    # What a user namespace has no power over stays as it is.
    with pytest.raises(StatusError):
        put(api, container, "/proc/sys/kernel", tar(("core_pattern", b"|/evil")))
    with pytest.raises(StatusError):
        put(api, container, "/w", tar(special("disk", tarfile.BLKTYPE)))


def test_bad_archives_and_missing_sources_are_named(api, container):
    with pytest.raises(StatusError, match="error streaming in: "):
        put(api, container, "/w", b"this is no archive" * 100)
    with pytest.raises(StatusError, match="error streaming in: "):
        put(api, container, "/w", tar(("a", b"x" * 100_000))[:50_000])
    with pytest.raises(StatusError, match="error streaming out: open .*none.*No such file"):
        get(api, container, "/none")
    with pytest.raises(StatusError, match="error streaming out: enter '/no/such'"):
        get(api, container, "/no/such/place")
    for request in (lambda: put(api, "none", "/", tar()), lambda: get(api, "none", "/")):
        with pytest.raises(StatusError) as refusal:
            request()
        assert refusal.value.response.json()["Type"] == "ContainerNotFoundError"


def test_a_client_that_leaves_takes_its_transfer_along(garden, api, container):
    sh(api, container, "mkdir /w; dd if=/dev/zero of=/w/big bs=1M count=64 2>&1")
    with Connection(garden.api.address) as reader:
        reader.send("GET", f"/containers/{container}/files?source=/w/big")
        assert reader.head().status == 200
    with Connection(garden.api.address) as writer:
        writer.send("PUT", f"/containers/{container}/files?destination=/w", headers={"Content-Length": "1000000"})
        writer.socket.sendall(tar(("part", b"y" * 50_000))[:20_000])
        wait_until(lambda: transfers(), "a transfer to run")
    wait_until(lambda: not transfers(), "the transfers to end")


def test_a_destroyed_container_breaks_its_transfers_off(garden, api, container):
    sh(api, container, "mkdir /w; dd if=/dev/zero of=/w/big bs=1M count=64 2>&1")
    with Connection(garden.api.address) as reader:
        reader.send("GET", f"/containers/{container}/files?source=/w/big")
        answer = reader.head()
        api.destroy(container)
        try:
            got = sum(map(len, reader.body(answer)))
            assert got > 64 << 20  # what was open stays readable, or the answer is visibly cut
        except HttpError:
            pass
    wait_until(lambda: not transfers(), "the transfer to end")
