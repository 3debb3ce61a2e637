"""What BaggageClaim does for a request is in its log under the request's id, on whatever thread and at whichever worker."""

from urllib.parse import urlencode

from harness.wait import wait_until
from harness.worker import free_port


def request_of(server, event, **data):
    return server.wait_for_log(f"baggageclaim.{event}", **data).get("request")


def test_an_asynchronous_creation_has_the_id_of_the_request_that_began_it(make_server):
    server = make_server("naive").start()
    started = server.api.request("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "empty"}}, headers={"X-Request-Id": "begun"})
    assert started.status == 201
    wait_until(lambda: server.api.request("GET", "/volumes-async/v", headers={"X-Request-Id": "polled"}).status == 200, "the volume")
    assert request_of(server, "volume created", handle="v") == "begun"
    server.api.request("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "cow", "volume": "nobody"}}, headers={"X-Request-Id": "again"})
    server.api.request("POST", "/volumes-async", {"handle": "w", "strategy": {"type": "cow", "volume": "nobody"}}, headers={"X-Request-Id": "failing"})
    assert request_of(server, "volume not created", handle="w") == "failing"


def test_a_transfer_between_workers_has_one_id_at_both(make_server):
    port = free_port()
    source = make_server("naive").start()
    destination = make_server("naive", "--baggageclaim-bind-ip=127.0.0.1", f"--baggageclaim-bind-port={port}").start()
    source.api.create("empty", "v")
    query = urlencode({"path": ".", "streamInURL": f"http://127.0.0.1:{port}/volumes/nobody/stream-in", "encoding": "gzip"})
    answer = source.api.request("PUT", f"/volumes/v/stream-p2p-out?{query}", headers={"X-Request-Id": "moving"})
    assert answer.status == 200 and b"p2p-stream-in 404" in answer.body
    assert request_of(source, "p2p stream failed", handle="v") == "moving"
    assert request_of(destination, "request refused", target="/volumes/nobody/stream-in") == "moving"
