"""Bad networks: loss, delay, and a connection whose other end is gone without a word."""

import contextlib
import os
import queue
import socket
import subprocess
import threading
import time

from recovery import recovery
from traffic import connect, exchange, receive, together


@contextlib.contextmanager
def firewall(*rules):
    """Rules on what arrives, while the block runs."""
    script = "add table inet faults\nadd chain inet faults arriving { type filter hook input priority 0; }\n"
    script += "".join(f"add rule inet faults arriving {rule}\n" for rule in rules)
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", "faults"], check=True)


class DelayedPath:
    """A TCP proxy that passes everything on after a while, both ways."""

    def __init__(self, target, seconds):
        self.target, self.seconds = target, seconds
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.create_connection(self.target)
                for source, sink in ((near, far), (far, near)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    waiting = queue.Queue()
                    threading.Thread(target=self._read, args=(source, waiting), daemon=True).start()
                    threading.Thread(target=self._write, args=(sink, waiting), daemon=True).start()

    def _read(self, source, waiting):
        data = b"x"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self.seconds, data))

    def _write(self, sink, waiting):
        with contextlib.suppress(OSError):
            while True:
                due, data = waiting.get()
                time.sleep(max(0, due - time.monotonic()))  # the delay itself, not a wait for something
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)

    def close(self):
        self.server.close()


def test_loss_and_delay_break_nothing(make_tsa, make_beacon, services):
    tsa = make_tsa()
    path = DelayedPath(("127.0.0.1", tsa.port), 0.06)
    port = path.address.rsplit(":", 1)[1]
    with firewall(f"tcp dport {{ {tsa.port}, {port} }} numgen random mod 100 < 5 drop", f"tcp sport {{ {tsa.port}, {port} }} numgen random mod 100 < 5 drop"):
        with recovery("120 ms round trip and 5 % loss: from start to registration", 60):
            beacon = make_beacon(path.address)
            registration = tsa.wait_registered(timeout=60)
        together(4, lambda i: exchange(registration.garden, os.urandom(1 << 20)))
        assert beacon.status()["losses"] == 0
    path.close()


def test_a_connection_whose_other_end_is_gone_without_a_word_is_left_within_half_a_minute(make_tsa, make_beacon, services):
    tsas = [make_tsa(), make_tsa()]
    for tsa in tsas:
        tsa.heartbeats = False  # as between two real ones, half a minute apart
    beacon = make_beacon(tsas)
    beacon.wait_status(lambda s: s["state"] == "registered", "being registered")
    gone, other = tsas if tsas[0].registrations else reversed(tsas)
    with connect(gone.registrations[0].garden) as s:
        s.sendall(b"x")
        receive(s, 1)
        with firewall(f"tcp dport {gone.port} drop", f"tcp sport {gone.port} drop"):
            with recovery("half-open TCP: nothing comes or goes any more", 35):
                registration = other.wait_registered(timeout=60)
            exchange(registration.garden, b"here")
    assert beacon.status()["losses"] == 1


def test_connections_that_come_all_at_once_are_all_served(make_tsa, make_beacon, services):
    count = 1000
    tsa = make_tsa()
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    services.garden.stop()  # they pile up while the service restarts

    def stream(i):
        with connect(registration.garden) as s:
            s.sendall(b"%06d" % i)
            assert receive(s, 6) == b"%06d" % i

    def restart():
        beacon.wait_status(lambda s: s["channels"] == count, "the channels")
        services.garden.start()

    restarter = threading.Thread(target=restart, daemon=True)
    restarter.start()
    together(count, stream)
    restarter.join(60)
