"""The dashboard and the alert rules of deploy/ with a real Prometheus and a worker with builds."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.prometheus import DEPLOY, RULES, Prometheus, programs
from harness.wait import wait_until

SELECTOR = re.compile(r"concourse_worker_\w+(?:\{[^}]*\})?")
# What the variables of the dashboard stand for, when every worker is chosen.
VARIABLES = {"$instance": ".*", "$__rate_interval": "1m"}


@pytest.fixture(scope="module", autouse=True)
def prometheus_programs():
    if not (programs() / "prometheus").exists():
        pytest.skip(f"no Prometheus in {programs()}: tests/prometheus-programs build/prometheus fetches it")


@pytest.mark.parametrize("check", [("check", "rules", RULES), ("test", "rules", RULES.with_suffix(".test.yml"))], ids=["check", "test"])
def test_promtool_is_content_with_the_rules(check):
    done = subprocess.run([programs() / "promtool", *check], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_and_every_alert_has_data_of_a_worker_with_builds(hub, worker, scratch):
    with Prometheus(scratch, f"127.0.0.1:{worker.health_port}") as prometheus:
        build(hub, worker)  # what happened once has a rate only if there was a scrape before
        seen = wait_until(lambda: prometheus.query("concourse_worker_containers"), "a scrape")
        assert seen[0][0]["instance"] == prometheus.target and seen[0][0]["job"] == "concourse-worker"
        swept = 'concourse_worker_sweep_destroyed_total{kind="containers"} >= 2'
        wait_until(lambda: prometheus.query(swept), "the sweep to be scraped")
        build(hub, worker)
        worker.kill_service("baggageclaim")

        for title, expression in panels():
            wait_until(lambda: prometheus.query(expression), f"data for the panel '{title}': {expression}")
        restarts = 'changes(concourse_worker_service_start_time_seconds{service="baggageclaim"}[1m]) == 1'
        wait_until(lambda: prometheus.query(restarts), "the restart to be seen")
        assert prometheus.ask("label/instance/values", **{"match[]": "concourse_worker_service_up"}) == [prometheus.target]

        rules = wait_until(lambda: (found := prometheus.rules()) and all(rule["health"] != "unknown" for rule in found) and found,
                           "every rule to be evaluated")
        assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
        assert len(rules) == RULES.read_text().count("- alert:")
        for rule in rules:
            for selector in SELECTOR.findall(rule["query"]):
                assert prometheus.query(selector), f"{rule['name']} asks for {selector}, which there is none of"


def build(hub, worker):
    """Makes, runs and destroys containers, streams a volume, and has one request refused."""
    with hub.build(worker.name) as build:
        image = build.get("image", "busybox", {"mirror_self": True}, {"version": "7"}).artifact
        task = build.task("task", image, ["sh", "-c", "echo built > out/file"], {"in": image}, ["out"])
        assert build.put("put", "busybox", {}, {"version": "8"}, {"out": task.outputs["out"]}).version == {"version": "8"}
    assert worker.garden.request("POST", "/containers", ["no", "object"]).status == 500


def panels():
    """(title, expression) of every query that this machine can answer."""
    dashboard = json.loads((DEPLOY / "grafana/concourse-workers.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression, f"{panel['title']}: a variable that no test knows: {expression}"
            if "disk_inodes" in expression and os.statvfs("/var/tmp").f_files == 0:
                continue  # btrfs counts none
            if "machine_pressure" in expression and not Path("/proc/pressure").exists():
                continue  # a kernel without PSI
            yield panel["title"], expression
