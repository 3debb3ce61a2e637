import os
import shutil
import signal
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
    for pid in worker.leftovers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not worker.leftovers(), "the services to end")
    shutil.rmtree(folder)
