"""One worker per test, in directories of its own, with stand-ins for its services (double.py)."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("CONCOURSE_BUILD", HERE.parents[2] / "build" / "dev"))
PROGRAMS = {
    "concourse": BUILD / "services/supervisor/concourse",
    "concourse-healthcheck": BUILD / "services/healthchecker/concourse-healthcheck",
    "concourse-workerctl": BUILD / "services/ctl/concourse-workerctl",
}
SERVICES = ["garden", "baggageclaim", "healthcheck", "beacon"]
LIMIT = 60  # seconds; generous, and never slept through


def wait_until(condition, what, limit=LIMIT):
    """The condition's value as soon as it is true."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {limit} s in vain: {what() if callable(what) else what}"
        time.sleep(0.01)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Worker:
    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.run = folder / "run"
        self.work = folder / "work"
        self.bin.mkdir()
        shutil.copy(PROGRAMS["concourse"], self.bin / "concourse")
        for service in SERVICES:
            self.use_double(service)
        self.address = "127.%d.%d.%d" % tuple(random.randint(1, 254) for _ in range(3))
        self.environment = {"PATH": os.environ["PATH"], "TZ": "UTC"}
        subprocess.run([self.bin / "concourse", "generate-key", "-t", "ssh", "-b", "1024", "-f", folder / "key"], check=True,
                       stdout=subprocess.DEVNULL)
        version = subprocess.run([self.bin / "concourse", "--version"], check=True, capture_output=True, text=True).stdout
        (self.bin / "version").write_text(version)
        self.process = None
        self.starts = 0

    def use_double(self, service):
        shutil.copy(HERE / "double.py", self.bin / f"concourse-{service}")
        os.chmod(self.bin / f"concourse-{service}", 0o755)

    def use_real(self, service):
        shutil.copy(PROGRAMS[f"concourse-{service}"], self.bin / f"concourse-{service}")

    def behave(self, **services):
        (self.bin / "behaviour.json").write_text(json.dumps(services))

    def command(self, *flags):
        return [str(self.bin / "concourse"), "worker", "--work-dir", str(self.work), "--runtime-dir", str(self.run), "--tsa-public-key",
                str(self.folder / "key.pub"), "--tsa-worker-private-key", str(self.folder / "key"), "--healthcheck-bind-ip",
                self.address, *flags]

    def start(self, *flags, environment=None, pass_fds=()):
        self.starts += 1
        self.out = self.folder / f"stdout-{self.starts}"
        self.err = self.folder / f"stderr-{self.starts}"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(self.command(*flags), stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=pass_fds,
                                            env={**self.environment, **(environment or {})})
        return self

    def start_ready(self, *flags, **kwargs):
        self.start(*flags, **kwargs)
        self.wait_for_log("supervisor.ready")
        return self

    def fails(self, *flags, environment=None):
        """Runs a worker that must end by itself: its exit status and what it wrote to stderr."""
        done = subprocess.run(self.command(*flags), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT,
                              env={**self.environment, **(environment or {})})
        return done.returncode, done.stderr

    def log(self):
        lines = []
        for line in self.out.read_text().splitlines():
            lines.append(json.loads(line))
        return lines

    def logged(self, message, **data):
        return [line for line in self.log() if line["message"] == message and data.items() <= line["data"].items()]

    def wait_for_log(self, message, count=1, **data):
        def look():
            found = self.logged(message, **data)
            if len(found) < count:
                assert self.process.poll() is None or message.startswith("supervisor.stop"), self.err.read_text() + self.out.read_text()
                found = self.logged(message, **data)
            return found if len(found) >= count else None
        return wait_until(look, lambda: f"{count} × {message} {data} in {self.out.read_text()}")

    def events(self, service=None, kind=None):
        path = self.bin / "events.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [e for e in lines if service in (None, e["service"]) and kind in (None, e["event"])]

    def wait_for_event(self, service, kind, count=1):
        return wait_until(lambda: (lambda found: found if len(found) >= count else None)(self.events(service, kind)),
                          f"{count} × {kind} of {service}")

    def pid_of(self, service):
        """Of the process that runs now."""
        pids = [e["pid"] for e in self.events(service, "started") if is_alive(e["pid"])]
        assert len(pids) == 1, f"{service}: {pids}"
        return pids[0]

    def kill(self, pid, number=signal.SIGKILL):
        os.kill(pid, number)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(LIMIT)

    def leftovers(self):
        """Processes of this worker that still run."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    ours = f"NOTIFY_SOCKET={self.run}/notify.sock".encode() in file.read().split(b"\0")
            except (OSError, ProcessLookupError):
                continue
            if ours and is_alive(int(name)):
                found.append(int(name))
        return found


@pytest.fixture
def worker():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sv-"))
    worker = Worker(folder)
    yield worker
    if worker.process is not None and worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait()
    for pid in worker.leftovers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not worker.leftovers(), "the services to end")
    shutil.rmtree(folder)
