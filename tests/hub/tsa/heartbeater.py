"""Registers a worker and keeps its registration alive, as long as both of its APIs answer through the tunnel."""

import asyncio
import logging

from hub.atc.errors import AtcError, WorkerGone
from hub.web.garden_ping import KeepAliveGarden
from hub.web.http import request
from hub.web.waits import REGISTRATION

log = logging.getLogger("hub.tsa")
RETRY = 1.0


class Heartbeater:
    """`event` is told "registered" once and "heartbeated" each time."""

    def __init__(self, hub, worker, event):
        self._hub = hub
        self._worker = worker
        self._event = event
        # The Garden client of the ping keeps its connection for up to 90 s, also after the heartbeats have ended: it is one of
        # the forwarded connections that a draining worker waits for, unless its Garden closes it.
        self._garden = KeepAliveGarden(hub.network, worker.addr)

    async def run(self, interrupted):
        """Returns when interrupted, when the worker has landed or when the ATC doesn't know it any more."""
        while not await self._register():
            self._hub.waits.note(REGISTRATION, RETRY)
            if await _wait(interrupted, RETRY):
                return
        interval = self._hub.heartbeat_interval
        while not await _wait(interrupted, interval):
            try:
                if await self._heartbeat():
                    interval = self._hub.heartbeat_interval
                else:
                    interval = RETRY
                    self._hub.waits.note(REGISTRATION, RETRY)
            except WorkerGone as gone:
                log.info("%s: %s", self._worker.name, gone)
                return

    async def _register(self):
        if not await self._ping():
            return False
        try:
            self._hub.atc.register(self._worker, ttl=2 * self._hub.heartbeat_interval)
        except AtcError as error:
            log.warning("register %s: %s", self._worker.name, error)
            return False
        self._event("registered")
        return True

    async def _heartbeat(self):
        if not await self._ping():
            return False
        state = self._hub.atc.heartbeat(self._worker, ttl=2 * self._hub.heartbeat_interval)
        self._event("heartbeated")
        if state == "landed":
            raise WorkerGone("worker has landed")
        return True

    async def _ping(self):
        """Both are always asked; a worker is healthy if both answer."""
        healthy = True
        for part, count in (("active_containers", self._containers), ("active_volumes", self._volumes)):
            try:
                setattr(self._worker, part, await count())
            except (OSError, ValueError, KeyError, TypeError, asyncio.TimeoutError) as error:
                log.warning("ping %s: %s: %s", self._worker.name, part, error or type(error).__name__)
                healthy = False
        return healthy

    async def _containers(self):
        answer = await asyncio.wait_for(self._garden.get("/containers"), 300)
        return len(answer.json()["Handles"])

    async def _volumes(self):
        address = self._worker.baggageclaim_url.removeprefix("http://")
        answer = await request(self._hub.network, address, "GET", "/volumes", header_timeout=60)
        if answer.status != 200 or answer.headers.get("content-type") != "application/json":
            raise OSError(f"unexpected answer: {answer.status} {answer.headers.get('content-type')}")
        return len(answer.json())


async def _wait(event, seconds):
    """Whether the event came within that time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
        return True
    except asyncio.TimeoutError:
        return False
