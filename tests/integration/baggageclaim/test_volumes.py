"""What is in volumes: the strategies, copies of copies, who owns what, and that destroying one harms no other."""

import io
import os
import subprocess
import tarfile

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.baggageclaim_server import LAST_ID
from harness.wait import wait_until


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


def tree(path):
    """{relative path: content, link or None}"""
    found = {}
    for folder, folders, names in os.walk(path):
        for name in folders + names:
            full = os.path.join(folder, name)
            key = os.path.relpath(full, path)
            if os.path.islink(full):
                found[key] = os.readlink(full)
            elif os.path.isfile(full):
                with open(full, "rb") as file:
                    found[key] = file.read()
            else:
                found[key] = None
    return found


def test_a_copy_has_its_parents_content_and_goes_its_own_way(server, api):
    api.create("empty", "parent")
    api.stream_in("parent", tar_of({"kept": b"1", "changed": b"old", "removed": b"x", "d": None, "d/e": b"2"}))
    api.create({"type": "cow", "volume": "parent"}, "child")
    child, parent = server.data("child"), server.data("parent")
    (child / "changed").write_bytes(b"new")
    (child / "removed").unlink()
    (child / "d").rename(child / "renamed")
    (child / "added").write_bytes(b"y")
    assert tree(child) == {"kept": b"1", "changed": b"new", "renamed": None, "renamed/e": b"2", "added": b"y"}
    assert tree(parent) == {"kept": b"1", "changed": b"old", "removed": b"x", "d": None, "d/e": b"2"}


def test_ten_generations_each_with_its_own_change(server, api):
    api.create("empty", "g0")
    api.stream_in("g0", tar_of({"file": b"0", **{f"doomed{n}": b"x" for n in range(1, 11)}}))
    for n in range(1, 11):
        api.create({"type": "cow", "volume": f"g{n - 1}"}, f"g{n}", privileged=n % 2 == 0)
        data = server.data(f"g{n}")
        assert (data / "file").read_bytes() == b"%d" % (n - 1)
        (data / "file").write_bytes(b"%d" % n)
        (data / f"doomed{n}").unlink()
        assert sorted(path.name for path in data.glob("doomed*")) == sorted(f"doomed{m}" for m in range(n + 1, 11))
    server.restart()
    for n in range(11):
        assert (server.data(f"g{n}") / "file").read_bytes() == b"%d" % n
        assert files_of(api.stream_out(f"g{n}")) == {"file": b"%d" % n, **{f"doomed{m}": b"x" for m in range(n + 1, 11)}}


def test_what_a_copy_lies_on_stays_until_the_last_copy_goes(overlay):
    api = overlay.api
    api.create("empty", "root")
    api.stream_in("root", tar_of({"file": b"content"}))
    api.create({"type": "cow", "volume": "root"}, "middle")
    (overlay.data("middle") / "more").write_bytes(b"m")
    api.create({"type": "cow", "volume": "middle"}, "leaf")
    for handle in ("root", "middle"):
        api.destroy(handle)
    assert api.handles() == {"leaf"}
    api.call("POST", "/volumes/cleanup-orphans")
    assert tree(overlay.data("leaf")) == {"file": b"content", "more": b"m"}
    assert api.request("POST", "/volumes", {"handle": "root", "strategy": {"type": "empty"}}).status == 500
    overlay.restart()
    assert tree(overlay.data("leaf")) == {"file": b"content", "more": b"m"}
    api.create({"type": "cow", "volume": "leaf"}, "late")
    api.destroy("leaf")
    assert tree(overlay.data("late")) == {"file": b"content", "more": b"m"}
    api.destroy("late")
    api.call("POST", "/volumes/cleanup-orphans")
    assert [path.name for path in overlay.overlays_dir.iterdir()] == ["work"]
    assert list((overlay.volumes_dir / "dead").iterdir()) == []


def test_a_chain_of_dead_copies_goes_in_one_clean_up(overlay):
    """Whatever their names: each lies on all before it."""
    api = overlay.api
    names = [f"v{number}" for number in (3, 0, 7, 1, 9, 5, 2, 8)]
    api.create("empty", names[0])
    for parent, child in zip(names, names[1:]):
        api.create({"type": "cow", "volume": parent}, child)
    for name in names:
        api.destroy(name)
    assert overlay.layer(names[0]).exists()
    api.call("POST", "/volumes/cleanup-orphans")
    assert not [name for name in names if overlay.layer(name).exists() or overlay.record(name, ".", stage="dead").exists()]


def test_more_generations_than_one_mount_takes(overlay):
    api = overlay.api
    api.create("empty", "g-0" + "x" * 120)
    api.stream_in("g-0" + "x" * 120, tar_of({"file": b"0"}))
    for n in range(1, 45):
        api.create({"type": "cow", "volume": f"g-{n - 1}" + "x" * 120}, f"g-{n}" + "x" * 120)
        (overlay.data(f"g-{n}" + "x" * 120) / f"own{n}").write_bytes(b"")
    last = overlay.data("g-44" + "x" * 120)
    assert len(list(last.iterdir())) == 45
    assert (last / "file").read_bytes() == b"0"


def test_importing_a_directory_copies_all_of_it(server, api, scratch):
    source = scratch / "source"
    (source / "d").mkdir(parents=True)
    (source / "d/file").write_bytes(b"content")
    (source / "d/file").chmod(0o4751)
    os.link(source / "d/file", source / "other")
    os.symlink("/etc/passwd", source / "link")
    os.chown(source / "d", 1000, 1001)
    os.utime(source / "d/file", ns=(1, 1_500_000_000_123_456_789))
    for handle, privileged, root in (("p", True, 0), ("u", False, LAST_ID)):
        api.create({"type": "import", "path": str(source)}, handle, privileged=privileged)
        data = server.data(handle)
        assert tree(data) == {"d": None, "d/file": b"content", "other": b"content", "link": "/etc/passwd"}
        assert os.lstat(data / "d/file").st_mode & 0o7777 == 0o4751
        assert os.lstat(data / "d/file").st_mtime_ns == 1_500_000_000_123_456_789
        assert os.lstat(data / "d/file").st_ino == os.lstat(data / "other").st_ino
        assert owner(data / "d") == (1000, 1001)
        assert owner(data / "link") == owner(data / "d/file") == (root, root)
    assert owner("/etc/passwd") == (0, 0)


def test_importing_another_volumes_view(server, api):
    api.create("empty", "v")
    api.stream_in("v", tar_of({"file": b"x"}))
    assert owner(server.data("v") / "file") == (LAST_ID, LAST_ID)
    for handle, privileged, root in (("p", True, 0), ("u", False, LAST_ID)):
        api.create({"type": "import", "path": str(server.data("v"))}, handle, privileged=privileged)
        assert owner(server.data(handle) / "file") == (root, root)


def test_importing_certificates_follows_links(server, api, scratch):
    (scratch / "real").mkdir()
    (scratch / "real/cert").write_bytes(b"cert")
    (scratch / "certs").mkdir()
    os.symlink(scratch / "real/cert", scratch / "certs/a.pem")
    os.symlink(scratch / "real", scratch / "certs/dir")
    api.create({"type": "import", "path": str(scratch / "certs"), "follow_symlinks": True}, "certs")
    assert tree(server.data("certs")) == {"a.pem": b"cert", "dir": None, "dir/cert": b"cert"}


def test_importing_an_archive_makes_devices_too(server, api, scratch):
    with tarfile.open(scratch / "rootfs.tgz", "w:gz") as archive:
        info = tarfile.TarInfo("./dev/null")
        info.type, info.devmajor, info.devminor, info.mode = tarfile.CHRTYPE, 1, 3, 0o666
        archive.addfile(info)
        info = tarfile.TarInfo("./home")
        info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, 0o755, 1000, 1000
        archive.addfile(info)
    api.create({"type": "import", "path": str(scratch / "rootfs.tgz")}, "image")
    data = server.data("image")
    assert os.lstat(data / "dev/null").st_rdev == os.makedev(1, 3)
    assert owner(data / "dev/null") == (LAST_ID, LAST_ID)
    assert owner(data / "home") == (1000, 1000)


def test_privileged_and_unprivileged_views(server, api):
    api.create("empty", "p", privileged=True)
    api.stream_in("p", tar_of({"file": b"x", "d": None}))
    (server.data("p") / "user").write_bytes(b"")
    os.chown(server.data("p") / "user", 1000, 1000)
    assert owner(server.data("p") / "file") == (0, 0)

    api.create({"type": "cow", "volume": "p"}, "u")
    assert owner(server.data("u")) == owner(server.data("u") / "file") == owner(server.data("u") / "d") == (LAST_ID, LAST_ID)
    assert owner(server.data("u") / "user") == (1000, 1000)
    api.create({"type": "cow", "volume": "u"}, "pp", privileged=True)
    assert owner(server.data("pp") / "file") == (0, 0)
    for handle, privileged, root in (("u", True, 0), ("u", False, LAST_ID), ("p", False, LAST_ID), ("p", True, 0)):
        api.set_privileged(handle, privileged)
        assert owner(server.data(handle) / "file") == (root, root), (handle, privileged)
        assert owner(server.data(handle) / "user") == (1000, 1000)
        archived = api.stream_out(handle, path="file")
        with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
            assert (archive.next().uid, archive.next()) == (0, None)
    server.restart()
    assert owner(server.data("u") / "file") == (LAST_ID, LAST_ID)
    assert owner(server.data("p") / "file") == (0, 0)


def test_a_volume_for_a_user_is_that_users_throughout(server, api):
    api.create("empty", "parent")
    api.stream_in("parent", tar_of({**{f"d/{n}": b"x" for n in range(200)}, "top": b"y"}))
    api.create({"type": "cow", "volume": "parent"}, "first", uid=1000, gid=1001)
    api.create({"type": "cow", "volume": "first"}, "second", uid=2000, gid=2001)
    api.create({"type": "cow", "volume": "second"}, "as-is", uid=-1, gid=-1)
    api.create({"type": "cow", "volume": "second"}, "root", uid=0, gid=0)
    api.create({"type": "cow", "volume": "second"}, "privileged", privileged=True, uid=3000, gid=0)
    api.create("empty", "fresh", uid=7, gid=8)
    expected = {"parent": (LAST_ID, LAST_ID), "first": (1000, 1001), "second": (2000, 2001), "as-is": (2000, 2001), "root": (LAST_ID, LAST_ID),
                "privileged": (3000, 0), "fresh": (7, 8)}

    def check():
        for handle, who in expected.items():
            data = server.data(handle)
            for path in (data, *data.rglob("*")):
                root_of_copy = server.driver == "overlay" and handle == "as-is" and path == data  # its own uppermost layer's
                assert owner(path) == ((LAST_ID, LAST_ID) if root_of_copy else who), (handle, path)

    check()
    # Mixed owners: no map does it, so the files are walked.
    api.create({"type": "cow", "volume": "first"}, "several")
    (server.data("several") / "other").write_bytes(b"z")
    os.chown(server.data("several") / "other", 5, 5)
    api.create({"type": "cow", "volume": "several"}, "mixed", uid=4000, gid=4000)
    expected |= {"mixed": (4000, 4000)}
    check()
    server.restart()
    check()


def test_a_new_file_of_the_user_is_the_users(overlay):
    api = overlay.api
    api.create("empty", "parent")
    api.stream_in("parent", tar_of({f"{n}": b"x" for n in range(100)}))
    api.create({"type": "cow", "volume": "parent"}, "v", uid=1000, gid=1000)
    subprocess.run(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "sh", "-c", "echo new > new && echo more >> 5"], cwd=overlay.data("v"), check=True)
    assert owner(overlay.data("v") / "new") == (1000, 1000)
    # Nothing was copied for it: the layer holds what was changed, and only that.
    assert sorted(path.name for path in overlay.layer("v").iterdir()) == ["5", "new"]
    assert files_of(api.stream_out("v"))["5"] == b"xmore\n"


def test_file_capabilities_work_in_every_view(server, api):
    api.create("empty", "p", privileged=True)
    api.stream_in("p", tar_of({"tool": b"#!/bin/true\n"}))
    tool = server.data("p") / "tool"
    tool.chmod(0o755)
    subprocess.run(["setcap", "cap_net_raw+ep", tool], check=True)
    api.create({"type": "cow", "volume": "p"}, "u")
    shown = subprocess.run(["getcap", "-n", server.data("u") / "tool"], check=True, capture_output=True, text=True).stdout
    assert "cap_net_raw=ep" in shown and "[rootid=-2]" in shown  # the last id, as libcap prints it
    api.set_privileged("u", True)
    shown = subprocess.run(["getcap", "-n", server.data("u") / "tool"], check=True, capture_output=True, text=True).stdout
    assert "cap_net_raw=ep" in shown and "rootid" not in shown


def test_changing_the_privilege_of_an_overlay_in_use(server, api):
    api.create("empty", "p", privileged=True)
    api.stream_in("p", tar_of({"file": b"x", "d/e": b"y"}))
    api.create({"type": "cow", "volume": "p"}, "v")
    with open(server.data("v") / "file", "rb") as held:
        api.set_privileged("v", True)
        assert owner(server.data("v") / "file") == owner(server.data("v") / "d/e") == (0, 0)
        assert held.read() == b"x"
    server.restart()
    assert owner(server.data("v") / "d/e") == (0, 0)
    api.set_privileged("v", False)
    assert owner(server.data("v") / "d/e") == (LAST_ID, LAST_ID)


def test_destroying_what_is_in_use_removes_it_later(overlay):
    api = overlay.api
    api.create("empty", "p")
    api.stream_in("p", tar_of({"file": b"x"}))
    api.create({"type": "cow", "volume": "p"}, "v")
    with open(overlay.data("v") / "file", "rb"):
        api.destroy("v")
        assert api.handles() == {"p"}
        api.call("POST", "/volumes/cleanup-orphans")
        assert overlay.layer("v").exists()
    wait_until(lambda: api.call("POST", "/volumes/cleanup-orphans") or not overlay.layer("v").exists(), "the layer to go")
    assert overlay.mounts().keys() == {str(overlay.data("p"))}


def test_orphans_go_and_nothing_else(overlay):
    api = overlay.api
    api.create("empty", "v")
    for path in ("orphan/file", "work/orphan/work", "work/second"):
        (overlay.overlays_dir / path).mkdir(parents=True)
    (overlay.overlays_dir / "lost+found").mkdir()
    (overlay.volumes_dir / "dead/gone").mkdir()
    api.call("POST", "/volumes/cleanup-orphans")
    assert sorted(path.name for path in overlay.overlays_dir.iterdir()) == ["lost+found", "v", "work"]
    assert list((overlay.overlays_dir / "work").iterdir()) == []
    assert list((overlay.volumes_dir / "dead").iterdir()) == []


def test_nothing_is_removed_when_it_is_not_sure_what_lives(overlay):
    api = overlay.api
    api.create("empty", "v")
    (overlay.overlays_dir / "orphan").mkdir()
    live = overlay.volumes_dir / "live"
    hidden = live.rename(overlay.volumes_dir / "hidden")
    assert api.request("POST", "/volumes/cleanup-orphans").status == 500
    hidden.rename(live)
    assert overlay.layer("v").exists() and overlay.layer("orphan").exists()


@pytest.mark.parametrize("privileged", [True, False])
def test_what_a_container_writes_is_stored_as_the_container_sees_it(overlay, privileged):
    overlay.api.create("empty", "v", privileged=privileged)
    root = 0 if privileged else LAST_ID
    subprocess.run(["setpriv", f"--reuid={root}", f"--regid={root}", "--clear-groups", "--inh-caps=-all", "mkdir", overlay.data("v") / "made"], check=True)
    assert owner(overlay.data("v") / "made") == (root, root)
    assert owner(overlay.layer("v") / "made") == (0, 0)


def test_the_root_of_a_copy_belongs_to_root_whoever_owns_its_parent(make_server):
    server = make_server("overlay").start()
    api = server.api
    api.create("empty", "parent", uid=1000, gid=1000)
    api.stream_in("parent", tar_of({"file": b"x"}))
    os.chown(server.data("parent") / "file", 1000, 1000)
    os.chmod(server.data("parent"), 0o750)
    api.create({"type": "cow", "volume": "parent"}, "copy")
    assert owner(server.data("parent")) == (1000, 1000)
    assert owner(server.data("copy")) == (LAST_ID, LAST_ID)
    assert owner(server.data("copy") / "file") == (1000, 1000)
    assert os.lstat(server.data("copy")).st_mode & 0o7777 == 0o750
