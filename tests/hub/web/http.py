"""The web node's HTTP requests: one connection each, `Connection: close`, framed as Go frames them."""

import asyncio
import json
from dataclasses import dataclass


class HttpError(OSError):
    """The connection ended before, or in the middle of, an answer. The text is Go's, because retries depend on it."""


@dataclass
class Response:
    status: int
    headers: dict  # names in lower case
    body: bytes = b""
    version: str = "HTTP/1.1"

    def json(self):
        return json.loads(self.body)


def go_json(value):
    """JSON as Go's encoder writes it: compact, < > & escaped, a line feed at the end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(char, escape)
    return text.encode("utf-8", "replace") + b"\n"


def head(method, path, host, headers):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "User-Agent: Go-http-client/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_head(reader):
    """Status and headers of an answer."""
    try:
        text = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        raise HttpError("unexpected EOF" if end.partial else "EOF") from None
    status, *lines = text.decode("latin-1").split("\r\n")
    parts = status.split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1."):
        raise HttpError(f"malformed HTTP response {status!r}")
    headers = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Response(int(parts[1]), headers, version=parts[0])


async def read_body(reader, response):
    """The pieces of a body by its framing; a cut one raises HttpError."""
    if response.status == 204 or 100 <= response.status < 200:
        return
    if "chunked" in response.headers.get("transfer-encoding", ""):
        while True:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                raise HttpError("unexpected EOF")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while (line := await reader.readline()) not in (b"\r\n", b"\n"):
                    if not line:
                        raise HttpError("unexpected EOF")
                return
            async for piece in _exactly(reader, size):
                yield piece
            if await reader.readline() not in (b"\r\n", b"\n"):
                raise HttpError("unexpected EOF")
    elif "content-length" in response.headers:
        async for piece in _exactly(reader, int(response.headers["content-length"])):
            yield piece
    else:
        while piece := await reader.read(1 << 16):
            yield piece


async def _exactly(reader, size):
    while size:
        piece = await reader.read(min(size, 1 << 16))
        if not piece:
            raise HttpError("unexpected EOF")
        size -= len(piece)
        yield piece


async def open_request(network, address, method, path, body=None, pieces=None, content_type=None, encoding=None,
                       accept="gzip", header_timeout=300.0):
    """Sends a request and reads the head of its answer; the caller reads the body and closes the stream.

    `body` is bytes; `pieces` an async iterator of bytes that is sent chunked.
    """
    headers = []
    if pieces is not None:
        headers.append(("Transfer-Encoding", "chunked"))
    elif body is not None or method in ("POST", "PUT"):
        headers.append(("Content-Length", str(len(body or b""))))
    if encoding:
        headers.append(("Content-Encoding", encoding))
    if content_type:
        headers.append(("Content-Type", content_type))
    headers += [("Accept-Encoding", accept), ("Connection", "close")]
    stream = await network.dial(address)
    try:
        stream.write(head(method, path, host_of(address), headers) + (body or b""))
        if pieces is not None:
            await _send_chunked(stream, pieces)
        await stream.drain()
        try:
            response = await asyncio.wait_for(read_head(stream.reader), header_timeout)
        except asyncio.TimeoutError:
            raise HttpError("net/http: timeout awaiting response headers") from None
    except BaseException:
        stream.close()
        raise
    return stream, response


async def request(network, address, method, path, **options):
    """A whole exchange."""
    stream, response = await open_request(network, address, method, path, **options)
    try:
        response.body = b"".join([piece async for piece in read_body(stream.reader, response)])
    finally:
        stream.close()
    return response


async def _send_chunked(stream, pieces):
    """An answer may come before the body has been sent (a refusal); then the rest isn't sent."""
    try:
        async for piece in pieces:
            if piece:
                stream.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await stream.drain()
        stream.write(b"0\r\n\r\n")
    except ConnectionError:
        if stream.reader.at_eof():
            raise


def host_of(address):
    return "worker" if address.startswith("unix:") else address.removeprefix("tcp:")
