"""What the forwarded connections promise: whole data both ways, bounded memory, plain ends, patience with restarting services."""

import os
import socket
import threading

import pytest

from harness.wait import wait_until
from stand_ins import echo
from recovery import recovery
from traffic import connect, exchange, receive, receive_all, together

MIB = 1 << 20


def no_channels(status):
    return status["channels"] == 0


def test_many_streams_at_the_same_time(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    ready = threading.Barrier(300, timeout=60)

    def stream(i):
        address = registration.garden if i % 3 else registration.baggageclaim
        with connect(address) as s:
            s.sendall(b"%09d" % i)
            assert receive(s, 9) == b"%09d" % i
            ready.wait()  # all are open now
            data = os.urandom(64 << 10)
            s.sendall(data)
            assert receive(s, len(data)) == data

    together(300, stream)
    beacon.wait_status(no_channels, "the channels to end")
    assert beacon.status()["channels_opened"] >= 300


@pytest.fixture
def stalled(services):
    """Garden takes connections and reads nothing until it is set."""
    go = threading.Event()

    def handler(connection):
        assert go.wait(120)
        echo(connection)

    services.garden.handler = handler
    yield go
    go.set()


def test_a_slow_local_reader_does_not_grow_memory_nor_stop_others(make_tsa, make_beacon, services, stalled):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    exchange(registration.baggageclaim, os.urandom(4 * MIB))  # what is warmed up once
    before = beacon.rss()
    data = os.urandom(64 * MIB)
    with connect(registration.garden) as slow:
        sender = threading.Thread(target=slow.sendall, args=(data,), daemon=True)
        sender.start()
        exchange(registration.baggageclaim, os.urandom(32 * MIB))
        assert sender.is_alive()
        grown = beacon.rss() - before
        assert grown < 8 * MIB, f"{grown} bytes for 64 MiB that nobody reads"
        stalled.set()
        assert receive(slow, len(data)) == data
        sender.join(60)


def test_a_slow_far_reader_does_not_grow_memory_nor_stop_others(make_tsa, make_beacon, services):
    data = os.urandom(64 * MIB)
    services.garden.handler = lambda connection: (connection.sendall(data), connection.close())
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    exchange(registration.baggageclaim, os.urandom(4 * MIB))
    before = beacon.rss()
    with connect(registration.garden) as slow:
        assert receive(slow, 1) == data[:1]
        exchange(registration.baggageclaim, os.urandom(32 * MIB))
        grown = beacon.rss() - before
        assert grown < 8 * MIB, f"{grown} bytes for 64 MiB that nobody reads"
        assert receive_all(slow) == data[1:]


def test_what_the_service_sent_before_its_end_arrives(make_tsa, make_beacon, services):
    data = os.urandom(10 * MIB)

    def handler(connection):
        with connection:
            connection.recv(1 << 16)
            connection.sendall(data)

    services.garden.handler = handler
    tsa = make_tsa()
    make_beacon(tsa)
    registration = tsa.wait_registered()

    def stream(_):
        with connect(registration.garden) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert receive_all(s) == data

    together(4, stream)


def test_what_the_far_side_sent_before_its_end_arrives_and_ends_plainly(make_tsa, make_beacon, services):
    got, done = [], threading.Event()

    def handler(connection):
        with connection:
            try:
                got.append(receive_all(connection))
            except OSError as error:
                got.append(error)
            done.set()

    services.garden.handler = handler
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    data = os.urandom(10 * MIB)
    with connect(tsa.wait_registered().garden) as s:
        s.sendall(data)
    assert done.wait(60)
    assert got == [data]
    beacon.wait_status(no_channels, "the channel to end")


def test_a_service_that_writes_on_sees_that_the_far_side_has_gone(make_tsa, make_beacon, services):
    # So that output is kept for the next reader instead of being lost on the way.
    ended = threading.Event()

    def handler(connection):
        try:
            while True:
                connection.sendall(b"x" * 1024)
        except BrokenPipeError:
            assert connection.recv(1) == b""  # a plain end, not a reset
            ended.set()

    services.garden.handler = handler
    tsa = make_tsa()
    make_beacon(tsa)
    with connect(tsa.wait_registered().garden) as s:
        receive(s, MIB)
    assert ended.wait(60)


def test_a_connection_waits_for_a_service_that_restarts(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    services.garden.stop()
    with connect(registration.garden) as s:
        s.sendall(b"early")
        beacon.wait_status(lambda s: s["channels"] == 1, "the channel")
        services.garden.start()
        assert receive(s, 5) == b"early"


def test_a_waiting_connection_is_given_up_when_the_far_side_leaves(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    services.garden.stop()
    with connect(registration.garden):
        beacon.wait_status(lambda s: s["channels"] == 1, "the channel")
    beacon.wait_status(no_channels, "the channel to end")
    assert not services.garden.connections


def test_streams_end_plainly_when_the_tsa_dies_and_new_ones_work(make_tsa, make_beacon, services):
    got, ends = [], threading.Semaphore(0)

    def handler(connection):
        with connection:
            data = connection.recv(1 << 16)
            connection.sendall(data)
            try:
                got.append(data + receive_all(connection))
            except OSError as error:
                got.append(error)
            ends.release()

    services.garden.handler = handler
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    open_streams = [connect(registration.garden) for _ in range(10)]
    for i, s in enumerate(open_streams):
        s.sendall(b"%d" % i)
        assert receive(s, 1) == b"%d" % i
    tsa.stop()
    for _ in open_streams:
        assert ends.acquire(timeout=60)
    assert sorted(got) == [b"%d" % i for i in range(10)]
    for s in open_streams:
        s.close()
    services.garden.handler = echo
    tsa.start()
    again = tsa.wait_registered(2)
    exchange(again.garden, os.urandom(MIB))
    assert again.worker["start_time"] == registration.worker["start_time"]
    assert beacon.status()["losses"] == 1


def test_a_tsa_that_no_longer_answers_is_left(make_tsa, make_beacon, services):
    frozen, other = make_tsa(), make_tsa(start=False)
    other.port = free_port()
    beacon = make_beacon([frozen, other])
    frozen.wait_registered()
    other.start()
    frozen.freeze()
    with recovery("a TSA that stops in the middle, its kernel still takes bytes", 35):
        other.wait_registered(timeout=60)
    assert beacon.logged("opening a second connection", reason="no heartbeat in time") or beacon.logged(
        "no connection to a TSA", error="has not answered keepalives")


def test_a_registration_without_heartbeats_is_moved_and_the_old_one_kept_meanwhile(make_tsa, make_beacon, services):
    deaf, other = make_tsa(), make_tsa(start=False)
    other.port = free_port()
    beacon = make_beacon([deaf, other])
    registration = deaf.wait_registered()
    wait_until(lambda: registration.heartbeats > 3, "heartbeats")
    with connect(registration.garden) as s:
        deaf.heartbeats = False
        other.start()
        other.wait_registered(timeout=60)
        s.sendall(b"still")
        assert receive(s, 5) == b"still"
    assert beacon.status()["losses"] == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_garden_that_is_not_ours_is_reached_over_tcp(make_tsa, make_beacon, services, scratch):
    server = socket.create_server(("127.0.0.1", 0))
    data = os.urandom(4 * MIB)

    def serve():
        try:
            while True:
                connection, _ = server.accept()
                connection.recv(1 << 16)
                connection.sendall(data)
                connection.close()
        except OSError:
            pass

    threading.Thread(target=serve, daemon=True).start()
    tsa = make_tsa()
    make_beacon(tsa, f"--external-garden-url=http://localhost:{server.getsockname()[1]}/ignored")
    registration = tsa.wait_registered()
    with connect(registration.garden) as s:
        s.sendall(b"x")
        assert receive_all(s) == data
    server.close()
    assert not services.garden.connections
