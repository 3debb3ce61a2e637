"""One exec command of a worker, from the request to its exit status."""

import asyncio
import json
import logging

import asyncssh

from hub.atc.errors import AtcError
from hub.atc.payload import parse_worker
from hub.jsonstream import JsonStream
from hub.tsa.commands import InvalidCommand, parse
from hub.tsa.heartbeater import Heartbeater

log = logging.getLogger("hub.tsa")
FORWARD_WAIT = 10.0  # for each of the two


class CommandFailed(Exception):
    """Exit status 1; the text goes to the hub's log only."""


class TsaSession(asyncssh.SSHServerSession):
    def __init__(self, owner):
        self._owner = owner
        self._hub = owner.hub
        self._channel = None
        self._task = None
        self._input = JsonStream()
        self._payload = asyncio.get_running_loop().create_future()
        self._interrupted = asyncio.Event()

    # What asyncssh calls.

    def connection_made(self, chan):
        self._channel = chan

    def data_received(self, data, _datatype):
        try:
            for value in self._input.feed(data)[:1]:
                if not self._payload.done():
                    self._payload.set_result(value)
        except ValueError as error:
            self._fail_payload(error)

    def eof_received(self):
        self._fail_payload("unexpected EOF" if self._input.pending() else "EOF")
        return True

    def connection_lost(self, _exc):
        self._interrupted.set()
        if self._task:
            self._task.cancel()

    def exec_requested(self, line):
        try:
            command = parse(line)
        except InvalidCommand as error:
            self._channel.write(f"invalid command: {error}".encode())
            log.warning("invalid command %r: %s", line, error)
            return False
        self._task = asyncio.get_running_loop().create_task(self._run(command))
        return True

    def signal_received(self, _signal):
        self._interrupted.set()

    def _fail_payload(self, reason):
        if not self._payload.done():
            self._payload.set_exception(CommandFailed(str(reason)))
            self._payload.exception()  # nobody may be waiting for it

    # The commands.

    async def _run(self, command):
        status = 1
        try:
            worker = parse_worker(await self._payload)
            self._check_team(worker)
            await self._dispatch(command, worker)
            status = 0
            log.debug("%s %s: exit 0", command.name, worker.name)
        except (CommandFailed, AtcError, ValueError) as error:
            log.warning("%s: exit 1: %s", command.name, error)
        except Exception:
            log.exception("%s: exit 1", command.name)
        self._channel.exit(status)

    def _check_team(self, worker):
        team = self._owner.team
        if team and worker.team != team:
            belongs = f"worker belongs to team {worker.team}" if worker.team else "worker is global"
            raise CommandFailed(f"key is authorized for team {team}, but {belongs}")

    async def _dispatch(self, command, worker):
        atc = self._hub.atc
        if command.name == "forward-worker":
            await self._forward_worker(command, worker)
        elif command.name == "land-worker":
            atc.land(worker.name, worker.team)
        elif command.name == "retire-worker":
            atc.retire(worker.name, worker.team)
        elif command.name == "delete-worker":
            atc.delete(worker.name, worker.team)
        else:
            verb, kind = command.name.split("-")
            if not worker.name:
                raise CommandFailed("worker name is empty")
            stock = atc.containers if kind == "containers" else atc.volumes
            if verb == "report":
                stock.report(worker.name, command.handles)
            else:
                self._channel.write(json.dumps(stock.destroying(worker.name)).encode() + b"\n")

    async def _forward_worker(self, command, worker):
        forwards = {}
        for _ in range(2):
            try:
                forward = await asyncio.wait_for(self._owner.forwards.get(), FORWARD_WAIT)
                forwards[forward.label] = forward
            except asyncio.TimeoutError:
                log.info("never-forwarded-tcpip")
        try:
            for flag, label in (("garden", command.garden), ("baggageclaim", command.baggageclaim)):
                if label not in forwards:
                    raise CommandFailed(f"{flag} address ({label}) not forwarded")
            worker.addr = forwards[command.garden].address
            worker.baggageclaim_url = "http://" + forwards[command.baggageclaim].address
            await Heartbeater(self._hub, worker, self._event).run(self._interrupted)
        finally:
            for forward in forwards.values():
                forward.close()
        # A worker that landed or is gone is not waited for.
        if self._interrupted.is_set():
            log.info("%s: draining forwarded connections", worker.name)
            for forward in forwards.values():
                await forward.drained()
            log.info("%s: drained", worker.name)

    def _event(self, name):
        self._channel.write(json.dumps({"event": name}, separators=(",", ":")).encode() + b"\n")
