"""Byte streams to a worker's two APIs, and the network that addresses of registered workers belong to.

A `Stream` is what a TCP connection is to the web node: bytes in, bytes out, one end for both directions. It is either a
channel of a worker's SSH connection (tsa/forwards.py) or an ordinary socket.
"""

import asyncio

READ_BUFFER = 1 << 18


class Stream:
    """One connection. `reader` gives bytes up to the far side's end; a reset shows as ConnectionError."""

    def __init__(self, reader, writer):
        self.reader = reader
        self._writer = writer

    def write(self, data):
        self._writer.write(data)

    async def drain(self):
        await self._writer.drain()

    def close(self):
        """Ends both directions; what was written before still goes out."""
        self._writer.close()


class Network:
    """Where the addresses of workers lead. A forward adds its address; closing it takes the address away again."""

    def __init__(self):
        self._dialers = {}
        self._ports = iter(range(30000, 1 << 30))

    def listen(self, host, dialer):
        """Gives `dialer` (an async function that returns a Stream) a fresh address."""
        address = f"{host}:{next(self._ports)}"
        self._dialers[address] = dialer
        return address

    def close(self, address):
        self._dialers.pop(address, None)

    async def dial(self, address):
        """Connects as TCP would: ConnectionRefusedError where nobody listens (any more).

        Also takes `unix:/path` and `tcp:host:port`, for workers whose sockets are at hand.
        """
        if address.startswith("unix:"):
            return Stream(*await asyncio.open_unix_connection(address[5:], limit=READ_BUFFER))
        if address.startswith("tcp:"):
            host, port = address[4:].rsplit(":", 1)
            return Stream(*await asyncio.open_connection(host, int(port), limit=READ_BUFFER))
        dialer = self._dialers.get(address)
        if dialer is None:
            raise ConnectionRefusedError(f"dial tcp {address}: connect: connection refused")
        return await dialer()
