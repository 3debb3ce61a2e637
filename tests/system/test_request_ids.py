"""One request has one name in the logs of all services that it passes through."""

import re
import subprocess

from harness.wait import wait_until


def find(worker, source, message, **data):
    """The first such line of a service's log."""
    def look():
        return next((event for event in worker.events() if event["source"] == source and event["message"] == f"{source}.{message}"
                     and all(event["data"].get(key) == value for key, value in data.items())), None)
    return wait_until(look, f"{source}'s line {message!r} with {data}; the last lines were:\n{worker.tail()}")


def test_a_sweep_has_one_id_in_the_beacons_log_and_in_the_services(hub, worker):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        assert build.task("task", artifact, ["true"]).status == 0
        containers = worker.garden.containers()
    assert containers
    rounds = set()
    for source, kind, event in (("garden", "containers", "container destroyed"), ("baggageclaim", "volumes", "volume destroyed")):
        request = find(worker, source, event)["data"]["request"]
        assert re.fullmatch("[0-9a-f]{12}", request)
        assert find(worker, "beacon", "swept", kind=kind, request=request)["data"]["destroyed"] >= 1
        find(worker, source, "request", method="GET", target=f"/{kind}", request=request)  # all of the round: its list too
        rounds.add(request)
    assert len(rounds) == 2, "containers and volumes are swept in rounds of their own"


def test_a_health_check_takes_the_clients_id_to_both_services(worker):
    assert worker.health.request("GET", "/", headers={"X-Request-Id": "probe-7.a_B"}).status == 200
    find(worker, "garden", "request", target="/ping", request="probe-7.a_B")
    find(worker, "baggageclaim", "request", target="/volumes", request="probe-7.a_B")


def test_a_drain_has_the_id_of_the_command_that_asked_for_it(worker, install):
    subprocess.run([install.program("concourse-workerctl"), "drain", "--land", f"--runtime-dir={worker.runtime_dir}"], check=True, timeout=60)
    request = find(worker, "supervisor", "draining", mode="land")["data"]["request"]
    assert re.fullmatch("[0-9a-f]{12}", request)
    find(worker, "supervisor", "beacon told", request=request)
    find(worker, "beacon", "draining", request=request)
    assert worker.wait_exit() == 0
