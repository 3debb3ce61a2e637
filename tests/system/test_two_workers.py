"""Artifacts between two workers: from one to the other, and through the web."""

import pytest

from harness.worker import free_port

IMAGE = {"mirror_self": True}


@pytest.fixture
def pair(make_worker, hub):
    """Two registered workers whose BaggageClaims reach each other."""
    def make(name):
        flags = ["--baggageclaim-bind-ip=192.0.2.1", f"--baggageclaim-bind-port={free_port()}", "--baggageclaim-p2p-interface-name-pattern=eth0"]
        return make_worker(hub, name, flags).start()
    return [worker.wait_ready().wait_registered() for worker in [make("one"), make("two")]]


@pytest.mark.parametrize("p2p", [True, False], ids=["from worker to worker", "through the web"])
def test_an_input_of_another_worker_is_streamed(hub, pair, p2p):
    one, two = pair
    hub.do(lambda hub: setattr(hub, "p2p", p2p))
    with hub.build(one.name) as first, hub.build(two.name, name="2") as second:
        image = first.get("image", "busybox", IMAGE, {"version": "7"}).artifact
        made = first.task("made", image, ["sh", "-ec", "echo there > out/file"], outputs=["out"])
        task = second.task("task", image, ["cat", "in/file"], {"in": made.outputs["out"]})
        assert task.stdout == b"there\r\n"
    asked = [event["data"]["target"] for event in one.events() if event["message"] == "baggageclaim.request"]
    assert any("/stream-p2p-out?" in target for target in asked) is p2p


def test_a_peer_that_cannot_be_reached_is_sent_the_input_through_the_web(hub, make_worker, pair):
    one, _ = pair
    three = make_worker(hub, "three", ["--baggageclaim-p2p-interface-name-pattern=^nothing$"]).start().wait_ready().wait_registered()
    hub.do(lambda hub: setattr(hub, "p2p", True))
    with hub.build(one.name) as first, hub.build(three.name, name="3") as third:
        image = first.get("image", "busybox", IMAGE, {"version": "7"}).artifact
        assert third.task("task", image, ["cat", "in/version"], {"in": image}).stdout.strip() == b"7"
