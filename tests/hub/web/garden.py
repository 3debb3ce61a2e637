"""The web's Garden client: the calls that a Concourse web node makes, and no others."""

import json
from urllib.parse import quote

from hub.web.http import go_json
from hub.web.process import Attachment, Process
from hub.web.transport import Transport


class GardenError(Exception):
    """An error that Garden answered. `type` is "" for most."""

    def __init__(self, message, kind="", status=500):
        super().__init__(message)
        self.type = kind
        self.status = status


class ExecutableNotFound(GardenError):
    pass


class Garden:
    def __init__(self, network, atc, worker, waits):
        self._transport = Transport(network, atc, worker, "addr", waits)

    async def containers(self):
        return (await self._call("GET", "/containers"))["Handles"] or []

    async def create(self, spec):
        return (await self._call("POST", "/containers", spec))["Handle"]

    async def destroy(self, handle):
        await self._call("DELETE", f"/containers/{_segment(handle)}")

    async def stop(self, handle, kill):
        await self._call("PUT", f"/containers/{_segment(handle)}/stop", {"kill": kill})

    async def properties(self, handle):
        return await self._call("GET", f"/containers/{_segment(handle)}/properties") or {}

    async def set_property(self, handle, name, value):
        await self._call("PUT", f"/containers/{_segment(handle)}/properties/{_segment(name)}", {"value": value})

    async def run(self, handle, spec, io):
        """Starts a process; `spec` is Garden's ProcessSpec, `io` a ProcessIO. Returns a Process."""
        attachment = await self._attach_to("POST", f"/containers/{_segment(handle)}/processes", io, handle, go_json(spec))
        return Process(attachment, lambda: self._reattach(handle, attachment.process_id, io))

    async def attach(self, handle, process_id, io):
        return Process(await self._reattach(handle, process_id, io), lambda: self._reattach(handle, process_id, io))

    async def _reattach(self, handle, process_id, io):
        path = f"/containers/{_segment(handle)}/processes/{_segment(process_id)}"
        return await self._attach_to("GET", path, io, handle, None)

    async def _attach_to(self, method, path, io, handle, body):
        stream = await self._hijack(method, path, body, "application/json" if body else None)
        return await Attachment.start(stream, io, lambda process_id, stream_id, which: self._hijack(
            "GET", f"/containers/{_segment(handle)}/processes/{_segment(process_id)}/attaches/{_segment(stream_id)}/{which}",
            None, "application/json"))

    async def _hijack(self, method, path, body, content_type):
        stream, response = await self._transport.hijack(method, path, body, content_type)
        if 200 <= response.status <= 299:
            return stream
        try:
            text = await stream.reader.readexactly(int(response.headers.get("content-length", "0")))
        finally:
            stream.close()
        error = _error_of(text, response.status)
        if error is not None and error.type == "ExecutableNotFoundError":
            raise ExecutableNotFound(str(error), error.type, response.status)
        raise GardenError(f"backend error: Exit status: {response.status}, message: {text.decode(errors='replace')}",
                          error.type if error else "", response.status)

    async def _call(self, method, path, body=None):
        text = None if body is None else go_json(body)
        response = await self._transport.request(method, path, body=text, content_type="application/json" if text else None)
        if 200 <= response.status <= 299:
            return response.json()
        raise _error_of(response.body, response.status) or GardenError(f"bad response: {response.body[:200]!r}")


def _error_of(text, status):
    try:
        error = json.loads(text)
        kind, handle = error["Type"], error.get("Handle", "")
        message = f"unknown handle: {handle}" if kind == "ContainerNotFoundError" else error["Message"]
        return GardenError(message, kind, status)
    except (ValueError, KeyError, TypeError):
        return None


def _segment(text):
    return quote(text, safe=":@!$&'()*+,;=~")
