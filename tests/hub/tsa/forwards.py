"""The forwards of one worker's connection: each is an address of the hub whose connections come out at the worker."""

import asyncio
import itertools

import asyncssh

from hub.net import READ_BUFFER, Stream

WINDOW = 2 << 20
MAX_PACKET = 32 << 10
_origin_ports = itertools.count(40000)


class ForwardedSession(asyncssh.SSHTCPSession):
    """A forwarded-tcpip channel as a reader and writer. As in the TSA's pump, the end of one direction ends both."""

    def __init__(self):
        self.reader = asyncio.StreamReader(limit=READ_BUFFER)
        self.closed = asyncio.get_running_loop().create_future()
        self._channel = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, chan):
        self._channel = chan
        self.reader.set_transport(chan)

    def data_received(self, data, _datatype):
        self.reader.feed_data(data)

    def eof_received(self):
        self.reader.feed_eof()
        self._channel.close()
        return True

    def connection_lost(self, exc):
        # However a channel ends, the web sees a FIN of the TSA.
        self.reader.feed_eof()
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(exc)

    def pause_writing(self):
        self._writable.clear()

    def resume_writing(self):
        self._writable.set()

    # The writer's side, as asyncio.StreamWriter has it.

    def write(self, data):
        if self._channel.is_closing():
            raise ConnectionResetError("write: connection reset by peer")
        self._channel.write(data)

    async def drain(self):
        await self._writable.wait()

    def close(self):
        self._channel.close()


class _NothingToRead:
    """The writer of a connection that the worker didn't take: accepted, then closed."""

    def write(self, _data):
        pass

    async def drain(self):
        pass

    def close(self):
        pass


class Forward:
    """One tcpip-forward request: the label that the worker gave it, and the hub's address for it."""

    def __init__(self, connection, network, host, ip, port):
        self.label = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        self._connection = connection
        self._network = network
        self._ip, self._port = ip, port
        self._open = set()
        self.opened = 0
        self.address = network.listen(host, self._dial)
        if port == 0:
            self._port = self.bound_port

    @property
    def bound_port(self):
        return int(self.address.rsplit(":", 1)[1])

    def close(self):
        """No new connections from here on; open ones go on."""
        self._network.close(self.address)

    async def drained(self):
        """Returns when no connection is left."""
        while self._open:
            await asyncio.wait(self._open)

    async def _dial(self):
        origin = ("127.0.0.1", next(_origin_ports))
        try:
            _, session = await self._connection.create_connection(
                ForwardedSession, self._ip, self._port, *origin, window=WINDOW, max_pktsize=MAX_PACKET)
        except (asyncssh.Error, OSError):
            reader = asyncio.StreamReader()
            reader.feed_eof()
            return Stream(reader, _NothingToRead())
        self.opened += 1
        self._open.add(session.closed)
        session.closed.add_done_callback(self._open.discard)
        return Stream(session.reader, session)
