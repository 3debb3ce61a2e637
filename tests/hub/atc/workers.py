"""The workers' table of the ATC and the passes of its collector over it."""

import logging
import time
from dataclasses import dataclass

from hub.atc.errors import AtcError, WorkerGone
from hub.atc.handles import ContainerStock, VolumeStock
from hub.atc.payload import WorkerPayload, validate

log = logging.getLogger("hub.atc")
STATES = ("running", "stalled", "landing", "landed", "retiring")


@dataclass
class Worker:
    """A row. `payload` is what the worker sent last; addresses are None once it has landed."""

    payload: WorkerPayload
    state: str
    expires: float | None
    registrations: int = 0
    heartbeats: int = 0
    addr: str | None = None
    baggageclaim: str | None = None

    @property
    def name(self):
        return self.payload.name

    def resource_type(self, name):
        for resource_type in self.payload.resource_types:
            if resource_type.type == name:
                return resource_type
        known = ", ".join(t.type for t in self.payload.resource_types) or "none"
        raise AtcError(400, f"worker {self.name} has no resource type '{name}'; it has: {known}")


class Atc:
    def __init__(self, teams=("main",), missing_grace=300.0, clock=time.monotonic):
        self.workers = {}
        self.teams = set(teams)
        self.builds = set()  # unfinished ones; each has `workers`, names it has containers on, and `interruptible`
        self.containers = ContainerStock(missing_grace, clock)
        self.volumes = VolumeStock(missing_grace, clock)
        self._clock = clock
        self._watchers = []

    # What the TSA asks for workers.

    def register(self, payload, ttl):
        """An upsert by name. Everything is replaced, the state too: with no state in the payload a draining worker runs again."""
        try:
            validate(payload)
        except ValueError as error:
            raise AtcError(400, str(error)) from None
        name = payload.name = payload.name or payload.addr
        if payload.team and payload.team not in self.teams:
            raise AtcError(400, f"team '{payload.team}' not found")
        if payload.state and payload.state not in STATES:
            raise AtcError(500, f"invalid input value for enum worker_state: \"{payload.state}\"")
        old = self.workers.get(name)
        if old and old.payload.team != payload.team:
            raise AtcError(500, "worker already exists and is either global or owned by another team")
        row = Worker(payload, payload.state or "running", self._clock() + ttl, old.registrations + 1 if old else 1,
                     old.heartbeats if old else 0, payload.addr, payload.baggageclaim_url.removeprefix("http://"))
        self.workers[name] = row
        log.info("registered %s at %s, version %s", name, payload.addr, payload.version)
        self._changed()

    def heartbeat(self, payload, ttl):
        """Returns the state that the worker is in now."""
        row = self.workers.get(payload.name)
        if row is None:
            raise WorkerGone("worker has gone away")
        row.expires = self._clock() + ttl
        row.heartbeats += 1
        row.payload.active_containers, row.payload.active_volumes = payload.active_containers, payload.active_volumes
        if row.state == "stalled":
            row.state = "running"
        self._changed()
        return row.state

    def land(self, name, team):
        row = self._of_team(name, team, missing=404)
        if row.state != "landed":
            row.state = "landing"
        log.info("%s is %s", name, row.state)
        self._changed()

    def retire(self, name, team):
        if name not in self.workers:
            return  # the TSA takes 404 for success here
        self._of_team(name, team, missing=404).state = "retiring"
        log.info("%s is retiring", name)
        self._changed()

    def delete(self, name, team):
        self._of_team(name, team, missing=500)
        self._drop(name, "deleted")

    def prune(self, name):
        row = self.workers.get(name)
        if row is None:
            raise AtcError(404, f"worker '{name}' not found")
        if row.state == "running":
            raise AtcError(400, "cannot prune running worker")
        self._drop(name, "pruned")

    def _of_team(self, name, team, missing):
        row = self.workers.get(name)
        if row is None:
            raise AtcError(missing, f"worker '{name}' not found")
        if row.payload.team != team:
            raise AtcError(400, "worker belongs to a different team")
        return row

    # What the web asks.

    def worker(self, name):
        """The row of a worker that can be reached. A landed one can't: its address is taken away."""
        row = self.workers.get(name)
        if row is None:
            raise AtcError(404, f"worker '{name}' not found")
        return row

    def place(self):
        """A worker for new work: running ones only."""
        for row in self.workers.values():
            if row.state == "running":
                return row
        raise AtcError(400, "no running worker; known: " + (", ".join(f"{w.name} ({w.state})" for w in self.workers.values()) or "none"))

    # The collector.

    def collect(self):
        """One pass: stall, land, delete; then containers and volumes."""
        now = self._clock()
        for name, row in list(self.workers.items()):
            expired = row.expires is not None and row.expires < now
            if row.payload.ephemeral and expired:
                self._drop(name, "deleted: ephemeral and unresponsive")
            elif row.state == "running" and expired:
                row.state, row.expires = "stalled", None
                log.info("%s is stalled", name)
            elif row.state == "landing" and not self._waited_for(name):
                row.state, row.addr, row.baggageclaim = "landed", None, None
                log.info("%s is landed", name)
            elif row.state == "retiring" and not self._waited_for(name):
                self._drop(name, "deleted: retired")
        stalled = {name for name, row in self.workers.items() if row.state == "stalled"}
        self.containers.collect(stalled)
        self.volumes.collect(self.containers)
        self._changed()

    def _waited_for(self, name):
        return any(name in build.workers and not build.interruptible for build in self.builds)

    def _drop(self, name, why):
        del self.workers[name]
        self.containers.forget_worker(name)
        self.volumes.forget_worker(name)
        log.info("%s is %s", name, why)
        self._changed()

    # Waiting for something to become true.

    def watch(self, callback):
        self._watchers.append(callback)

    def _changed(self):
        for callback in self._watchers:
            callback()
