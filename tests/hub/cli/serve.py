"""A hub that runs until it is told to stop."""

import asyncio
import json
import logging
import os
import signal
import sys

from hub.cli.steps import COMMANDS
from hub.cli.wire import pack, socket_in
from hub.hub import Hub
from hub.rootfs import make_resource_type

log = logging.getLogger("hub")


class Caller:
    """One connection of a command."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    def tell(self, event, **fields):
        self._writer.write(pack({"event": event, **fields}))

    async def lines(self):
        """What the asking side says, until it goes away."""
        while line := await self._reader.readline():
            yield json.loads(line)


def serve(directory, host, port, heartbeat):
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    return asyncio.run(_serve(directory, host, port, heartbeat))


async def _serve(directory, host, port, heartbeat):
    directory.mkdir(parents=True, exist_ok=True)
    hub = Hub.with_keys_in(directory / "keys", heartbeat_interval=heartbeat)
    make_resource_type(directory / "resource-types")
    await hub.start(host, port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def answer(reader, writer):
        caller = Caller(reader, writer)
        try:
            question = json.loads(await reader.readline() or b"{}")
            name = question.pop("command", "")
            log.info("%s %s", name, json.dumps(question)[:200])
            if name == "stop":
                stop.set()
                status = 0
            else:
                status = await COMMANDS[name](hub, caller, **question)
            caller.tell("done", status=status or 0)
        except ConnectionError:
            pass
        except Exception as error:
            log.info("failed", exc_info=True)
            caller.tell("error", message=str(error) or type(error).__name__)
        finally:
            writer.close()

    path = socket_in(directory)
    path.unlink(missing_ok=True)
    old = os.umask(0o077)
    server = await asyncio.start_unix_server(answer, path, limit=1 << 20)
    os.umask(old)
    (directory / "port").write_text(f"{hub.tsa.port}\n")
    print(f"TSA on {host}:{hub.tsa.port}, commands on {path}", flush=True)
    await stop.wait()
    server.close()
    await hub.stop()
    path.unlink(missing_ok=True)
    return 0
