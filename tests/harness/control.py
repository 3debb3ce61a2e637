"""The control sockets of the services: one framed JSON question, one answer."""

import json
import socket
import struct


class ControlError(Exception):
    pass


def ask(runtime_dir, service, command="status", /, timeout=30.0, **fields):
    """The answer of <runtime_dir>/control/<service>.sock. OSError when nobody listens, ControlError when it refuses."""
    question = json.dumps({"command": command, **fields}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(f"{runtime_dir}/control/{service}.sock")
        sock.sendall(struct.pack("<I", len(question)) + question)
        answer = json.loads(_exactly(sock, struct.unpack("<I", _exactly(sock, 4))[0]))
    if not answer.get("ok", True):
        raise ControlError(answer.get("error", answer))
    return answer


def _exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionResetError("connection closed without an answer")
        data += piece
    return data
