"""HTTP over a Unix or TCP socket by hand: connections that are taken over, bodies cut short, odd requests."""

import json
import socket
from dataclasses import dataclass

TIMEOUT = 60.0


class HttpError(Exception):
    """The connection ended in the middle of an answer."""


class StatusError(Exception):
    """Another status than expected; the message has the whole answer."""

    def __init__(self, request, response):
        super().__init__(f"{request}: {response.status} {response.body[:500].decode(errors='replace')}")
        self.status = response.status
        self.response = response


@dataclass
class Response:
    status: int
    reason: str
    headers: dict  # names in lower case
    version: str
    body: bytes = b""

    def json(self):
        return json.loads(self.body)


class Connection:
    """One connection: `send` a request, read its `head`, then its body; or go on raw."""

    def __init__(self, address, timeout=TIMEOUT):
        self.socket = connect(address, timeout)
        self.file = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # Both: the file holds a reference of its own.
        self.file.close()
        self.socket.close()

    def send(self, method, path, body=None, headers=None, pieces=None):
        """`body` is bytes or a value for JSON; `pieces` are bytes to be sent chunked. Headers with the value None are left out."""
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode() + b"\n"
            headers = {"Content-Type": "application/json", **(headers or {})}
        fields = {"Host": "worker"}
        if pieces is not None:
            fields["Transfer-Encoding"] = "chunked"
        elif body is not None or method in ("POST", "PUT"):
            fields["Content-Length"] = str(len(body or b""))
        fields.update(headers or {})
        lines = [f"{method} {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in fields.items() if value is not None]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b""))
        if pieces is not None:
            for piece in pieces:
                if piece:
                    self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.socket.sendall(b"0\r\n\r\n")

    def head(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise HttpError(f"connection ended before an answer, after {line!r}")
        version, status, *reason = line.decode("latin-1").rstrip().split(" ", 2)
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b"\n"):
            if not line:
                raise HttpError("connection ended in the head of an answer")
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return Response(int(status), reason[0] if reason else "", headers, version)

    def body(self, response):
        """Yields the pieces of the body by its framing."""
        if response.status in (204, 304):
            return
        if "chunked" in response.headers.get("transfer-encoding", ""):
            while size := int(self._line().split(b";")[0], 16):
                yield from self._exactly(size)
                self._line()
            while self._line().strip():
                pass
        elif "content-length" in response.headers:
            yield from self._exactly(int(response.headers["content-length"]))
        else:
            while piece := self.file.read1(1 << 16):
                yield piece

    def _line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise HttpError("connection ended inside a chunked body")
        return line

    def _exactly(self, size):
        while size:
            piece = self.file.read1(min(size, 1 << 16))
            if not piece:
                raise HttpError(f"connection ended {size} bytes before the end of the body")
            size -= len(piece)
            yield piece


class Api:
    """One of the worker's APIs at `unix:/path` or `host:port`. Each request has a connection of its own."""

    def __init__(self, address):
        self.address = str(address)

    def request(self, method, path, body=None, headers=None, pieces=None, timeout=TIMEOUT):
        """Any answer, whatever its status."""
        with Connection(self.address, timeout) as connection:
            connection.send(method, path, body, {"Connection": "close", **(headers or {})}, pieces)
            response = connection.head()
            response.body = b"".join(connection.body(response))
            return response

    def call(self, method, path, body=None, expect=(200, 201, 204), **options):
        """The JSON of a successful answer (None without a body); StatusError for any other."""
        response = self.request(method, path, body, **options)
        if response.status not in expect:
            raise StatusError(f"{method} {path}", response)
        return response.json() if response.body.strip() else None


def connect(address, timeout=TIMEOUT):
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target = address[5:]
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        host, port = address.rsplit(":", 1)
        target = (host, int(port))
    sock.settimeout(timeout)
    try:
        sock.connect(target)
    except OSError:
        sock.close()
        raise
    return sock
