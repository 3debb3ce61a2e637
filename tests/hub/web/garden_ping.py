"""The TSA's own Garden client: one connection, kept alive up to 90 s between requests."""

import asyncio

from hub.web.http import HttpError, head, host_of, read_body, read_head

IDLE = 90.0


class KeepAliveGarden:
    def __init__(self, network, address):
        self._network = network
        self._address = address
        self._stream = None
        self._idle = None

    async def get(self, path):
        """A request that finds its kept connection closed goes over a new one."""
        if self._idle:
            self._idle.cancel()
        kept, self._stream = self._stream, None
        if kept is not None and not kept.reader.at_eof():
            try:
                return await self._exchange(kept, path)
            except (HttpError, ConnectionError):
                kept.close()
        elif kept is not None:
            kept.close()
        return await self._exchange(await self._network.dial(self._address), path)

    async def _exchange(self, stream, path):
        try:
            stream.write(head("GET", path, host_of(self._address), [("Accept-Encoding", "gzip")]))
            await stream.drain()
            response = await read_head(stream.reader)
            response.body = b"".join([piece async for piece in read_body(stream.reader, response)])
        except BaseException:
            stream.close()
            raise
        if response.status != 200:
            stream.close()
            raise HttpError(f"GET {path}: {response.status} {response.body[:200]!r}")
        if response.headers.get("connection", "").lower() == "close":
            stream.close()
        else:
            self._stream = stream
            self._idle = asyncio.get_running_loop().call_later(IDLE, self.close)
        return response

    def close(self):
        if self._idle:
            self._idle.cancel()
        if self._stream:
            self._stream.close()
            self._stream = None
