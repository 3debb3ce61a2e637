"""crun is started from a copy in memory that nobody can change, so that it needn't make one for each container."""

import fcntl
import os
from pathlib import Path

import pytest

SEALED = 0xF  # what crun compares with: seal, shrink, grow, write
SCRIPT = '#!/bin/sh\necho "$0" >> {log}\nexec /usr/bin/crun "$@"\n'


@pytest.fixture
def logged(scratch, make_garden):
    """(Garden, the script that is its OCI runtime, a function that tells as what it was called since the last time)."""
    log, script = scratch / "called-as", scratch / "logging-crun"
    script.write_text(SCRIPT.format(log=log))
    script.chmod(0o755)
    garden = make_garden(f"--oci-runtime={script}")
    seen = 0

    def calls():
        nonlocal seen
        lines = log.read_text().splitlines()
        new, seen = lines[seen:], len(lines)
        return new

    calls()
    return garden, script, calls


def test_containers_are_made_by_the_sealed_copy(logged, own_rootfs):
    garden, _script, calls = logged
    garden.api.create(own_rootfs, "c")
    assert calls() == ["/proc/self/fd/4"]
    descriptors = Path(f"/proc/{garden.process.pid}/fd")
    copies = [entry for entry in descriptors.iterdir() if "memfd:oci-runtime" in os.readlink(entry)]
    assert len(copies) == 1
    with open(copies[0], "rb") as copy:
        assert fcntl.fcntl(copy, fcntl.F_GET_SEALS) == SEALED
    with pytest.raises(PermissionError), open(copies[0], "r+b", buffering=0) as copy:
        copy.write(b"#")


def test_no_container_has_the_copy(logged, own_rootfs):
    garden, _script, _calls = logged
    garden.api.create(own_rootfs, "c")
    status, stdout, _ = garden.api.output("c", "sh", "-c", "ls -l /proc/1/fd /proc/self/fd")
    assert status == 0 and b"memfd" not in stdout
    shims = [pid for pid in os.listdir("/proc") if pid.isdigit() and b"concourse-shim" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(shims) == 1
    links = [os.readlink(entry) for entry in Path(f"/proc/{shims[0]}/fd").iterdir()]
    assert not any("oci-runtime" in link for link in links)


def test_a_runtime_that_was_replaced_is_taken_from_its_path(logged, own_rootfs):
    garden, script, calls = logged
    newer = script.with_suffix(".new")
    newer.write_text(script.read_text() + "# newer\n")
    newer.chmod(0o755)
    newer.rename(script)
    garden.api.create(own_rootfs, "c")
    assert calls() == [str(script)]
