"""The user namespaces of unprivileged containers: each belongs to a user of the host that nobody else is."""

import fcntl
import os

import pytest

from harness.http import StatusError
from harness.wait import wait_until

GET_USER_NAMESPACE, GET_OWNER = 0xB701, 0xB704  # ioctl_ns(2)


def owners(garden, handle):
    """{namespace: the host's user whom its user namespace belongs to}."""
    pid = (garden.runtime_dir / "garden/containers" / handle / "init.pid").read_text().strip()
    found = {}
    for name in ("user", "net", "mnt", "pid", "ipc", "uts", "cgroup"):
        fds = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)]
        if name != "user":
            fds.append(fcntl.ioctl(fds[0], GET_USER_NAMESPACE))
        number = bytearray(4)
        fcntl.ioctl(fds[-1], GET_OWNER, number)
        found[name] = int.from_bytes(number, "little")
        for fd in fds:
            os.close(fd)
    return found


def owner(garden, handle):
    all_of_them = owners(garden, handle)
    assert set(all_of_them.values()) == {all_of_them["user"]}, all_of_them
    return all_of_them["user"]


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_every_namespace_of_a_container_belongs_to_a_user_of_its_own(make_garden, own_rootfs, runtime):
    garden = make_garden(f"--oci-runtime={runtime}")
    found = [owner(garden, garden.api.create(own_rootfs)) for _ in range(3)]
    assert len(set(found)) == 3
    assert all(2100000000 < user <= 2100065535 for user in found)
    privileged = garden.api.create(own_rootfs, privileged=True)
    assert owner(garden, privileged) == 0
    directory = garden.runtime_dir / "garden/containers" / privileged
    assert not (directory / "userns").exists() and not os.path.lexists(directory.parent / garden.api.containers()[0] / "userns")


def test_a_living_containers_user_is_never_anothers_and_a_gone_ones_is_free(make_garden, own_rootfs):
    garden = make_garden("--user-namespace-owners=3000-3002")  # the first is the probe's
    one, two = (garden.api.create(own_rootfs) for _ in range(2))
    assert {owner(garden, one), owner(garden, two)} == {3001, 3002}
    with pytest.raises(StatusError, match="no user id is left.*--user-namespace-owners"):
        garden.api.create(own_rootfs)
    garden.kill()
    garden.start()
    with pytest.raises(StatusError, match="no user id is left"):
        garden.api.create(own_rootfs)
    freed = owner(garden, one)
    garden.api.destroy(one)
    assert owner(garden, garden.api.create(own_rootfs)) == freed
    # One that fails takes none with it.
    garden.api.destroy(two)
    for _ in range(2):
        with pytest.raises(StatusError, match="create container"):
            garden.api.create(own_rootfs, limits={"memory_limits": {"limit_in_bytes": 4096}})
    garden.api.create(own_rootfs)


def test_without_a_range_they_are_roots(make_garden, own_rootfs):
    garden = make_garden("--user-namespace-owners=none")
    assert owner(garden, garden.api.create(own_rootfs)) == 0


def test_a_range_that_is_none_is_refused_by_name(make_garden, install, scratch, run_dir):
    garden = make_garden()
    garden.stop()
    for wrong, words in (("7", "no range of user ids"), ("0-9", "not free"), ("9-9", "fewer than two")):
        garden.flags = [f"--user-namespace-owners={wrong}"]
        with pytest.raises(AssertionError, match=f"flag --user-namespace-owners: .*{words}"):
            garden.start()
    garden.flags = []
    garden.start()
