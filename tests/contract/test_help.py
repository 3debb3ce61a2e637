"""The help texts, word for word: tests/contract/help/<name>.txt. UPDATE_GOLDEN=1 writes them anew, to be looked at in the diff."""

import os
import re
import shutil
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


PAGES = ["worker", "land-worker", "retire-worker", "generate-key", "garden", "baggageclaim", "beacon", "healthcheck"]


@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_are_installed_and_name_every_flag(install, page):
    path = install.bin.parent / f"share/man/man1/concourse-{page}.1"
    if not path.parent.is_dir():
        pytest.skip(f"no manual pages in {path.parent}: not a full install")
    program, *words = ["concourse", page] if page in PAGES[:4] else [f"concourse-{page}"]
    text = subprocess.run([install.program(program), *words, "--help"], capture_output=True, text=True, timeout=60, env={}, check=True).stdout
    flags = set(re.findall(r"^ .*?--([a-z0-9-]+)", text, re.MULTILINE)) - {"help", "version"}
    source = path.read_text()
    assert flags and flags == {flag.replace("\\-", "-") for flag in re.findall(r"^(?:\\fB\\-.\\fR, )?\\fB\\-\\-(.*?)\\fR", source, re.MULTILINE)}
    check_form(path)


def test_the_manual_page_of_workerctl_has_every_verb_with_its_flags(install):
    path = install.bin.parent / "share/man/man1/concourse-workerctl.1"
    if not path.parent.is_dir():
        pytest.skip(f"no manual pages in {path.parent}: not a full install")

    def help_of(*words):
        return subprocess.run([install.program("concourse-workerctl"), *words, "--help"], capture_output=True, text=True, timeout=60,
                              env={}, check=True).stdout

    verbs = re.findall(r"^  ([a-z-]+(?: [a-z]+)?)(.*?)  ", help_of().split("Verbs:\n")[1].split("\n\n")[0], re.MULTILINE)
    page = path.read_text().replace("\\-", "-")
    sections = dict(re.findall(r'^\.SS "(.*)"\n((?:(?!\.S[SH] ).*\n)*)', page, re.MULTILINE))
    assert verbs and list(sections) == [verb + words for verb, words in verbs]
    for (verb, _), section in zip(verbs, sections.values()):
        flags = set(re.findall(r"^ .*?--([a-z-]+)", help_of(*verb.split()).split("Help:")[0], re.MULTILINE))
        assert flags - {"runtime-dir"} == set(re.findall(r"^(?:\\fB-.\\fR, )?\\fB--(.*?)\\fR", section, re.MULTILINE)), verb
        assert f"concourse-workerctl {verb}" in section
    assert "\\fB--runtime-dir\\fR" in page
    check_form(path)


def check_form(path):
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-Tascii", path], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", ["concourse", "concourse-garden", "concourse-baggageclaim", "concourse-beacon",
                                     "concourse-healthcheck", "concourse-workerctl"])
def test_every_program_tells_its_version(install, program):
    done = subprocess.run([install.program(program), "--version"], capture_output=True, text=True, timeout=60, env={})
    assert done.returncode == 0 and done.stdout == subprocess.run([install.program("concourse"), "--version"], capture_output=True,
                                                                  text=True, check=True).stdout
