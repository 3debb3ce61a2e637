"""The hub: a TSA and an ATC in one process, with what a test or the quick start needs to steer them."""

import asyncio
import logging
import uuid

from hub import keys
from hub.atc.workers import Atc
from hub.net import Network
from hub.tsa.server import Tsa
from hub.web.build import Build
from hub.web.waits import Waits
from hub.web.worker import WorkerClient

log = logging.getLogger("hub")


class Hub:
    """`host_key`, `worker_keys`: asyncssh keys; `team_keys`: team → keys. Times in seconds.

    Everything runs on one event loop; hub/thread.py runs one for tests that are not asynchronous.
    """

    def __init__(self, host_key, worker_keys, team_keys=None, teams=("main",), heartbeat_interval=30.0, collect_interval=None,
                 missing_grace=300.0, p2p=False, waits=None):
        self.network = Network()
        self.waits = waits or Waits()
        self.p2p = p2p  # whether artifacts go from worker to worker
        self.peer_address = "127.0.0.1"
        self.heartbeat_interval = heartbeat_interval
        self.atc = Atc(set(teams) | set(team_keys or {}), missing_grace)
        self.tsa = Tsa(self, host_key, worker_keys, team_keys)
        self._collect_interval = collect_interval or min(30.0, heartbeat_interval)
        self._collector = None
        self._changed = asyncio.Event()
        self.containers = {}  # handle → web.worker.Container
        self.task_caches = {}  # (worker, directory, path) → handle of the volume
        self.resource_caches = {}  # (worker, what was got) → StepResult of that get
        self.getting = set()  # keys of those that are under way
        self._shared_volumes = {}
        self._clients = {}

    @classmethod
    def with_keys_in(cls, directory, **options):
        """A hub with the keys of `directory`, made if they are not there."""
        keys.make_files(directory)
        return cls(keys.load(directory / "tsa_host_key"), [keys.load(directory / "worker_key")], **options)

    async def start(self, host="127.0.0.1", port=0):
        await self.tsa.start(host, port)
        self.atc.watch(self._changed.set)
        self._collector = asyncio.get_running_loop().create_task(self._collect())
        log.info("listening on %s:%d", host, self.tsa.port)

    async def stop(self):
        if self._collector:
            self._collector.cancel()
        await self.tsa.stop()

    async def wait_for(self, condition, timeout=60.0, what="the condition"):
        """Returns the first true value of `condition()`, looked at whenever a worker's row changes."""

        async def wait():
            while True:
                self._changed.clear()
                if value := condition():
                    return value
                await self._changed.wait()

        try:
            return await asyncio.wait_for(wait(), timeout)
        except asyncio.TimeoutError:
            rows = ", ".join(f"{row.name} {row.state}" for row in self.atc.workers.values()) or "none"
            raise TimeoutError(f"waited {timeout:g} s for {what}; workers: {rows}") from None

    async def wait_for_state(self, name, state, timeout=60.0):
        """Waits until the worker is in that state; "" for gone. Returns its row."""

        def reached():
            row = self.atc.workers.get(name)
            return (row or True) if (row.state if row else "") == state else None

        return await self.wait_for(reached, timeout, f"worker {name} to be {state or 'gone'}")

    # For steps.

    def build(self, worker, **options):
        """A new build on that worker; web/build.py has its steps."""
        return Build(self, worker, **options)

    def client(self, worker):
        """The APIs of a worker as the web uses them."""
        if worker not in self._clients:
            self._clients[worker] = WorkerClient(self, worker)
        return self._clients[worker]

    def shared_volume(self, key):
        """The handle of a volume that is made once: of a resource type or of certificates. A lost one gets a new handle."""
        handle = self._shared_volumes.get(key)
        if handle is None or handle not in self.atc.volumes.rows:
            handle = self._shared_volumes[key] = str(uuid.uuid4())
        return handle

    async def _collect(self):
        while True:
            await asyncio.sleep(self._collect_interval)
            self.atc.collect()
