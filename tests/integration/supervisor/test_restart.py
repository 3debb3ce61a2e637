"""A service that dies is restarted alone; one that can't start ends the worker with the reason."""
import signal
import socket

from harness import control


def test_a_killed_service_is_restarted_alone(worker):
    worker.start_ready()
    for service in ("garden", "baggageclaim", "healthcheck", "beacon"):
        before = {other: worker.pid_of(other) for other in ("garden", "baggageclaim", "healthcheck", "beacon")}
        worker.kill(before[service])
        worker.wait_for_event(service, "ready", count=2)
        after = {other: worker.pid_of(other) for other in before}
        assert after.pop(service) != before.pop(service)
        assert after == before
        worker.wait_for_log("supervisor.service died", service=service, how="killed by signal 9")


def test_a_connection_made_while_a_service_is_down_is_answered_later(worker):
    worker.start_ready()
    worker.behave(garden={"ready": True, "http_status": 201})
    worker.kill(worker.pid_of("garden"))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(worker.run / "garden.sock"))
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.recv(4096)
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))


def test_the_delay_grows_with_each_death(worker):
    worker.start_ready()
    for count in range(1, 5):
        worker.kill(worker.pid_of("beacon"))
        worker.wait_for_event("beacon", "ready", count=count + 1)
    delays = [line["data"]["in_ms"] for line in worker.wait_for_log("supervisor.service restart", count=4, service="beacon")]
    assert delays == [100, 200, 400, 800]


def test_a_service_that_ends_without_being_asked_is_restarted_too(worker):
    worker.start_ready()
    worker.kill(worker.pid_of("garden"), signal.SIGTERM)
    worker.wait_for_event("garden", "ready", count=2)
    worker.wait_for_log("supervisor.service died", service="garden", how="exit status 0")


def test_a_failed_start_is_tried_again(worker):
    worker.behave(garden={"exit": 1, "fail_times": 2})
    worker.start_ready()
    assert len(worker.events("garden", "started")) == 3


def test_a_service_that_never_gets_ready_ends_the_worker_with_its_own_reason(worker):
    worker.behave(garden={"exit": 1, "last_words": "no OCI runtime found; install crun or runc"})
    status, stderr = worker.fails()
    assert status == 1
    assert stderr == "concourse: error: concourse-garden can't be started: no OCI runtime found; install crun or runc\n"
    assert len(worker.events("garden", "started")) == 4
    assert worker.leftovers() == []


def test_a_wrong_command_line_of_a_service_ends_the_worker_at_once(worker):
    worker.behave(baggageclaim={"exit": 2, "last_words": "flag --baggageclaim-driver: no btrfs here"})
    status, stderr = worker.fails()
    assert status == 2
    assert stderr == "concourse: error: concourse-baggageclaim can't be started: flag --baggageclaim-driver: no btrfs here\n"
    assert len(worker.events("baggageclaim", "started")) == 1


def test_a_service_that_was_ready_once_is_never_given_up(worker):
    worker.start_ready()
    worker.behave(healthcheck={"exit": 2})
    worker.kill(worker.pid_of("healthcheck"))
    worker.wait_for_log("supervisor.service restart", count=5, service="healthcheck")
    worker.behave()
    worker.wait_for_event("healthcheck", "ready", count=2)


def test_a_missing_program_is_named(worker):
    (worker.bin / "concourse-beacon").unlink()
    status, stderr = worker.fails()
    assert status == 1
    assert f"'{worker.bin}/concourse-beacon' is missing" in stderr


def restart_beacon(worker):
    control.ask(worker.run, "supervisor", "restart", service="beacon")


def test_a_restarted_beacon_gets_a_successor_before_it_ends(worker):
    worker.behave(beacon={"hands_over": True})
    worker.start_ready()
    old = worker.pid_of("beacon")
    restart_beacon(worker)
    worker.wait_for_log("supervisor.old beacon ended", pid=old, how="exit status 0")
    events = [(e["pid"] == old, e["event"]) for e in worker.events("beacon")]
    assert events.index((True, "handed over")) < events.index((False, "started")) < events.index((False, "ready")) < events.index((True, "ended"))
    assert worker.pid_of("beacon") != old
    status = control.ask(worker.run, "supervisor")
    assert status["old_beacons"] == []
    assert next(s["restarts"] for s in status["services"] if s["service"] == "beacon") == 0


def test_a_beacon_that_can_not_hand_over_is_restarted(worker):
    worker.start_ready()
    old = worker.pid_of("beacon")
    restart_beacon(worker)
    worker.wait_for_log("supervisor.the beacon can't hand over, restarting it")
    worker.wait_for_event("beacon", "ready", count=2)
    assert worker.pid_of("beacon") != old


def test_a_stop_ends_old_beacons_too(worker):
    worker.behave(beacon={"hands_over": "never"})
    worker.start_ready()
    old = worker.pid_of("beacon")
    restart_beacon(worker)
    worker.wait_for_event("beacon", "hup")
    assert control.ask(worker.run, "supervisor")["old_beacons"] == [old]
    assert worker.stop() == 0
    assert worker.leftovers() == []


def test_a_new_supervisor_ends_old_beacons(worker):
    worker.behave(beacon={"hands_over": "never"})
    worker.start_ready()
    old = worker.pid_of("beacon")
    restart_beacon(worker)
    worker.wait_for_event("beacon", "hup")
    new = next(e["pid"] for e in worker.events("beacon", "started") if e["pid"] != old)
    worker.process.kill()
    worker.process.wait()
    worker.start_ready()
    assert worker.pid_of("beacon") == new
