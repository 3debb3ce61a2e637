"""The web's BaggageClaim client."""

import asyncio
import gzip
import io
import json
import tarfile
from urllib.parse import quote, urlencode

from hub.web.http import go_json, read_body
from hub.web.transport import Transport
from hub.web.waits import VOLUME_POLL, BackOff

P2P_URL_TIMEOUT = 5.0  # seconds
P2P_TIMEOUT = 900.0


class VolumeError(Exception):
    def __init__(self, message, status=500):
        super().__init__(message)
        self.status = status


class NotFound(VolumeError):
    """No such volume, or no such file in it."""


class Baggageclaim:
    def __init__(self, network, atc, worker, waits):
        self._transport = Transport(network, atc, worker, "baggageclaim", waits)
        self._waits = waits

    async def lookup(self, handle):
        """The volume's JSON, or None."""
        response = await self._transport.request("GET", f"/volumes/{quote(handle)}")
        if response.status == 404:
            return None
        return _json(response, 200)

    async def create(self, handle, strategy, privileged=False, owner=None):
        """Creates a volume the asynchronous way: asks, polls, forgets the future. `owner` is (uid, gid) or None."""
        body = {"handle": handle, "strategy": strategy, "properties": None}
        if privileged:
            body["privileged"] = True
        if owner is not None:
            body["uid"], body["gid"] = owner
        _json(await self._transport.request("POST", "/volumes-async", body=go_json(body)), 201)
        path = f"/volumes-async/{quote(handle)}"
        try:
            return await self._poll(path, handle)
        finally:
            await self._transport.request("DELETE", path)

    async def _poll(self, path, handle):
        """The web asks for a first pause of 10 ms, but after its back-off has begun with the library's default."""
        back_off = BackOff(0.5, 10.0)
        while True:
            response = await self._transport.request("GET", path)
            if response.status == 404:
                raise VolumeError(f"future not found: {handle}", 404)
            if response.status != 204:
                return _json(response, 200)
            await self._waits.pause(VOLUME_POLL, back_off.next())

    async def set_privileged(self, handle, privileged):
        response = await self._transport.request("PUT", f"/volumes/{quote(handle)}/privileged", body=go_json({"value": privileged}),
                                                 content_type="application/json")
        _check(response, 204)

    async def stream_in(self, handle, path, pieces, encoding="gzip", limit=0.0):
        """`pieces`: an async iterator over a compressed tar."""
        query = urlencode({"limit": f"{limit:f}", "path": path})
        response = await self._transport.request("PUT", f"/volumes/{quote(handle)}/stream-in?{query}", pieces=pieces,
                                                 encoding=encoding)
        _check(response, 204)

    async def stream_out(self, handle, path, encoding="gzip"):
        """The compressed tar as an async iterator."""
        stream, response = await self._transport.open_request("PUT", f"/volumes/{quote(handle)}/stream-out?{urlencode({'path': path})}",
                                                              accept=encoding)
        try:
            if response.status != 200:
                response.body = b"".join([piece async for piece in read_body(stream.reader, response)])
                _check(response, 200)
            async for piece in read_body(stream.reader, response):
                yield piece
        finally:
            stream.close()

    async def stream_in_url(self, handle, path):
        """Where another worker sends an archive for this volume."""
        response = await asyncio.wait_for(self._transport.request("GET", "/p2p-url"), P2P_URL_TIMEOUT)
        if response.status != 200:
            raise VolumeError(f"failed to get p2p url: {response.status}", response.status)
        return f"{response.body.decode()}/volumes/{quote(handle)}/stream-in?{urlencode({'path': path})}"

    async def stream_p2p_out(self, handle, path, url, encoding="gzip"):
        """Has the worker send an archive of the volume to that URL."""
        query = urlencode({"encoding": encoding, "path": path, "streamInURL": url})
        request = self._transport.request("PUT", f"/volumes/{quote(handle)}/stream-p2p-out?{query}")
        response = await asyncio.wait_for(request, P2P_TIMEOUT)
        _check(response, 200)
        if "".join(response.body.decode().split()) != "ok":
            raise VolumeError(response.body.decode().strip())

    async def read_file(self, handle, path):
        """One file of a volume: the first member of its archive."""
        data = b"".join([piece async for piece in self.stream_out(handle, path)])
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
            return archive.extractfile(archive.next()).read()

    async def volumes(self):
        return _json(await self._transport.request("GET", "/volumes"), 200)


def _json(response, status):
    _check(response, status)
    # An exact comparison in the web, too: no charset.
    if response.headers.get("content-type") != "application/json":
        raise VolumeError(f"unexpected content type: {response.headers.get('content-type')!r}")
    return response.json()


def _check(response, status):
    """The order matters: a body that is no JSON shows as just that, whatever the status."""
    if response.status == status:
        return
    try:
        message = json.loads(response.body)["error"]
    except (ValueError, KeyError, TypeError) as error:
        raise VolumeError(f"{response.status}: {error}", response.status) from None
    if message == "no such file or directory":
        raise NotFound("file not found", response.status)
    if response.status == 404:
        raise NotFound("volume not found", response.status)
    raise VolumeError(message, response.status)


async def pieces_of(data, size=64 << 10):
    """Bytes as an async iterator."""
    for at in range(0, len(data), size):
        yield data[at:at + size]
