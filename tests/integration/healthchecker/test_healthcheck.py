"""concourse-healthcheck alone, with servers of the test in place of Garden and BaggageClaim."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.control_double import Control
from harness.supervised import is_alive
from harness.wait import wait_until

PATIENCE = 60.0


class Api(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers every request with `status`; waits before that while `held` is set."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, path):
        self.status = 200
        self.requests = []
        self.free = threading.Event()
        self.free.set()
        super().__init__(str(path), self.Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.server.requests.append(self.rfile.readline().decode().rstrip())
            self.server.free.wait(PATIENCE)
            self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]" % self.server.status)

    def handle_error(self, request, client_address):
        pass  # a client that didn't wait

    def close(self):
        self.free.set()
        self.shutdown()
        self.server_close()


class Healthcheck:
    def __init__(self, install, folder, *flags):
        self.folder = folder
        self.address = "127.0.%d.%d" % (os.getpid() >> 8 & 255, os.getpid() & 255)
        self.words = [install.program("concourse-healthcheck"), "--runtime-dir", folder, "--healthcheck-bind-ip", self.address,
                      "--log-format", "json", *flags]
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={})
        line = json.loads(self.process.stdout.readline())
        assert line["message"] == "healthcheck.ready", line

    def ask(self, method="GET", path="/"):
        connection = http.client.HTTPConnection(self.address, 8888, timeout=PATIENCE)
        connection.request(method, path, body=b"x" if method == "POST" else None)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def stop(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="hc-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def garden(folder):
    api = Api(folder / "garden.sock")
    yield api
    api.close()


@pytest.fixture
def baggageclaim(folder):
    api = Api(folder / "baggageclaim.sock")
    yield api
    api.close()


@pytest.fixture
def start(install, folder):
    started = []

    def start(*flags):
        started.append(Healthcheck(install, folder, *flags))
        return started[-1]

    yield start
    for healthcheck in started:
        healthcheck.process.kill()
        healthcheck.process.communicate()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/a/b/c?d=e"])
def test_every_path_and_method_is_answered_alike(start, garden, baggageclaim, method, path):
    assert start().ask(method, path) == (200, b"")
    assert garden.requests == ["GET /ping HTTP/1.1"]
    assert baggageclaim.requests == ["GET /volumes HTTP/1.1"]


def test_a_failing_service_is_named_with_the_reason(start, garden, baggageclaim):
    healthcheck = start()
    garden.status = 500
    status, body = healthcheck.ask()
    assert status == 503
    assert json.loads(body) == {"garden": {"healthy": False, "response_error": "GET /ping was answered with status 500"},
                                "baggageclaim": {"healthy": True, "response_error": ""}}
    garden.status = 200
    assert healthcheck.ask() == (200, b"")


def test_a_service_that_is_not_there(start, garden):
    status, body = start().ask()
    assert status == 503
    report = json.loads(body)
    assert report["garden"]["healthy"]
    assert "baggageclaim.sock" in report["baggageclaim"]["response_error"]


def test_a_service_that_hangs_is_waited_for_no_longer_than_the_timeout(start, garden, baggageclaim):
    healthcheck = start("--healthcheck-timeout", "300ms")
    baggageclaim.free.clear()
    begun = time.monotonic()
    status, body = healthcheck.ask()
    assert time.monotonic() - begun < 30
    assert status == 503
    assert json.loads(body)["baggageclaim"]["response_error"] .endswith("no answer within 300ms (--healthcheck-timeout)")
    baggageclaim.free.set()
    wait_until(lambda: healthcheck.ask()[0] == 200, "health to come back")


def test_a_flood_of_requests_asks_the_services_once(start, garden, baggageclaim):
    healthcheck = start("--healthcheck-timeout", "60s")
    garden.free.clear()
    with ThreadPoolExecutor(30) as pool:
        answers = [pool.submit(healthcheck.ask) for _ in range(30)]

        def all_wait():
            question = b'{"command":"status"}'
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(healthcheck.folder / "control/healthcheck.sock"))
                control.sendall(len(question).to_bytes(4, "little") + question)
                answer = control.makefile("rb").read()
            return json.loads(answer[4:])["waiting"] == 30

        wait_until(all_wait, "30 requests to wait")
        garden.free.set()
        assert [answer.result() for answer in answers] == [(200, b"")] * 30
    assert len(garden.requests) == 1


def test_an_external_garden(start, folder, baggageclaim):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        assert start("--external-garden-url", f"http://127.0.0.1:{server.server_address[1]}/x").ask() == (200, b"")
        server.shutdown()


def test_stop_is_orderly(start, garden, baggageclaim):
    healthcheck = start()
    assert healthcheck.stop() == 0
    assert healthcheck.process.stderr.read() == ""


def test_a_taken_port_ends_the_start_with_one_line(start, install, garden):
    healthcheck = start()
    done = subprocess.run(healthcheck.words + ["--runtime-dir", str(healthcheck.folder / "other")], capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == f"concourse-healthcheck: error: listen on {healthcheck.address}:8888: Address already in use\n"


def test_killed_under_a_supervisor_it_is_back_at_once_and_loses_no_connection(supervised):
    supervised.use_real("concourse-healthcheck")
    supervised.start_ready()

    def ask():
        connection = http.client.HTTPConnection(supervised.address, 8888, timeout=PATIENCE)
        connection.request("GET", "/")
        return connection.getresponse().status

    assert ask() == 200
    pid = supervised.logged("supervisor.service started", service="healthcheck")[0]["data"]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert ask() == 200
    assert not is_alive(pid)
    supervised.wait_for_log("supervisor.service ready", service="healthcheck", count=2)


# /live and /ready ask the control sockets.


@pytest.fixture
def controls(folder, garden, baggageclaim):
    made = {"garden": Control(folder, "garden", {"containers": 1, "creations": {"failures_in_a_row": 0}}),
            "baggageclaim": Control(folder, "baggageclaim", {"disk": {"free_bytes": 1 << 40, "free_inodes": 1 << 20, "inodes": 1 << 20}}),
            "beacon": Control(folder, "beacon", {"beacon": {"state": "registered", "drain": "", "last_error": "",
                                                            "current": {"state": "registered", "tsa": "web:2222", "heartbeat_age_ms": 2000}}})}
    yield made
    for control in made.values():
        with contextlib.suppress(OSError):
            control.close()


def test_a_worker_that_is_live_and_ready(start, controls):
    healthcheck = start()
    for path, word in (("/live", "live"), ("/ready", "ready")):
        status, body = healthcheck.ask(path=path)
        assert (status, json.loads(body)[word], json.loads(body)["reasons"]) == (200, True, [])
    assert json.loads(body)["checks"]["registration"] == {"ok": True, "state": "registered", "tsa": "web:2222", "heartbeat_age_seconds": 2}


def test_a_draining_worker_is_live_but_not_ready(start, controls):
    controls["beacon"].answer["beacon"]["drain"] = "landing"
    healthcheck = start()
    assert healthcheck.ask(path="/live")[0] == 200
    status, body = healthcheck.ask(path="/ready")
    assert (status, json.loads(body)["reasons"]) == (503, ["drain: landing"])


def test_a_service_that_is_gone_or_hangs_is_not_live(start, controls, folder):
    healthcheck = start("--healthcheck-timeout", "500ms")
    controls["garden"].close()
    os.unlink(folder / "control/garden.sock")
    silent = socket.socket(socket.AF_UNIX)
    os.unlink(folder / "control/beacon.sock")
    silent.bind(str(folder / "control/beacon.sock"))
    silent.listen()
    status, body = healthcheck.ask(path="/live")
    checks = json.loads(body)["checks"]
    assert status == 503 and checks["baggageclaim"]["ok"]
    assert "control/garden.sock" in checks["garden"]["reason"] and not checks["beacon"]["ok"]
    silent.close()


def test_a_low_disk_is_a_warning_and_a_full_one_a_reason(start, controls):
    disk = controls["baggageclaim"].answer["disk"]
    healthcheck = start()
    for state, status, warnings, reasons in (("low", 200, ["disk: low: 1 of 9"], []), ("full", 503, [], ["disk: full, no volume is made: 1 of 9"])):
        disk.update(state=state, why="1 of 9")
        answer, body = healthcheck.ask(path="/ready")
        assert (answer, json.loads(body)["warnings"], json.loads(body)["reasons"]) == (status, warnings, reasons)
        assert json.loads(body)["checks"]["disk"]["state"] == state
    assert healthcheck.ask(path="/")[0] == 200  # both servers work


def test_ready_names_a_failing_api(start, controls, garden):
    garden.status = 500
    status, body = start().ask(path="/ready")
    assert (status, json.loads(body)["reasons"]) == (503, ["garden: GET /ping was answered with status 500"])
