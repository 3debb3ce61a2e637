"""Builds on the whole worker, as a web node runs them."""

import pytest

from hub.web.build import Aborted
from hub.web.garden import ExecutableNotFound

IMAGE = {"mirror_self": True}


def image(build):
    return build.get("image", "busybox", IMAGE, {"version": "7"}).artifact


def test_a_get_a_task_and_a_put_pass_their_files_on(hub, worker):
    with hub.build(worker.name) as build:
        checked = build.check("busybox", {})
        assert checked.version == [{"version": "1"}]
        got = build.get("get", "busybox", IMAGE, {"version": "7"})
        assert got.version == {"version": "7"} and b"fetching version 7" in got.stderr
        script = 'cat source/version; echo "$GREETING" >&2; echo built > out/file; pwd; exit 0'
        task = build.task("task", got.artifact, ["sh", "-c", script], {"source": got.artifact}, ["out"], (), {"GREETING": "hello world"})
        assert task.succeeded
        lines = task.stdout.decode().splitlines()
        assert lines[:2] == ["7", "hello world"] and lines[2].startswith("/tmp/build/")
        put = build.put("put", "busybox", {}, {"version": "8"}, {"out": task.outputs["out"]})
        assert put.version == {"version": "8"} and b"./out/file" in put.stderr


def test_a_failing_task_fails_with_its_status(hub, worker):
    with hub.build(worker.name) as build:
        assert build.task("task", image(build), ["sh", "-c", "exit 7"]).status == 7
        assert build.get("broken", "busybox", {"fail": 3}).status == 3


def test_an_output_over_an_input_is_one_volume_and_reaches_the_next_task(hub, worker):
    with hub.build(worker.name) as build:
        artifact = image(build)
        first = build.task("first", artifact, ["sh", "-ec", "echo one > both/file"], outputs=["both"])
        second = build.task("second", artifact, ["sh", "-ec", "echo two >> both/file"], {"both": first.outputs["both"]}, ["both"])
        third = build.task("third", artifact, ["cat", "both/file"], {"both": second.outputs["both"]})
        assert third.stdout == b"one\r\ntwo\r\n"


def test_a_cache_is_there_again_in_the_next_build(hub, worker):
    for expected in (b"1\r\n", b"2\r\n", b"3\r\n"):
        with hub.build(worker.name) as build:
            task = build.task("task", image(build), ["sh", "-ec", "echo x >> cache/n; grep -c x cache/n"], caches=["cache"])
            assert task.stdout == expected


def test_a_task_of_another_user_owns_its_files(hub, worker):
    with hub.build(worker.name) as build:
        artifact = image(build)
        made = build.task("made", artifact, ["sh", "-ec", "echo x > out/of-root"], outputs=["out"])
        script = "id -un; id -u; stat -c %u:%g in/of-root in out; echo x > out/mine; stat -c %U out/mine"
        task = build.task("task", artifact, ["sh", "-ec", script], {"in": made.outputs["out"]}, ["out"], user="nonroot")
        assert task.stdout.decode().split() == ["nonroot", "65532", *["65532:65532"] * 3, "nonroot"]


def test_a_privileged_task_is_root_of_the_machine_and_others_are_not(hub, worker):
    with hub.build(worker.name) as build:
        artifact = image(build)
        script = "awk '{print $1, $2}' /proc/self/uid_map; grep CapEff /proc/self/status"
        for privileged in (True, False):
            task = build.task(f"privileged {privileged}", artifact, ["sh", "-ec", script], privileged=privileged)
            outside = task.stdout.decode().split()[1]
            assert (outside == "0") is privileged, task.stdout


def test_a_task_has_its_limits(hub, worker):
    with hub.build(worker.name) as build:
        script = 'head -c 200m /dev/zero | tail > /dev/null; echo "$?"; echo survived'
        task = build.task("task", image(build), ["bash", "-c", script], memory=64 << 20, cpu_shares=512)
        assert "survived" in task.stdout.decode() or task.status == 137, task.stdout
        assert "\r\n0\r\n" not in "\r\n" + task.stdout.decode(), "200 MiB went into 64"


def test_files_come_from_and_go_to_people(hub, worker):
    import gzip

    from harness.baggageclaim import files_of, tar_of

    with hub.build(worker.name) as build:
        uploaded = build.upload(gzip.compress(tar_of({"hello.txt": b"from fly"})))
        task = build.task("task", image(build), ["sh", "-ec", "tr a-z A-Z < in/hello.txt > out/answer"], {"in": uploaded}, ["out"])
        assert files_of(gzip.decompress(build.download(task.outputs["out"]))) == {"answer": b"FROM FLY"}


def test_an_interception_has_a_terminal_of_the_right_size(hub, worker):
    with hub.build(worker.name) as build:
        task = build.task("task", image(build), ["true"])
        shell = hub.start_intercept(task.container, ("bash",), tty=(120, 40))
        shell.type(b"stty size; tty\n")
        shell.wait_for(b"40 120")
        shell.wait_for(b"/dev/pts/")
        shell.resize(100, 30)
        shell.type(b"stty size\n")
        shell.wait_for(b"30 100")
        shell.type(b"echo u''p; cat\n")
        shell.wait_for(b"up\r\n")  # what is typed while the shell still edits its line belongs to the shell
        shell.type(b"to the cat\n")
        shell.wait_for(b"to the cat\r\nto the cat")  # once from the terminal, once from the program: it runs
        shell.type(b"\x03")  # Ctrl-C goes to what runs in the terminal
        shell.wait_for(b"^C\r\nbash")  # the next prompt
        shell.type(b"exit 5\n")
        assert shell.wait() == 5


def test_an_interception_without_a_terminal_reads_its_input_to_the_end(hub, worker):
    with hub.build(worker.name) as build:
        task = build.task("task", image(build), ["true"])
        shell = hub.start_intercept(task.container, ("sh",), stdin=b"echo intercepted in $(pwd); exit 4\n")
        assert shell.wait() == 4
        assert shell.data().startswith(b"intercepted in /tmp/build/")
        with pytest.raises(ExecutableNotFound):
            hub.start_intercept(task.container, ("nosuchprogram",))


def test_an_aborted_task_gets_a_signal_and_has_the_last_word(hub, worker):
    script = "trap 'echo cleaning up; exit 3' TERM; echo started; while :; do sleep 0.1; done"
    with hub.build(worker.name) as build:
        artifact = image(build)
        step = build.start("task", "task", artifact, ["sh", "-c", script])
        step.wait_for(b"started")
        build.abort()
        with pytest.raises(Aborted):
            step.result()
        assert b"cleaning up" in step.data()


def test_what_a_build_leaves_is_swept(hub, worker):
    with hub.build(worker.name) as build:
        build.task("task", image(build), ["true"])
    hub.wait_for(lambda hub: not hub.atc.containers.states(worker.name), "the containers to be swept")
    hub.wait_for(lambda hub: all(row.kept for row in hub.atc.volumes.rows.values()), "the volumes to be swept")
    assert worker.garden.containers() == []
    assert len(worker.baggageclaim.handles()) == 1, "the resource type's own"
