"""A TSA for the beacon's tests: the SSH side of the real one, on asyncssh, in a thread of its own.

It refuses what the real one refuses: a third forward, forward-worker without both forwards, unknown commands, keys it doesn't know.
It pumps like the real one: when either direction of a forwarded connection ends, both do; it never sends a channel EOF.
"""
import asyncio
import contextlib
import json
import socket
import threading

import asyncssh

GARDEN, BAGGAGECLAIM = 7777, 7788
DRAIN = object()


class Registration:
    """One forward-worker: what the worker said, where its services are reached, and how far it got."""

    def __init__(self, worker, ports, connection):
        self.worker, self.ports, self.connection = worker, ports, connection
        self.interrupted = threading.Event()
        self.ended = threading.Event()
        self.heartbeats = 0

    @property
    def garden(self):
        return ("127.0.0.1", self.ports[GARDEN])

    @property
    def baggageclaim(self):
        return ("127.0.0.1", self.ports[BAGGAGECLAIM])


class FakeTsa:
    def __init__(self, host_key, worker_keys, port=0, **server_options):
        self.host_key, self.worker_keys, self.port = host_key, worker_keys, port
        self.server_options = server_options
        self.heartbeat_interval = 0.2       # seconds
        self.receive_buffer = None          # bytes; small: what is sent to us is taken piece by piece
        self.register = True                # False: forward-worker never answers
        self.heartbeats = True
        self.over = threading.Event()       # the web answers 404 or landed: forward-worker ends with 0
        self.refuse_worker = False          # forward-worker ends with 1
        self.respond = {}                   # command -> function of (arguments, worker) that gives (status, output)
        self.commands = []                  # (command, [arguments], worker)
        self.registrations = []
        self.connections = set()
        self.changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = None
        self._thaw = threading.Event()

    # -- for the tests

    def start(self):
        self._call(self._listen())
        return self

    def stop(self):
        """The process dies: every connection breaks, nobody listens."""
        self._call(self._close())

    def close(self):
        self._thaw.set()
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def freeze(self):
        """The process stops: its kernel still takes bytes, it does nothing."""
        self._thaw.clear()
        self._loop.call_soon_threadsafe(self._thaw.wait)

    def thaw(self):
        self._thaw.set()

    def wait(self, condition, what, timeout=30):
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise AssertionError(f"the TSA waited {timeout} s for {what}")

    def wait_registered(self, count=1, timeout=30):
        self.wait(lambda: sum(r.heartbeats > 0 for r in self.registrations) >= count, f"{count} registrations", timeout)
        return self.registrations[count - 1]

    def commands_named(self, name):
        return [c for c in self.commands if c[0] == name]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    # -- the server

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def _notify(self):
        with self.changed:
            self.changed.notify_all()

    async def _listen(self):
        options = dict(kex_algs=["curve25519-sha256"], signature_algs=["rsa-sha2-256", "rsa-sha2-512"], compression_algs=["none"],
                       encryption_algs=["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"],
                       mac_algs=["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"], login_timeout=60, server_version="Go")
        options.update(self.server_options)
        self._server = await asyncssh.create_server(lambda: _Server(self), "127.0.0.1", self.port, server_host_keys=[self.host_key],
                                                    reuse_address=True, **options)
        listener = self._server.sockets[0]
        self.port = listener.getsockname()[1]
        if self.receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)

    async def _close(self):
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for connection in list(self.connections):
            connection.conn.abort()


class _Server(asyncssh.SSHServer):
    def __init__(self, tsa):
        self.tsa, self.conn = tsa, None
        self.forwards = {}      # asked port -> listener
        self.pumps = set()
        self.asked = 0

    def connection_made(self, conn):
        self.conn = conn
        self.tsa.connections.add(self)

    def connection_lost(self, exc):
        self.tsa.connections.discard(self)
        for listener in self.forwards.values():
            listener.close()
        self.tsa._notify()

    def begin_auth(self, username):
        return True

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        return key in self.tsa.worker_keys

    def session_requested(self):
        return _Session(self)

    async def server_requested(self, host, port):
        self.asked += 1
        if self.asked > 2:
            return False
        server = await asyncio.start_server(lambda r, w: self._carry(host, port, r, w), "127.0.0.1", 0, limit=1 << 20)
        self.forwards[port] = _Listener(server)
        return self.forwards[port]

    async def _carry(self, host, port, reader, writer):
        task = asyncio.current_task()
        self.pumps.add(task)
        try:
            far_reader, far_writer = await self.conn.open_connection(host, port, *writer.get_extra_info("peername")[:2])
        except (asyncssh.Error, OSError):
            writer.close()
            self.pumps.discard(task)
            return
        pumps = [asyncio.ensure_future(_copy(reader, far_writer)), asyncio.ensure_future(_copy(far_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        writer.close()
        far_writer.channel.close()
        with contextlib.suppress(Exception):
            await writer.wait_closed()
        self.pumps.discard(task)


async def _copy(reader, writer):
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


class _Listener(asyncssh.SSHListener):
    def __init__(self, server):
        super().__init__()
        self.server = server
        self.port = server.sockets[0].getsockname()[1]

    def get_port(self):
        return self.port

    def close(self):
        self.server.close()

    async def wait_closed(self):
        await self.server.wait_closed()


class _Session(asyncssh.SSHServerSession):
    KNOWN = {"forward-worker", "land-worker", "retire-worker", "delete-worker", "sweep-containers", "sweep-volumes", "report-containers",
             "report-volumes"}

    def __init__(self, server):
        self.server, self.tsa = server, server.tsa
        self.input, self.words, self.chan = "", [], None
        self.signalled = asyncio.Event()
        self.task = None

    def connection_made(self, chan):
        self.chan = chan

    def exec_requested(self, command):
        assert len(command) <= 256 * 1024 - 64, "the real one drops the connection here"
        self.words = command.split(" ")
        if self.words[0] not in self.KNOWN:
            self.chan.write("invalid command: " + self.words[0])
            return False
        return True

    def data_received(self, data, datatype):
        self.input += data
        if self.task is None:
            with contextlib.suppress(ValueError):
                worker = json.loads(self.input)
                self.task = asyncio.ensure_future(self._run(worker))

    def eof_received(self):
        return True

    def signal_received(self, signal):
        self.signalled.set()

    def connection_lost(self, exc):
        if self.task:
            self.task.cancel()

    async def _run(self, worker):
        name, arguments = self.words[0], self.words[1:]
        self.tsa.commands.append((name, arguments, worker))
        self.tsa._notify()
        if name == "forward-worker":
            return await self._forward_worker(worker)
        default = (0, "[]\n") if name.startswith("sweep-") else (0, "")
        answer = self.tsa.respond.get(name, lambda a, w: default)(arguments, worker)
        if answer is None:
            return  # never answers
        status, output = answer
        self.chan.write(output)
        self.chan.exit(status)

    async def _forward_worker(self, worker):
        assert self.words[1:] == ["--garden", "0.0.0.0:7777", "--baggageclaim", "0.0.0.0:7788"], self.words
        if set(self.server.forwards) != {GARDEN, BAGGAGECLAIM} or self.tsa.refuse_worker:
            return self.chan.exit(1)
        registration = Registration(worker, {p: f.get_port() for p, f in self.server.forwards.items()}, self.server)
        self.tsa.registrations.append(registration)
        self.tsa._notify()
        try:
            event = "registered"
            while not self.signalled.is_set() and not self.tsa.over.is_set():
                if self.tsa.register and (event == "registered" or self.tsa.heartbeats):
                    self.chan.write(json.dumps({"event": event}) + "\n")
                    event = "heartbeated"
                    registration.heartbeats += 1
                    self.tsa._notify()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.signalled.wait(), self.tsa.heartbeat_interval)
            for listener in self.server.forwards.values():
                listener.close()
            if self.signalled.is_set():
                registration.interrupted.set()
                self.tsa._notify()
                while self.server.pumps:
                    await asyncio.wait(set(self.server.pumps))
            self.chan.exit(0)
        finally:
            registration.ended.set()
            self.tsa._notify()
