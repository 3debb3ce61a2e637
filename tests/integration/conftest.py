import shutil
import tempfile
from pathlib import Path

import pytest

from harness.supervised import Supervised
from harness.wait import wait_until


@pytest.fixture
def supervised(install):
    """One worker with stand-ins for its services. Needs root, and no sandbox: it makes nothing but files and processes."""
    folder = Path(tempfile.mkdtemp(prefix="sv-"))
    worker = Supervised(install, folder)
    yield worker
    if worker.process is not None and worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait()
    # Again and again: one that was being started when its supervisor was killed shows itself later.
    wait_until(worker.kill_leftovers, "the services to end")
    shutil.rmtree(folder)
