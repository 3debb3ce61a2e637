"""The TSA: an SSH server that lets workers in by their keys and runs their commands."""

import asyncio
import logging

import asyncssh

from hub.tsa.connection import ALGORITHMS, HOST_KEY_ALGORITHMS, TsaConnection
from hub.tsa.forwards import Forward
from hub.tsa.session import TsaSession

log = logging.getLogger("hub.tsa")


class TsaOwner(asyncssh.SSHServer):
    """State of one connection: the team of its key, and its forwards in the order they were asked for."""

    def __init__(self, hub):
        self.hub = hub
        self.team = ""
        self.forwards = asyncio.Queue()
        self._all_forwards = []
        self._connection = None

    def connection_made(self, conn):
        self._connection = conn
        self.hub.tsa.connections.add(conn)

    def connection_lost(self, exc):
        for forward in self._all_forwards:
            forward.close()
        self.hub.tsa.connections.discard(self._connection)
        log.debug("connection closed%s", f": {exc}" if exc else "")

    def begin_auth(self, _username):
        return True

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, _username, key):
        allowed, self.team = self.hub.tsa.authorize(key)
        if not allowed:
            log.warning("refused key %s", key.get_fingerprint())
        return allowed

    def session_requested(self):
        return TsaSession(self)

    def forward(self, ip, port):
        forward = Forward(self._connection, self.hub.network, self.hub.peer_address, ip, port)
        self._all_forwards.append(forward)
        self.forwards.put_nowait(forward)
        return forward.bound_port


class Tsa:
    """Listens; `connections` are the open ones. Stopping closes the listener and cuts them, as a stopping web node does."""

    def __init__(self, hub, host_key, authorized, team_authorized=None):
        """`authorized` are public keys for any team, `team_authorized` maps a team to its keys (asyncssh keys)."""
        self._hub = hub
        self._host_key = host_key
        self.authorized = list(authorized)
        self.team_authorized = dict(team_authorized or {})
        self.connections = set()
        self._listeners = []
        self.port = 0

    async def start(self, host="127.0.0.1", port=0):
        self.port = await self.listen(host, port)

    async def listen(self, host="127.0.0.1", port=0):
        """One more address, as of another web node of the cluster; gives its port."""
        pair = asyncssh.load_keypairs(self._host_key)[0]
        pair.host_key_algorithms = HOST_KEY_ALGORITHMS
        options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: TsaOwner(self._hub), server_host_keys=[pair], server_version="Go", login_timeout=0,
            password_auth=False, kbdint_auth=False, host_based_auth=False, gss_host=None, **ALGORITHMS)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: TsaConnection(loop, options), host, port)
        self._listeners.append(listener)
        return listener.sockets[0].getsockname()[1]

    async def stop(self):
        while self._listeners:
            self._listeners.pop().close()
        for connection in list(self.connections):
            connection.abort()

    def authorize(self, key):
        """Whether the key may come in, and the team it is bound to ("" for any)."""
        data = key.public_data
        if any(data == known.public_data for known in self.authorized):
            return True, ""
        for team, keys in self.team_authorized.items():
            if any(data == known.public_data for known in keys):
                return True, team
        return False, ""
