"""A TSA that keeps to the protocol as far as a test wants, and then sends what no SSH server may: byte by byte, in any cipher.

It listens in a thread and plays one scenario (a function of a Peer) for each connection, the next one when the beacon comes back;
the last one is played again and again.
"""

import hashlib
import os
import socket
import struct
import threading

import asyncssh
from asyncssh.encryption import get_encryption, get_encryption_params
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ETM, PLAIN = b"hmac-sha2-256-etm@openssh.com", b"hmac-sha2-256"
MODES = {
    "aes128-gcm": (b"aes128-gcm@openssh.com", PLAIN),
    "chacha20-poly1305": (b"chacha20-poly1305@openssh.com", PLAIN),
    "aes128-ctr": (b"aes128-ctr", PLAIN),
    "aes128-ctr-etm": (b"aes128-ctr", ETM),
}
SUCCESS, OPEN, CONFIRMATION, OPEN_FAILURE, DATA, REQUEST, CHANNEL_SUCCESS = 81, 90, 91, 92, 94, 98, 99  # message types


class Gone(Exception):
    """The beacon has closed the connection."""


def u32(number):
    return struct.pack(">I", number)


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return u32(len(value)) + value


def mpint(number):
    return text(number.to_bytes(number.bit_length() // 8 + 1, "big"))


class Peer:
    """One connection."""

    def __init__(self, connection, key, cipher, mac):
        self.socket, self.key, self.cipher, self.mac = connection, key, cipher, mac
        self.sent = self.received = 0  # packets
        self.sender = self.receiver = None
        self.buffer = b""
        self.block, self.mac_size, self.etm, self.aside = 8, 0, False, False
        connection.settimeout(30)

    # -- the wire

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone from error

    def end(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Gone from error

    def read(self, size):
        while len(self.buffer) < size:
            try:
                more = self.socket.recv(65536)
            except OSError as error:
                raise Gone from error
            if not more:
                raise Gone
            self.buffer += more
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_line(self):
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
        return line.strip()

    def packet(self, payload, length=None, padding=None, body=None, mac=None):
        """A packet's bytes. `length` and `padding` are what its fields say, `body` stands in for what is encrypted behind the length
        field, `mac` takes what is right and gives what is sent."""
        if body is None:
            unit = max(self.block, 8)
            used = 1 + len(payload) + (0 if self.aside else 4)
            fill = unit - used % unit
            fill += unit if fill < 4 else 0
            body = bytes([fill if padding is None else padding]) + payload + os.urandom(fill)
        header = u32(len(body) if length is None else length)
        if self.sender is None:
            return header + body
        data, tag = self.sender.encrypt_packet(self.sent, header, body)
        return data + (tag if mac is None else mac(tag))

    def send(self, payload=b"", **wrong):
        data = self.packet(payload, **wrong)
        self.sent += 1
        self.write(data)

    def receive(self):
        """A payload."""
        first = self.read(max(self.block, 8) if not self.aside else 4)
        if self.receiver:
            first, header = self.receiver.decrypt_header(self.received, first, 4)
        else:
            header = first[:4]
        rest = self.read(4 + struct.unpack(">I", header)[0] - len(first))
        if self.receiver:
            body = self.receiver.decrypt_packet(self.received, first, rest, 4, self.read(self.mac_size))
            assert body is not None, "the beacon's packet is damaged"
        else:
            body = (first + rest)[4:]
        self.received += 1
        return body[1 : len(body) - body[0]]

    def receive_until(self, *kinds):
        while (payload := self.receive())[0] not in kinds:
            pass
        return payload

    # -- the protocol

    def banner(self):
        self.write(b"SSH-2.0-Go\r\n")
        self.client = self.read_line()

    def kexinit(self):
        names = [b"curve25519-sha256", self.key.algorithm, self.cipher, self.cipher, self.mac, self.mac, b"none", b"none", b"", b""]
        return bytes([20]) + os.urandom(16) + b"".join(text(name) for name in names) + b"\0" + u32(0)

    def exchange_keys(self):
        """Up to NEWKEYS of both sides."""
        self.banner()
        ours = self.kexinit()
        self.send(ours)
        theirs = self.receive_until(20)
        init = self.receive_until(30)
        public = init[5:]
        private = X25519PrivateKey.generate()
        mine = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        secret = mpint(int.from_bytes(private.exchange(X25519PublicKey.from_public_bytes(public)), "big"))
        blob = self.key.public_data
        hashed = text(self.client) + text("SSH-2.0-Go") + text(theirs) + text(ours) + text(blob) + text(public) + text(mine) + secret
        digest = hashlib.sha256(hashed).digest()
        self.send(bytes([31]) + text(blob) + text(mine) + text(self.key.sign(digest, self.key.algorithm)))
        self.send(bytes([21]))
        self.receive_until(21)
        self._use_keys(secret, digest)

    def _use_keys(self, secret, digest):
        def derive(letter, size):
            made = hashlib.sha256(secret + digest + letter + digest).digest()
            while len(made) < size:
                made += hashlib.sha256(secret + digest + made).digest()
            return made[:size]

        key, iv, block, mac_key, self.mac_size, self.etm = get_encryption_params(self.cipher, self.mac)
        self.receiver = get_encryption(self.cipher, derive(b"C", key), derive(b"A", iv), self.mac, derive(b"E", mac_key), self.etm)
        self.sender = get_encryption(self.cipher, derive(b"D", key), derive(b"B", iv), self.mac, derive(b"F", mac_key), self.etm)
        self.block, self.aside = block, self.etm

    def accept_login(self):
        self.receive_until(5)
        self.send(bytes([6]) + text("ssh-userauth"))
        self.receive_until(50)
        self.send(bytes([52]))

    def accept_forwards(self):
        """Both forwards; then the beacon runs forward-worker."""
        for _ in range(2):
            self.receive_until(80)
            self.send(bytes([SUCCESS]))

    def accept_command(self):
        """The number by which the beacon knows the channel of the command that it runs next."""
        opened = self.receive_until(OPEN)
        number = opened[1 + 4 + len("session") :][:4]
        self.send(bytes([CONFIRMATION]) + number + u32(7) + u32(1 << 21) + u32(1 << 15))
        self.receive_until(REQUEST)
        self.send(bytes([CHANNEL_SUCCESS]) + number)
        return struct.unpack(">I", number)[0]

    def open_channel(self, number, port=7777, window=1 << 21):
        forwarded = text("0.0.0.0") + u32(port) + text("127.0.0.1") + u32(4711)
        self.send(bytes([OPEN]) + text("forwarded-tcpip") + u32(number) + u32(window) + u32(1 << 15) + forwarded)

    def wait_end(self):
        try:
            while True:
                self.receive()
        except Gone:
            pass


class ImpostorTsa:
    def __init__(self, key, mode, scenarios):
        self.key, (self.cipher, self.mac), self.scenarios = key, MODES[mode], scenarios
        self.played = 0  # to their ends
        self.failure = None
        self.changed = threading.Condition()
        self._ending = False
        self._connection = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._connection = connection
                scenario = self.scenarios[min(self.played, len(self.scenarios) - 1)]
                try:
                    scenario(Peer(connection, self.key, self.cipher, self.mac))
                except Gone:
                    pass
                except Exception as error:  # a fault of the test's own, told by wait_played()
                    self.failure = error
            with self.changed:
                self.played += 1
                self.changed.notify_all()

    def wait_played(self, count, timeout=60):
        with self.changed:
            reached = self.changed.wait_for(lambda: self.failure or self.played >= count, timeout)
        if self.failure:
            raise self.failure
        assert reached, f"after {timeout} s {self.played} of {count} scenarios have been played"

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection:
            try:
                self._connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join(30)


def new_key():
    return asyncssh.generate_private_key("ssh-ed25519")
