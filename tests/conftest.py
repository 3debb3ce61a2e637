"""Fixtures of all levels, the check for what tests leave behind, and STRICT=1, which makes a skipped test a failed one."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness import leaks
from harness.hub import TestHub
from harness.install import Install, NotBuilt
from harness.worker import Worker
from hub.rootfs import make_resource_type

STRICT = os.environ.get("STRICT", "") not in ("", "0")
IN_SANDBOX = "CONCOURSE_SANDBOX" in os.environ


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for worker in getattr(item, "workers", []):
            report.sections.append((f"output of {worker.name}", worker.tail(80)))
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which STRICT=1 doesn't allow: {report.longrepr}"


# Where tests may be.


@pytest.fixture(scope="session")
def sandboxed():
    """For tests that start processes of the worker: they run inside tests/sandbox only."""
    if not IN_SANDBOX:
        pytest.fail("this test makes mounts, devices and cgroups; run it as: tests/sandbox pytest …", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_of_the_session():
    """What fixtures of modules and of the session made must be gone at the end too."""
    before = leaks.snapshot() if IN_SANDBOX else None
    yield
    if before is not None and (left := leaks.left_since(before)):
        pytest.fail("left behind at the end of the run:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left(nothing_left_of_the_session):
    """A test's own leaks. What longer-lived fixtures have made before it is not its fault."""
    before = leaks.snapshot() if IN_SANDBOX else None
    yield
    if before is not None and (left := leaks.left_since(before)):
        leaks.clean(before)
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(scope="session")
def disk():
    """A directory on a real disk (an overlay can't be the upper layer of another), removed at the end."""
    base = os.environ.get("CONCOURSE_TEST_TMP")
    path = _open_dir(tempfile.mkdtemp(prefix="cw-", dir=base or "/var/tmp"))
    os.environ.setdefault("CONCOURSE_TEST_TMP", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def scratch(disk):
    """An empty directory on a real disk for one test."""
    path = _open_dir(tempfile.mkdtemp(dir=disk))
    yield path
    _remove(path)


@pytest.fixture
def run_dir(sandboxed):
    """A short path on a tmpfs for sockets."""
    path = _open_dir(tempfile.mkdtemp(prefix="cw", dir="/run"))
    yield path
    _remove(path)


def _open_dir(path):
    """The root of an unprivileged container is nobody on the host, and has to reach its files."""
    os.chmod(path, 0o755)
    return Path(path)


def _remove(path):
    """Mounts that are left in it are told by nothing_left; here they must not hide that."""
    shutil.rmtree(path, ignore_errors=True)


# What is tested.


@pytest.fixture(scope="session")
def install():
    """The programs under test."""
    install = Install()
    try:
        install.program("concourse")
    except NotBuilt as error:
        pytest.fail(str(error), pytrace=False)
    return install


@pytest.fixture(scope="session")
def resource_types(disk):
    """A directory with the resource type `busybox`."""
    path = disk / "resource-types"
    make_resource_type(path)
    return path


@pytest.fixture(scope="session")
def rootfs(disk, resource_types):
    """That type's root file system, unpacked: for containers without volumes. Tests must not write to it."""
    path = disk / "rootfs"
    path.mkdir()
    shutil.unpack_archive(resource_types / "busybox/rootfs.tgz", path, format="gztar")
    return path


@pytest.fixture
def hub(scratch, resource_types):
    """A hub with a heartbeat each second."""
    with TestHub(scratch / "hub", resource_types) as hub:
        yield hub


@pytest.fixture
def make_worker(request, sandboxed, install, scratch, run_dir):
    """Makes workers that are not started yet; at the end all are emptied and stopped."""
    workers = request.node.workers = []

    def make(hub=None, name="worker", flags=(), environment=None, **options):
        number = len(workers)
        worker = Worker(install, scratch / f"worker{number}", run_dir / f"w{number}", hub, name, flags, environment, **options)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        try:
            worker.empty()
        finally:
            worker.stop()


@pytest.fixture
def worker(make_worker, hub):
    """A whole worker, registered at the hub."""
    return make_worker(hub).start().wait_ready().wait_registered()
