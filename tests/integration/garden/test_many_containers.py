"""More containers at a time than the kernel lets one user have of what each of them needs."""

import concurrent.futures
import os

import pytest

from harness.garden import GardenClient

AT_ONCE = 8


@pytest.fixture
def empty_rootfs(scratch):
    """All that a container needs which runs nothing but its init."""
    path = scratch / "empty"
    path.mkdir()
    os.chown(path, 4294967294, 4294967294)
    return path


def make_and_destroy(garden, rootfs, count):
    def each(work, items):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, items))

    handles = each(lambda number: GardenClient(garden.api.address).create(rootfs, handle=f"c{number}", netout_rules=[]), range(count))
    assert sorted(garden.api.containers()) == sorted(handles)
    assert all(garden.api.info(handle)["State"] == "active" for handle in handles)
    each(lambda handle: GardenClient(garden.api.address).destroy(handle), handles)
    assert garden.api.containers() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_there_may_be_more_containers_than_a_user_may_have_keys(make_garden, empty_rootfs, runtime):
    with open("/proc/sys/kernel/keys/maxkeys") as quota:
        assert int(quota.read()) < 250
    make_and_destroy(make_garden(f"--oci-runtime={runtime}"), empty_rootfs, 250)
