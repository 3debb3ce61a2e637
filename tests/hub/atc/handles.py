"""Which containers and volumes exist on which worker, as the ATC's database and its garbage collector have it.

    creating ──▶ created ──▶ destroying ──▶ (row gone)         failed ──▶ destroying
                    │ missing for longer than the grace period ──▶ (row gone)

A worker's report is taken as the whole truth: what is reported and not known becomes `destroying`, what is known and not
reported is missing from now on, and a `destroying` one that is not reported any more has been destroyed.
"""

import logging
from dataclasses import dataclass

log = logging.getLogger("hub.atc")


@dataclass
class Row:
    handle: str
    worker: str
    state: str = "creating"
    missing_since: float | None = None
    parent: str | None = None  # volumes: the handle it is a copy of
    container: str | None = None  # volumes: the container that it was made for
    kept: bool = False  # volumes: base resource types and caches, which outlive containers


class Stock:
    kind = ""
    stalled_too = False  # whether missing ones of a stalled worker are forgotten too

    def __init__(self, missing_grace, clock):
        self.rows = {}
        self._grace = missing_grace
        self._clock = clock

    def creating(self, handle, worker, **fields):
        self.rows[handle] = Row(handle, worker, **fields)

    def created(self, handle):
        self.rows[handle].state = "created"

    def failed(self, handle):
        if handle in self.rows:
            self.rows[handle].state = "failed"

    def destroy(self, handle):
        """Asks for the destruction of one that was created."""
        if self._may_be_destroyed(self.rows[handle]):
            self.rows[handle].state = "destroying"

    def states(self, worker):
        return {row.handle: row.state for row in self.rows.values() if row.worker == worker}

    def destroying(self, worker):
        return [row.handle for row in self.rows.values() if row.worker == worker and row.state == "destroying"]

    def report(self, worker, handles):
        reported = set(handles)
        for handle in reported:
            row = self.rows.get(handle)
            if row is None:
                log.info("unknown %s '%s' on %s: to be destroyed", self.kind, handle, worker)
                self.rows[handle] = Row(handle, worker, "destroying")
            elif row.worker == worker:
                row.missing_since = None
        for row in [row for row in self.rows.values() if row.worker == worker and row.handle not in reported]:
            if row.state == "destroying":
                del self.rows[row.handle]
            elif row.state != "creating" and row.missing_since is None:
                row.missing_since = self._clock()

    def forget_worker(self, worker):
        self.rows = {handle: row for handle, row in self.rows.items() if row.worker != worker}

    def collect(self, stalled=()):
        now = self._clock()
        for row in list(self.rows.values()):
            if row.state == "failed":
                row.state = "destroying"
            elif (row.state == "created" and row.missing_since is not None and now - row.missing_since > self._grace
                  and (self.stalled_too or row.worker not in stalled)):
                log.info("%s '%s' has been missing for too long", self.kind, row.handle)
                self._forget(row.handle)

    def _may_be_destroyed(self, row):
        return row.state in ("created", "failed")

    def _forget(self, handle):
        self.rows.pop(handle, None)


class ContainerStock(Stock):
    kind = "container"


class VolumeStock(Stock):
    kind = "volume"
    stalled_too = True

    def children(self, handle):
        return [row for row in self.rows.values() if row.parent == handle]

    def _may_be_destroyed(self, row):
        # A parent stays as long as it has children: in the database by a foreign key.
        return super()._may_be_destroyed(row) and not self.children(row.handle)

    def _forget(self, handle):
        for child in self.children(handle):
            self._forget(child.handle)
        super()._forget(handle)

    def collect(self, containers):
        super().collect()
        for row in list(self.rows.values()):
            if row.state == "created" and not row.kept and row.container not in containers.rows:
                self.destroy(row.handle)
