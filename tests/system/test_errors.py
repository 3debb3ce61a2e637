"""What an operator gets wrong: one line that names the thing and what to do, and an end or a wait, whichever can help."""

import socket

import pytest

from hub import keys


def start(make_worker, *flags, hub=None, **options):
    return make_worker(hub, flags=list(flags), **options).start()


def refusal(worker, status):
    """The one line on stderr of a worker that ended with that status."""
    assert worker.wait_exit() == status, worker.tail()
    lines = [line for line in worker.errors() if line.strip()]
    assert len(lines) == 1, "\n".join(lines)
    return lines[0]


@pytest.mark.parametrize(("flag", "parts"), [
    ("--no-such-flag", ["--no-such-flag"]),
    ("--sweep-interval=soon", ["--sweep-interval", "soon"]),
    ("--healthcheck-bind-port=99999", ["--healthcheck-bind-port", "99999"]),
    ("--baggageclaim-driver=floppy", ["--baggageclaim-driver", "floppy", "overlay"]),
])
def test_a_wrong_command_line_is_refused(make_worker, hub, flag, parts):
    line = refusal(start(make_worker, flag, hub=hub), 2)
    assert all(part in line for part in parts), line


def test_a_missing_key_is_refused(make_worker, hub, scratch):
    missing = scratch / "no-such-key"
    line = refusal(start(make_worker, f"--tsa-worker-private-key={missing}", hub=hub), 2)
    assert "--tsa-worker-private-key" in line and str(missing) in line


def test_a_key_that_is_none_is_refused(make_worker, hub, scratch):
    path = scratch / "key"
    path.write_text("-----BEGIN NONSENSE-----\n")
    worker = start(make_worker, f"--tsa-worker-private-key={path}", hub=hub)
    assert worker.wait_exit() != 0
    assert str(path) in "\n".join(worker.errors())


@pytest.mark.parametrize("form", keys.FORMS)
def test_every_form_of_a_key_is_taken(make_worker, hub, scratch, form):
    path = scratch / "key"
    key = keys.generate()
    path.write_text(keys.private_text(key, form))
    hub.do(lambda hub: hub.tsa.authorized.append(keys.to_asyncssh(key)))
    start(make_worker, f"--tsa-worker-private-key={path}", hub=hub).wait_registered()


def test_a_wrong_host_key_is_told_and_waited_for(make_worker, hub, scratch):
    path = scratch / "other.pub"
    path.write_text(keys.public_text(keys.generate()))
    worker = start(make_worker, f"--tsa-public-key={path}", hub=hub)
    worker.wait_log("host key", str(path))
    assert worker.process.poll() is None and hub.state(worker.name) is None


def test_a_refused_key_is_told_and_waited_for(make_worker, hub, scratch):
    path = scratch / "stranger"
    key = keys.generate()
    path.write_text(keys.private_text(key))
    worker = start(make_worker, f"--tsa-worker-private-key={path}", hub=hub)
    worker.wait_log(str(path))
    hub.do(lambda hub: hub.tsa.authorized.append(keys.to_asyncssh(key)))
    worker.wait_registered()


def test_a_tsa_that_is_down_is_waited_for(make_worker, hub):
    hub.stop()
    worker = start(make_worker, hub=hub)
    worker.wait_log(f"127.0.0.1:{hub.port}")
    hub.start()
    worker.wait_registered()


def test_a_taken_port_is_named(make_worker, hub):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start(make_worker, f"--healthcheck-bind-port={port}", hub=hub)
        assert worker.wait_exit() != 0
        text = "\n".join(worker.errors())
        assert str(port) in text and "--healthcheck-bind-port" in text, text


def test_a_second_worker_on_the_same_work_dir_is_refused(make_worker, hub):
    first = make_worker(hub).start().wait_ready()
    second = make_worker(hub, "second", [f"--work-dir={first.work_dir}"]).start()
    assert second.wait_exit() != 0
    assert str(first.work_dir) in "\n".join(second.errors())
    assert first.process.poll() is None


def test_a_missing_oci_runtime_is_named(make_worker, hub):
    worker = start(make_worker, "--oci-runtime=/no/such/runtime", hub=hub)
    assert worker.wait_exit() != 0
    assert "/no/such/runtime" in "\n".join(worker.errors())


@pytest.mark.parametrize("runtime", ["containerd", "houdini"])
def test_a_runtime_that_this_worker_lacks_ends_the_start(make_worker, hub, runtime):
    line = refusal(start(make_worker, f"--runtime={runtime}", hub=hub), 2)
    assert runtime in line
