"""A task's process that looks like one of the worker's services (its name, its variable, its program's name) is none to a new
supervisor: it is neither asked, nor waited for, nor ended."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness.supervised import is_alive
from harness.wait import wait_until

COUNT = 20
KINDS = {
    "privileged": ["unshare", "--pid", "--fork", "--mount"],
    "unprivileged": ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount"],
}


class Impostors:
    """What tasks can do: COUNT processes of the service's name with the variable, deaf to TERM, in namespaces of their own."""

    def __init__(self, folder, service, variable, kind):
        self.program = Path(folder) / f"concourse-{service}"
        shutil.copy(shutil.which("sleep"), self.program)
        command = [*KINDS[kind], "sh", "-c", f"trap '' TERM; exec {self.program} 600"]
        self.parents = [subprocess.Popen(command, env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": variable}, start_new_session=True)
                        for _ in range(COUNT)]
        self.pids = wait_until(self._find, f"{COUNT} impostors")

    def _find(self):
        found = []
        for parent in self.parents:
            children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
            found += [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == self.program.name[:15]]
        return found if len(found) == COUNT else None

    def harmed(self):
        """The detector: those that are no longer what they were."""
        return [pid for pid in self.pids if not is_alive(pid)]

    def end(self):
        for pid in self.pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        for parent in self.parents:
            parent.wait(30)


@pytest.fixture
def impostors(scratch):
    made = []

    def make(service, variable, kind):
        made.append(Impostors(scratch, service, variable, kind))
        return made[-1]

    yield make
    for group in made:
        group.end()


def end_supervisor(worker):
    worker.process.kill()
    worker.process.wait()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("service", ["garden", "beacon"])
def test_a_task_that_looks_like_a_service_is_none(supervised, impostors, kind, service):
    worker = supervised.start_ready()
    real = worker.pid_of(service)
    end_supervisor(worker)
    group = impostors(service, str(worker.run / "notify.sock"), kind)
    began = time.monotonic()
    worker.start_ready()
    # Each of them took the stop limit of the service, 3 s or more: 60 s for all.
    assert time.monotonic() - began < 20
    assert group.harmed() == []
    assert not [line for line in worker.log() if "ending a service" in line["message"]]
    assert worker.pid_of(service) == real


def test_a_service_that_is_no_longer_wanted_is_ended_and_what_looks_like_it_is_not(supervised, impostors):
    worker = supervised.start_ready()
    real = worker.pid_of("garden")
    end_supervisor(worker)
    group = impostors("garden", str(worker.run / "notify.sock"), "privileged")
    worker.start_ready("--external-garden-url", "http://127.0.0.1:7777")
    assert not is_alive(real) and group.harmed() == []


def test_who_answers_under_a_services_number_is_not_that_service(supervised):
    """The control socket's answer names the real Garden; the kernel names another sender."""
    worker = supervised.start_ready()
    real = worker.pid_of("garden")
    end_supervisor(worker)
    path = worker.run / "control/garden.sock"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(path))
        control.listen()
        if (child := os.fork()) == 0:
            try:
                connection, _ = control.accept()
                socket.recv_fds(connection, 65536, 16)
                body = json.dumps({"ok": True, "pid": real, "state": "ready", "listeners": []}).encode()
                connection.sendall(len(body).to_bytes(4, "little") + body)
                connection.recv(1)
            finally:
                os._exit(0)
        status = worker.start().process.wait(60)  # its output is a file: the other services hold that by now
        os.waitpid(child, 0)
    assert status == 1 and f"process {child} (" in worker.err.read_text(), worker.err.read_text()


# The detector.


def take_over_by_name(name, variable):
    """A supervisor that has the hole: a name and a variable are enough."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            comm = Path(f"/proc/{pid}/comm").read_text().strip()
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if comm == name[:15] and f"NOTIFY_SOCKET={variable}".encode() in environment:
            os.kill(int(pid), signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_the_detector_sees_the_hole(impostors, sandboxed, kind):
    group = impostors("garden", "/run/nobodys/notify.sock", kind)
    assert group.harmed() == []
    take_over_by_name("concourse-garden", "/run/nobodys/notify.sock")
    wait_until(lambda: sorted(group.harmed()) == sorted(group.pids), "the detector to see all of them")
