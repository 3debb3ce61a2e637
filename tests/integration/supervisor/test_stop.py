"""Signals: an orderly stop, a hurried one, landing and retiring."""
import os
import signal

import pytest
from conftest import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_the_services_in_order_and_leaves_nothing(worker, number):
    worker.start_ready()
    assert worker.stop(number) == 0
    ended = [e["service"] for e in worker.events(kind="ended")]
    assert ended == ["beacon", "garden", "baggageclaim", "healthcheck"]
    assert worker.leftovers() == []
    assert sorted(os.listdir(worker.run)) == ["control", "lock"]
    assert os.listdir(worker.run / "control") == []
    assert worker.err.read_text() == ""


def test_a_service_that_does_not_stop_is_killed(worker):
    worker.behave(healthcheck={"ignore_term": True})
    worker.start_ready()
    assert worker.stop() == 0
    worker.wait_for_log("supervisor.service killed", service="healthcheck", reason="did not stop in time")
    worker.wait_for_log("supervisor.service stopped", service="healthcheck", how="killed by signal 9")
    assert worker.leftovers() == []


def test_a_second_signal_waits_for_nobody(worker):
    worker.behave(**{service: {"ignore_term": True} for service in ("garden", "baggageclaim", "healthcheck", "beacon")})
    worker.start_ready()
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for_log("supervisor.service stopping", service="beacon")
    assert worker.stop() == 0
    # All of them at once, not the 14 s that one after the other may take.
    killed = [line["data"]["service"] for line in worker.logged("supervisor.service killed")]
    assert sorted(killed) == ["baggageclaim", "beacon", "garden", "healthcheck"]
    assert len({line["timestamp"][:18] for line in worker.logged("supervisor.service killed")}) <= 2
    assert worker.leftovers() == []


def test_stop_while_a_service_waits_for_its_restart(worker):
    worker.start_ready()
    worker.behave(beacon={"exit": 1})
    worker.kill(worker.pid_of("beacon"))
    worker.wait_for_log("supervisor.service restart", count=4, service="beacon")
    assert worker.stop() == 0
    assert worker.leftovers() == []


def test_stop_before_anything_is_ready(worker):
    worker.behave(garden={"ready": False}, baggageclaim={"ready": False}, healthcheck={"ready": False})
    worker.start()
    worker.wait_for_event("garden", "started")
    worker.wait_for_event("baggageclaim", "started")
    worker.wait_for_event("healthcheck", "started")
    assert worker.stop() == 0
    assert worker.leftovers() == []


@pytest.mark.parametrize("number,mode", [(signal.SIGUSR1, "land"), (signal.SIGUSR2, "retire")])
def test_a_drain_is_told_to_the_beacon_and_its_end_ends_the_worker(worker, number, mode):
    worker.behave(beacon={"drain_exit": 0})
    worker.start_ready()
    assert worker.stop(number) == 0
    assert len(worker.events("beacon", mode)) == 1
    assert [e["service"] for e in worker.events(kind="ended")] == ["beacon", "garden", "baggageclaim", "healthcheck"]
    assert worker.leftovers() == []


def test_a_drain_goes_on_after_the_beacons_death(worker):
    worker.start_ready()
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_for_event("beacon", "land")
    worker.wait_for_log("supervisor.beacon told to drain")
    worker.behave(beacon={"drain_exit": 0})
    worker.kill(worker.pid_of("beacon"))
    assert worker.process.wait(60) == 0
    assert len(worker.events("beacon", "land")) == 2


def test_a_drain_asked_for_while_the_beacon_is_down_is_told_later(worker):
    worker.start_ready()
    worker.behave(beacon={"exit": 1})
    worker.kill(worker.pid_of("beacon"))
    worker.wait_for_log("supervisor.service restart", count=2, service="beacon")
    worker.process.send_signal(signal.SIGUSR2)
    worker.wait_for_log("supervisor.draining", mode="retire")
    worker.behave(beacon={"drain_exit": 0})
    assert worker.process.wait(60) == 0
    assert len(worker.events("beacon", "retire")) == 1


def test_stop_during_a_drain(worker):
    worker.start_ready()
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_for_log("supervisor.beacon told to drain")
    assert worker.stop() == 0
    assert worker.leftovers() == []


def test_a_drain_has_a_deadline(worker):
    worker.start_ready("--drain-timeout", "100ms")
    worker.process.send_signal(signal.SIGUSR1)
    assert worker.process.wait(60) == 3
    worker.wait_for_log("supervisor.stopping", reason="the drain took longer than --drain-timeout")
    assert worker.leftovers() == []


def test_quit_logs_the_state_and_goes_on(worker):
    worker.start_ready()
    worker.process.send_signal(signal.SIGQUIT)
    states = worker.wait_for_log("supervisor.state", count=5)
    assert [line["data"].get("service") for line in states] == ["garden", "baggageclaim", "healthcheck", "beacon", None]
    assert worker.process.poll() is None
