"""A build doesn't wait for the disk: its volumes are made without a flush, and a power loss leaves each whole or absent."""

import subprocess
from pathlib import Path

import pytest

from harness.baggageclaim import tar_of


@pytest.fixture
def device(scratch):
    """A file system on a device of its own, whose flushes are counted. It commits by itself only after an hour."""
    image, place = scratch / "disk.img", scratch / "disk"
    place.mkdir()
    image.touch()
    image.chmod(0o600)
    with open(image, "r+b") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    subprocess.run(["mount", "-o", "loop,commit=3600", image, place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def requests(place):
    """(writes, flushes) that the device of a mount point has completed."""
    source = subprocess.run(["findmnt", "-no", "SOURCE", place], check=True, capture_output=True, text=True).stdout.strip()
    fields = Path(f"/sys/block/{Path(source).name}/stat").read_text().split()
    return int(fields[4]), int(fields[15])


@pytest.fixture(params=["overlay", "naive"])
def server(request, make_server, device):
    server = make_server(request.param)
    server.work_dir = device / "work"
    server.volumes_dir, server.overlays_dir = server.work_dir / "volumes", server.work_dir / "overlays"
    yield server.start()
    server.leave_nothing()


def test_making_volumes_writes_and_flushes_nothing(server, device):
    server.api.create("empty", "parent")
    before = requests(device)
    for number in range(5):
        server.api.create("empty", f"empty{number}", uid=1000, gid=1000)
        server.api.create({"type": "cow", "volume": "parent"}, f"copy{number}")
        server.api.destroy(f"copy{number}")
    assert requests(device) == before
    subprocess.run(["sync", "-f", device], check=True)
    after = requests(device)
    assert after[0] > before[0] and after[1] > before[1], "the count sees nothing"


def test_a_volume_whose_record_never_reached_the_disk_is_absent_after_the_power_loss(server):
    """What a journal that is ahead of the data leaves: names without content."""
    for handle in ("young", "old"):
        server.api.create("empty", handle)
        server.api.stream_in(handle, tar_of({"a": b"1"}))
    server.kill()
    server.record("young", "format.json").write_text("")
    for handle in ("young", "old"):
        server.record(handle, "unsynced").unlink(missing_ok=True)
    server.start()
    assert server.api.handles() == {"old"}
    recovered = server.status()["recovered"]
    assert (recovered["lost"], recovered["quarantined"], recovered["live"]) == (["young"], [], 1)
    server.api.create("empty", "young")  # the name is free again
