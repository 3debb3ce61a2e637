"""Processes as clients see them: ids, streams, terminals, ends."""

import json

import pytest

from harness.garden import tty
from harness.http import Connection, StatusError
from harness.wait import wait_until


def test_output_error_and_status_arrive(api, container):
    status, out, err = api.output(container, "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (status, out, err) == (42, b"out\n", b"err\n")


def test_an_end_by_signal_is_128_and_its_number(api, container):
    assert api.output(container, "sh", "-c", "kill -9 $$")[0] == 137


def test_stdin_reaches_the_process_and_its_end_too(api, container):
    process = api.run(container, "cat", id="cat")
    process.write("one ")
    process.stdout.wait_for(b"one ")
    process.write("zwei \u20ac")
    process.close_stdin()
    assert process.wait() == 0
    assert process.stdout.data().decode() == "one zwei \u20ac"


def test_what_follows_the_request_in_one_segment_is_input(garden, api, container):
    body = json.dumps({"path": "cat"}).encode()
    early = json.dumps({"source": 0, "data": "early"}).encode() + json.dumps({"source": 0}).encode()
    with Connection(api.address) as main:
        main.socket.sendall(b"POST /containers/%s/processes HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n%s%s"
                            % (container.encode(), len(body), body, early))
        response = main.head()
        assert response.status == 201
        assert response.headers["transfer-encoding"] == "chunked"
        assert "connection" not in response.headers
        first = json.loads(main.file.readline())
        with Connection(api.address) as out:
            out.send("GET", f"/containers/{container}/processes/{first['process_id']}/attaches/{first['stream_id']}/stdout")
            assert out.head().status == 200
            assert out.file.read() == b"early"
        assert json.loads(main.file.readline()) == {"process_id": first["process_id"], "exit_status": 0}
        assert main.file.read() == b""


def test_a_second_process_of_the_same_id_is_refused(api, container):
    api.run(container, "true", id="task").wait()
    with pytest.raises(StatusError, match="already in use") as refusal:
        api.run(container, "true", id="task")
    assert refusal.value.status == 500


def test_a_missing_program_has_its_own_error_type(api, container):
    for path in ("nothing-like-it", "/no/such/program"):
        with pytest.raises(StatusError) as refusal:
            api.run(container, path, id="x")
        error = refusal.value.response.json()
        assert error["Type"] == "ExecutableNotFoundError"
        assert refusal.value.status == 500
        assert "connection" not in refusal.value.response.headers
    assert api.output(container, "true", id="x")[0] == 0  # the id is still free


def test_unknown_things_are_named(api, container):
    with pytest.raises(StatusError) as refusal:
        api.attach(container, "ghost")
    assert refusal.value.status == 404
    assert refusal.value.response.json() == {"Type": "ProcessNotFoundError", "Message": "unknown process: ghost", "Handle": "",
                                             "ProcessID": "ghost", "Binary": ""}
    with pytest.raises(StatusError) as refusal:
        api.run("ghost", "true")
    assert refusal.value.response.json()["Type"] == "ContainerNotFoundError"
    with pytest.raises(StatusError, match="unable to find user ghost"):
        api.run(container, "true", user="ghost")


def test_user_home_path_and_directory(api, container):
    script = "id -u; id -g; echo $HOME; echo $USER; pwd; echo $PATH; echo $LATE"
    _, out, _ = api.output(container, "sh", "-c", script, user="nonroot", dir="/tmp/build/check", env=["LATE=1", "LATE=2"])
    uid, gid, home, user, directory, path, late = out.decode().split("\n")[:7]
    assert (uid, gid) == ("65532", "65532")
    assert user == "nonroot"
    assert directory == "/tmp/build/check"
    assert path == "/usr/sbin:/usr/bin:/sbin:/bin"  # the container's
    assert late == "2"
    _, out, _ = api.output(container, "stat", "-c", "%u %a", "/tmp/build/check")
    assert out == b"65532 755\n"


def test_a_process_may_open_its_own_outputs_again(api, container):
    status, out, err = api.output(container, "sh", "-c", "echo a > /dev/stdout; echo b > /dev/stderr", user="nonroot")
    assert (status, out, err) == (0, b"a\n", b"b\n")


def test_a_terminal_has_a_size_and_one_stream(api, container):
    process = api.run(container, "sh", "-c", "stty size; echo err >&2; read line; stty size; echo got $line", tty=tty(100, 40))
    process.stdout.wait_for(b"err\r\n")
    process.resize(120, 50)
    process.close_stdin()  # means nothing to a terminal
    process.write("hello\n")
    assert process.wait() == 0
    lines = process.stdout.data().decode().split("\r\n")
    assert lines[0] == "40 100"
    assert "50 120" in lines
    assert "got hello" in lines
    assert process.stderr.data() == b""


def test_signals_by_message(api, container):
    process = api.run(container, "sh", "-c", "trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    process.stdout.wait_for(b"ready")
    process.signal(0)
    assert process.wait() == 9
    process = api.run(container, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    process.stdout.wait_for(b"ready")
    process.signal(1)
    assert process.wait() == 137


def test_a_client_that_goes_away_harms_nothing_and_another_gets_what_it_missed(api, container):
    process = api.run(container, "sh", "-c", "mkfifo /go /on; echo one; read x < /go; echo two; read x < /on; exit 5", id="task")
    with pytest.raises(StatusError):
        api.run(container, "true", id="task")
    process.stdout.wait_for(b"one")
    process.detach()
    go(api, container)
    # "two" is written while nobody is there.
    again = api.attach(container, "task")
    again.stdout.wait_for(b"two")
    assert again.stdout.data() == b"two\n"
    go(api, container, "/on")
    assert again.wait() == 5


def test_attach_after_the_end_gives_the_status_and_unread_output_once(api, container):
    process = api.run(container, "sh", "-c", "mkfifo /go; echo up >&2; read x < /go; echo late; exit 7", id="task")
    process.stderr.wait_for(b"up")
    process.detach()
    go(api, container)
    wait_until(lambda: "task" not in api.info(container)["ProcessIDs"], "the process to end")
    first = api.attach(container, "task")
    assert (first.wait(), first.stdout.data()) == (7, b"late\n")
    second = api.attach(container, "task")
    assert (second.wait(), second.stdout.data()) == (7, b"")


def test_two_clients_both_get_everything(api, container):
    process = api.run(container, "sh", "-c", "mkfifo /go; echo up >&2; read x < /go; seq 1 2000; read x; echo $x", id="task")
    process.stderr.wait_for(b"up")
    other = api.attach(container, "task")
    go(api, container)
    process.stdout.wait_for(b"2000\n")
    other.write("from the other\n")
    assert process.wait() == other.wait() == 0
    assert process.stdout.data() == other.stdout.data()
    assert process.stdout.data().endswith(b"2000\nfrom the other\n")


def test_much_output_is_whole_and_in_order(api, container):
    status, out, _ = api.output(container, "sh", "-c", "seq 1 300000")
    assert status == 0
    assert out == b"".join(b"%d\n" % n for n in range(1, 300001))


def test_a_hundred_processes_at_once(api, container):
    processes = [api.run(container, "sh", "-c", f"read x; echo {n} $x") for n in range(100)]
    for n, process in enumerate(processes):
        process.write(f"line {n}\n")
    for n, process in enumerate(processes):
        assert process.wait() == 0
        assert process.stdout.data() == f"{n} line {n}\n".encode()


def test_output_of_background_children_does_not_hold_the_end_back(api, container):
    status, out, _ = api.output(container, "sh", "-c", "sleep 1000 & echo done")
    assert (status, out) == (0, b"done\n")


def test_stop_terminates_everything_and_answers_when_it_is_gone(api, container):
    polite = api.run(container, "sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    other = api.run(container, "sh", "-c", "echo ready; sleep 1000 & wait")
    polite.stdout.wait_for(b"ready")
    other.stdout.wait_for(b"ready")
    api.stop(container)
    assert polite.wait() == 0
    assert polite.stdout.data().endswith(b"bye\n")
    assert other.wait() == 143
    assert api.info(container)["ProcessIDs"] == []
    assert api.output(container, "true")[0] == 0  # the container itself goes on


def test_stop_with_kill_asks_nobody(api, container):
    stubborn = api.run(container, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    stubborn.stdout.wait_for(b"ready")
    api.stop(container, kill=True)
    assert stubborn.wait() == 137


def test_destroy_while_a_client_is_attached_ends_its_streams(api, container):
    process = api.run(container, "sh", "-c", "echo ready; sleep 1000")
    process.stdout.wait_for(b"ready")
    api.destroy(container)
    assert process.wait() == 143
    assert container not in api.containers()


def go(api, container, pipe="/go"):
    """Lets a process go on that reads the pipe."""
    assert api.output(container, "sh", "-c", f"echo > {pipe}")[0] == 0


@pytest.mark.parametrize("field, value", [("image", {"uri": "raw:///x"}), ("bind_mounts", [{"src_path": "/a", "dst_path": "/b"}]),
                                          ("limits", {"memory_limits": {"limit_in_bytes": 1 << 30}})])
def test_side_containers_are_refused_by_name_and_their_empty_fields_are_not(api, container, field, value):
    with pytest.raises(StatusError, match=f"field '{field}': a process has no"):
        api.run(container, "true", **{field: value})
    for empty in ({}, None, [], {"memory_limits": {"limit_in_bytes": 0}, "cpu_limits": {}}):
        assert api.output(container, "true", **{field: empty})[0] == 0


def test_ids_may_be_anything_short_and_are_told_whole(api, container):
    for process_id in ("a b", "..", ".", "a/b", "/" * 80, "ä"):
        assert api.output(container, "sh", "-c", "exit 4", id=process_id)[0] == 4
        assert api.attach(container, process_id).wait() == 4
    with pytest.raises(StatusError) as refusal:
        api.attach(container, "not there at all")
    assert refusal.value.response.json()["ProcessID"] == "not there at all"
    with pytest.raises(StatusError, match="longer than 80 bytes"):
        api.run(container, "true", id="x" * 81)


def test_a_container_that_was_stopped_says_so(api, container):
    assert api.info(container)["State"] == "active"
    api.stop(container)
    assert api.info(container)["State"] == "stopped"
    assert api.output(container, "true")[0] == 0  # as with guardian
    assert api.info(container)["State"] == "stopped"
