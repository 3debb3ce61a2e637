"""A worker whose services are stand-ins: what the supervisor does, seen from outside."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

from harness.wait import wait_until

SERVICES = ["garden", "baggageclaim", "healthcheck", "beacon"]
PATIENCE = 60.0  # seconds


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


class Supervised:
    """Directories of its own, the real supervisor, and service_double.py in place of each service."""

    def __init__(self, install, folder):
        self.install = install
        self.folder = folder
        self.bin = folder / "bin"
        self.run = folder / "run"
        self.work = folder / "work"
        self.bin.mkdir()
        self.use_real("concourse")
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
        shutil.copy(Path(__file__).with_name("service_double.py"), self.bin / f"concourse-{service}")
        os.chmod(self.bin / f"concourse-{service}", 0o755)

    def use_real(self, program):
        shutil.copy(self.install.program(program), self.bin / program)

    def behave(self, **services):
        (self.bin / "behaviour.json").write_text(json.dumps(services))

    def command(self, *flags):
        return [str(self.bin / "concourse"), "worker", "--work-dir", str(self.work), "--runtime-dir", str(self.run), "--tsa-public-key",
                str(self.folder / "key.pub"), "--tsa-worker-private-key", str(self.folder / "key"), "--healthcheck-bind-ip",
                self.address, *flags]

    def start(self, *flags, environment=None, pass_fds=(), before=()):
        self.starts += 1
        self.out = self.folder / f"stdout-{self.starts}"
        self.err = self.folder / f"stderr-{self.starts}"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([*before, *self.command(*flags)], stdin=subprocess.DEVNULL, stdout=out, stderr=err, pass_fds=pass_fds,
                                            env={**self.environment, **(environment or {})})
        return self

    def start_ready(self, *flags, **kwargs):
        self.start(*flags, **kwargs)
        self.wait_for_log("supervisor.ready")
        return self

    def fails(self, *flags, environment=None):
        """Runs a worker that must end by itself: its exit status and what it wrote to stderr."""
        done = subprocess.run(self.command(*flags), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              env={**self.environment, **(environment or {})})
        return done.returncode, done.stderr

    def log(self):
        lines = []
        for line in self.out.read_text().split("\n")[:-1]:  # what comes after the last newline is only half written
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
        return self.process.wait(PATIENCE)

    def kill_leftovers(self):
        """True when none is left."""
        pids = self.leftovers()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

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
