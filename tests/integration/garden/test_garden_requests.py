"""What Garden does for a request is in its log under the request's id: the client's own, or a new one."""

import json
import os
import re
import signal
import subprocess
import uuid

import pytest

from harness.http import Connection


def logged(garden, message, **data):
    """The request of the first such line."""
    return garden.wait_for_log(f"garden.{message}", **data).get("request")


def test_a_containers_life_under_the_clients_ids(garden, api, own_rootfs):
    handle = str(uuid.uuid4())
    spec = {"handle": handle, "rootfs": f"raw://{own_rootfs}", "env": ["PATH=/bin"]}
    api.call("POST", "/containers", spec, headers={"X-Request-Id": "making"})
    assert logged(garden, "container created", handle=handle) == "making"

    # The connection is the shim's from here on, and the shim tells of the process: under the id with which it was run.
    with Connection(api.address) as connection:
        connection.send("POST", f"/containers/{handle}/processes", {"id": "p", "path": "sh", "args": ["-c", "exit 3"]}, {"X-Request-Id": "running"})
        assert connection.head().status == 201
        assert logged(garden, "process started", handle=handle, process="p") == "running"
        assert logged(garden, "process ended", handle=handle, process="p", status=3) == "running"

    api.call("DELETE", f"/containers/{handle}", headers={"X-Request-Id": "unmaking"})
    assert logged(garden, "container destroyed", handle=handle) == "unmaking"


def test_a_process_has_its_requests_id_after_a_restart_of_garden(garden, api, container):
    with Connection(api.address) as connection:
        connection.send("POST", f"/containers/{container}/processes", {"id": "p", "path": "sh", "args": ["-c", "read x"]}, {"X-Request-Id": "running"})
        assert connection.head().status == 201
        garden.kill()
        garden.start()
        connection.socket.sendall(json.dumps({"process_id": "p", "source": 0, "data": "x\n"}).encode())
        assert logged(garden, "process ended", handle=container, process="p") == "running"


def test_requests_without_an_id_get_new_ones_on_one_connection_too(garden, api):
    with Connection(api.address) as connection:
        for target in ("/containers?a=1", "/containers?a=2"):
            connection.send("GET", target)
            answer = connection.head()
            assert b"".join(connection.body(answer)) and answer.status == 200
            # As Go's server answers: nothing of it in the head.
            assert set(answer.headers) == {"content-type", "content-length", "keep-alive"}
    ids = [logged(garden, "request", target=f"/containers?a={n}") for n in (1, 2)]
    assert all(re.fullmatch("[0-9a-f]{12}", id) for id in ids) and ids[0] != ids[1]


@pytest.mark.parametrize("bad", ["", "a b", 'a"b', "a\tb", "../x/y", "x" * 65, "käse"], ids=repr)
def test_what_is_no_id_is_not_taken_over(garden, api, bad):
    assert api.request("GET", "/containers?bad=1", headers={"X-Request-Id": bad.encode().decode("latin-1")}).status == 200
    assert re.fullmatch("[0-9a-f]{12}", logged(garden, "request", target="/containers?bad=1"))


def test_an_error_is_logged_with_its_requests_id(garden, api):
    answer = api.request("POST", "/containers", {"rootfs": "raw:///no/such/rootfs"}, headers={"X-Request-Id": "failing"})
    assert answer.status == 500
    assert logged(garden, "request failed", target="/containers") == "failing"
    assert not any("request" in name for name in answer.headers)


def test_an_operator_is_told_the_id_of_what_failed_and_traces_it(garden, api, install, own_rootfs, scratch):
    def ctl(*words):
        return subprocess.Popen([install.program("concourse-workerctl"), *words, f"--runtime-dir={garden.runtime_dir}"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    handle = api.create(own_rootfs)
    # With its shim stopped the first destruction is still under way when the second is refused.
    shim = int((garden.runtime_dir / "garden/containers" / handle / "shim.pid").read_text())
    os.kill(shim, signal.SIGSTOP)
    with ctl("garden", "destroy", handle) as first:
        try:
            destroying = logged(garden, "request", method="DELETE", target=f"/containers/{handle}")
            with ctl("garden", "destroy", handle) as second:
                refused = second.communicate(timeout=60)[0]
        finally:
            os.kill(shim, signal.SIGCONT)
        assert first.wait(60) == 0, first.stdout.read()
    assert second.returncode == 1 and "already being destroyed" in refused
    request = re.search(r"concourse-workerctl trace ([0-9a-f]{12})$", refused.strip()).group(1)
    assert request != destroying
    assert logged(garden, "container destroyed", handle=handle) == destroying

    (scratch / "log").write_text("".join(garden.lines))
    with ctl("trace", request, f"--file={scratch}/log") as trace:
        told = trace.communicate(timeout=60)[0]
    assert "request failed" in told and "already being destroyed" in told and f"request={request}" in told
    assert "container destroyed" not in told


def test_a_request_that_takes_too_long_names_the_flag(make_garden, own_rootfs, scratch):
    """A container that doesn't start, and one that doesn't answer."""
    stopping = scratch / "crun-stopping"
    stopping.write_text(f"#!/bin/sh\n[ ! -p {scratch}/hang ] || case \" $* \" in *' run '*) read x < {scratch}/hang ;; esac\nexec crun \"$@\"\n")
    stopping.chmod(0o755)
    garden = make_garden("--garden-request-timeout=2s", f"--oci-runtime={stopping}")
    handle = garden.api.create(own_rootfs)
    shim = int((garden.runtime_dir / "garden/containers" / handle / "shim.pid").read_text())
    os.kill(shim, signal.SIGSTOP)
    try:
        asked = garden.api.request("POST", f"/containers/{handle}/processes", {"path": "true", "rlimits": {}, "image": {}})
        assert "2s (--garden-request-timeout)" in asked.body.decode()
        assert "2s (--garden-request-timeout)" in garden.api.request("PUT", f"/containers/{handle}/stop", {}).body.decode()
    finally:
        os.kill(shim, signal.SIGCONT)
    os.mkfifo(scratch / "hang")
    made = garden.api.request("POST", "/containers", {"handle": "slow", "rootfs": f"raw://{own_rootfs}", "image": {}, "limits": {}})
    assert "2s (--garden-request-timeout)" in made.body.decode()
    (scratch / "hang").unlink()
    assert garden.api.containers() == [handle]
