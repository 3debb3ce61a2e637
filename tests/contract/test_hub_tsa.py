"""The hub's SSH side, from a worker's point of view: what it offers, and what it refuses because the real one does."""

import asyncio
import json
import socket
import struct

import asyncssh
import pytest

from harness.fake_worker import FakeWorker
from hub import keys
from hub.hub import Hub
from hub.tsa import session

FORWARDS = (("0.0.0.0", 7777), ("0.0.0.0", 7788))
FORWARD_WORKER = "forward-worker --garden 0.0.0.0:7777 --baggageclaim 0.0.0.0:7788"


@pytest.fixture(scope="module")
def key_set():
    return {name: keys.to_asyncssh(keys.generate(1024)) for name in ("host", "worker", "team", "stranger")}


@pytest.fixture
def run(key_set, monkeypatch):
    """Runs an async function of (hub, connect, worker); `connect` opens a connection with one of the keys."""
    monkeypatch.setattr(session, "FORWARD_WAIT", 0.2)

    def run(test, **options):
        async def main():
            hub = Hub(key_set["host"], [key_set["worker"]], {"main": [key_set["team"]]}, heartbeat_interval=0.1, **options)
            await hub.start()
            worker, open_ones = await FakeWorker().start(), []

            async def connect(name="worker", **more):
                connection = await asyncssh.connect("127.0.0.1", hub.tsa.port, username="beacon", client_keys=[key_set[name]],
                                                    known_hosts=([key_set["host"].convert_to_public()], [], []), **more)
                open_ones.append(connection)
                return connection

            try:
                return await asyncio.wait_for(test(hub, connect, worker), 60)
            finally:
                for connection in open_ones:
                    connection.abort()
                await hub.stop()
                await worker.stop()

        return asyncio.run(main())

    return run


async def forward(connection, worker, names=("garden", "baggageclaim")):
    for (host, port), name in zip(FORWARDS, names):
        await connection.forward_remote_port(host, port, *_target(worker, name))


def _target(worker, name):
    _, host, port = worker.addresses[name].split(":")
    return host, int(port)


async def register(connection, payload=None, command=FORWARD_WORKER):
    process = await connection.create_process(command)
    process.stdin.write(json.dumps(payload or {"name": "w", "version": "3.0"}))
    return process


async def event(process):
    return json.loads(await process.stdout.readline())["event"]


def test_the_algorithms_are_those_of_the_real_one(run):
    async def test(hub, _connect, _worker):
        def name_lists():
            with socket.create_connection(("127.0.0.1", hub.tsa.port)) as sock:
                file = sock.makefile("rb")
                version = file.readline()
                sock.sendall(b"SSH-2.0-test\r\n")
                length, padding = struct.unpack(">IB", file.read(5))
                packet = file.read(length - 1)[17:]
                lists = []
                for _ in range(10):
                    size = struct.unpack(">I", packet[:4])[0]
                    lists.append(packet[4:4 + size].decode().split(","))
                    packet = packet[4 + size:]
                return version, lists

        return await asyncio.to_thread(name_lists)

    version, lists = run(test)
    ciphers = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"]
    macs = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"]
    assert version == b"SSH-2.0-Go\r\n"
    assert lists[0] == ["curve25519-sha256@libssh.org", "curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
                        "kex-strict-s-v00@openssh.com"]
    assert lists[1] == ["rsa-sha2-256", "rsa-sha2-512"]
    assert lists[2:8] == [ciphers, ciphers, macs, macs, ["none"], ["none"]]


def test_a_worker_registers_and_is_pinged(run):
    async def test(hub, connect, worker):
        connection = await connect()
        await forward(connection, worker)
        process = await register(connection)
        assert [await event(process) for _ in range(3)] == ["registered", "heartbeated", "heartbeated"]
        assert hub.atc.workers["w"].state == "running"
        pings = [text.split("\r\n")[0] for _, text in worker.exchanges]
        assert "GET /containers HTTP/1.1" in pings and "GET /volumes HTTP/1.1" in pings

    run(test)


def test_strangers_are_refused(run):
    async def test(_hub, connect, _worker):
        with pytest.raises(asyncssh.PermissionDenied):
            await connect("stranger")

    run(test)


def test_a_third_forward_and_a_cancelled_one_are_refused(run):
    async def test(hub, connect, worker):
        connection = await connect()
        await forward(connection, worker)
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("0.0.0.0", 9999, "127.0.0.1", 1)
        await connection.close_client_tcp_listener(*FORWARDS[0])
        server = next(iter(hub.tsa.connections))
        assert "cancel-tcpip-forward" in server.refused

    run(test)


def test_without_its_forwards_a_registration_exits_1(run):
    async def test(_hub, connect, worker):
        connection = await connect()
        await forward(connection, worker, ("garden",))
        process = await register(connection)
        assert (await process.wait()).exit_status == 1

    run(test)


@pytest.mark.parametrize(("line", "text"), [("ls", "unknown command: ls"), ("forward-worker --nope x", "flag provided but not defined: -nope"),
                                            ("forward-worker --garden", "flag needs an argument: -garden"), (" land-worker", "unknown command: ")])
def test_an_invalid_command_is_refused_and_its_channel_stays_open(run, line, text):
    async def test(_hub, connect, _worker):
        connection = await connect()
        answers = []

        class Session(asyncssh.SSHClientSession):
            def data_received(self, data, datatype):
                answers.append(data)

        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), "utf-8", "strict", 2 << 20, 32 << 10)
        await channel._open(b"session")
        channel._session = Session()
        accepted = await channel._make_request(b"exec", asyncssh.packet.String(line))
        await channel._start_reading()
        assert (accepted, "".join(answers)) == (False, f"invalid command: {text}")
        assert not channel.is_closing()

    run(test)


@pytest.mark.parametrize("request_name", [b"pty-req", b"env", b"shell", b"subsystem"])
def test_other_channel_requests_are_refused(run, request_name):
    async def test(_hub, connect, _worker):
        connection = await connect()
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), "utf-8", "strict", 2 << 20, 32 << 10)
        await channel._open(b"session")
        channel._session = asyncssh.SSHClientSession()
        assert await channel._make_request(request_name) is False

    run(test)


def test_direct_forwards_are_refused(run):
    async def test(_hub, connect, _worker):
        connection = await connect()
        with pytest.raises(asyncssh.ChannelOpenError, match="nknown channel type"):
            await connection.open_connection("127.0.0.1", 1)

    run(test)


@pytest.mark.parametrize(("name", "payload", "status"), [
    ("team", {"name": "w", "team": "main"}, 0), ("team", {"name": "w"}, 1), ("team", {"name": "w", "team": "other"}, 1),
    ("worker", {"name": "w", "team": "main"}, 0), ("worker", {"name": ""}, 1), ("worker", {"name": 3}, 1)])
def test_a_team_key_is_for_its_team_and_a_sweep_needs_a_name(run, name, payload, status):
    async def test(_hub, connect, _worker):
        connection = await connect(name)
        result = await connection.run("sweep-containers", input=json.dumps(payload))
        assert (result.exit_status, result.stdout) == (status, "[]\n" if status == 0 else "")

    run(test)


def test_reports_and_sweeps_of_many_handles_on_one_connection(run):
    async def test(_hub, connect, _worker):
        connection = await connect()
        handles = sorted(f"{n:08x}-0000-4000-8000-000000000000" for n in range(7000))
        result = await connection.run("report-volumes " + " ".join(handles), input='{"name":"w"}')
        assert result.exit_status == 0
        swept = await connection.run("sweep-volumes", input='{"name":"w"}')
        assert sorted(json.loads(swept.stdout)) == handles

    run(test)


def test_a_packet_over_256_kib_ends_the_connection(run):
    async def test(_hub, connect, _worker):
        connection = await connect()
        with pytest.raises((asyncssh.Error, OSError)):
            await connection.run("report-volumes " + "x" * (257 << 10), input='{"name":"w"}', check=True)

    run(test)


def test_landing_and_retiring_end_a_registration_with_0(run):
    async def test(hub, connect, worker):
        for command, left in (("land-worker", "landed"), ("retire-worker", None)):
            connection = await connect()
            await forward(connection, worker)
            process = await register(connection)
            assert await event(process) == "registered"
            assert (await connection.run(command, input='{"name":"w"}')).exit_status == 0
            assert (await process.wait()).exit_status == 0
            assert (hub.atc.workers["w"].state if "w" in hub.atc.workers else None) == left

    run(test)


def test_a_signal_stops_the_heartbeats_and_waits_for_open_connections(run):
    async def test(hub, connect, worker):
        connection = await connect()
        await forward(connection, worker)
        process = await register(connection)
        assert await event(process) == "registered"
        row = hub.atc.workers["w"]
        stream = await hub.network.dial(row.addr)
        process.send_signal("INT")
        await hub.wait_for(lambda: True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait_closed(), 0.3)
        with pytest.raises(ConnectionRefusedError):
            await hub.network.dial(row.addr)
        stream.close()
        # The ping's own idle connection holds it too, until Garden closes it.
        await worker.stop()
        await asyncio.wait_for(process.wait(), 30)
        assert process.exit_status == 0

    run(test)


def test_the_end_of_one_direction_ends_a_forwarded_connection(run):
    async def test(hub, connect, worker):
        connection = await connect()
        await forward(connection, worker)
        process = await register(connection)
        assert await event(process) == "registered"
        stream = await hub.network.dial(hub.atc.workers["w"].addr)
        stream.write(b"GET /containers HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await stream.reader.read()  # the fake closes after each answer
        assert answer.startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionError):
            stream.write(b"more")

    run(test)
