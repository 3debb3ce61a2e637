"""The ways out: land, retire, delete, and stopping in place; how each ends, and what takes it back."""

import json
import signal
import threading

import pytest

from harness.control import ControlError
from harness.wait import wait_until
from traffic import connect, receive, receive_all

LANDED, RETIRED, GONE, TIMEOUT = 10, 11, 12, 13


def mark(beacon):
    path = beacon.runtime / "beacon-drain"
    return path.read_text().split()[0] if path.exists() else None


@pytest.mark.parametrize("command,verb,state,status", [("land", "land-worker", "landing", LANDED), ("retire", "retire-worker", "retiring", RETIRED)])
def test_a_drain_ends_when_the_web_lets_go(make_tsa, make_beacon, services, command, verb, state, status):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    assert beacon.ask(command)["drain"] == state
    assert mark(beacon) == state
    tsa.wait(lambda: tsa.commands_named(verb), verb)
    assert tsa.commands_named(verb)[0][2]["name"] == "w1"
    beacon.wait_status(lambda s: s["command"]["state"] == "done" and s["state"] == state, "the command to be done")
    tsa.over.set()
    assert beacon.process.wait(60) == status
    assert mark(beacon) is None


@pytest.mark.parametrize("number,verb", [(signal.SIGUSR1, "land-worker"), (signal.SIGUSR2, "retire-worker")])
def test_signals_ask_for_the_same(make_tsa, make_beacon, services, number, verb):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.process.send_signal(number)
    tsa.wait(lambda: tsa.commands_named(verb), verb)


def test_a_registration_that_ends_unasked_has_a_status_of_its_own(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    tsa.over.set()
    assert beacon.process.wait(60) == GONE


def test_a_lost_connection_does_not_undo_a_drain(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    assert tsa.wait_registered().worker["state"] == ""
    beacon.ask("land")
    beacon.wait_status(lambda s: s["command"]["state"] == "done", "the command to be done")
    tsa.stop()
    tsa.start()
    assert tsa.wait_registered(2).worker["state"] == "landing"
    beacon.ask("reconnect")
    assert tsa.wait_registered(3).worker["state"] == "landing"


def test_a_killed_beacon_goes_on_with_a_drain(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.ask("retire")
    tsa.wait(lambda: tsa.commands_named("retire-worker"), "retire-worker")
    assert beacon.end(signal.SIGKILL) == -signal.SIGKILL
    beacon.start()
    assert tsa.wait_registered(2).worker["state"] == "retiring"
    tsa.wait(lambda: len(tsa.commands_named("retire-worker")) == 2, "retire-worker again")
    tsa.over.set()
    assert beacon.process.wait(60) == RETIRED


def test_a_stopped_beacon_goes_on_with_a_drain(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.ask("land")
    tsa.wait(lambda: tsa.commands_named("land-worker"), "land-worker")
    assert beacon.end() == 0
    assert mark(beacon) == "landing"
    beacon.start()
    assert tsa.wait_registered(2).worker["state"] == "landing"


def test_a_second_registration_under_way_does_not_undo_a_drain(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    tsa.register = False
    beacon.ask("rebalance")
    tsa.wait(lambda: len(tsa.registrations) == 2, "the second forward-worker")
    beacon.ask("land")
    assert tsa.registrations[1].worker["state"] == ""
    tsa.register = True
    tsa.wait(lambda: tsa.commands_named("land-worker"), "land-worker")
    assert tsa.registrations[1].heartbeats, "land-worker came before the registration that says 'running'"


def busy_garden(connection):
    """Two containers; in one of them runs a process."""
    with connection:
        asked = connection.recv(1 << 16).decode().split()[1]
        answer = {"Handles": ["c1", "c2"]} if asked == "/containers" else {
            "c1": {"Info": {"ProcessIDs": ["p"]}, "Err": None}, "c2": {"Info": {"ProcessIDs": []}, "Err": None}}
        body = json.dumps(answer).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))


def test_a_drain_says_what_it_waits_for(make_tsa, make_beacon, services):
    services.garden.handler = busy_garden
    tsa = make_tsa()
    tsa.respond["land-worker"] = lambda a, w: (1, "")
    beacon = make_beacon(tsa, "--drain-timeout=10m")
    tsa.wait_registered()
    beacon.ask("land")
    beacon.wait_log("drain under way", waits_for="the TSA to take land-worker: the TSA answered with status 1")
    tsa.respond["land-worker"] = lambda a, w: (0, "")
    beacon.wait_log("drain under way", waits_for="1 container with a running process: c1", state="landing")
    progress = beacon.status()["drain_progress"]
    assert (progress["containers"], progress["busy"]) == (2, ["c1"])
    assert 0 < progress["seconds_left"] <= 600
    tsa.stop()
    beacon.wait_log("drain under way", waits_for="a connection to a TSA")


@pytest.mark.parametrize("command,verb", [("land", None), ("retire", "delete-worker")])
def test_a_drain_ends_by_its_deadline(make_tsa, make_beacon, services, command, verb):
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--drain-timeout=2s")
    tsa.wait_registered()
    beacon.ask(command)
    assert beacon.process.wait(60) == TIMEOUT
    assert mark(beacon) is None
    assert (tsa.commands_named("delete-worker") != []) == (verb is not None)


def test_a_drain_has_a_deadline_of_its_own(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--drain-timeout=10m")
    tsa.wait_registered()
    assert 3598 <= beacon.ask("land", deadline_seconds=3600)["drain_progress"]["seconds_left"] <= 3600
    assert 3598 <= beacon.ask("land")["drain_progress"]["seconds_left"] <= 3600, "it stays"
    assert beacon.end(signal.SIGKILL) == -signal.SIGKILL
    beacon.start()
    beacon.wait_log("going on with a drain that was under way")
    assert 3000 <= beacon.status()["drain_progress"]["seconds_left"] <= 3600, "a restart keeps it"
    beacon.ask("resume")
    assert 598 <= beacon.ask("land")["drain_progress"]["seconds_left"] <= 600, "another drain has none"
    assert 1 <= beacon.ask("retire", deadline_seconds=2)["drain_progress"]["seconds_left"] <= 2
    assert beacon.process.wait(60) == TIMEOUT
    assert beacon.logged("the drain took longer than its deadline")
    assert tsa.commands_named("delete-worker") != []


@pytest.mark.parametrize("seconds", [0, -1, "90", 1.5])
def test_a_deadline_that_is_none_is_refused(make_tsa, make_beacon, services, seconds):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    with pytest.raises(ControlError, match="deadline_seconds"):
        beacon.ask("land", deadline_seconds=seconds)
    assert beacon.status()["drain"] == ""


def test_a_drains_deadline_holds_over_a_restart_and_without_a_tsa(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--drain-timeout=20s")
    tsa.wait_registered()
    beacon.ask("retire")
    tsa.stop()
    began = int((beacon.runtime / "beacon-drain").read_text().split()[1])
    assert beacon.end(signal.SIGKILL) == -signal.SIGKILL
    # As if it had begun earlier.
    (beacon.runtime / "beacon-drain").write_text(f"retiring\n{began - 30}\n")
    beacon.start()
    assert beacon.process.wait(60) == TIMEOUT
    assert beacon.logged("the drain took longer than --drain-timeout", limit="20s", waited_for="a connection to a TSA")


def test_landing_before_the_first_registration_registers_as_landing(make_tsa, make_beacon, services):
    tsa = make_tsa()
    tsa.register = False
    beacon = make_beacon(tsa)
    tsa.wait(lambda: tsa.registrations, "forward-worker")
    beacon.ask("land")
    tsa.register = True
    tsa.wait(lambda: any(r.heartbeats and r.worker["state"] == "landing" for r in tsa.registrations), "a registration as landing")
    tsa.wait(lambda: tsa.commands_named("land-worker"), "land-worker")


def test_a_refused_command_is_sent_again(make_tsa, make_beacon, services):
    tsa = make_tsa()
    tsa.respond["land-worker"] = lambda a, w: (1, "")
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.ask("land")
    beacon.wait_status(lambda s: s["command"]["state"] == "failed" and "status 1" in s["command"]["error"], "the failure")
    tsa.respond["land-worker"] = lambda a, w: (0, "")
    beacon.wait_status(lambda s: s["command"]["state"] == "done", "the command to be done")


def test_a_drain_can_be_taken_back(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.ask("land")
    tsa.wait(lambda: tsa.commands_named("land-worker"), "land-worker")
    assert beacon.ask("resume")["drain"] == ""
    assert tsa.wait_registered(2).worker["state"] == ""
    assert mark(beacon) is None
    beacon.wait_status(lambda s: s["state"] == "registered", "being registered")


def test_landing_a_retiring_worker_is_refused(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    tsa.wait_registered()
    beacon.ask("retire")
    with pytest.raises(ControlError, match="resume"):
        beacon.ask("land")


def test_delete_ends_at_once(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    beacon.ask("delete")
    assert beacon.process.wait(60) == RETIRED
    assert tsa.commands_named("delete-worker")
    assert registration.interrupted.is_set()


# Stopping in place.


def test_stopping_without_a_connection_does_not_wait(make_beacon, services):
    beacon = make_beacon("127.0.0.1:1")
    beacon.wait_log("no connection to a TSA")
    assert beacon.end(timeout=10) == 0


def test_stopping_ends_connections_that_are_only_kept_open(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    with connect(registration.garden) as s:
        s.sendall(b"GET /containers HTTP/1.1\r\n\r\n")
        receive(s, 28)
        assert beacon.end(timeout=10) == 0
        assert receive_all(s) == b""
    assert registration.ended.wait(10) and registration.interrupted.is_set()


def test_stopping_waits_for_an_answer_that_is_owed(make_tsa, make_beacon, services):
    asked, go = threading.Event(), threading.Event()

    def handler(connection):
        with connection:
            connection.recv(1 << 16)
            asked.set()
            assert go.wait(60)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    services.garden.handler = handler
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    with connect(registration.garden) as s:
        s.sendall(b"DELETE /containers/x HTTP/1.1\r\n\r\n")
        assert asked.wait(60)
        beacon.process.send_signal(signal.SIGTERM)
        tsa.wait(registration.interrupted.is_set, "the interrupt")
        beacon.wait_status(lambda s: s["state"] == "stopping" and s["channels"] == 1, "the beacon to wait")
        go.set()
        assert receive_all(s) == b"HTTP/1.1 200 OK\r\n\r\n"
    assert beacon.process.wait(60) == 0


def test_stopping_cuts_the_streams_of_processes_without_losing_a_line(make_tsa, make_beacon, services):
    # They never end by themselves while a build runs; the web attaches again. Whatever the service could write must arrive.
    written = []

    def handler(connection):
        connection.recv(1 << 16)
        try:
            for number in range(10**9):
                line = b"%d\n" % number
                connection.sendall(line)
                written.append(line)
        except BrokenPipeError:
            pass

    services.garden.handler = handler
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    with connect(tsa.wait_registered().garden) as s:
        s.sendall(b"POST /containers/h/processes HTTP/1.1\r\n\r\n")
        got = receive(s, 1 << 20)
        beacon.process.send_signal(signal.SIGTERM)
        got += receive_all(s)
    assert beacon.process.wait(60) == 0
    wait_until(lambda: b"".join(written) == got, lambda: f"{len(b''.join(written))} bytes written and {len(got)} received to be the same")


def test_stopping_gives_idle_connections_up_after_the_drain_timeout(make_tsa, make_beacon, services):
    services.garden.handler = lambda connection: connection.recv(1) and threading.Event().wait(60)
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--connection-drain-timeout=1s")
    with connect(tsa.wait_registered().garden) as s:
        s.sendall(b"xy")
        wait_until(lambda: services.garden.connections, "the connection")
        assert beacon.end(timeout=30) == 0
        assert beacon.logged("connections cut at the end of the drain timeout", limit="1s (--connection-drain-timeout)")
