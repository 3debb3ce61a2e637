"""Moving to another TSA: made before the old one is broken, and nothing that is open is lost."""

import os
import threading

import pytest

from harness.control import ControlError
from harness.wait import wait_until
from traffic import connect, exchange, receive


def test_a_move_carries_open_connections_to_their_end(make_tsa, make_beacon, services):
    first = make_tsa()
    beacon = make_beacon([first])
    old = first.wait_registered()
    with connect(old.garden) as s:
        s.sendall(b"before")
        assert receive(s, 6) == b"before"
        beacon.ask("rebalance")
        new = first.wait_registered(2)
        first.wait(old.interrupted.is_set, "the old registration to be told")
        assert new.connection is not old.connection
        data = os.urandom(4 << 20)
        sender = threading.Thread(target=s.sendall, args=(data,), daemon=True)
        sender.start()
        assert receive(s, len(data)) == data
        sender.join(30)
        exchange(new.garden, b"new")
        assert not old.ended.is_set()
        assert [d["state"] for d in beacon.status()["draining"]] == ["stopping"]
    beacon.wait_log("old connection ended", reason="drained")
    beacon.wait_status(lambda s: s["draining"] == [] and s["state"] == "registered", "the old one to go")
    assert beacon.status()["losses"] == 0


def test_the_other_host_is_preferred(make_tsa, make_beacon, services):
    tsas = [make_tsa(), make_tsa()]
    beacon = make_beacon(tsas)
    beacon.wait_status(lambda s: s["state"] == "registered", "being registered")
    for _ in range(3):
        here = beacon.status()["current"]["tsa"]
        beacon.ask("rebalance")
        beacon.wait_status(lambda s: s["state"] == "registered" and s["current"]["tsa"] != here and not s["draining"], "the move")


def test_a_failed_move_leaves_the_old_registration_alone(make_tsa, make_beacon, services):
    good, bad = make_tsa(), make_tsa(start=False)
    bad.port = 1
    beacon = make_beacon([good, bad])
    old = good.wait_registered()
    good.refuse_worker = True  # now neither host takes a second one
    beacon.ask("rebalance")
    beacon.wait_log("second connection failed, staying with the first")
    assert not old.interrupted.is_set()
    exchange(old.garden, b"still there")
    good.refuse_worker = False
    beacon.ask("rebalance")
    good.wait_registered(2)


def test_moves_at_the_interval_but_not_while_draining(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--rebalance-interval=300ms")
    tsa.wait_registered(3)
    beacon.ask("land")
    beacon.wait_status(lambda s: s["command"]["state"] == "done" and not s["draining"] and "next" not in s, "the drain")
    seen = beacon.status()["connects"]
    heartbeats = beacon.status()["heartbeats"]
    beacon.wait_status(lambda s: s["heartbeats"] > heartbeats + 5, "a second to pass")
    assert beacon.status()["connects"] == seen


def test_a_draining_connection_ends_what_is_only_kept_open(make_tsa, make_beacon, services):
    # The TSA's own HTTP client would keep it for a minute and a half.
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    old = tsa.wait_registered()
    with connect(old.garden) as s:
        s.sendall(b"GET /containers HTTP/1.1\r\n\r\n")
        receive(s, 28)
        beacon.ask("rebalance")
        beacon.wait_log("old connection ended", reason="drained")


def test_an_idle_draining_connection_is_given_up_after_the_drain_timeout(make_tsa, make_beacon, services):
    services.garden.handler = lambda connection: connection.recv(1) and threading.Event().wait(60)
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--connection-drain-timeout=1s")
    with connect(tsa.wait_registered().garden) as s:
        s.sendall(b"xy")
        wait_until(lambda: services.garden.connections, "the connection")
        beacon.ask("rebalance")
        beacon.wait_log("old connection ended", reason="idle for 1s (--connection-drain-timeout)")


def test_there_is_nothing_to_move_without_a_registration(make_beacon, services):
    beacon = make_beacon("127.0.0.1:1")
    beacon.wait_log("no connection to a TSA")
    with pytest.raises(ControlError, match="no registration"):
        beacon.ask("rebalance")
