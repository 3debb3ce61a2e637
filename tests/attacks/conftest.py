"""Parts of a worker to be attacked: the fixtures of the integration tests, and programs for the inside of containers."""

import subprocess

from integration.conftest import supervised  # noqa: F401
from integration.baggageclaim.conftest import make_server  # noqa: F401
from integration.garden.conftest import api, container, garden, make_garden, own_rootfs  # noqa: F401

# The machine's own Python in a container: the root file systems of tests have none.
PYTHON_MOUNTS = [("/usr", "/usr", 0), ("/usr/lib", "/lib", 0), ("/usr/lib64", "/lib64", 0)]


def python_inside(api, handle, source, *arguments, **spec):
    """Runs Python source in a container made with PYTHON_MOUNTS and returns what it prints."""
    status, out, err = api.output(handle, "/usr/bin/python3", "-c", source, *map(str, arguments), **spec)
    assert status == 0, (out, err)
    return out.decode()


def python_here(source, *arguments):
    """The same on the host."""
    done = subprocess.run(["/usr/bin/python3", "-c", source, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout
