"""Many steps at once while Garden is killed again and again: nothing but a dropped connection is ever seen, nothing is left.

STEPS, PARALLEL and KILL_EVERY (seconds) in the environment make it longer: 2000, 8, 5 is a good night."""

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from harness.http import HttpError, StatusError
from harness.wait import wait_until

STEPS = int(os.environ.get("STEPS", "120"))
PARALLEL = int(os.environ.get("PARALLEL", "8"))
KILL_EVERY = float(os.environ.get("KILL_EVERY", "1"))
DROPPED = (HttpError, ConnectionError, RuntimeError)


def again_until_answered(call):
    """As the web does: a request whose connection broke off is made again."""
    while True:
        try:
            return call()
        except DROPPED:
            continue


def create(api, rootfs):
    while True:
        handle = str(uuid.uuid4())
        try:
            return api.create(rootfs, handle)
        except DROPPED:
            destroy(api, handle)  # it may be there


def destroy(api, handle):
    def once():
        try:
            api.destroy(handle)
        except StatusError as refusal:
            gone = refusal.response.json()["Type"] == "ContainerNotFoundError"
            if not gone and "already being destroyed" not in str(refusal):
                raise

    again_until_answered(once)
    wait_until(lambda: handle not in again_until_answered(api.containers), f"{handle} to be gone")


def find(api, handle):
    """The process, attached to: its Run was answered or not."""
    def once():
        try:
            return api.attach(handle, "task")
        except StatusError as refusal:
            if refusal.response.json()["Type"] == "ProcessNotFoundError":
                return None
            raise

    return again_until_answered(once)


def start(api, handle, word):
    while True:
        try:
            return api.run(handle, "sh", "-c", f"echo {word}; exit 7", id="task")
        except DROPPED:
            if process := find(api, handle):
                return process


def end(api, handle, process):
    """(exit status, whether it was the first attachment that told it)."""
    try:
        return process.wait(), True
    except DROPPED:
        process.detach()
        return find(api, handle).wait(), False


def one_step(api, rootfs, number):
    handle = create(api, rootfs)
    process = start(api, handle, f"word{number}")
    status, whole = end(api, handle, process)
    assert status == 7, (handle, status)
    if whole:
        assert process.stdout.data() in (b"", f"word{number}\n".encode()), process.stdout.data()
    destroy(api, handle)
    return whole and process.stdout.data() != b""


def test_steps_go_on_while_garden_is_killed(make_garden, own_rootfs):
    garden = make_garden(keep_listener=True)
    before = descriptors(garden)
    over = threading.Event()
    kills = 0

    def kill_again_and_again():
        nonlocal kills
        while not over.wait(KILL_EVERY):
            garden.kill()
            garden.start()
            kills += 1

    killer = threading.Thread(target=kill_again_and_again)
    killer.start()
    try:
        with ThreadPoolExecutor(PARALLEL) as pool:
            whole = list(pool.map(lambda number: one_step(garden.api, own_rootfs, number), range(STEPS)))
    finally:
        over.set()
        killer.join()
    print(f"{STEPS} steps, {kills} kills, {whole.count(True)} with whole output at the first attachment")
    assert kills > 0
    assert garden.api.containers() == []
    # The kernel keeps who deletes a link for a moment after the link is gone.
    wait_until(lambda: descriptors(garden) <= before + 2, "Garden to have as many descriptors as before", 10)


def descriptors(garden):
    return len(os.listdir(f"/proc/{garden.process.pid}/fd"))
