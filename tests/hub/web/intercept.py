"""`fly intercept`: an extra process in a container, with a terminal or without."""

from hub.web.process import ProcessIO
from hub.web.spec import ProcessSpec


class Interception:
    """`process` can be resized with set_tty; `wait` gives the exit status, as the container's property then does too."""

    def __init__(self, client, handle, process):
        self._client = client
        self._handle = handle
        self.process = process

    async def wait(self):
        status = await self.process.wait()
        await self._client.garden.set_property(self._handle, "concourse:exit-status", str(status))
        return status


async def intercept(hub, handle, command=("bash",), stdin=None, stdout=lambda data: None, stderr=lambda data: None, tty=None,
                    user="", term="xterm"):
    """Starts `command` in a container the hub knows. `tty` is (columns, rows); ExecutableNotFound where there is no such program."""
    row = hub.atc.containers.rows[handle]
    container = hub.containers[handle]
    client = hub.client(row.worker)
    if handle not in await client.garden.containers():
        raise KeyError(handle)
    properties = await client.garden.properties(handle)
    spec = ProcessSpec(command[0], list(command[1:]), env=[f"TERM={term}"], dir=container.spec.directory,
                       user=user or container.spec.user, tty=tty)
    process = await client.garden.run(handle, spec.json(properties.get("user", "")), ProcessIO(stdin, stdout, stderr))
    return Interception(client, handle, process)
