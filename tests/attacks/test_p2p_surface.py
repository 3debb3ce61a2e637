"""An address that is opened for peers offers them stream-in and the list of volumes, and nobody more."""

import http.server
import threading
from urllib.parse import urlencode

import pytest

from harness.baggageclaim import BaggageclaimClient, files_of, tar_of
from harness.http import HttpError
from harness.outside import HOST
from harness.worker import free_port

VOLUME = {"handle": "made-by-a-stranger", "strategy": {"type": "import", "path": "/etc"}}
# Everything else of the API, as a stranger would use it. {} is a volume that is there.
BEYOND = [
    ("POST", "/volumes", VOLUME),
    ("POST", "/volumes-async", VOLUME),
    ("GET", "/volumes-async/{}", None),
    ("DELETE", "/volumes-async/{}", None),
    ("POST", "/volumes/cleanup-orphans", None),
    ("GET", "/volumes/{}", None),
    ("PUT", "/volumes/{}/properties/a", {"value": "b"}),
    ("GET", "/volumes/{}/privileged", None),
    ("PUT", "/volumes/{}/privileged", {"value": True}),
    ("PUT", "/volumes/{}/stream-out?path=.", None),
    ("PUT", "/volumes/{}/stream-p2p-out?path=.&encoding=raw&streamInURL=http://127.0.0.1:1/volumes/a/stream-in", None),
    ("DELETE", "/volumes/destroy", ["nobody"]),
    ("GET", "/p2p-url", None),
    ("DELETE", "/volumes/{}", None),
]


def offered_beyond(api, handle):
    """The requests beyond a peer's that are answered as if they were offered. Tried with other spellings as well."""
    offered = []
    for method, target, body in BEYOND:
        target = target.format(handle)
        for spelling in (target, "http://worker" + target, target.replace("volumes", "%76olumes", 1), "/" + target, target + "/"):
            try:
                answer = api.request(method, spelling, body, headers={"Accept-Encoding": "raw"}, timeout=30)
            except HttpError:
                continue
            if answer.status not in (400, 404, 405):
                offered.append((method, spelling, answer.status))
    return offered


def volume_with_file(server):
    server.api.create("empty", "v")
    server.api.stream_in("v", tar_of({"file": b"content"}))


@pytest.fixture(params=[HOST, "0.0.0.0"])
def for_peers(request, make_server):
    port = free_port()
    server = make_server("naive", f"--baggageclaim-bind-ip={request.param}", f"--baggageclaim-bind-port={port}").start()
    server.peers = BaggageclaimClient(f"{HOST}:{port}")
    return server


def test_a_stranger_can_not_do_what_a_peer_does_not_need(for_peers):
    volume_with_file(for_peers)
    before = for_peers.api.volumes()
    assert offered_beyond(for_peers.peers, "v") == []
    assert for_peers.api.volumes() == before
    assert files_of(for_peers.api.stream_out("v")) == {"file": b"content"}


def test_a_peer_streams_in_and_the_manuals_check_is_answered(for_peers, make_server):
    for_peers.api.create("empty", "to")
    source = make_server("naive").start()
    volume_with_file(source)
    url = f"http://{for_peers.peers.address}/volumes/to/stream-in?path=."
    answer = source.api.request("PUT", "/volumes/v/stream-p2p-out?" + urlencode({"path": ".", "streamInURL": url, "encoding": "zstd"}))
    assert answer.body == b"ok"
    assert files_of(for_peers.api.stream_out("to")) == {"file": b"content"}
    assert for_peers.peers.handles() == {"to"}


@pytest.mark.parametrize("flags", [["--baggageclaim-bind-ip=127.0.0.1"], [f"--baggageclaim-bind-ip={HOST}", "--baggageclaim-bind-full-api"]])
def test_all_of_it_is_offered_where_the_operator_says_so(make_server, flags):
    port = free_port()
    server = make_server("naive", *flags, f"--baggageclaim-bind-port={port}").start()
    api = BaggageclaimClient(f"{flags[0].partition('=')[2]}:{port}")
    api.create("empty", "v")
    assert {method for method, _, _ in offered_beyond(api, "v")} == {"GET", "PUT", "POST", "DELETE"}
    if server.api.lookup("made-by-a-stranger"):
        server.api.destroy("made-by-a-stranger")


def test_the_detector_finds_a_server_that_offers_everything():
    class Everything(http.server.BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Everything)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        api = BaggageclaimClient("127.0.0.1:%d" % server.server_address[1])
        found = {(method, target) for method, target, _ in offered_beyond(api, "v")}
        assert {(method, target.format("v")) for method, target, _ in BEYOND} <= found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
