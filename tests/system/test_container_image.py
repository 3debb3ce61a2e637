"""The entry point of the container image, in namespaces such as an engine would give it: the programs under test stand for the image."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness.install import REPOSITORY
from harness.wait import wait_until

ENTRY_POINT = REPOSITORY / "deploy/container/entrypoint"
RUNTIME_DIR = Path("/run/concourse-worker")
# Processes and mounts of its own, and what an image has at RUNTIME_DIR: a directory on a disk.
CONTAINER = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", f'mount --bind "$0" {RUNTIME_DIR} && exec "$@"']
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.fixture
def environment(sandboxed, install):
    """In which the programs under test are found as the image's are."""
    return {"PATH": f"{install.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


@pytest.fixture
def container(scratch):
    """The words that begin a command in a container."""
    RUNTIME_DIR.mkdir()
    (scratch / "run").mkdir()
    yield [*CONTAINER, scratch / "run"]
    assert not any((scratch / "run").iterdir()), "records of containers must not outlive them"
    RUNTIME_DIR.rmdir()


def run(environment, *words):
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_image_answers_questions_without_privileges(environment, container, scratch):
    def ask(*words):
        return run(environment, *container, *WITHOUT_PRIVILEGES, ENTRY_POINT, *words)

    assert "Usage:\n  concourse worker" in ask("worker", "--help").stdout
    assert ask("--version").stdout == ask("concourse-workerctl", "--version").stdout != ""
    wrong = ask("worker", "--check-config", "--tsa-host=nowhere")
    assert wrong.returncode == 2 and "'nowhere' has no port" in wrong.stderr
    assert ask("generate-key", "-t", "ssh", "-f", str(scratch / "key")).returncode == 0 and (scratch / "key.pub").exists()


def test_a_worker_in_a_container_that_is_not_privileged_says_so(environment, container):
    refused = run(environment, *container, *WITHOUT_PRIVILEGES, ENTRY_POINT, "worker")
    assert refused.returncode == 1 and "needs to be privileged: docker run --privileged" in refused.stderr


def test_a_worker_in_the_image_is_pid_1_runs_builds_and_retires(environment, container, hub, scratch):
    settings = {"NAME": "image", "WORK_DIR": scratch / "work", "TSA_HOST": f"127.0.0.1:{hub.port}", "TSA_PUBLIC_KEY": hub.keys / "tsa_host_key.pub",
                "TSA_WORKER_PRIVATE_KEY": hub.keys / "worker_key", "RESOURCE_TYPES": hub.resource_types, "HEALTHCHECK_BIND_IP": "127.0.0.1",
                "SWEEP_INTERVAL": "1s"}
    environment |= {f"CONCOURSE_{name}": str(value) for name, value in settings.items()}
    (scratch / "work").mkdir()
    with (scratch / "log").open("wb") as log:
        engine = subprocess.Popen([*container, ENTRY_POINT, "worker"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: engine.poll() is not None or hub.state("image") == "running", "the worker to register", 90)
        assert engine.poll() is None, (scratch / "log").read_text()
        with hub.build("image") as build:
            image = build.get("image", "busybox", {"mirror_self": True}, {"version": "7"}).artifact
            task = build.task("task", image, ["sh", "-c", "echo built > out/file; cat out/file"], outputs=["out"], memory=64 << 20)
            assert (task.status, task.stdout) == (0, b"built\r\n")
        hub.wait_for(lambda hub: not hub.atc.containers.rows, "the sweep")

        worker = int(Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text())
        assert Path(f"/proc/{worker}/exe").resolve().name == "concourse", "the entry point becomes the worker"
        os.kill(worker, signal.SIGUSR2)
        hub.wait_state("image", "")
        assert engine.wait(60) == 0
    finally:
        engine.kill()
        engine.wait()
