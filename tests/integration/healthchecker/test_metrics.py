"""/metrics of a whole worker, and what is made of it: the page in docs, the dashboard, the alert rules."""

import json
import re
import subprocess

import pytest

from harness.install import REPOSITORY
from harness.wait import wait_until

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\})? (\S+)')


def scrape(worker):
    answer = worker.health.request("GET", "/metrics")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = {}
    for line in answer.body.decode().splitlines():
        if line.startswith("#"):
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        labels = frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        assert (found[1], labels) not in samples, f"twice: {line}"
        samples[found[1], labels] = float(found[3])
    return samples


def value(samples, metric, **labels):
    return samples.get((f"concourse_worker_{metric}", frozenset(labels.items())))


def test_a_worker_with_a_build_tells_what_it_does(worker, hub):
    hub.wait_for(lambda hub: hub.atc.worker(worker.name).heartbeats >= 1, "a heartbeat")
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        processes = f"/containers/{build.container('task')}/processes"
        assert worker.garden.request("POST", processes, {"path": "true", "user": "nobody-such"}).status == 500
        assert worker.garden.request("GET", f"{processes}/unknown").status == 404
        samples = scrape(worker)
        build.abort()
    for service in ("supervisor", "garden", "baggageclaim", "beacon", "healthcheck"):
        assert value(samples, "service_up", service=service) == 1
        assert value(samples, "service_start_time_seconds", service=service) > 1_700_000_000
    assert value(samples, "containers") == 2 and value(samples, "volumes", state="live") >= 4
    assert value(samples, "tasks") == 3, "two inits and a sleep"
    assert value(samples, "oom_kills_total") == 0
    kinds = {kind: value(samples, "volumes_by_kind", kind=kind) for kind in ("empty", "import", "cow", "unknown")}
    assert min(kinds["empty"], kinds["import"], kinds["cow"]) >= 1 and kinds["unknown"] == 0
    assert sum(kinds.values()) == value(samples, "volumes", state="live")
    assert value(samples, "sweep_running", kind="volumes") is not None and value(samples, "sweep_backlog", kind="containers") is not None
    assert value(samples, "registered") == 1 and value(samples, "draining") == 0
    assert value(samples, "heartbeat_age_seconds") < 30 and value(samples, "heartbeats_total") >= 1
    creates = {"service": "garden", "request": "POST /containers"}
    assert value(samples, "request_seconds_count", **creates) == 2
    assert value(samples, "request_seconds_bucket", **creates, le="+Inf") == 2
    assert 0 < value(samples, "request_seconds_sum", **creates) < 60
    assert value(samples, "requests_failed_total", **creates) == 0
    runs = {"service": "garden", "request": "POST /containers/:handle/processes"}
    assert value(samples, "request_seconds_count", **runs) == 3 and value(samples, "requests_failed_total", **runs) == 1
    attaches = {"service": "garden", "request": "GET /containers/:handle/processes/:pid"}
    assert value(samples, "request_seconds_count", **attaches) >= 1 and value(samples, "requests_failed_total", **attaches) == 0
    assert 0 < value(samples, "disk_bytes", state="free") < value(samples, "disk_bytes", state="size")
    assert value(samples, "tunnel_bytes_total", direction="to_services") > 0
    assert value(samples, "service_restarts_total", service="garden") == 0
    wait_until(lambda: value(scrape(worker), "sweep_destroyed_total", kind="containers") == 2, "the sweep to be counted")
    trip = wait_until(lambda: value(scrape(worker), "tsa_round_trip_seconds"), "a keepalive to be answered")
    assert 0 < trip < 10


def test_a_service_that_is_down_is_told_and_the_others_are_not_hidden(worker):
    import os
    import signal

    supervisor, garden = worker.pid("supervisor"), worker.pid("garden")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(garden, signal.SIGKILL)
        samples = wait_until(lambda: (found := scrape(worker)) and value(found, "service_up", service="garden") == 0 and found, "Garden to be told down")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert value(samples, "containers") is None and value(samples, "service_up", service="baggageclaim") == 1
    wait_until(lambda: value(scrape(worker), "service_up", service="garden") == 1, "Garden to be up again")


def test_health_questions_are_counted_and_scrapes_are_none(worker):
    before = value(scrape(worker), "healthchecks_total")
    assert worker.health.request("GET", "/").status == 200
    assert value(scrape(worker), "healthchecks_total") == before + 1


@pytest.fixture
def described(install):
    return subprocess.run([install.program("concourse-healthcheck"), "--describe-metrics"], capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_page_in_docs_is_what_the_program_prints(described):
    assert (REPOSITORY / "docs/metrics.md").read_text() == described, "concourse-healthcheck --describe-metrics > docs/metrics.md"


@pytest.mark.parametrize("file", ["grafana/concourse-workers.json", "prometheus/concourse-worker.rules.yml"])
def test_dashboard_and_alerts_ask_for_metrics_that_exist(described, file):
    text = (REPOSITORY / "deploy" / file).read_text()
    if file.endswith(".json"):
        assert json.loads(text)["panels"]
    known = set(re.findall(r"`(concourse_worker_\w+)`", described))
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"concourse_worker_\w+", text)}
    assert asked and asked <= known
