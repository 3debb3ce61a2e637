"""The small commands: generate-key, land-worker, retire-worker."""

import base64
import os
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from hub.atc.payload import WorkerPayload


def run(install, *words, environment=None):
    return subprocess.run([install.program("concourse"), *words], capture_output=True, text=True, timeout=120,
                          env={"PATH": os.environ["PATH"], **(environment or {})})


def wire_of(path):
    """The public key of a private key file in the peer's form: PKCS#1 under the label of PKCS#8."""
    lines = path.read_text().splitlines()
    assert lines[0] == "-----BEGIN PRIVATE KEY-----" and lines[-1] == "-----END PRIVATE KEY-----"
    assert all(len(line) == 64 for line in lines[1:-2])
    key = serialization.load_der_private_key(base64.b64decode("".join(lines[1:-1])), None)
    pkcs1 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    assert pkcs1 == base64.b64decode("".join(lines[1:-1]))
    return key, key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def test_a_key_has_the_peers_form_and_is_for_its_owner_only(install, tmp_path):
    done = run(install, "generate-key", "-f", tmp_path / "key")
    assert (done.returncode, done.stdout) == (0, f"wrote private key to {tmp_path}/key\n")
    key, _ = wire_of(tmp_path / "key")
    assert key.key_size == 4096
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["key"]


def test_the_ssh_form_writes_the_public_key_too(install, tmp_path):
    done = run(install, "generate-key", "--type=ssh", "--bits", "2048", "--filename", tmp_path / "key")
    assert done.stdout == f"wrote private key to {tmp_path}/key\nwrote ssh public key to {tmp_path}/key.pub\n"
    _, public = wire_of(tmp_path / "key")
    assert (tmp_path / "key.pub").read_text() == public + "\n"


@pytest.mark.parametrize("words,message", [
    ([], "the required flag --filename (or $CONCOURSE_FILENAME) was not given"),
    (["-f", "key", "-t", "dsa"], "flag --type: 'dsa' is not one of rsa, ssh"),
    (["-f", "key", "-b", "512"], "flag --bits: '512' is too small: at least 1024"),
])
def test_a_wrong_use_of_generate_key(install, words, message):
    done = run(install, "generate-key", *words)
    assert (done.returncode, done.stderr) == (2, f"concourse: error: {message}\n")


def test_a_key_that_can_not_be_written(install):
    done = run(install, "generate-key", "-b", "1024", "-f", "/nowhere/key")
    assert done.returncode == 1
    assert done.stderr.startswith("concourse: error: open '/nowhere/key") and "No such file or directory" in done.stderr


@pytest.fixture
def tsa(hub):
    """A hub with two workers, one of them a team's. The words that make a command find it."""
    for name, team in (("w", ""), ("tw", "main")):
        hub.do(lambda hub, name=name, team=team: hub.atc.register(WorkerPayload(name=name, team=team, addr="x:1", version="3.0"), ttl=3600))
    hub.words = ["--tsa-host", f"127.0.0.1:{hub.port}", "--tsa-public-key", hub.keys / "tsa_host_key.pub", "--tsa-worker-private-key",
                 hub.keys / "worker_key"]
    return hub


def test_land_worker(install, tsa):
    done = run(install, "land-worker", "--name", "w", *tsa.words)
    assert (done.returncode, done.stderr) == (0, "")
    tsa.wait_state("w", "landed")  # the collector finds no builds on it


def test_land_worker_by_environment(install, tsa):
    variables = {"CONCOURSE_NAME": "w", "CONCOURSE_TSA_HOST": f"127.0.0.1:1,127.0.0.1:{tsa.port}",
                 "CONCOURSE_TSA_PUBLIC_KEY": str(tsa.keys / "tsa_host_key.pub"),
                 "CONCOURSE_TSA_WORKER_PRIVATE_KEY": str(tsa.keys / "worker_key"), "CONCOURSE_WORK_DIR": "/ignored"}
    done = run(install, "land-worker", environment=variables)
    assert (done.returncode, done.stderr) == (0, "")
    tsa.wait_state("w", "landed")


def test_retire_worker(install, tsa):
    done = run(install, "retire-worker", "--name", "tw", "--team", "main", *tsa.words)
    assert (done.returncode, done.stderr) == (0, "")
    tsa.wait_state("tw", "")


def test_retiring_an_unknown_worker_is_a_success(install, tsa):
    assert run(install, "retire-worker", "--name", "nobody", *tsa.words).returncode == 0


@pytest.mark.parametrize("words,name", [(["--name", "nobody"], "nobody"), (["--name", "tw"], "tw")])
def test_a_refused_landing_is_told(install, tsa, words, name):
    done = run(install, "land-worker", *words, *tsa.words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"concourse: error: land-worker of worker '{name}' was refused")
    assert done.stderr.count("\n") == 1


def test_land_worker_with_a_team(install, tsa):
    assert run(install, "land-worker", "--name", "tw", "--team", "main", *tsa.words).returncode == 0
    tsa.wait_state("tw", "landed")


def test_a_tsa_that_is_not_there(install, tsa):
    tsa.words[1] = "127.0.0.1:1"
    done = run(install, "land-worker", "--name", "w", *tsa.words)
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr and "refused" in done.stderr


def test_a_missing_name(install, tsa):
    done = run(install, "retire-worker", *tsa.words)
    assert (done.returncode, done.stderr) == (2, "concourse: error: the required flag --name (or $CONCOURSE_NAME) was not given\n")
