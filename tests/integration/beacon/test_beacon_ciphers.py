"""Every cipher the TSA offers, both ways, checked byte for byte, with key exchanges in the middle of it."""

import os

import asyncssh.connection
import pytest

from traffic import exchange, together

ETM, PLAIN = "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"
CIPHERS = [("aes128-gcm@openssh.com", PLAIN), ("aes256-gcm@openssh.com", PLAIN), ("chacha20-poly1305@openssh.com", PLAIN)] + [
    (f"aes{bits}-ctr", mac) for bits in (128, 192, 256) for mac in (ETM, PLAIN)
]
# Around a block and around a packet.
SIZES = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 255, 256, 4095, 32699, 32700, 32701, 32768, 65537]


@pytest.mark.parametrize("signature", ["rsa-sha2-256", "rsa-sha2-512"])
def test_the_host_key_is_proven_with_either_hash(make_tsa, make_beacon, services, signature):
    tsa = make_tsa(signature_algs=[signature])
    make_beacon(tsa)
    exchange(tsa.wait_registered().garden, b"x")


@pytest.fixture
def key_exchanges(monkeypatch):
    """A list that grows by one with each."""
    seen = []
    send_newkeys = asyncssh.connection.SSHConnection.send_newkeys

    def counted(self, *arguments):
        seen.append(self)
        return send_newkeys(self, *arguments)

    monkeypatch.setattr(asyncssh.connection.SSHConnection, "send_newkeys", counted)
    return seen


@pytest.mark.parametrize("cipher,mac", CIPHERS, ids=lambda value: value.split("@")[0])
def test_data_is_whole_both_ways(make_tsa, make_beacon, services, key_exchanges, cipher, mac):
    # The small buffer makes the beacon's packets go out in pieces, so that exchanges, which the TSA begins, find half a packet sent:
    # where the stock library stops for ever.
    tsa = make_tsa(encryption_algs=[cipher], mac_algs=[mac], rekey_bytes=64 << 10, receive_buffer=2048)
    beacon = make_beacon(tsa)
    registration = tsa.wait_registered()
    beacon.wait_log("connected", cipher=cipher)
    for size in SIZES:
        exchange(registration.garden, os.urandom(size))
    together(2, lambda i: exchange((registration.garden, registration.baggageclaim)[i], os.urandom(8 << 20)))
    assert beacon.status()["losses"] == 0
    assert len(key_exchanges) > 3, len(key_exchanges)
