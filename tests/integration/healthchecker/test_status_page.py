"""/status, the page for people."""

import html.parser
import os
import re
import signal

import pytest

from harness.http import Api
from harness.program import Program
from harness.wait import wait_until
from harness.worker import free_port

ON = "--healthcheck-status-page"


class Page(html.parser.HTMLParser):
    """Its text, its elements, and what was left open."""

    VOID = {"meta", "link", "path"}

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(source)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data + "\n"

    def graphs(self):
        """The paths of the graphs' lines."""
        return [attributes["d"] for tag, attributes in self.elements if tag == "path" and attributes["class"] == "line"]


def look(api):
    answer = api.request("GET", "/status")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer, Page(answer.body.decode())


def test_a_worker_with_a_build_shows_it(make_worker, hub):
    name = "<b>x</b>&\"'"
    worker = make_worker(hub, name, [ON]).start().wait_ready().wait_registered()
    with hub.build(name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        _, page = look(worker.health)
        build.abort()
    assert f"{name}\nready" in page.text
    assert "Containers\n2\n" in page.text and "Volumes\n" in page.text and re.search(r"Disk used\n\d+ %\n", page.text)
    assert re.search(r"registered with 127\.0\.0\.1:\d+ for ", page.text)
    assert all(f"{service}\nready" in page.text for service in ("supervisor", "garden", "baggageclaim", "beacon", "healthcheck"))
    # The first sample is of the start, when nobody answered yet.
    page = wait_until(lambda: (page := look(worker.health)[1]).graphs() and page, "something in the graphs")
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 6


def test_it_loads_nothing_and_allows_nothing(make_worker, hub):
    worker = make_worker(hub, flags=[ON]).start().wait_ready().wait_registered()
    answer, page = look(worker.health)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    [style] = [attributes for tag, attributes in page.elements if tag == "style"]
    assert policy == {"default-src": "'none'", "style-src": f"'nonce-{style['nonce']}'", "img-src": "data:", "base-uri": "'none'",
                      "form-action": "'none'", "frame-ancestors": "'none'"}
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    assert look(worker.health)[0].headers["content-security-policy"] != answer.headers["content-security-policy"], "a nonce is used once"
    for tag, attributes in page.elements:
        assert tag not in ("script", "img", "iframe", "object") and not {"style", "src"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "data:").startswith("data:")
    assert ("meta", {"http-equiv": "refresh", "content": "10"}) in page.elements


def test_a_service_that_is_down_is_named(make_worker, hub):
    worker = make_worker(hub, flags=[ON]).start().wait_ready().wait_registered()
    supervisor, garden = worker.pid("supervisor"), worker.pid("garden")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(garden, signal.SIGKILL)
        page = wait_until(lambda: "garden is down" in (page := look(worker.health)[1]).text and page, "Garden to be told down")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert "not ready" in page.text and "garden\ndown" in page.text and "baggageclaim\nready" in page.text
    assert "Containers\n–\n" in page.text and re.search(r"Volumes\n\d+\n", page.text)
    wait_until(lambda: "garden is down" not in look(worker.health)[1].text, "Garden to be up again")


def test_off_it_is_not_there(worker):
    assert worker.health.request("GET", "/status").status == 404
    assert worker.health.request("GET", "/status/").status == 200, "every other path is a health question"


@pytest.mark.parametrize("value, status", [("true", 200), ("false", 404)])
def test_alone_by_a_variable_as_systemd_gives_it(install, run_dir, value, status):
    port = free_port()
    program = Program()
    program.launch_command([install.program("concourse-healthcheck"), f"--runtime-dir={run_dir}", "--healthcheck-bind-ip=127.0.0.1",
                            f"--healthcheck-bind-port={port}"], {"CONCOURSE_HEALTHCHECK_STATUS_PAGE": value})
    try:
        wait_until(lambda: any("healthcheck.ready" in line for line in program.lines), "the healthcheck to be ready")
        answer = Api(f"127.0.0.1:{port}").request("GET", "/status")
        assert answer.status == status
        if status == 200:
            text = Page(answer.body.decode()).text
            assert all(f"{service} is down" in text for service in ("garden", "baggageclaim", "beacon"))
            assert f"{run_dir}/control/beacon.sock" in text and "there is none where systemd runs the services" in text
    finally:
        assert program.stop() == 0
