"""The help texts, word for word: tests/contract/help/<name>.txt. UPDATE_GOLDEN=1 writes them anew, to be looked at in the diff."""

import os
import subprocess
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "help"
COMMANDS = {
    "concourse": ["concourse"],
    "worker": ["concourse", "worker"],
    "land-worker": ["concourse", "land-worker"],
    "retire-worker": ["concourse", "retire-worker"],
    "generate-key": ["concourse", "generate-key"],
    "healthcheck": ["concourse-healthcheck"],
    "workerctl": ["concourse-workerctl"],
    "workerctl-drain": ["concourse-workerctl", "drain"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_help(install, name):
    program, *words = COMMANDS[name]
    # Also without what is required, as anybody but root, and in an environment that is wrong.
    done = subprocess.run([install.program(program), *words, "--help"], capture_output=True, text=True, timeout=60,
                          env={"CONCOURSE_SWEEP_INTERVAL": "nonsense"})
    assert (done.returncode, done.stderr) == (0, "")
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(done.stdout)
    assert done.stdout == golden.read_text()


@pytest.mark.parametrize("program", ["concourse", "concourse-garden", "concourse-baggageclaim", "concourse-beacon",
                                     "concourse-healthcheck", "concourse-workerctl"])
def test_every_program_tells_its_version(install, program):
    done = subprocess.run([install.program(program), "--version"], capture_output=True, text=True, timeout=60, env={})
    assert done.returncode == 0 and done.stdout == subprocess.run([install.program("concourse"), "--version"], capture_output=True,
                                                                  text=True, check=True).stdout
