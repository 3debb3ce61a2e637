"""The SSH layer of the TSA: asyncssh's server, made as narrow as the real one.

asyncssh serves shells, ptys, sub-systems and direct forwards; the TSA knows two channel requests (exec, signal), one channel
type (session) and two global requests (tcpip-forward, anything with "keepalive" in its name). Everything else is refused, so
that a worker that relies on more fails here too.
"""

import asyncssh
from asyncssh.channel import SSHServerChannel
from asyncssh.connection import SSHServerConnection
from asyncssh.constants import (DISC_PROTOCOL_ERROR, MSG_GLOBAL_REQUEST, MSG_REQUEST_FAILURE,
                                MSG_REQUEST_SUCCESS)
from asyncssh.packet import UInt32

MAX_PACKET = 256 * 1024
MAX_FORWARDS = 2
MAX_AUTH_TRIES = 6

# What both ends of a Concourse cluster offer, in their order.
ALGORITHMS = {
    "kex_algs": ["curve25519-sha256@libssh.org", "curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
                 "ecdh-sha2-nistp521"],
    "encryption_algs": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
                        "aes128-ctr", "aes192-ctr", "aes256-ctr"],
    "mac_algs": ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"],
    "compression_algs": ["none"],
    "signature_algs": ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                       "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"],
}
HOST_KEY_ALGORITHMS = [b"rsa-sha2-256", b"rsa-sha2-512"]


class TsaChannel(SSHServerChannel):
    """A session channel. `exec` asks the session, `signal` tells it, the rest is refused."""

    def _service_next_request(self):
        request, packet, _ = self._request_queue[0]
        if request == "exec":
            accepted = self._session.exec_requested(packet.get_string().decode("utf-8", "replace"))
        elif request == "signal":
            self._session.signal_received(packet.get_string().decode("utf-8", "replace"))
            accepted = True
        else:
            accepted = False
        self._report_response(accepted)


class TsaConnection(SSHServerConnection):
    """A worker's connection. `forwards` counts over its whole life, refused ones included."""

    def __init__(self, loop, options):
        super().__init__(loop, options)
        self.forward_requests = 0
        self.auth_failures = 0
        self.keepalives = 0
        self.refused = []  # names of refused global requests, for tests

    def _get_extra_kex_algs(self):
        return [b"kex-strict-s-v00@openssh.com"]

    def _recv_packet(self):
        if self._pktlen > MAX_PACKET:
            raise asyncssh.ProtocolError("max packet length exceeded")
        return super()._recv_packet()

    def send_userauth_failure(self, partial_success):
        # The first failure is the `none` that clients send to learn the methods; it is free.
        if self.auth_failures > MAX_AUTH_TRIES:
            self.disconnect(DISC_PROTOCOL_ERROR, "too many authentication failures")
            return
        self.auth_failures += 1
        super().send_userauth_failure(partial_success)

    def _on_global_request(self, _pkttype, _pktid, packet):
        name = packet.get_string().decode("utf-8", "replace")
        want_reply = packet.get_boolean()
        answer = None
        if name == "tcpip-forward":
            answer = self._forward(packet.get_string().decode("utf-8", "replace"), packet.get_uint32())
        elif "keepalive" in name:
            self.keepalives += 1
            answer = b""
        if answer is None:
            self.refused.append(name)
        if want_reply:
            if answer is None:
                self.send_packet(MSG_REQUEST_FAILURE)
            else:
                self.send_packet(MSG_REQUEST_SUCCESS, answer)

    def _forward(self, ip, port):
        self.forward_requests += 1
        if self.forward_requests > MAX_FORWARDS:
            return None
        # The reply carries a port although the asked one was not 0; clients ignore it.
        return UInt32(self.get_owner().forward(ip, port))

    def get_owner(self):
        return self._owner

    def _process_session_open(self, packet):
        packet.check_end()
        channel = TsaChannel(self, self._loop, False, False, False, 0, 0, None, "strict", 2 << 20, 32 << 10)
        return channel, self.get_owner().session_requested()

    # "unknown channel type", as for any other name.
    _process_direct_tcpip_open = None
    _process_direct_streamlocal_at_openssh_dot_com_open = None
    _process_tun_at_openssh_dot_com_open = None

    _packet_handlers = {**SSHServerConnection._packet_handlers, MSG_GLOBAL_REQUEST: _on_global_request}
