"""What a Garden that was killed at the worst moment finds again, and what it removes."""

import os
import signal
import threading

import pytest

from harness.http import StatusError
from harness.outside import HOST, OUTSIDE, listening, talk
from harness.wait import wait_until


def shim_pid(garden, handle):
    return int((garden.runtime_dir / "garden/containers" / handle / "shim.pid").read_text())


def test_streams_go_on_through_a_kill_of_garden(garden, api, container):
    process = api.run(container, "sh", "-c", "for i in $(seq 1 200); do echo $i; sleep 0.01; done; read x; echo $x; exit 3", id="task")
    process.stdout.wait_for(b"20\n")
    garden.kill()
    process.stdout.wait_for(b"200\n")  # nobody is there but the shim
    process.write("last\n")
    assert process.wait() == 3
    assert process.stdout.data() == b"".join(b"%d\n" % n for n in range(1, 201)) + b"last\n"
    garden.start()
    assert api.containers() == [container]
    assert api.attach(container, "task").wait() == 3
    assert api.output(container, "echo", "on")[1] == b"on\n"


def test_a_process_that_ended_without_a_garden_is_told_of(garden, api, container):
    process = api.run(container, "sh", "-c", "read x; echo told; exit 4", id="task")
    process.write("go\n")
    process.detach()
    garden.kill()
    garden.start()
    again = api.attach(container, "task")
    assert again.wait() == 4


def test_a_container_whose_shim_was_killed_is_gone_without_a_trace(garden, api, container):
    process = api.run(container, "sh", "-c", "echo ready; sleep 1000")
    process.stdout.wait_for(b"ready")
    os.kill(shim_pid(garden, container), signal.SIGKILL)
    with pytest.raises(Exception, match="EOF|reset"):
        process.wait()
    process.detach()
    with pytest.raises(StatusError):
        api.run(container, "true")
    api.destroy(container)
    assert api.containers() == []


def test_shims_that_died_while_garden_was_down_leave_nothing(garden, api, own_rootfs):
    alive, dead = api.create(own_rootfs), api.create(own_rootfs)
    pid = shim_pid(garden, dead)
    garden.kill()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the shim to end")
    garden.start()
    assert api.containers() == [alive]
    assert os.listdir(garden.runtime_dir / "garden/containers") == [alive]


def test_garden_killed_in_the_middle_of_creating_and_destroying(garden, api, own_rootfs):
    for delay in (0.0, 0.01, 0.02, 0.04):
        handles = [f"k{delay}-{n}".replace(".", "") for n in range(3)]
        keep = api.create(own_rootfs)
        threads = [threading.Thread(target=_ignore, args=(api.create, own_rootfs, handle)) for handle in handles]
        threads.append(threading.Thread(target=_ignore, args=(api.destroy, keep)))
        for thread in threads:
            thread.start()
        threading.Event().wait(delay)
        garden.kill()
        for thread in threads:
            thread.join()
        garden.start()
        listed = api.containers()
        assert sorted(os.listdir(garden.runtime_dir / "garden/containers")) == sorted(listed)
        for handle in listed:  # whatever is listed works
            if api.request("GET", f"/containers/{handle}/info").json()["State"] == "active":
                assert api.output(handle, "true")[0] == 0
            api.destroy(handle)


def test_records_of_an_earlier_boot_are_forgotten(garden, api, container):
    pid = shim_pid(garden, container)
    garden.kill()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the shim to end")
    (garden.runtime_dir / "garden/boot_id").write_text("another")
    garden.start()
    assert api.containers() == []
    assert any("machine was restarted" in line for line in garden.lines)


def test_a_changed_network_pool_leaves_living_containers_alone(garden, api, container, own_rootfs):
    address = api.info(container)["ContainerIP"]
    garden.kill()
    garden.pool = "10.127.0.0/24"
    garden.start()
    assert api.info(container)["ContainerIP"] == address
    fresh = api.create(own_rootfs)
    assert api.info(fresh)["ContainerIP"].startswith("10.127.0.")
    with listening(OUTSIDE, 5010, "outside"):
        assert talk(api, container, OUTSIDE, 5010) == talk(api, fresh, OUTSIDE, 5010) == f"hello {HOST}"


def test_one_bad_record_stops_nothing(garden, api, container, own_rootfs):
    garden.kill()
    bad = garden.runtime_dir / "garden/containers/bad"
    bad.mkdir()
    (bad / "created").touch()
    (bad / "spec.json").write_text("{torn")
    garden.start()
    assert api.containers() == [container]
    assert not bad.exists()


def _ignore(call, *arguments):
    try:
        call(*arguments)
    except Exception:
        pass  # the connection broke: what counts is what is found afterwards
