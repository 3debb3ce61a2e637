"""Containers that nobody uses are destroyed when their grace time is over."""

from harness.wait import wait_until

SECOND = 1_000_000_000


def test_an_idle_container_is_destroyed_and_a_used_one_is_not(api, own_rootfs):
    idle = api.create(own_rootfs, grace_time=SECOND)
    used = api.create(own_rootfs, grace_time=SECOND)
    process = api.run(used, "sh", "-c", "read x; exit 0")
    wait_until(lambda: idle not in api.containers(), "the idle container to be destroyed")
    assert used in api.containers()
    process.write("go\n")
    assert process.wait() == 0
    wait_until(lambda: used not in api.containers(), "the other one to be destroyed, too")


def test_the_grace_time_can_be_set_and_zero_is_for_ever(api, container, own_rootfs):
    api.call("PUT", f"/containers/{container}/grace_time", SECOND)
    other = api.create(own_rootfs, grace_time=SECOND)
    api.call("PUT", f"/containers/{other}/grace_time", 0)
    wait_until(lambda: container not in api.containers(), "the container to be destroyed")
    assert other in api.containers()


def test_a_grace_time_survives_a_restart(garden, api, container):
    api.call("PUT", f"/containers/{container}/grace_time", 2 * SECOND)
    garden.kill()
    garden.start()
    assert api.containers() == [container]
    wait_until(lambda: api.containers() == [], "the container to be destroyed")
