"""Statuses, texts and shapes of every route, as clients know them."""

import json
import threading

from harness.baggageclaim import files_of
from harness.http import Connection
from harness.wait import wait_until


def error_of(response):
    return response.status, response.json()["error"]


def test_a_volume_is_created_looked_up_listed_and_destroyed(server, api):
    created = api.request("POST", "/volumes", {"handle": "v", "strategy": {"type": "empty"}, "properties": {"a": "1"}, "uid": -1, "gid": -1})
    assert created.status == 201
    assert created.headers["content-type"] == "application/json"
    path = str(server.data("v"))
    assert created.body == b'{"handle":"v","path":"%s","properties":{"a":"1"},"privileged":false,"uid":-1,"gid":-1}\n' % path.encode()

    for url in ("/volumes/v", "/volumes"):
        looked_up = api.request("GET", url)
        assert looked_up.status == 200
        assert looked_up.headers["content-type"] == "application/json"
        volume = looked_up.json() if url.endswith("/v") else looked_up.json()[0]
        assert volume == {"handle": "v", "path": path, "properties": {"a": "1"}, "privileged": False}

    destroyed = api.request("DELETE", "/volumes/v")
    assert (destroyed.status, destroyed.body) == (204, b"")
    assert error_of(api.request("GET", "/volumes/v")) == (404, "failed to get volume")
    assert error_of(api.request("DELETE", "/volumes/v")) == (404, "failed to destroy volume")
    assert api.request("GET", "/volumes").body == b"[]\n"


def test_creation_without_a_handle_gets_one(api):
    handle = api.call("POST", "/volumes", {"strategy": {"type": "empty"}})["handle"]
    assert len(handle) == 36
    assert api.lookup(handle)["properties"] is None


def test_what_can_not_be_created(api):
    def status(body):
        answer, other = (api.request("POST", path, body) for path in ("/volumes", "/volumes-async"))
        assert (other.status, other.body) == (answer.status, answer.body)
        assert answer.json()["error"] == "failed to create volume"
        return answer.status

    assert status(b"") == 400
    assert status(b"{") == 400
    assert status({"handle": 7, "strategy": {"type": "empty"}}) == 400
    for handle in ("../x", "a/b", ".x", "work", "destroy", "x" * 129):
        assert status({"handle": handle, "strategy": {"type": "empty"}}) == 400
    assert status({"handle": "v"}) == 422
    assert status({"handle": "v", "strategy": {"type": "magic"}}) == 422
    assert status({"handle": "v", "strategy": {"type": "cow"}}) == 422


def test_errors_of_a_synchronous_creation(server, api, scratch):
    api.create("empty", "v")
    assert error_of(api.request("POST", "/volumes", {"handle": "v", "strategy": {"type": "empty"}})) == (500, "failed to create volume")
    for parent in ("nobody", "#pain", "../live/v"):
        assert error_of(api.request("POST", "/volumes", {"handle": "w", "strategy": {"type": "cow", "volume": parent}})) == (422, "failed to create volume")
    (scratch / "no.tgz").write_bytes(b"this is no archive")
    for import_path in ("/no/such/path", str(scratch / "no.tgz"), ""):
        answer = api.request("POST", "/volumes", {"handle": "w", "strategy": {"type": "import", "path": import_path}})
        assert answer.status in (400, 500) and answer.json()["error"].startswith("failed to create volume")
    assert api.handles() == {"v"}
    assert list((server.volumes_dir / "init").iterdir()) == []
    api.create("empty", "w")


def test_an_asynchronous_creation_is_polled_and_forgotten(api):
    started = api.request("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "empty"}})
    assert (started.status, started.headers["content-type"], started.body) == (201, "application/json", b'{"handle":"v"}\n')
    done = wait_until(lambda: (answer := api.request("GET", "/volumes-async/v")).status != 204 and answer, "the volume")
    assert (done.status, done.headers["content-type"]) == (200, "application/json")
    assert done.json()["handle"] == "v"
    assert api.request("GET", "/volumes-async/v").status == 200
    # Asking again is harmless: the poll tells what became of the first.
    assert api.request("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "empty"}}).status == 201
    assert api.request("GET", "/volumes-async/v").status == 200
    forgotten = api.request("DELETE", "/volumes-async/v")
    assert (forgotten.status, forgotten.body) == (204, b"")
    for method in ("GET", "DELETE"):
        unknown = api.request(method, "/volumes-async/v")
        assert (unknown.status, unknown.body) == (404, b"")
    assert api.lookup("v")


def test_an_asynchronous_creation_reports_its_failure_to_the_poll(api):
    api.create("empty", "there")
    for body, status in (({"strategy": {"type": "cow", "volume": "nobody"}}, 422), ({"strategy": {"type": "import", "path": "/no/such"}}, 500),
                         ({"handle": "there", "strategy": {"type": "empty"}}, 500)):
        body = {"handle": "v", **body}
        assert api.request("POST", "/volumes-async", body).status == 201
        path = f"/volumes-async/{body['handle']}"
        failed = wait_until(lambda path=path: (answer := api.request("GET", path)).status != 204 and answer, "the failure")
        assert error_of(failed) == (status, "failed to create volume")
        assert api.request("DELETE", path).status == 204
    assert api.handles() == {"there"}


def test_a_cancelled_creation_leaves_no_volume(api, scratch):
    big = scratch / "big"
    big.mkdir()
    for number in range(1000):
        (big / str(number)).write_bytes(b"x")
    api.call("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "import", "path": str(big)}})
    assert api.request("DELETE", "/volumes-async/v").status == 204
    # Whether it was stopped or destroyed, the handle is free in the end.
    wait_until(lambda: api.request("POST", "/volumes", {"handle": "v", "strategy": {"type": "empty"}}).status == 201, "the handle to be free")


def test_properties_are_set_and_filter_the_list(api):
    api.create("empty", "a", properties={"kind": "x", "n": "1"})
    api.create("empty", "b", properties={"kind": "x"})
    api.create("empty", "c")
    assert {v["handle"] for v in api.volumes(kind="x")} == {"a", "b"}
    assert {v["handle"] for v in api.volumes(kind="x", n="1")} == {"a"}
    assert api.volumes(kind="y") == []
    twice = api.request("GET", "/volumes?kind=x&kind=y")
    assert error_of(twice) == (422, "a property may only have a single value: kind has many (x, y)")

    assert api.request("PUT", "/volumes/c/properties/kind", {"value": "x y"}).status == 204
    assert api.request("PUT", "/volumes/c/properties/a%2Fb", {"value": "<&>"}).status == 204
    assert api.lookup("c")["properties"] == {"kind": "x y", "a/b": "<&>"}
    assert {v["handle"] for v in api.volumes(kind="x y")} == {"c"}
    message = "failed to set property on volume"
    assert error_of(api.request("PUT", "/volumes/c/properties/kind", b"{")) == (400, message)
    assert error_of(api.request("PUT", "/volumes/nobody/properties/kind", {"value": ""})) == (404, message)


def test_privileged_is_read_and_changed(api):
    api.create("empty", "v")
    read = api.request("GET", "/volumes/v/privileged")
    assert (read.status, read.headers["content-type"], read.body) == (200, "application/json", b"false\n")
    for _ in range(2):
        assert api.request("PUT", "/volumes/v/privileged", {"value": True}).status == 204
    assert api.request("GET", "/volumes/v/privileged").body == b"true\n"
    assert api.lookup("v")["privileged"] is True
    assert error_of(api.request("GET", "/volumes/w/privileged")) == (404, "failed to get privileged status of volume")
    assert error_of(api.request("PUT", "/volumes/w/privileged", {"value": True})) == (404, "failed to change privileged status of volume")
    assert error_of(api.request("PUT", "/volumes/v/privileged", {"value": 1})) == (400, "failed to change privileged status of volume")


def test_many_volumes_are_destroyed_at_once(api):
    for number in range(20):
        api.create("empty", f"v{number}")
    doomed = json.dumps([f"v{number}" for number in range(19)] + ["nobody", "../x"]).encode()
    assert api.request("DELETE", "/volumes/destroy", doomed).status == 204
    assert api.handles() == {"v19"}
    assert error_of(api.request("DELETE", "/volumes/destroy", b'{"a":1}')) == (400, "failed to destroy volume")


def test_handles_lead_nowhere(server, api):
    api.create("empty", "v")
    before = sorted(str(path) for path in server.work_dir.rglob("*"))
    headers = {"Accept-Encoding": "raw", "Content-Encoding": "raw"}
    for handle in ("..", "%2e%2e", "..%2F..%2Fetc", "%2Fetc", ".", "", "a%00b", "live", "x%2F..%2Fv"):
        for method, path, body in (("GET", "", None), ("DELETE", "", None), ("GET", "/privileged", None), ("PUT", "/privileged", {"value": True}),
                                   ("PUT", "/properties/a", {"value": "b"}), ("PUT", "/stream-out", None), ("PUT", "/stream-in", None)):
            assert api.request(method, f"/volumes/{handle}{path}", body, headers=headers).status in (404, 405), (method, handle, path)
    assert sorted(str(path) for path in server.work_dir.rglob("*")) == before


def test_unknown_paths_and_methods(api):
    missing = api.request("GET", "/nothing")
    assert (missing.status, missing.body) == (404, b"404 page not found\n")
    assert api.request("PATCH", "/volumes").status == 405
    assert api.request("GET", "/volumes/a/b/c").status == 404


def test_a_slow_creation_holds_up_nobody_else(api, scratch):
    big = scratch / "big"
    big.mkdir()
    for number in range(500):
        (big / str(number)).write_bytes(b"x" * 5000)
    threads = [threading.Thread(target=api.create, args=({"type": "import", "path": str(big)}, f"i{n}")) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(20):
        api.create("empty", f"v{number}")
        api.destroy(f"v{number}")
        assert api.request("GET", "/volumes/i0").status in (200, 404)
        api.call("POST", "/volumes/cleanup-orphans")  # never touches what is being made
    for thread in threads:
        thread.join()
    assert api.handles() == {"i0", "i1", "i2", "i3"}
    for number in range(4):
        assert len(files_of(api.stream_out(f"i{number}"))) == 500


def test_a_connection_is_used_again(api):
    with Connection(api.address) as connection:
        for _ in range(3):
            connection.send("GET", "/volumes", headers={"Accept-Encoding": "gzip"})
            head = connection.head()
            assert b"".join(connection.body(head)) == b"[]\n"
            assert "content-encoding" not in head.headers
