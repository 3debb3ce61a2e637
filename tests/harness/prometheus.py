"""A real Prometheus with the files of deploy/, scraping one worker. tests/prometheus-programs fetches it."""

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness.install import REPOSITORY
from harness.wait import PATIENCE, wait_until
from harness.worker import free_port

DEPLOY = REPOSITORY / "deploy"
RULES = DEPLOY / "prometheus/concourse-worker.rules.yml"
EXAMPLE_TARGET = "worker-1.example.com:8888"


def programs():
    """Where prometheus and promtool are, or should be."""
    return Path(os.environ.get("CONCOURSE_PROMETHEUS", REPOSITORY / "build/prometheus")) / "usr/bin"


class QueryFailed(AssertionError):
    pass


class Prometheus:
    """Scrapes once a second as deploy/prometheus/scrape.yml says, but at `target`, and evaluates the alert rules."""

    def __init__(self, directory, target):
        self.target = target
        self._directory = Path(directory)
        self._address = f"127.0.0.1:{free_port()}"
        self._process = None

    def __enter__(self):
        scrape = (DEPLOY / "prometheus/scrape.yml").read_text()
        assert EXAMPLE_TARGET in scrape
        config, log = self._directory / "prometheus.yml", self._directory / "prometheus.log"
        config.write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{json.dumps(str(RULES))}]\n"
                          + scrape.replace(EXAMPLE_TARGET, self.target))
        with log.open("wb") as output:
            self._process = subprocess.Popen([programs() / "prometheus", f"--config.file={config}", f"--web.listen-address={self._address}",
                                              f"--storage.tsdb.path={self._directory}/data"], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait_until(self._is_ready, lambda: f"Prometheus to be ready; it says: {log.read_text()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()

    def _is_ready(self):
        if self._process.poll() is not None:
            raise AssertionError(f"Prometheus ended with status {self._process.returncode}: {(self._directory / 'prometheus.log').read_text()[-2000:]}")
        try:
            return urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=PATIENCE).status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        """The `data` of an answer of the API."""
        url = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(f"{path} {parameters}: {error.read().decode(errors='replace')}") from None

    def query(self, expression):
        """[(labels, value)] of an expression now; values that are no number are left out, as no panel draws them."""
        found = [(sample["metric"], float(sample["value"][1])) for sample in self.ask("query", query=expression)["result"]]
        return [(labels, value) for labels, value in found if value == value]  # noqa: PLR0124 - NaN isn't equal to itself

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
