"""Registering: what is sent, how it is kept up, and what stands in its way."""
import hashlib
import os
import socket

import pytest


def connect(address):
    s = socket.create_connection(address, 30)
    s.settimeout(30)
    return s


def exchange(address, data):
    """Sends `data`, reads as much back."""
    with connect(address) as s:
        s.sendall(data)
        got = b''
        while len(got) < len(data):
            chunk = s.recv(1 << 16)
            assert chunk, f'ended after {len(got)} of {len(data)} bytes'
            got += chunk
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_registers_and_serves_both_apis(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa, '--tag=a', '--tag=b', '--team=main', '--ephemeral', '--max-active-tasks=7', '--certs-dir=/etc/ssl/certs',
                         environment={'http_proxy': 'http://p:1', 'no_proxy': 'x,y'})
    registration = tsa.wait_registered()
    worker = registration.worker
    assert list(worker) == ['addr', 'baggageclaim_url', 'certs_path', 'http_proxy_url', 'no_proxy', 'active_containers', 'active_volumes',
                            'active_tasks', 'max_active_tasks', 'resource_types', 'platform', 'tags', 'team', 'name', 'version', 'start_time',
                            'ephemeral', 'state']
    assert (worker['name'], worker['team'], worker['tags'], worker['version'], worker['platform']) == ('w1', 'main', ['a', 'b'], '3.0', 'linux')
    assert (worker['ephemeral'], worker['max_active_tasks'], worker['state'], worker['resource_types']) == (True, 7, '', None)
    assert (worker['certs_path'], worker['http_proxy_url'], worker['no_proxy']) == ('/etc/ssl/certs', 'http://p:1', 'x,y')
    exchange(registration.garden, b'hello garden')
    exchange(registration.baggageclaim, os.urandom(3 << 20))
    status = beacon.wait_status(lambda s: s['heartbeats'] >= 2, 'two heartbeats')
    assert status['state'] == 'registered' and status['current']['tsa'] == tsa.address
    assert status['current']['heartbeat_age_ms'] < 30000
    assert status['bytes']['from_services'] >= 3 << 20
    beacon.stop()
    assert beacon.process.returncode == 0
    assert registration.interrupted.is_set()


def test_protocol_version_is_a_setting(make_tsa, make_beacon, services):
    tsa = make_tsa()
    make_beacon(tsa, environment={'CONCOURSE_VERSION': '2.5'})
    assert tsa.wait_registered().worker['version'] == '2.5'
