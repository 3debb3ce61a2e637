"""A killed supervisor leaves its services running; the next one takes them over."""
import json
import os
import signal
import socket

from harness.supervised import SERVICES, is_alive
from harness.wait import wait_until


def kill_supervisor(worker):
    worker.process.kill()
    worker.process.wait()


def test_services_outlive_the_supervisor_and_are_taken_over(worker):
    worker.start_ready()
    before = {service: worker.pid_of(service) for service in SERVICES}
    kill_supervisor(worker)
    assert {service: worker.pid_of(service) for service in SERVICES} == before

    worker.start_ready()
    assert {service: worker.pid_of(service) for service in SERVICES} == before
    for service in SERVICES:
        worker.wait_for_log("supervisor.service taken over", service=service, pid=before[service])
        assert f"{service} was adopted" in [line["message"] for line in worker.log()]  # on the new stdout
    assert worker.stop() == 0
    assert worker.leftovers() == []


def test_a_service_taken_over_is_restarted_with_the_same_sockets(worker):
    worker.start_ready()
    kill_supervisor(worker)
    worker.start_ready()
    before = os.stat(worker.run / "garden.sock").st_ino
    with socket.socket(socket.AF_UNIX) as waiting:
        worker.kill(worker.pid_of("garden"))
        waiting.settimeout(60)
        waiting.connect(str(worker.run / "garden.sock"))
        waiting.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert waiting.recv(4096).startswith(b"HTTP/1.1 200")
    worker.wait_for_event("garden", "ready", count=2)
    worker.wait_for_log("supervisor.service died", service="garden", how="killed, or ended without a word (taken over)")
    assert os.stat(worker.run / "garden.sock").st_ino == before


def test_a_service_that_died_without_a_supervisor_is_started(worker):
    worker.start_ready()
    kill_supervisor(worker)
    pid = worker.pid_of("baggageclaim")
    worker.kill(pid)
    wait_until(lambda: not is_alive(pid), "baggageclaim's end")
    beacon = worker.pid_of("beacon")
    worker.start_ready()
    assert len(worker.events("baggageclaim", "started")) == 2
    assert worker.pid_of("beacon") == beacon, "\n".join(map(str, worker.log()))


def test_other_settings_restart_the_services_they_belong_to(worker):
    worker.start_ready()
    before = {service: worker.pid_of(service) for service in SERVICES}
    kill_supervisor(worker)

    worker.start_ready("--tag", "new", environment={"http_proxy": "http://proxy:1"})
    worker.wait_for_log("supervisor.service restarting", service="beacon")
    worker.wait_for_event("beacon", "ready", count=2)
    assert "--tag=new" in worker.events("beacon", "started")[1]["arguments"]
    for service in ("garden", "baggageclaim", "healthcheck"):
        assert worker.pid_of(service) == before[service]


def test_a_changed_proxy_restarts_the_beacon(worker):
    worker.start_ready()
    kill_supervisor(worker)
    worker.start_ready(environment={"http_proxy": "http://proxy:1"})
    worker.wait_for_log("supervisor.service restarting", service="beacon", reason="its proxy settings differ")
    worker.wait_for_event("beacon", "ready", count=2)


def test_a_new_listener_restarts_its_service(worker):
    worker.start_ready()
    kill_supervisor(worker)
    worker.start_ready("--bind-ip", worker.address)
    worker.wait_for_event("garden", "ready", count=2)
    socket.create_connection((worker.address, 7777), timeout=30).close()


def test_another_version_is_restarted(worker):
    worker.behave(garden={"version": "0.0.1"})
    worker.start_ready()
    kill_supervisor(worker)
    worker.behave()
    worker.start_ready()
    worker.wait_for_log("supervisor.service restarting", service="garden", reason="its version is 0.0.1")
    worker.wait_for_event("garden", "ready", count=2)


def test_a_service_that_does_not_answer_is_replaced(worker):
    worker.behave(garden={"deaf": True, "ignore_term": True})
    worker.start_ready()
    deaf = worker.pid_of("garden")
    kill_supervisor(worker)
    worker.behave()
    worker.start_ready()
    worker.wait_for_log("supervisor.ending a service that can't be taken over", service="garden", pid=deaf)
    assert worker.pid_of("garden") != deaf


def test_a_service_that_is_no_longer_wanted_is_ended(worker):
    worker.start_ready()
    garden = worker.pid_of("garden")
    kill_supervisor(worker)
    worker.start_ready("--external-garden-url", "http://127.0.0.1:7777")
    assert not is_alive(garden)
    worker.wait_for_log("supervisor.ending a service that is no longer wanted", service="garden", pid=garden)


def test_services_started_by_others_are_not_touched(worker):
    """Something that serves the control socket and was started by no supervisor: an honest refusal."""
    worker.start_ready()
    started = worker.events("garden", "started")[0]
    worker.stop()
    os.makedirs(worker.run / "control", exist_ok=True)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(worker.run / "control/garden.sock"))
        control.listen()
        if (child := os.fork()) == 0:
            try:
                connection, _ = control.accept()
                socket.recv_fds(connection, 65536, 16)
                body = json.dumps({"ok": True, "pid": os.getpid(), "state": "ready", "listeners": []}).encode()
                connection.sendall(len(body).to_bytes(4, "little") + body)
                connection.recv(1)
            finally:
                os._exit(0)
        status, stderr = worker.fails()
        os.waitpid(child, 0)
    assert status == 1
    assert f"process {child} (" in stderr and "was not started by a supervisor; stop it first" in stderr
    assert started["pid"] not in worker.leftovers()


def test_a_second_supervisor_is_refused_while_the_first_runs(worker):
    worker.start_ready()
    status, stderr = worker.fails()
    assert status == 1
    assert stderr == (f"concourse: error: another worker (process {worker.process.pid}) uses '{worker.run}'; "
                      "stop it, or give this one another --runtime-dir\n")
    status, stderr = worker.fails("--runtime-dir", str(worker.folder / "other"))
    assert status == 1
    assert stderr == (f"concourse: error: another worker (process {worker.process.pid}) uses '{worker.work}'; "
                      "stop it, or give this one another --work-dir\n")
    assert worker.process.poll() is None
    assert len(worker.events(kind="started")) == 4


def test_a_stop_of_taken_over_services_is_orderly(worker):
    worker.start_ready()
    kill_supervisor(worker)
    worker.start_ready()
    assert worker.stop(signal.SIGTERM) == 0
    assert [e["service"] for e in worker.events(kind="ended")] == ["beacon", "garden", "baggageclaim", "healthcheck"]
