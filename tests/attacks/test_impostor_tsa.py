"""Whoever answers in the TSA's place (a wrong address, a stranger in between, a TSA gone mad) can end the connection. It can't crash
the beacon, hold it up, or make it grow."""

import os
import socket
import subprocess
import sys
import threading

import asyncssh
import pytest

from harness import control
from harness.wait import wait_until
from impostor_tsa import CONFIRMATION, DATA, MODES, OPEN_FAILURE, ImpostorTsa, new_key, text, u32
from trouble import Watched


class Beacon:
    name = "beacon"

    def __init__(self, program, folder, runtime, tsa, key):
        (folder / "tsa.pub").write_bytes(key.export_public_key())
        asyncssh.generate_private_key("ssh-rsa", key_size=2048).write_private_key(str(folder / "worker"), "pkcs1-pem")
        self.runtime = runtime
        self.log_path = folder / "beacon.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(program), f"--runtime-dir={runtime}", "--log-format=json", "--name=w1", f"--tsa-public-key={folder / 'tsa.pub'}",
                 f"--tsa-worker-private-key={folder / 'worker'}", f"--tsa-host={tsa.address}"], stdout=log, stderr=log)

    def tail(self, lines):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def status(self):
        return control.ask(self.runtime, "beacon", "status")["beacon"]

    def reconnect(self):
        control.ask(self.runtime, "beacon", "reconnect")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


@pytest.fixture
def play(request, install, scratch, run_dir):
    """play(mode, scenarios, known): a beacon that all scenarios are played to; `known` is whether it knows the host key."""
    made = []
    beacons = request.node.workers = []

    def start(mode, scenarios, known=False):
        key = new_key()
        tsa = ImpostorTsa(key, mode, scenarios)
        made.append(tsa)
        beacon = Beacon(install.program("concourse-beacon"), scratch, run_dir, tsa, key if known else new_key())
        beacons.append(beacon)
        wait_until(lambda: (run_dir / "control" / "beacon.sock").exists() or beacon.process.poll() is not None, "the beacon's socket")
        return tsa, beacon, Watched(beacon.process)

    yield start
    for beacon in beacons:
        beacon.end()
    for tsa in made:
        tsa.close()


def play_all(tsa, beacon, watched, count, **limits):
    for number in range(1, count + 1):
        try:
            wait_until(lambda: tsa.played >= number or tsa.failure or beacon.process.poll() is not None, f"scenario {number}")
        except TimeoutError as error:
            pytest.fail(f"{error}: {watched.troubles(answers=beacon.status)}")
        assert watched.troubles(answers=beacon.status, **limits) == [], f"after scenario {number}"
        tsa.wait_played(number)
        if number < count:
            beacon.reconnect()


# Before the host key is checked.

LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 15, 16, 17, 28, 29, 31, 35001, 39999, 40000, 40001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFD8,
           0xFFFFFFDB, 0xFFFFFFDC, 0xFFFFFFDD, 0xFFFFFFEB, 0xFFFFFFEC, 0xFFFFFFED, 0xFFFFFFF0, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFF]


def after_keys(*actions):
    def scenario(peer):
        peer.exchange_keys()
        for action in actions:
            action(peer)
        peer.end()
        peer.wait_end()

    return scenario


def wrong(**how):
    return lambda peer: peer.send(bytes([2]) + text(b"x" * 40), **how)


def wrong_body(size, length=None):
    """As many bytes as the length field of an honest packet would say, or so many."""
    return lambda peer: peer.send(body=bytes([4]) + os.urandom(size - 1) if size else b"", length=length)


def damaged_packets():
    yield from (after_keys(wrong(length=length), lambda peer: peer.write(os.urandom(200))) for length in LENGTHS)
    # The tag is right: it is made of what is sent.
    yield from (after_keys(wrong_body(size)) for size in (0, 1, 2, 3, 4, 5, 7, 12, 16, 17, 20, 31, 33))
    yield from (after_keys(wrong_body(size, length)) for size in (0, 1, 4, 16, 32) for length in (0xFFFFFFFF, 0xFFFFFFF0, 0xFFFFFFDC))
    yield from (after_keys(wrong(padding=padding)) for padding in (0, 46, 47, 48, 55, 56, 57, 64, 200, 255))
    yield after_keys(wrong(mac=lambda tag: tag[:-1]))
    yield after_keys(wrong(mac=lambda tag: b""))
    yield after_keys(wrong(mac=lambda tag: bytes(len(tag))))
    # Good ones in their places first.
    good = wrong()
    yield from (after_keys(good, wrong(length=length), lambda peer: peer.write(bytes(200))) for length in (0xFFFFFFFF, 0xFFFFFFF0, 3))
    yield from (after_keys(lambda peer, p=payload: peer.send(p)) for payload in SHORT)


# Payloads that end before what they announce.
SHORT = [bytes([kind]) for kind in range(256)] + [
    bytes([7]) + u32(0xFFFFFFFF),
    bytes([7]) + u32(2) + text("server-sig-algs") + u32(0xFFFFFFFF),
    bytes([7]) + u32(1) + text("server-sig-algs") + text(b"rsa-sha2-512," * 2000),
    bytes([6]) + u32(12),
    bytes([6]) + u32(0xFFFFFFFF) + b"x",
    bytes([1]) + u32(2) + u32(0xFFFFFFFF),
    bytes([4, 1]) + u32(0xFFFFFFFF),
    bytes([80]) + u32(0xFFFFFFF9) + bytes(8),
    bytes([98]) + u32(0) + u32(0xFFFFFFF8) + bytes(8),
    bytes([90]) + text("forwarded-tcpip") + u32(1),
    bytes([90]) + text("x11") + u32(1) * 4,
    bytes([90]) + text("auth-agent@openssh.com") + u32(1),
    bytes([20]) + bytes(16) + u32(0xFFFFFFFF),
    bytes([20]) + bytes(20),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.timeout(600)
def test_damaged_packets_after_the_key_exchange_end_the_connection_alone(play, mode):
    scenarios = list(damaged_packets())
    play_all(*play(mode, scenarios), len(scenarios))


def test_damaged_key_exchanges_end_the_connection_alone(play):
    def before_keys(*payloads):
        def scenario(peer):
            peer.banner()
            for payload in payloads:
                peer.send(payload(peer) if callable(payload) else payload)
            peer.end()
            peer.wait_end()

        return scenario

    def plain(header, body):
        def scenario(peer):
            peer.banner()
            peer.write(header + body)
            peer.end()
            peer.wait_end()

        return scenario

    def cut(size):
        return lambda peer: peer.kexinit()[:size]

    kexinit = lambda peer: peer.kexinit()
    key, public = new_key(), os.urandom(32)
    replies = [bytes([31]), bytes([31]) + u32(0xFFFFFFFF), bytes([31]) + text(b"") + text(public) + text(b""),
               bytes([31]) + text(key.public_data) + text(b"") + text(b""), bytes([31]) + text(key.public_data) + text(public),
               bytes([31]) + text(key.public_data) + text(bytes(32)) + text(b"x"),
               bytes([31]) + text(key.public_data) + text(public) + text(key.sign(b"other", key.algorithm)),
               bytes([31]) + text(key.public_data[:20]) + text(public) + text(b"y" * 30)]
    scenarios = [before_keys(cut(size)) for size in (1, 5, 16, 17, 18, 21, 40, 100)]
    scenarios += [before_keys(kexinit, reply) for reply in replies]
    scenarios += [before_keys(kexinit, kexinit), before_keys(kexinit, bytes([21])), before_keys(bytes([31])), before_keys(bytes([200]))]
    scenarios += [plain(u32(length), bytes([padding]) + bytes(60)) for length in LENGTHS for padding in (0, 4, 255)]
    play_all(*play("aes128-gcm", scenarios), len(scenarios))


def silent(peer):
    peer.wait_end()


@pytest.mark.parametrize("mode", MODES)
def test_other_ciphers_in_a_key_re_exchange_end_the_connection_alone(play, mode):
    def other(cipher, mac):
        def scenario(peer):
            peer.exchange_keys()
            peer.cipher, peer.mac = cipher, mac
            peer.send(peer.kexinit())
            peer.wait_end()

        return scenario

    scenarios = [other(*MODES[name]) for name in MODES if name != mode]
    play_all(*play(mode, scenarios), len(scenarios))


def flood(data):
    def scenario(peer):
        while True:
            peer.write(data)

    return scenario


@pytest.mark.parametrize("what,data", [("banners", b"Welcome to the machine\r\n" * 2000), ("one line", b"x" * 65536)], ids=["lines", "line"])
def test_a_greeting_without_end_holds_nothing_up(play, what, data):
    tsa, beacon, watched = play("aes128-gcm", [flood(data)])
    wait_until(lambda: beacon.status()["connects"] >= 1, "a connection")
    for _ in range(20):
        assert watched.troubles(answers=beacon.status) == []
    # The handshake's limit ends it, not the flood.
    wait_until(lambda: tsa.played >= 1, "the end of the first connection", 60)
    assert watched.troubles(answers=beacon.status) == []


def test_packets_without_end_before_the_login_hold_nothing_up(play):
    def scenario(peer):
        peer.exchange_keys()
        while True:
            peer.send(bytes([2]) + text(b"x" * 1000))

    tsa, beacon, watched = play("aes128-gcm", [scenario])
    wait_until(lambda: tsa.played >= 1 or watched.troubles(answers=beacon.status), "the end of the first connection", 60)
    assert watched.troubles(answers=beacon.status) == []


# The TSA that the beacon knows, gone mad.


def registered(*actions):
    def scenario(peer):
        peer.exchange_keys()
        peer.accept_login()
        peer.accept_forwards()
        peer.command = peer.accept_command()
        for action in actions:
            action(peer)

    return scenario


def read_aside(peer):
    """What the beacon answers is taken and dropped, so that it is never held up."""

    def drop():
        try:
            while peer.socket.recv(1 << 20):
                pass
        except OSError:
            pass

    threading.Thread(target=drop, daemon=True).start()


def repeat(payload, times):
    def action(peer):
        read_aside(peer)
        for number in range(times):
            peer.send(payload(peer, number) if callable(payload) else payload)

    return action


def channel_open(peer, number):
    where = text("0.0.0.0") + u32(7777) + text("127.0.0.1") + u32(4711)
    return bytes([90]) + text("forwarded-tcpip") + u32(number) + u32(1 << 21) + u32(1 << 15) + where


FLOODS = {
    "types that don't exist": (lambda p, n: bytes([200]) + bytes(1000), 100000),
    "answers to nothing": (bytes([81]) + bytes(1000), 100000),
    "answers to no channel": (lambda p, n: bytes([99]) + u32(4000) + bytes(1000), 100000),
    "answers to a channel": (lambda p, n: bytes([99]) + u32(p.command) + bytes(1000), 100000),
    "login banners": (bytes([53]) + text(b"x" * 1000) + text(""), 100000),
    "global requests": (bytes([80]) + text("x@y") + b"\1", 100000),
    "channel requests": (lambda p, n: bytes([98]) + u32(p.command) + text("x") + b"\1", 100000),
    "exit signals": (lambda p, n: bytes([98]) + u32(p.command) + text("exit-signal") + b"\0" + u32(500) + bytes(500), 100000),
    "a signal of 4 GiB": (lambda p, n: bytes([98]) + u32(p.command) + text("exit-signal") + b"\0" + u32(0xFFFFFFF0), 3),
    "data of no byte": (lambda p, n: bytes([95]) + u32(p.command) + u32(1) + u32(0), 100000),
    "errors of one byte": (lambda p, n: bytes([95]) + u32(p.command) + u32(1) + text(b"x"), 100000),
    "errors without end": (lambda p, n: bytes([95]) + u32(p.command) + u32(1) + text(b"x" * 30000), 3000),
    "output without end": (lambda p, n: bytes([94]) + u32(p.command) + text(b"x" * 30000), 3000),
    "events without end": (lambda p, n: bytes([94]) + u32(p.command) + text(b'{"event":"heartbeated"}\n' * 1000), 1000),
    "window adjustments": (lambda p, n: bytes([93]) + u32(p.command) + u32(0xFFFFFFFF), 100000),
    "ends of channels": (lambda p, n: bytes([96 + n % 2]) + u32(n), 100000),
    "channels of other kinds": (lambda p, n: bytes([90]) + text("session") + u32(n) + u32(1) + u32(1), 50000),
    "channels for no port": (lambda p, n: channel_open(p, n).replace(u32(7777), u32(1)), 50000),
    "4 GiB of extensions": (bytes([7]) + u32(0xFFFFFFFF), 100),
    "key exchanges": (lambda p, n: p.kexinit(), 2000),
}


@pytest.mark.parametrize("what", FLOODS)
@pytest.mark.timeout(600)
def test_the_known_tsa_fills_nothing(play, what):
    payload, times = FLOODS[what]

    def scenario(peer):
        registered(repeat(payload, times))(peer)

    tsa, beacon, watched = play("aes128-ctr", [scenario, silent], known=True)
    while tsa.played < 1 and not tsa.failure:
        assert watched.troubles(rss=48 << 20, answers=beacon.status) == []
    tsa.wait_played(1)
    assert watched.troubles(rss=48 << 20, answers=beacon.status) == []


class Deaf:
    """A Garden that takes connections and never reads."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(4096)
        self.connections = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                self.connections.append(self.listener.accept()[0])
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def deaf_garden(run_dir):
    garden = Deaf(run_dir / "garden.sock")
    yield garden
    garden.close()


def test_channels_without_end_are_refused_beyond_a_limit(play, deaf_garden):
    answers = {CONFIRMATION: 0, OPEN_FAILURE: 0}

    def scenario(peer):
        registered()(peer)
        for number in range(6000):
            peer.open_channel(number)
            answers[peer.receive_until(*answers)[0]] += 1
        done.set()
        peer.wait_end()

    done = threading.Event()
    tsa, beacon, watched = play("aes128-gcm", [scenario], known=True)
    wait_until(lambda: done.is_set() or tsa.failure or beacon.process.poll() is not None, "all channels asked for", 200)
    assert watched.troubles(descriptors=2600, rss=64 << 20, answers=beacon.status) == []
    assert answers[CONFIRMATION] <= 2600 and answers[OPEN_FAILURE] >= 3000, answers


@pytest.mark.parametrize("size", [1, 30])
def test_small_data_for_a_service_that_does_not_read_takes_what_the_window_allows(play, deaf_garden, size):
    done = threading.Event()

    def scenario(peer):
        registered()(peer)
        peer.open_channel(1)
        number = peer.receive_until(CONFIRMATION)[5:9]
        read_aside(peer)
        for _ in range(300000):
            peer.send(bytes([DATA]) + number + text(b"x" * size))
        done.set()

    tsa, beacon, watched = play("aes128-ctr", [scenario, silent], known=True)
    wait_until(lambda: done.is_set() or tsa.failure or beacon.process.poll() is not None, "all data sent", 200)
    assert watched.troubles(rss=24 << 20, answers=beacon.status) == []


# The detector.


def fake(code):
    process = subprocess.Popen([sys.executable, "-c", code + "\nprint(flush=True)\nimport time\ntime.sleep(600)"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    return process


@pytest.mark.parametrize("hole,word", [
    ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV"),
    ("raise SystemExit(3)", "ended with 3"),
    ("held = b'x' * (200 << 20)", "grew by"),
    ("import os\nheld = [os.dup(0) for _ in range(100)]", "opened 100 descriptors"),
    ("import threading, time\nfor _ in range(40): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", "threads"),
])
def test_the_detector_sees_the_hole(hole, word):
    process = fake("input()\n" + hole)
    try:
        watched = Watched(process)
        process.stdin.write(b"\n")
        process.stdin.flush()
        if not process.stdout.readline():
            process.wait(30)
        assert word in " ".join(watched.troubles()), watched.troubles()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_the_detector_sees_a_process_that_does_not_answer():
    process = fake("")
    try:
        assert process.stdout.readline()
        assert "does not answer" in " ".join(Watched(process).troubles(answers=lambda: control.ask("/nowhere", "beacon", "status")))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
