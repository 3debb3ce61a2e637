"""The beacon as a process, a TSA beside it, and stand-ins for Garden and BaggageClaim on Unix sockets."""

import json
import os
import signal
import subprocess

import asyncssh
import pytest

import recovery
from fake_tsa import FakeTsa
from harness import control
from harness.wait import wait_until
from stand_ins import Service, echo

EXIT_STATUSES = (0, 1, 2, 10, 11, 12, 13, -signal.SIGKILL)  # anything else is a crash


def pytest_terminal_summary(terminalreporter):
    if recovery.TIMES:
        terminalreporter.section("recovery of the beacon")
    for fault, took in recovery.TIMES:
        terminalreporter.line(f"{took:6.1f} s  {fault}")


class Keys:
    """Host key, worker key and a stranger's."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {}
        for name in ("host", "worker", "stranger"):
            key = self.keys[name] = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
            key.write_private_key(str(self.private(name)), "pkcs1-pem")
            key.write_public_key(str(self.public(name)))

    def private(self, name):
        return self.folder / name

    def public(self, name):
        return self.folder / f"{name}.pub"


class Beacon:
    name = "beacon"

    def __init__(self, program, folder, runtime, arguments, environment):
        self.runtime = runtime
        self.arguments = [str(program), f"--runtime-dir={runtime}", "--log-level=debug", "--log-format=json", *arguments]
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CONCOURSE_")} | environment
        self.log_path = folder / "beacon.log"
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, env=self.environment)
        return self

    def tail(self, lines):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:]) if self.log_path.exists() else ""

    def log(self):
        lines = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"message": line, "level": "raw", "data": {}})
        return lines

    def logged(self, message, **data):
        return [l for l in self.log() if message in l["message"] and all(str(v) in str(l["data"].get(k)) for k, v in data.items())]

    def wait_log(self, message, times=1, timeout=60, **data):
        return wait_until(lambda: len(found := self.logged(message, **data)) >= times and found, f"the log line {message!r} {data}", timeout)

    def ask_plain(self, command):
        return control.ask(self.runtime, "beacon", command)

    def ask(self, command, **fields):
        return control.ask(self.runtime, "beacon", command, **fields)["beacon"]

    def status(self):
        return self.ask("status")

    def wait_status(self, condition, what, timeout=60):
        def look():
            try:
                status = self.status()
            except OSError:  # it has no socket yet
                return None
            return status if condition(status) else None

        return wait_until(look, what, timeout)

    def rss(self):
        """Bytes of memory it has in use; always 0 with a sanitizer, which keeps what was freed."""
        if "libasan" in (maps := open(f"/proc/{self.process.pid}/maps").read()) or "libtsan" in maps:
            return 0
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def end(self, number=signal.SIGTERM, timeout=60):
        """Sends a signal; gives the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def make_tsa(keys):
    made = []

    def make(host_key="host", worker_keys=("worker",), start=True, receive_buffer=None, **options):
        tsa = FakeTsa(keys.keys[host_key], [keys.keys[k].convert_to_public() for k in worker_keys], **options)
        tsa.receive_buffer = receive_buffer
        made.append(tsa)
        return tsa.start() if start else tsa

    yield make
    for tsa in made:
        tsa.close()


@pytest.fixture
def make_beacon(request, install, scratch, run_dir, keys):
    made = request.node.workers = []

    def make(tsa, *arguments, start=True, environment=None, private_key=None, host_keys=("host",)):
        public = scratch / "tsa.pub"
        public.write_text("# the TSA\n" + "".join(keys.public(name).read_text() for name in host_keys))
        hosts = [t if isinstance(t, str) else t.address for t in (tsa if isinstance(tsa, (list, tuple)) else [tsa])]
        flags = [f"--tsa-public-key={public}", f"--tsa-worker-private-key={private_key or keys.private('worker')}", "--name=w1",
                 *[f"--tsa-host={host}" for host in hosts], *arguments]
        beacon = Beacon(install.program("concourse-beacon"), scratch, run_dir, flags, environment or {})
        made.append(beacon)
        return beacon.start() if start else beacon

    yield make
    for beacon in made:
        if beacon.process is None:
            continue
        try:
            beacon.end()
        finally:
            if beacon.process.poll() is None:
                beacon.process.kill()
                beacon.process.wait()
        assert beacon.process.returncode in EXIT_STATUSES


class Services:
    """Echoing stand-ins for both services. `service.handler` may be replaced at any time; it gets each new connection."""

    def __init__(self, folder):
        self.garden = Service(folder / "garden.sock", echo)
        self.baggageclaim = Service(folder / "baggageclaim.sock", echo)


@pytest.fixture
def services(run_dir):
    both = Services(run_dir)
    both.garden.start()
    both.baggageclaim.start()
    yield both
    both.garden.stop()
    both.baggageclaim.stop()
