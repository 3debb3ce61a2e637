"""Volumes that go straight from one worker to another, and the address by which they find each other."""

import os
import socket
import threading
from urllib.parse import urlencode

import pytest

from harness.baggageclaim import files_of, tar_of
from harness.http import Connection
from harness.worker import free_port


def stream_out_to(api, handle, url, path=".", encoding="gzip"):
    return api.request("PUT", f"/volumes/{handle}/stream-p2p-out?" + urlencode({"path": path, "streamInURL": url, "encoding": encoding}))


@pytest.fixture
def pair(make_server):
    port = free_port()
    return make_server("naive").start(), make_server("overlay", "--baggageclaim-bind-ip=127.0.0.1", f"--baggageclaim-bind-port={port}").start(), port


def test_a_volume_goes_to_a_peer_in_every_encoding(pair):
    source, destination, port = pair
    files = {"a": b"1", "d/b": b"x" * 500_000}
    source.api.create("empty", "v", privileged=True)
    source.api.stream_in("v", tar_of(files))
    destination.api.create("empty", "w")
    for encoding in ("raw", "gzip", "zstd", "s2"):
        answer = stream_out_to(source.api, "v", f"http://127.0.0.1:{port}/volumes/w/stream-in?path={encoding}", encoding=encoding)
        assert (answer.status, answer.headers["content-type"], answer.body.strip()) == (200, "plain/text", b"ok")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert files_of(destination.api.stream_out("w", path=encoding)) == files


def test_what_goes_wrong_is_said_in_the_body(pair):
    source, destination, port = pair
    source.api.create("empty", "v")
    source.api.stream_in("v", tar_of({"a": b"x" * 3_000_000}))
    destination.api.create("empty", "w")
    peer = f"http://127.0.0.1:{port}/volumes"
    prefix = "failed to stream p2p out from volume: "

    def told(*arguments, **options):
        answer = stream_out_to(source.api, *arguments, **options)
        assert answer.status == 200
        text = answer.body.decode().strip()
        assert text.startswith(prefix)
        return text.removeprefix(prefix)

    assert told("v", f"{peer}/nobody/stream-in?path=.") == "p2p-stream-in 404: failed to stream in to volume"
    assert told("v", f"{peer}/w/stream-in?path=.&limit=1.0", encoding="raw") == "p2p-stream-in 403: exceeded volume streaming limit of 1MB"
    assert "no volume 'nobody'" in told("nobody", f"{peer}/w/stream-in")
    assert "no 'none' in the volume" in told("v", f"{peer}/w/stream-in", path="none")
    assert "unsupported encoding 'br'" in told("v", f"{peer}/w/stream-in", encoding="br")
    assert "Connection refused" in told("v", f"http://127.0.0.1:{free_port()}/volumes/w/stream-in")
    for url in ("https://127.0.0.1/volumes/w/stream-in", "http://127.0.0.1:1/", "file:///etc/passwd", f"{peer}/w/stream-out", f"http://127.0.0.1:{port}/p2p-url"):
        assert "is no worker's stream-in URL" in told("v", url)
    assert files_of(destination.api.stream_out("w")) == {}
    for missing in ("path", "streamInURL", "encoding"):
        query = {"path": ".", "streamInURL": "http://h/volumes/w/stream-in", "encoding": "raw"}
        query[missing] = ""
        answer = source.api.request("PUT", "/volumes/v/stream-p2p-out?" + urlencode(query))
        assert (answer.status, answer.json()["error"]) == (400, "failed to stream p2p out from volume")


def test_a_peer_that_answers_nonsense_or_nothing(pair):
    source, _, _ = pair
    source.api.create("empty", "v")
    source.api.stream_in("v", tar_of({"a": b"x" * 300_000}))
    for reply in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"SSH-2.0-x\r\n", b"HTTP/1.1 500 X\r\n\r\n{\"error\":7}"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve(reply=reply, listener=listener):
                connection, _ = listener.accept()
                with connection:
                    while not connection.recv(1 << 20).endswith(b"0\r\n\r\n"):
                        pass
                    connection.sendall(reply)

            thread = threading.Thread(target=serve)
            thread.start()
            answer = stream_out_to(source.api, "v", f"http://127.0.0.1:{listener.getsockname()[1]}/volumes/w/stream-in", encoding="raw")
            thread.join()
        assert answer.body.decode().strip().startswith("failed to stream p2p out from volume: "), reply


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\nConcourse-Tar: holes\r\n\r\n"])
def test_holes_go_as_such_to_a_peer_that_says_it_reads_them(pair, interim):
    source, _, _ = pair
    source.api.create("empty", "v")
    (source.data("v") / "hole").touch()
    os.truncate(source.data("v") / "hole", 64 << 20)
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            connection, _ = listener.accept()
            with connection:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(1)
                assert b"\r\nExpect: 100-continue\r\n" in head
                connection.sendall(interim)
                size, end = 0, b""
                while not end.endswith(b"0\r\n\r\n"):
                    piece = connection.recv(1 << 20)
                    size, end = size + len(piece), (end + piece)[-5:]
                received.append(size)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        answer = stream_out_to(source.api, "v", f"http://127.0.0.1:{listener.getsockname()[1]}/volumes/w/stream-in", encoding="raw")
        thread.join()
    assert answer.body.decode().strip() == "ok"
    assert (received[0] < 1 << 20) == (b"holes" in interim)


def test_a_file_of_16_tib_that_is_one_hole_goes_to_a_peer_of_ours_at_once(pair):
    source, target, port = pair
    source.api.create("empty", "v")
    target.api.create("empty", "w")
    size = (16 << 40) - (1 << 20)  # what ext4 takes
    with open(source.data("v") / "hole", "wb") as file:
        file.truncate(size)
        os.pwrite(file.fileno(), b"data", size // 2)
    answer = stream_out_to(source.api, "v", f"http://127.0.0.1:{port}/volumes/w/stream-in", encoding="raw")
    assert answer.body.decode().strip() == "ok"
    copy = target.data("w") / "hole"
    assert copy.stat().st_size == size and copy.stat().st_blocks * 512 < 1 << 20
    with open(copy, "rb") as file:
        assert os.pread(file.fileno(), 6, size // 2 - 1) == b"\0data\0"


def test_a_transfer_whose_client_has_gone_is_cancelled(pair):
    """The peer takes nothing; when our client goes, the connection to the peer must end too."""
    source, _, _ = pair
    source.api.create("empty", "v")
    source.api.stream_in("v", tar_of({"a": b"x" * 30_000_000}))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/volumes/w/stream-in"
        with Connection(source.api.address) as client:
            client.send("PUT", "/volumes/v/stream-p2p-out?" + urlencode({"path": ".", "streamInURL": url, "encoding": "raw"}))
            assert client.head().status == 200
            peer, _ = listener.accept()
            assert peer.recv(10) == b"PUT /volum"
        with peer:
            peer.settimeout(60)
            while peer.recv(1 << 20):
                pass


def test_the_address_for_peers(make_server):
    server = make_server("naive", "--baggageclaim-p2p-interface-name-pattern=eth", "--baggageclaim-bind-port=7799", "--baggageclaim-bind-ip=127.0.0.1").start()
    answer = server.api.request("GET", "/p2p-url")
    assert (answer.status, answer.body) == (200, b"http://192.0.2.1:7799")
    none = make_server("naive", "--baggageclaim-p2p-interface-name-pattern=^nothing$").start()
    answer = none.api.request("GET", "/p2p-url")
    assert (answer.status, answer.json()["error"]) == (500, "failed to get p2p url, network interface list is empty")


def test_tcp_only_when_asked_for(make_server):
    server = make_server("naive").start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 7788))
    assert server.logged("baggageclaim.listening")["addresses"] == [f"{server.runtime_dir}/baggageclaim.sock"]
