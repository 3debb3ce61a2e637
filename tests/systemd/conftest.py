"""One machine for all tests of this level, with the package installed: booted for them, or, with CONCOURSE_TEST_THIS_MACHINE=1 in the
environment, the one they run on (tests/vm). What fails shows the machine's journal."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness.hub import TestHub
from harness.install import REPOSITORY
from harness.machine import Machine
from harness.nspawn import BootedMachine
from harness.wait import wait_until
from installed import NAME, SERVICES, TARGET, configure

THIS_MACHINE = os.environ.get("CONCOURSE_TEST_THIS_MACHINE", "") not in ("", "0")
collect_ignore = [] if Path("/sys/fs/cgroup/cgroup.controllers").exists() else ["test_limits.py"]  # they are those of cgroup v2


@pytest.fixture(autouse=True)
def nothing_left():
    """In place of the general one: a machine that lives through all tests changes all the time. The end is looked at twice: by the
    last tests, inside, and by nothing_left_of_the_session, outside."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and "machine" in getattr(item, "funcargs", {}):
        report.sections.append(("journal of the machine", item.funcargs["machine"].journal(lines=80)))


@pytest.fixture(scope="session")
def own_machine(request):
    """The tests change the machine: it must be one of their own."""
    if not THIS_MACHINE:
        request.getfixturevalue("sandboxed")


@pytest.fixture(scope="session")
def tree():
    """The Debian tree; scripts/test makes it."""
    for program in ("systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    path = Path(os.environ.get("CONCOURSE_DEBIAN_TREE", REPOSITORY / "build/debian"))
    if not (path / ".made-of").exists():
        pytest.skip(f"no Debian tree in {path}: tests/debian-tree {path} makes it")
    return path


@pytest.fixture(scope="session")
def package():
    """The newest package that cpack has made."""
    directory = Path(os.environ.get("CONCOURSE_PACKAGES", REPOSITORY / "build/dev/package"))
    found = sorted(directory.glob("concourse-worker_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        pytest.skip(f"no package in {directory}: cpack in the build directory makes it")
    return found[-1]


@pytest.fixture(scope="session")
def place(disk):
    path = Path(tempfile.mkdtemp(prefix="machine-", dir=disk))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def hub(own_machine, place, resource_types):
    with TestHub(place / "hub", resource_types) as hub:
        yield hub


@pytest.fixture(scope="session")
def machine(request, own_machine, package, place, hub):
    """The package installed and configured for the hub, nothing started."""
    if THIS_MACHINE:
        machine = Machine()
    else:
        (place / "work").mkdir()
        machine = BootedMachine(request.getfixturevalue("tree"), place, place / "work")
    with machine:
        shutil.copy(package, machine.root / "root/worker.deb")
        machine.install_log = machine.output("dpkg", "-i", "/root/worker.deb")
        machine.settings = (machine.root / "etc/concourse/worker.env").read_text()
        shutil.copytree(hub.keys, machine.root / "etc/concourse/keys")
        shutil.copytree(hub.resource_types, machine.root / "opt/resource-types")
        configure(machine, hub)
        yield machine


@pytest.fixture
def target(machine, hub):
    """All services up and the worker registered."""
    machine.run("systemctl", "start", TARGET)
    hub.wait_state(NAME, "running")
    wait_until(lambda: machine.active(*SERVICES) == SERVICES, "all services to be up")
    return machine
