"""Silent, slow and endless clients: 1,000 at each listener of a service at once are nothing to a client that speaks."""

import concurrent.futures
import os
import resource
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest

from attacks.connection_floods import FIRST_BYTES, flood, many_descriptors, memory, spinning, starved
from harness.http import Api
from harness.outside import HOST
from harness.wait import wait_until
from harness.worker import free_port
from integration.healthchecker.test_healthcheck import Healthcheck

COUNT = 1000
# KiB that the flood may cost a listener: a kilobyte or two a connection; of heads 32 MiB at most are kept, whatever comes.
MOST_MEMORY = {"silent": 4 << 10, "half": 10 << 10, "slow": 10 << 10, "huge": 48 << 10}


@pytest.fixture
def start_healthcheck(install, run_dir):
    started = []

    def start():
        started.append(Healthcheck(install, run_dir))
        healthcheck = started[-1]
        # What it is asked while we can't read it goes nowhere.
        threading.Thread(target=healthcheck.process.stdout.read, daemon=True).start()
        return SimpleNamespace(pid=healthcheck.process.pid, process=healthcheck.process, apis=[Api(f"{healthcheck.address}:8888")])

    yield start
    for healthcheck in started:
        healthcheck.process.kill()
        healthcheck.process.wait()
        healthcheck.process.stderr.close()


@pytest.fixture(params=["garden", "baggageclaim", "healthcheck"])
def service(request, sandboxed):
    """A service with all the listeners it can have."""
    if request.param == "healthcheck":
        return request.getfixturevalue("start_healthcheck")()
    port = free_port()
    if request.param == "garden":
        server = request.getfixturevalue("make_garden")("--bind-ip=127.0.0.1", f"--bind-port={port}")
        tcp = f"127.0.0.1:{port}"
    else:
        server = request.getfixturevalue("make_server")("naive", f"--baggageclaim-bind-ip={HOST}", f"--baggageclaim-bind-port={port}").start()
        tcp = f"{HOST}:{port}"
    return SimpleNamespace(pid=server.process.pid, process=server.process, apis=[Api(server.api.address), Api(tcp)])


@pytest.fixture(autouse=True)
def descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def open_descriptors(service):
    return len(os.listdir(f"/proc/{service.pid}/fd"))


@pytest.mark.parametrize("kind", FIRST_BYTES)
def test_clients_that_do_not_speak_to_the_end_are_nothing_to_one_that_does(service, kind):
    many_descriptors()
    assert not starved(service.apis)
    before, memory_before = open_descriptors(service), memory(service.pid)
    with flood([api.address for api in service.apis], COUNT, kind):
        assert not starved(service.apis)
        assert memory(service.pid) - memory_before < MOST_MEMORY[kind] * len(service.apis)
        if kind != "slow":  # thousands of bytes a second are work
            assert not spinning(service.pid)
        assert not starved(service.apis)
    wait_until(lambda: open_descriptors(service) <= before, "the connections to be closed")


def test_more_clients_than_descriptors_do_not_stop_it_or_let_it_spin(start_healthcheck):
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    service = start_healthcheck()
    many_descriptors()
    with flood([service.apis[0].address], 1164, "silent"):
        assert not starved(service.apis)
        assert not spinning(service.pid)
        assert open_descriptors(service) < 1024


def test_it_ends_in_time_with_silent_clients(service):
    many_descriptors()
    with flood([api.address for api in service.apis], COUNT, "half"):
        service.process.terminate()
        assert service.process.wait(30) == 0


def test_clients_that_do_not_send_what_they_announced_keep_no_worker(start_healthcheck):
    """64 workers is all the healthcheck has."""
    many_descriptors()
    service = start_healthcheck()
    with flood([service.apis[0].address], 0, "silent") as sockets:
        for _ in range(200):
            one = socket.create_connection(service.apis[0].address.split(":"), 5)
            sockets.append(one)
            one.sendall(b"POST /metrics HTTP/1.1\r\nHost: worker\r\nContent-Length: 100\r\n\r\n")
        assert not starved(service.apis, "/metrics")


def test_without_room_for_a_thread_the_process_lives_on(start_healthcheck):
    service = start_healthcheck()

    def limit(size):
        subprocess.run(["prlimit", f"--pid={service.pid}", f"--as={size}:"], check=True)

    virtual = int(next(line for line in open(f"/proc/{service.pid}/status") if line.startswith("VmSize:")).split()[1]) << 10
    limit(virtual + (1 << 20))
    assert service.apis[0].request("GET", "/metrics", timeout=30).status in (400, 503)
    assert service.process.poll() is None
    limit("unlimited")
    assert service.apis[0].request("GET", "/metrics", timeout=30).status == 200


class ThreadEach(threading.Thread):
    """A server that gives a connection one of eight threads as soon as it is there."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.pool.submit(self.serve, connection)

    @staticmethod
    def serve(connection):
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (more := connection.recv(4096)):
                    return
                head += more
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.pool.shutdown()


@pytest.mark.parametrize("kind", FIRST_BYTES)
def test_the_detector_finds_a_server_that_can_be_starved(kind):
    server = ThreadEach()
    server.start()
    try:
        assert not starved([Api(server.address)])
        with flood([server.address], 20, kind):
            assert starved([Api(server.address)])
    finally:
        server.close()
        server.join()


def test_the_detector_finds_a_server_that_spins():
    with subprocess.Popen(["/usr/bin/python3", "-c", "while True: pass"]) as spinner:
        try:
            assert spinning(spinner.pid)
        finally:
            spinner.kill()
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as sleeper:
        assert not spinning(sleeper.pid)
        sleeper.kill()
