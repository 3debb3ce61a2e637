"""Bytes through a forwarded port, checked."""

import hashlib
import socket
import threading


def connect(address):
    s = socket.create_connection(address, 30)
    s.settimeout(120)
    return s


def receive(s, size):
    data = b""
    while len(data) < size:
        piece = s.recv(min(size - len(data), 1 << 20))
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    return data


def receive_all(s):
    """Until the other side's plain end; a reset is an error."""
    pieces = []
    while piece := s.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def exchange(address, data):
    """Sends `data` to an echoing service and reads it back, both at the same time."""
    with connect(address) as s:
        sender = threading.Thread(target=s.sendall, args=(data,), daemon=True)
        sender.start()
        digest, left = hashlib.sha256(), len(data)
        while left:
            piece = s.recv(1 << 16)
            assert piece, f"ended {left} of {len(data)} bytes early"
            digest.update(piece)
            left -= len(piece)
        sender.join(30)
    assert digest.digest() == hashlib.sha256(data).digest()


def together(count, action):
    """Calls action(0), … action(count - 1), each on a thread; raises the first error."""
    errors = []

    def run(i):
        try:
            action(i)
        except BaseException as error:  # told below, on the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "stuck"
    if errors:
        raise errors[0]
