"""Starts after kill -9, after a power loss, over broken records, over trees of other servers."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.baggageclaim_server import LAST_ID
from harness.http import Connection
from harness.wait import wait_until

OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


def family(api):
    """A root volume, its child and its grandchild, each with a file of its own."""
    api.create("empty", "root")
    api.stream_in("root", tar_of({"root": b"1"}))
    api.create({"type": "cow", "volume": "root"}, "child")
    api.stream_in("child", tar_of({"child": b"2"}))
    api.create({"type": "cow", "volume": "child"}, "grandchild", privileged=True)
    api.stream_in("grandchild", tar_of({"grandchild": b"3"}))
    return {"root": {"root": b"1"}, "child": {"root": b"1", "child": b"2"}, "grandchild": {"root": b"1", "child": b"2", "grandchild": b"3"}}


def check(api, expected):
    assert api.handles() == set(expected)
    for handle, files in expected.items():
        assert files_of(api.stream_out(handle)) == files, handle


def test_kill_and_start_again_keeps_volumes_and_stacks_no_mounts(server, api):
    expected = family(api)
    before = server.mounts()
    for _ in range(3):
        server.restart()
        check(api, expected)
        assert server.mounts() == before
    server.stop()
    server.start()
    check(api, expected)
    assert server.mounts() == before


def test_mounts_that_are_gone_are_made_again(overlay):
    expected = family(overlay.api)
    before = overlay.mounts()
    overlay.kill()
    for point in before:
        subprocess.run(["umount", point], check=True)
    overlay.start()
    assert overlay.mounts() == before
    check(overlay.api, expected)
    assert owner(overlay.data("child") / "child") == (LAST_ID, LAST_ID)
    assert owner(overlay.data("grandchild") / "child") == (0, 0)


def test_mounts_that_were_stacked_are_one_again(overlay):
    expected = family(overlay.api)
    before = overlay.mounts()
    overlay.kill()
    subprocess.run(["mount", "--bind", overlay.layer("root"), overlay.data("root")], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", overlay.data("child")], check=True)
    overlay.start()
    assert overlay.mounts() == before
    check(overlay.api, expected)


def test_what_was_never_finished_is_removed(server, api):
    expected = family(api)
    server.kill()
    for name in ("half", "bad..name"):
        (server.volumes_dir / "init" / name / "volume").mkdir(parents=True)
    (server.volumes_dir / "init/half/properties.json").write_text("{}\n")
    server.overlays_dir.mkdir(exist_ok=True)
    (server.overlays_dir / "half").mkdir()
    server.start()
    check(api, expected)
    assert not (server.volumes_dir / "init/half").exists()
    api.create("empty", "half")


def test_one_bad_record_stops_nothing(server, api):
    expected = family(api)
    for handle in ("torn", "no-data", "future"):
        api.create("empty", handle)
    server.kill()
    live = server.volumes_dir / "live"
    for file, torn in (("privileged.json", ""), ("format.json", '{"version":1,"dri')):
        (live / "torn" / file).write_text(torn)
    subprocess.run(["umount", live / "no-data/volume"], capture_output=True, check=False)
    if server.layer("no-data").exists():
        server.layer("no-data").rmdir()
    (live / "no-data/volume").rmdir()
    (live / "future/format.json").write_text('{"version":99}')
    (live / "stray file").write_text("x")
    server.start()
    check(api, expected)
    report = server.status()["recovered"]
    assert set(report["quarantined"]) == {"torn", "no-data", "future", "stray file"}
    assert report["live"] == 3
    for handle in ("torn", "future"):
        assert (server.volumes_dir / "quarantine" / handle).is_dir()
        assert (server.volumes_dir / f"quarantine/{handle}.reason").read_text().strip()
    api.call("POST", "/volumes/cleanup-orphans")
    if server.driver == "overlay":
        assert server.layer("torn").exists()
    server.restart()
    check(api, expected)
    assert "quarantine" not in open("/proc/self/mounts").read()
    shutil.rmtree(server.volumes_dir / "quarantine")


def test_flags_that_a_power_loss_has_torn_come_from_the_record(server, api):
    api.create("empty", "v", properties={"a": "1"}, privileged=True)
    server.kill()
    for file in ("privileged.json", "properties.json"):
        server.record("v", file).write_text("")
    server.start()
    assert api.lookup("v") == {"handle": "v", "path": str(server.data("v")), "properties": {"a": "1"}, "privileged": True}


def test_a_stream_that_was_cut_off_by_a_kill_is_undone(server, api):
    api.create("empty", "v")
    api.create("empty", "full")
    api.stream_in("full", tar_of({"kept": b"1"}))
    archive = tar_of({"a": bytes(600_000), "b": bytes(600_000)})
    connections = []
    for handle in ("v", "full"):
        connection = Connection(api.address)
        connection.send("PUT", f"/volumes/{handle}/stream-in?path=.", headers={"Content-Encoding": "raw", "Transfer-Encoding": "chunked", "Content-Length": None})
        connection.socket.sendall(b"%x\r\n" % len(archive) + archive[:1_100_000])
        connections.append(connection)
    wait_until(lambda: (server.data("v") / "a").exists() and list(server.data("full").glob(".stream-in-*/a")), "both streams to be extracted")
    server.restart()
    for connection in connections:
        connection.close()
    check(api, {"v": {}, "full": {"kept": b"1"}})
    assert server.status()["recovered"]["streams_undone"] == 2


def test_after_a_power_loss_what_may_be_torn_is_given_up(server, api):
    """The machine's start is part of the marks: another one in them is what a reboot looks like."""
    expected = family(api)
    api.create("empty", "untouched")
    server.kill()
    marked = {handle for handle in (*expected, "untouched") if server.record(handle, "unsynced").exists()}
    assert marked >= set(expected) - {"child", "grandchild"}
    for handle in (*expected, "untouched"):
        for name in ("unsynced", "format.json"):
            file = server.record(handle, name)
            if file.exists():
                record = json.loads(file.read_text())
                for key in ("boot", "volatile"):
                    if key in record:
                        record[key] = OTHER_BOOT
                file.write_text(json.dumps(record))
    server.start()
    check(api, {"untouched": {}})
    assert set(server.status()["recovered"]["lost"]) == set(expected)
    assert server.mounts().keys() <= {str(server.data("untouched"))}
    api.call("POST", "/volumes/cleanup-orphans")
    if server.driver == "overlay":
        assert {path.name for path in server.overlays_dir.iterdir()} == {"untouched", "work"}


def test_after_an_orderly_stop_everything_is_kept(server, api):
    expected = family(api)
    assert server.stop() == 0
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = server.volumes_dir / "clean-stop"
    assert note.read_text().strip() == boot
    # What a shutdown and a start of the machine after it look like.
    note.write_text(OTHER_BOOT + "\n")
    for path in server.volumes_dir.glob("live/*/*.json"):
        path.write_text(path.read_text().replace(boot, OTHER_BOOT))
    for path in server.volumes_dir.glob("live/*/unsynced"):
        path.write_text(path.read_text().replace(boot, OTHER_BOOT))
    for point in server.mounts():
        subprocess.run(["umount", point], check=True)
    server.start()
    check(api, expected)
    assert not note.exists()


def test_an_interrupted_walk_is_done_again(make_server):
    server = make_server("overlay", "--baggageclaim-disable-id-mapped-mounts").start()
    server.api.create("empty", "v")
    server.api.stream_in("v", tar_of({"a": b"1", "b": b"2"}))
    server.kill()
    server.record("v", "walking").write_text("repeatable\n")
    server.record("v", "privileged.json").write_text("true\n")
    os.chown(server.data("v") / "a", 0, 0)
    server.start()
    assert owner(server.data("v") / "a") == owner(server.data("v") / "b") == owner(server.data("v")) == (0, 0)
    assert not server.record("v", "walking").exists()


def test_without_id_mapped_mounts_mapped_volumes_are_walked(make_server):
    server = make_server("overlay").start()
    expected = family(server.api)
    server.api.create({"type": "cow", "volume": "root"}, "many")
    server.api.stream_in("many", tar_of({str(n): b"x" for n in range(100)}))
    server.api.create({"type": "cow", "volume": "many"}, "users", uid=1000, gid=1000)
    assert json.loads(server.record("users", "format.json").read_text())["uids"] == [[0, 1000], [1000, 0]]
    server.stop()
    for point in server.mounts():
        subprocess.run(["umount", point], check=True)
    server.start("--baggageclaim-disable-id-mapped-mounts")
    assert owner(server.data("root") / "root") == owner(server.data("child") / "root") == (LAST_ID, LAST_ID)
    assert owner(server.data("grandchild") / "root") == (0, 0)
    assert {owner(path) for path in (server.data("users"), *server.data("users").iterdir())} == {(1000, 1000)}
    for handle, files in expected.items():
        assert files_of(server.api.stream_out(handle)) == files
    # And back again: what was walked is mapped no more.
    server.stop()
    server.start()
    assert owner(server.data("child") / "root") == (LAST_ID, LAST_ID)
    assert {owner(path) for path in server.data("users").iterdir()} == {(1000, 1000)}


def test_a_second_server_on_the_same_tree_is_refused(make_server):
    server = make_server("naive").start()
    second = subprocess.run([server.program, f"--work-dir={server.work_dir}", f"--runtime-dir={server.runtime_dir}/second"], capture_output=True, text=True,
                            timeout=60, check=False)
    assert second.returncode == 1
    assert f"is in use by process {server.process.pid}; stop it, or choose another directory" in second.stderr
    server.api.create("empty", "still-served")
    assert server.status()["pid"] == server.process.pid


def test_a_driver_does_not_take_over_what_another_keeps(make_server):
    server = make_server("overlay").start()
    server.api.create("empty", "v")
    server.stop()
    server.driver = "naive"
    assert server.launch().process.wait(60) == 2
    assert "holds 1 volumes of driver overlay; start with --driver overlay, or empty it" in "".join(server.lines)
    server.driver = "detect"
    server.start()
    assert server.status()["driver"] == "overlay"
    assert server.api.handles() == {"v"}


def test_volumes_of_driver_naive_become_layers(make_server):
    server = make_server("naive").start()
    server.api.create("empty", "v")
    server.api.stream_in("v", tar_of({"file": b"x"}))
    server.stop()
    server.driver = "overlay"
    server.start()
    assert files_of(server.api.stream_out("v")) == {"file": b"x"}
    server.api.create({"type": "cow", "volume": "v"}, "child", privileged=True)
    assert owner(server.data("v") / "file") == (LAST_ID, LAST_ID)
    assert owner(server.data("child") / "file") == (0, 0)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_tree_of_the_go_worker_is_taken_over(make_server, mapped):
    """As it leaves one behind: owners on disk as the host sees them, children of children with their parent's changes copied."""
    server = make_server("overlay", *([] if mapped else ["--baggageclaim-disable-id-mapped-mounts"]))
    live, overlays = server.volumes_dir / "live", server.overlays_dir

    def volume(handle, privileged, parent=None, **files):
        (live / handle / "volume").mkdir(parents=True)
        (live / handle / "properties.json").write_text("{}\n")
        (live / handle / "privileged.json").write_text(f"{str(privileged).lower()}\n")
        if parent:
            os.symlink(live / parent, live / handle / "parent")
            (overlays / "work" / handle).mkdir(parents=True)
        layer = overlays / handle
        layer.mkdir(parents=True)
        root = 0 if privileged else LAST_ID
        os.chown(layer, root, root)
        for name, content in files.items():
            if content is None:
                os.mknod(layer / name, 0o20000, 0)  # a whiteout
            else:
                (layer / name).write_bytes(content)
                os.chown(layer / name, root, root)

    volume("root", False, a=b"1", gone=b"x")
    volume("child", False, "root", b=b"2")
    volume("grandchild", False, "child", b=b"changed", gone=None)
    volume("other-view", True, "root", a=b"1", gone=b"x")
    volume("lost", False, "nobody", a=b"1")
    for stage in ("init", "dead"):
        (server.volumes_dir / stage).mkdir()
    server.start()
    expected = {"root": {"a": b"1", "gone": b"x"}, "child": {"a": b"1", "gone": b"x", "b": b"2"}, "grandchild": {"a": b"1", "b": b"changed"},
                "other-view": {"a": b"1", "gone": b"x"}}
    check(server.api, expected)
    assert server.status()["recovered"]["quarantined"] == ["lost"]
    assert owner(server.data("grandchild") / "a") == (LAST_ID, LAST_ID)
    server.api.create({"type": "cow", "volume": "grandchild"}, "ours", privileged=True)
    assert owner(server.data("ours") / "a") == owner(server.data("ours") / "b") == (0, 0)
    server.api.set_privileged("grandchild", True)
    assert owner(server.data("grandchild") / "b") == (0, 0)
    assert owner(server.data("child") / "a") == (LAST_ID, LAST_ID)
    server.restart()
    check(server.api, {**expected, "ours": expected["grandchild"]})


def test_the_way_back_to_the_go_worker(make_server):
    server = make_server("overlay").start()
    api = server.api
    expected = family(api)
    api.create({"type": "cow", "volume": "root"}, "privileged", privileged=True)
    (server.data("privileged") / "root").unlink()
    expected["privileged"] = {}
    api.create("empty", "many")
    api.stream_in("many", tar_of({str(n): b"x" for n in range(100)}))
    api.create({"type": "cow", "volume": "many"}, "users", uid=1000, gid=1000)
    expected["many"] = expected["users"] = {str(n): b"x" for n in range(100)}
    server.stop()
    subprocess.run([server.program, "convert-to-go", f"--work-dir={server.work_dir}", f"--runtime-dir={server.runtime_dir}"], check=True, capture_output=True)

    assert server.mounts() == {}
    assert owner(server.layer("root") / "root") == (LAST_ID, LAST_ID)
    assert owner(server.layer("grandchild") / "child") == (0, 0)
    assert owner(server.layer("users") / "5") == (1000, 1000)
    assert not list(server.volumes_dir.glob("live/*/format.json"))
    parents = {link.parent.name: os.path.basename(os.readlink(link)) for link in server.volumes_dir.glob("live/*/parent")}
    assert parents == {"child": "root", "privileged": "root"}
    assert not list((server.overlays_dir / "work").glob("*/work/incompat"))
    # The Go worker mounts exactly this: roots bound, children over their root.
    target = server.work_dir / "mounted"
    target.mkdir()
    for child in parents:
        options = f"lowerdir={server.layer('root')},upperdir={server.layer(child)},workdir={server.overlays_dir}/work/{child},metacopy=on"
        subprocess.run(["mount", "-t", "overlay", "overlay", target, "-o", options], check=True)
        shown = {path.name: path.read_bytes() for path in target.iterdir()}
        owners = {owner(path) for path in target.iterdir()}
        subprocess.run(["umount", target], check=True)
        assert shown == expected[child]
        assert owners <= {(0, 0) if child == "privileged" else (LAST_ID, LAST_ID)}
    # And ours takes over again.
    server.start()
    check(api, expected)
