"""The systemd units, as installed, by systemd's own check; no running systemd is needed."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

SERVICES = ["garden", "baggageclaim", "beacon", "healthcheck"]


@pytest.fixture(scope="module")
def units(install):
    path = install.bin.parent / "lib/systemd/system"
    if not path.is_dir():
        pytest.skip(f"no units in {path}: not a full install")
    return path


def read(path):
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(path)
    return parser


def test_systemd_finds_nothing_wrong(units):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    made = not Path("/run/systemd").exists()
    files = sorted(str(path) for path in units.iterdir() if path.name.startswith("concourse-"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=120)
    if made:
        shutil.rmtree("/run/systemd", ignore_errors=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_unit(install, units, service):
    unit = read(units / f"concourse-{service}.service")
    program = unit["Service"]["ExecStart"].split()[0]
    assert Path(program) == install.bin / f"concourse-{service}"
    assert unit["Service"]["Type"] == "notify" and unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["EnvironmentFile"] == "-/etc/concourse/worker.env"
    assert "2" in unit["Service"]["RestartPreventExitStatus"].split()
    assert unit["Unit"]["PartOf"] == "concourse-worker.target"


def test_stopping_garden_kills_no_container(units):
    garden = read(units / "concourse-garden.service")["Service"]
    assert (garden["KillMode"], garden["Delegate"], garden["TasksMax"]) == ("process", "yes", "infinity")
    assert "CapabilityBoundingSet" not in garden  # privileged containers have what it has


@pytest.mark.parametrize("name,path,fd", [
    ("concourse-garden", "garden.sock", "garden"),
    ("concourse-baggageclaim", "baggageclaim.sock", "baggageclaim"),
    *((f"concourse-{service}-control", f"control/{service}.sock", "control") for service in SERVICES)])
def test_a_sockets_unit(units, name, path, fd):
    socket = read(units / f"{name}.socket")["Socket"]
    assert socket["ListenStream"] == f"/run/concourse-worker/{path}"
    assert (socket["FileDescriptorName"], socket["SocketMode"], socket["SocketGroup"]) == (fd, "0660", "concourse-worker")
    service = read(units / socket["Service"])
    assert f"{name}.socket" in service["Unit"]["Requires"].split()
