"""scripts/bench does real work and tells what it took."""

import json
import subprocess

import pytest

from harness.install import REPOSITORY

BENCH = REPOSITORY / "scripts/bench"


def bench(*words, verb="build"):
    return subprocess.run([BENCH, verb, *words], capture_output=True, text=True, timeout=240, check=False)


def test_builds_are_measured(sandboxed, install, scratch):
    done = bench(f"--prefix={install.bin.parent}", "--runtime=crun", "--rounds=1", "--parallel=2", f"--json={scratch}/figures")
    assert done.returncode == 0, done.stderr
    figures = json.loads((scratch / "figures").read_text())["crun"]
    assert list(figures) == ["2 builds at once"]
    for name, figure in figures.items():
        assert 0 < figure["min"] <= figure["median"] <= figure["max"] < 120 and figure["rounds"] == 1
        assert figure["cpu"] == pytest.approx(sum(figure["cpu_by"].values())) and figure["cpu_by"]["containers"] > 0
        assert f"  {name}" in done.stdout and f"waits {figure['waits']} " in done.stdout


def test_calls_are_measured_on_several_installs_in_one_run(sandboxed, install, scratch):
    prefix = install.bin.parent
    done = bench(f"--prefix=one={prefix}", f"--prefix=other={prefix}", "--runtime=crun", "--rounds=1", "--only=steps,memory", f"--json={scratch}/figures", verb="api")
    assert done.returncode == 0, done.stderr
    figures = json.loads((scratch / "figures").read_text())
    assert {"a step, ms", "memory of Garden, idle, MiB"} < set(figures)
    for row, by in figures.items():
        assert set(by) == {"one, crun", "other, crun"} and all(len(values) == 1 and values[0] > 0 for values in by.values())
        assert row in done.stdout
    step, first = (figures[row]["one, crun"][0] for row in ("a step, ms", "of that, from run to the process's first answer, ms"))
    assert first < step


def test_an_unknown_kind_of_call_is_refused(install):
    done = bench(f"--prefix={install.bin.parent}", "--only=steps,stairs", verb="api")
    assert done.returncode != 0 and "'stairs' is none of steps, output" in done.stderr


@pytest.mark.parametrize(("words", "text"), [(["--prefix=/nowhere"], "/nowhere/bin/concourse is not there: build and install first"),
                                             (["--rounds=0"], "'0' is not a number above 0"), (["--runtime=docker"], "invalid choice: 'docker'")])
def test_what_cannot_be_measured_is_refused(install, words, text):
    given = [] if words[0].startswith("--prefix") else [f"--prefix={install.bin.parent}"]
    done = bench(*given, *words)
    assert done.returncode != 0 and text in done.stderr and not done.stdout
