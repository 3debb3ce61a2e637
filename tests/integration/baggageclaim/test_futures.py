"""A creation that the web has asked for is not lost by a restart: its next poll gets the volume."""

import pytest

from harness.wait import wait_until


def poll(server, handle):
    return server.api.request("GET", f"/volumes-async/{handle}")


def wait_made(server, handle):
    answer = wait_until(lambda: (answer := poll(server, handle)).status != 204 and answer, f"volume {handle}")
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_finished_creation_is_told_after_a_restart_until_it_is_forgotten(overlay, how):
    overlay.api.call("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "empty"}, "properties": {"a": "b"}})
    before = wait_made(overlay, "v")
    getattr(overlay, how)()
    overlay.start()
    assert poll(overlay, "v").json() == before
    assert overlay.api.request("DELETE", "/volumes-async/v").status == 204
    assert poll(overlay, "v").status == 404
    getattr(overlay, how)()
    overlay.start()
    assert poll(overlay, "v").status == 404 and overlay.api.handles() == {"v"}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_pending_creation_is_begun_again(overlay, scratch, how):
    big = scratch / "big"
    big.mkdir()
    for number in range(2000):
        (big / str(number)).write_bytes(b"x" * 1000)
    asked = overlay.api.request("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "import", "path": str(big)}},
                                headers={"X-Request-Id": "asked-before"})
    assert asked.status == 201
    getattr(overlay, how)()
    overlay.start()
    assert overlay.logged("baggageclaim.creation begun again") == {"handle": "v", "request": "asked-before"}
    wait_made(overlay, "v")
    assert len(list(overlay.data("v").iterdir())) == 2000


def test_a_pending_creation_that_can_not_be_begun_again_fails_its_poll(overlay, scratch):
    big = scratch / "big"
    big.mkdir()
    for number in range(2000):
        (big / str(number)).write_bytes(b"x" * 1000)
    overlay.api.call("POST", "/volumes-async", {"handle": "v", "strategy": {"type": "import", "path": str(big)}})
    overlay.kill()
    big.rename(scratch / "elsewhere")
    overlay.start()
    answer = wait_until(lambda: (answer := poll(overlay, "v")).status != 204 and answer, "an answer")
    assert answer.status == 500 and "error" in answer.json()
