"""A container is destroyed while everything else is done to it, at once and again and again."""

import io
import itertools
import json
import subprocess
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from attacks.output_detectors import lost
from attacks.races_detectors import leftover_rules, strange_answers
from harness.http import Connection, HttpError, StatusError
from harness.wait import PATIENCE, wait_until

ROUNDS = 8


def tar_of(name):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return archive.getvalue()


class Others:
    """Does `operations` to a container, each on a thread of its own, without a pause, until it fails or is told to stop."""

    def __init__(self, operations):
        self.failures, self.done = [], {name: 0 for name in operations}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=entry) for entry in operations.items()]
        for thread in self._threads:
            thread.start()

    def _work(self, name, operation):
        while not self._stop.is_set():
            try:
                operation()
            except StatusError as error:
                self.failures.append((name, error.response.json()["Message"]))
                return
            except (HttpError, OSError, RuntimeError):
                return  # a stream that was broken off: the process is gone, as its client sees
            self.done[name] += 1

    def wait_all_done_once(self):
        wait_until(lambda: all(self.done.values()), lambda: f"each operation to succeed once: {self.done} {self.failures}")

    def join(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def network_operations(api, handle):
    def net_in():
        api.call("POST", f"/containers/{handle}/net/in", {"host_port": 0, "container_port": 80})

    def net_out():
        api.call("POST", f"/containers/{handle}/net/out", {"networks": [{"start": "198.51.100.7"}], "protocol": 1})

    return {"net-in": net_in, "net-in too": net_in, "net-out": net_out, "net-out too": net_out}


def all_operations(api, handle):
    numbers = itertools.count()

    return network_operations(api, handle) | {
        "property": lambda: api.set_property(handle, "p", "v" * 4096),
        "property removed": lambda: (api.set_property(handle, "q", "v"), api.call("DELETE", f"/containers/{handle}/properties/q")),
        "grace time": lambda: api.call("PUT", f"/containers/{handle}/grace_time", 3_600_000_000_000),
        "info": lambda: api.info(handle),
        "metrics": lambda: api.call("GET", f"/containers/{handle}/metrics"),
        "limits": lambda: api.call("GET", f"/containers/{handle}/limits/memory"),
        "run": lambda: api.run(handle, "true", id=f"r{next(numbers)}").wait(),
        "attach": lambda: api.attach(handle, "task").detach(),
        "stream-out": lambda: api.request("GET", f"/containers/{handle}/files?source=/etc/hosts&user="),
        "stream-in": lambda: api.call("PUT", f"/containers/{handle}/files?user=&destination=/tmp", tar_of("f")),
    }


def test_nothing_of_its_network_is_left_when_ports_are_mapped_while_it_goes(garden, api, own_rootfs):
    for _ in range(ROUNDS):
        handle = api.create(own_rootfs)
        others = Others(network_operations(api, handle))
        others.wait_all_done_once()
        api.destroy(handle)
        others.join()
        assert leftover_rules() == []
        assert strange_answers(others.failures) == []


def test_destroy_ends_well_whatever_else_is_done(garden, api, own_rootfs):
    for _ in range(ROUNDS):
        handle = api.create(own_rootfs)
        task = api.run(handle, "sleep", "1000", id="task")
        others = Others(all_operations(api, handle))
        others.wait_all_done_once()
        api.destroy(handle)
        others.join()
        task.detach()
        assert strange_answers(others.failures) == []
        assert leftover_rules() == []
        assert list((garden.runtime_dir / "garden" / "containers").iterdir()) == []


def test_of_many_that_destroy_it_one_does(api, own_rootfs):
    def destroy(handle):
        try:
            api.destroy(handle)
        except StatusError as error:
            return error.response.json()["Message"]
        return None

    for _ in range(ROUNDS):
        handle = api.create(own_rootfs)
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(destroy, [handle] * 4))
        assert answers.count(None) == 1, answers
        assert strange_answers([("destroy", answer) for answer in answers if answer]) == []


def test_a_destroyed_container_leaves_its_readers_what_they_had_not_read(api, own_rootfs):
    """More than sockets hold: some of it is the shim's to send when its container has gone."""
    size = 1_500_000
    handle = api.create(own_rootfs)
    api.run(handle, "sh", "-c", f"read x; head -c {size} /dev/zero; touch /written; sleep 1000", id="task").detach()
    with Connection(api.address) as main, Connection(api.address) as out:
        main.send("GET", f"/containers/{handle}/processes/task")
        main.head()
        stream = json.loads(main.file.readline())["stream_id"]
        main.socket.sendall(json.dumps({"process_id": "task", "source": 0, "data": "go\n"}).encode())
        wait_until(lambda: api.output(handle, "test", "-e", "/written")[0] == 0, "all to be written")
        out.send("GET", f"/containers/{handle}/processes/task/attaches/{stream}/stdout")
        api.destroy(handle)
        out.head()
        assert lost(bytes(size), out.file.read()) == []
        assert json.loads(main.file.readline())["exit_status"] == 143


@pytest.fixture
def few_processes(garden):
    """Puts Garden into a cgroup that lets nothing start any more, and out of it again."""
    group = None

    def limit():
        nonlocal group
        with open("/proc/self/mounts") as mounts:
            places = [line.split()[1] for line in mounts if line.split()[2] == "cgroup" and "pids" in line.split()[3].split(",")]
        root = places[0] if places else "/sys/fs/cgroup"
        group = f"{root}/few-processes"
        subprocess.run(["mkdir", group], check=True)
        with open(f"{group}/cgroup.procs", "w") as procs:
            procs.write(str(garden.process.pid))
        with open(f"{group}/pids.max", "w") as file:
            file.write("0")
        return root

    root = None

    def begin():
        nonlocal root
        root = limit()

    yield begin
    if group:
        with open(f"{root}/cgroup.procs", "w") as procs:
            procs.write(str(garden.process.pid))
        wait_until(lambda: subprocess.run(["rmdir", group], check=False, stderr=subprocess.DEVNULL).returncode == 0, "the cgroup to be empty")


def test_a_container_can_be_destroyed_where_no_thread_is_to_be_had(few_processes, api, own_rootfs):
    handles = [api.create(own_rootfs) for _ in range(2)]
    few_processes()
    for handle in handles:
        api.destroy(handle)
    assert api.containers() == []
    assert leftover_rules() == []


def test_the_detectors_see():
    assert strange_answers([("a", "unknown handle: x"), ("b", "remove '/run/x': Directory not empty")]) == [
        "b: remove '/run/x': Directory not empty"]
    assert leftover_rules() == []
    table = "table inet concourse_00000bad { map ports { type inet_service : ipv4_addr . inet_service; elements = { 7 : 10.0.0.1 . 8 }; }\n chain out_x { }\n }"
    subprocess.run(["nft", "-f", "-"], input=table, text=True, check=True)
    try:
        assert len(leftover_rules()) == 2
    finally:
        subprocess.run(["nft", "delete table inet concourse_00000bad"], check=True)
