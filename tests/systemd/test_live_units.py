"""concourse-worker.target under a real systemd: what starting, restarting, killing, landing and stopping do."""

import os

import pytest

from harness.http import Api
from harness.wait import wait_until
from installed import LINES, NAME, SERVICES, TARGET, cgroups_in, configure, lines_of, mounts_in, programs_in, start_numbers

RESTARTS = int(os.environ.get("CONCOURSE_TEST_RESTARTS", "1"))  # of each service, under one build


def test_systemd_finds_nothing_wrong_with_the_units(machine):
    units = machine.output("sh", "-c", "ls /usr/lib/systemd/system/concourse-*").split()
    done = machine.run("systemd-analyze", "verify", "--man=no", *units, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_target_brings_up_a_worker_that_runs_steps(target, hub):
    assert target.active(TARGET, *SERVICES) == [TARGET, *SERVICES]
    text = target.output("concourse-workerctl", "status")
    assert all(f"{service.removeprefix('concourse-')} " in text for service in SERVICES) and f"as {NAME}" in text
    with hub.build(NAME) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        task = build.task("task", artifact, ["sh", "-ec", "id -u; echo x > out/file"], outputs=["out"], memory=64 << 20)
        assert (task.status, task.stdout) == (0, b"0\r\n")
    health = Api("127.0.0.1:8888")
    assert health.request("GET", "/").status == 200
    page = health.request("GET", "/metrics").body.decode()
    assert all(f'concourse_worker_service_up{{service="{service.removeprefix("concourse-")}"}} 1\n' in page for service in SERVICES)


def test_the_journal_has_fields_to_ask_for(target, hub):
    with hub.build(NAME) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        assert build.task("task", artifact, ["true"]).status == 0
    handle = target.output("journalctl", "-o", "cat", "--output-fields=CONCOURSE_HANDLE", "-n", "1", "CONCOURSE_EVENT=container created").strip()
    asked = target.output("journalctl", "-o", "cat", "-u", "concourse-garden", f"CONCOURSE_HANDLE={handle}")
    assert "garden.container created" in asked and "garden.process ended" in asked and '"status":0' in asked
    assert handle in target.output("concourse-workerctl", "trace", handle)
    request = target.output("journalctl", "-o", "cat", "--output-fields=CONCOURSE_REQUEST", "-n", "1", "CONCOURSE_EVENT=process ended", f"CONCOURSE_HANDLE={handle}").strip()
    asked = target.output("journalctl", "-o", "cat", f"CONCOURSE_REQUEST={request}")
    assert "garden.process started" in asked and "garden.process ended" in asked and "container created" not in asked


@pytest.mark.parametrize("service,tenths", [("concourse-baggageclaim", 64), ("concourse-beacon", 19), ("concourse-healthcheck", 17)])
def test_a_service_is_no_more_exposed_than_docs_hardening_says(machine, service, tenths):
    machine.run("systemd-analyze", "security", "--no-pager", f"--threshold={tenths}", f"{service}.service")


def test_only_garden_and_baggageclaim_are_root(target):
    users = {service: target.output("ps", "-o", "user:20=", "-p", target.pid(service)) for service in SERVICES}
    assert users == {"concourse-garden": "root", "concourse-baggageclaim": "root", "concourse-beacon": "concourse-worker",
                     "concourse-healthcheck": "concourse-worker"}


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_no_line_is_lost_when_services_are_restarted_or_killed_alone(target, hub, how):
    with hub.build(NAME) as build:
        step = start_numbers(build)
        for at, service in ((30, "concourse-garden"), (120, "concourse-baggageclaim"), (200, "concourse-healthcheck")):
            step.wait_for(b"line %d\r" % at)
            others = {other: target.pid(other) for other in SERVICES if other != service}
            renew(target, service, how)
            assert {other: target.pid(other) for other in others} == others, "more than one service was touched"
        result = step.result()
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(LINES)])
    assert result.attachments == 1, "the stream broke"


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_a_build_outlives_the_beacon(target, hub, how):
    before = hub.worker(NAME).registrations
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 50\r")
        renew(target, "concourse-beacon", how)
        result = step.result()
    assert result.status == 0 and result.attachments > 1
    assert hub.worker(NAME).registrations == before + 1
    if how == "restarted":  # an orderly stop lets go of nothing that it has taken
        assert lines_of(result.stdout) == [f"line {n}" for n in range(LINES)]


@pytest.mark.timeout(120 + 30 * RESTARTS)
def test_restarts_again_and_again_lose_no_line(target, hub):
    lines = 400 + 600 * RESTARTS
    with hub.build(NAME) as build:
        step = start_numbers(build, lines)
        for at in range(RESTARTS):
            step.wait_for(b"line %d\r" % (50 + 20 * at))
            for service in SERVICES:
                renew(target, service, "restarted")
            wait_until(lambda: "registered" in target.property("concourse-beacon", "StatusText"), "the registration")
        assert not step.done(), "the build was over before the last restart was"
        result = step.result(timeout=60 + lines / 20)
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(lines)])


def test_a_replaced_beacon_breaks_no_stream(target, hub):
    before, old = hub.worker(NAME).registrations, target.pid("concourse-beacon")
    restarts = target.property("concourse-beacon", "NRestarts")
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 50\r")
        target.run("concourse-workerctl", "restart", "beacon")
        target.wait_restarted("concourse-beacon", old)
        assert str(old) in {line.split()[0] for line in programs_in(target)}, "the old one carries the stream"
        result = step.result()
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(LINES)])
    assert result.attachments == 1 and hub.worker(NAME).registrations == before + 1
    wait_until(lambda: str(old) not in {line.split()[0] for line in programs_in(target)}, "the old beacon to end")
    assert target.property("concourse-beacon", "NRestarts") == restarts and target.active("concourse-beacon")
    journal = target.journal("concourse-beacon")
    assert "reception only permitted" not in journal, "a process spoke that systemd does not listen to"


def renew(machine, service, how):
    old = machine.pid(service)
    if how == "restarted":
        machine.run("systemctl", "restart", service)
        assert machine.pid(service) != old
    else:
        machine.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", service)
        machine.wait_restarted(service, old)


def test_stopping_garden_stops_no_container_and_its_socket_starts_it_again(target, hub):
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 20\r")
        target.run("systemctl", "stop", "concourse-garden.service")
        assert target.active("concourse-garden.service", "concourse-garden.socket") == ["concourse-garden.socket"]
        step.wait_for(b"line 100\r")
        result = step.result()  # its exit status is a request to Garden
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(LINES)])
    assert target.active("concourse-garden.service")


@pytest.mark.parametrize("word", ["reload", "kill"])
def test_landing_ends_the_target_when_the_builds_have_ended(target, hub, word):
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 20\r")
        target.run("systemctl", *(["reload"] if word == "reload" else ["kill", "-s", "USR1"]), "concourse-beacon")
        hub.wait_state(NAME, "landing")
        assert step.result().status == 0
    hub.wait_state(NAME, "landed")
    wait_until(lambda: not target.active(TARGET, *SERVICES), lambda: f"the target to end\n{target.journal('concourse-beacon')}")
    assert target.property("concourse-beacon", "Result") == "success"


@pytest.mark.parametrize("deadline", ["", "1h", "soon"])
def test_a_stop_with_a_mode_waits_for_the_builds(target, hub, deadline):
    configure(target, hub, stop_mode="retire", stop_deadline=deadline)
    try:
        with hub.build(NAME) as build:
            step = start_numbers(build)
            step.wait_for(b"line 20\r")
            stop = target.start("systemctl", "stop", TARGET)
            hub.wait_state(NAME, "retiring")
            assert step.result().status == 0
            assert stop.poll() is None, "the stop didn't wait for the build"
        assert stop.wait(60) == 0
        assert hub.state(NAME) is None
        assert not target.active(TARGET, *SERVICES)
    finally:
        configure(target, hub)


def test_a_stop_with_a_deadline_waits_no_longer_and_the_next_start_goes_on_with_the_build(target, hub):
    configure(target, hub, stop_mode="land", stop_deadline="2s")
    try:
        with hub.build(NAME) as build:
            step = start_numbers(build, 2000)
            step.wait_for(b"line 20\r")
            target.run("systemctl", "stop", TARGET)
            assert not step.done(), "the stop waited for the build"
            assert not target.active(TARGET, *SERVICES)
            told = target.journal("concourse-worker-drain")
            assert "landing, waits for 1 container" in told and "ends in 1m at the latest" in told and "ended" in told
            target.run("systemctl", "reset-failed")
            target.run("systemctl", "start", TARGET)
            result = step.result()
        assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(2000)])
    finally:
        configure(target, hub)


def test_a_stop_in_place_keeps_containers_for_the_next_start(target, hub):
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 20\r")
        target.run("systemctl", "stop", TARGET)
        assert not target.active(TARGET, *SERVICES)
        assert any("concourse-shim" in line for line in programs_in(target)), "the stop ended a container"
        target.run("systemctl", "start", TARGET)
        result = step.result()
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(LINES)])


def test_wrong_settings_are_told_in_full_and_start_nothing(target, hub):
    target.run("systemctl", "stop", TARGET)
    configure(target, hub, tsa_host="nowhere", sweep_interval="0", stop_mode="lnad", stop_deadline="soon")
    try:
        assert target.run("systemctl", "start", TARGET, check=False).returncode != 0
        told = target.journal("concourse-worker-check")
        assert all(word in told for word in ("--tsa-host", "--sweep-interval", "CONCOURSE_STOP_MODE is 'lnad'", "CONCOURSE_STOP_DEADLINE: 'soon'"))
        assert not target.active(*SERVICES)
        # Nor does a person or a socket start one.
        for service in SERVICES:
            assert target.run("systemctl", "start", service, check=False).returncode != 0, service
        assert not target.active(*SERVICES)
    finally:
        configure(target, hub)
        target.run("systemctl", "reset-failed")


def test_a_hanging_service_is_noticed_by_the_watchdog(target):
    drop_in = "/etc/systemd/system/concourse-healthcheck.service.d/quick.conf"
    target.write(drop_in, "[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\n")
    target.run("systemctl", "daemon-reload")
    target.run("systemctl", "restart", "concourse-healthcheck")
    try:
        old = target.pid("concourse-healthcheck")
        target.run("systemctl", "kill", "-s", "STOP", "--kill-who=main", "concourse-healthcheck")
        target.wait_restarted("concourse-healthcheck", old)
    finally:
        target.run("rm", "-r", drop_in.removesuffix("/quick.conf"))
        target.run("systemctl", "daemon-reload")


def test_a_stopped_target_leaves_nothing(target, hub):
    hub.wait_for(lambda hub: not hub.atc.containers.rows, "the containers of the builds to be swept")
    target.run("systemctl", "stop", TARGET)
    assert not target.active(TARGET, *SERVICES)
    assert programs_in(target) == []
    assert cgroups_in(target) == []
    assert mounts_in(target) == []
