"""A whole worker, as `concourse worker` starts it."""

import json
import os
import random
import signal
import socket
import subprocess
import threading
from pathlib import Path

from harness.baggageclaim import BaggageclaimClient
from harness.control import ask
from harness.garden import GardenClient
from harness.http import Api, HttpError
from harness.wait import PATIENCE, wait_until

SERVICES = {"garden": "concourse-garden", "baggageclaim": "concourse-baggageclaim", "beacon": "concourse-beacon",
            "healthcheck": "concourse-healthcheck"}
START = 90.0  # seconds


class Worker:
    """Its own directories, ports, network pool and keys; `flags` are more arguments, `hub` the one to register with.

    Starting waits for nothing; `wait_ready` and `wait_registered` do.
    """

    def __init__(self, install, directory, runtime_dir, hub=None, name="worker", flags=(), environment=None):
        self.install = install
        self.directory = Path(directory)
        self.work_dir = self.directory / "work"
        self.runtime_dir = Path(runtime_dir)
        self.hub = hub
        self.name = name
        self.flags = list(flags)
        self.environment = environment or {}
        self.health_port = free_port()
        self.network_pool = network_pool()
        self.garden = GardenClient(f"unix:{self.runtime_dir}/garden.sock")
        self.baggageclaim = BaggageclaimClient(f"unix:{self.runtime_dir}/baggageclaim.sock")
        self.health = Api(f"127.0.0.1:{self.health_port}")
        self.process = None
        self._output = [[], []]
        self._readers = []

    def arguments(self):
        """Everything that isn't given in `flags` already."""
        words = {"--name": self.name, "--work-dir": self.work_dir, "--runtime-dir": self.runtime_dir,
                 "--healthcheck-bind-ip": "127.0.0.1", "--healthcheck-bind-port": self.health_port,
                 "--garden-network-pool": self.network_pool, "--log-level": "debug", "--log-format": "json", "--sweep-interval": "1s"}
        if self.hub:
            words |= {"--tsa-host": f"127.0.0.1:{self.hub.port}", "--tsa-public-key": self.hub.keys / "tsa_host_key.pub",
                      "--tsa-worker-private-key": self.hub.keys / "worker_key", "--resource-types": self.hub.resource_types}
        given = {flag.split("=")[0] for flag in self.flags}
        return [f"{name}={value}" for name, value in words.items() if name not in given] + self.flags

    def start(self, command="worker"):
        self.work_dir.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **self.environment}
        # A session of its own: a new supervisor must be able to take over from a killed one, whatever its terminal did.
        self.process = subprocess.Popen([self.install.program("concourse"), command, *self.arguments()], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True)
        self._readers = [threading.Thread(target=_collect, args=(pipe, lines), daemon=True)
                         for pipe, lines in zip((self.process.stdout, self.process.stderr), self._output)]
        for reader in self._readers:
            reader.start()
        return self

    # Waiting.

    def wait_ready(self, timeout=START):
        """Both APIs and the healthcheck answer."""
        self._wait(lambda: self._answers(self.garden, "/ping") and self._answers(self.baggageclaim, "/volumes")
                   and self._answers(self.health, "/"), "the worker to be ready", timeout)
        return self

    def wait_registered(self, timeout=START):
        """The hub has it as running."""
        self._wait(lambda: self.hub.state(self.name) == "running", "the worker to register", timeout)
        return self

    def wait_exit(self, timeout=START):
        """The exit status."""
        self.process.wait(timeout)
        self._join()
        return self.process.returncode

    def wait_log(self, *parts, timeout=PATIENCE):
        """The first line of output that has all the parts."""
        def find():
            return next((line for line in self.lines() if all(part in line for part in parts)), None)
        return wait_until(find, f"a log line with {' and '.join(parts)}; the last lines were:\n{self.tail()}", timeout)

    def _wait(self, condition, what, timeout):
        def check():
            if self.process.poll() is not None:
                raise AssertionError(f"the worker ended with status {self.process.returncode}:\n{self.tail()}")
            return condition()
        try:
            wait_until(check, what, timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the last lines of the worker were:\n{self.tail()}") from None

    # What it says.

    def lines(self):
        """Its output so far, stdout before stderr."""
        return list(self._output[0]) + list(self._output[1])

    def errors(self):
        """What it wrote to stderr."""
        return list(self._output[1])

    def events(self):
        """Its log lines as objects; other lines of stdout are left out."""
        found = []
        for line in list(self._output[0]):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
        return found

    def tail(self, count=40):
        return "\n".join(line[:400] for line in self.lines()[-count:])

    def status(self, service):
        return ask(self.runtime_dir, service)

    # Its processes.

    def pid(self, service):
        """The pid of "supervisor" or of a service, found in the process table: no service has to be well for it."""
        if service == "supervisor":
            return self.process.pid
        return wait_until(lambda: self.find_pid(service), f"a process of {service}")

    def find_pid(self, service):
        for pid in sorted((int(entry) for entry in os.listdir("/proc") if entry.isdigit()), reverse=True):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if os.path.basename(words[0]) == SERVICES[service] and any(str(self.runtime_dir) in word for word in words):
                return pid
        return None

    def kill_service(self, service):
        """kill -9 of one service; returns when another one is in its place and answers."""
        old = self.pid(service)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: self.find_pid(service) not in (None, old), f"another {service} in place of {old}")
        self.wait_status(service)

    def wait_status(self, service, timeout=PATIENCE):
        def answers():
            try:
                return self.status(service)
            except OSError:
                return None
        return wait_until(answers, f"{service} to answer", timeout)

    def kill_supervisor(self):
        """kill -9 of the supervisor alone. `start` again to have another take over."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def signal(self, number):
        self.process.send_signal(number)

    def empty(self):
        """Destroys every container and every volume, so that an orderly stop leaves nothing. A worker that has ended is started
        again for it: containers outlive it by design."""
        if self.process is None:
            return
        if self.process.poll() is not None and not self._holds_something():
            return
        if self.process.poll() is not None:
            self.start().wait_ready()
        wait_until(self._destroy_all, f"containers and volumes of {self.name} to be gone")

    def _holds_something(self):
        folders = (self.runtime_dir / "garden/containers", self.work_dir / "volumes/live")
        return any(folder.exists() and any(folder.iterdir()) for folder in folders)

    def _destroy_all(self):
        # The sweeper may be at work on the same ones: what it was quicker with is no error.
        for handle in self.garden.containers():
            self.garden.request("DELETE", f"/containers/{handle}")
        for handle in self.baggageclaim.handles():
            self.baggageclaim.request("DELETE", f"/volumes/{handle}")
        return not self.garden.containers() and not self.baggageclaim.handles()

    def stop(self, timeout=START):
        """An orderly stop by TERM; the exit status. Kills everything that is left after the timeout, and says so."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.wait_exit(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait_exit()
            raise AssertionError(f"the worker did not stop in {timeout:g} s:\n{self.tail()}") from None

    def _join(self):
        # Services that outlive a killed supervisor hold its pipes: then there is no end to wait for.
        for reader in self._readers:
            reader.join(1.0)

    def _answers(self, api, path):
        try:
            return api.request("GET", path, timeout=10).status == 200
        except (OSError, HttpError):
            return False


def _collect(pipe, lines):
    with pipe:
        for line in pipe:
            lines.append(line.decode(errors="replace").rstrip("\n"))


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def network_pool():
    """A /22 of its own: 256 containers, and no clash with workers of other runs on this machine."""
    return f"10.{random.randrange(128, 250)}.{random.randrange(64) * 4}.0/22"
