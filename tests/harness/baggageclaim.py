"""A client of the BaggageClaim API."""

import io
import tarfile
import uuid
from urllib.parse import quote, urlencode

from harness.http import Api, Connection, StatusError
from harness.wait import wait_until


class BaggageclaimClient(Api):
    def volumes(self, **properties):
        query = "?" + urlencode(properties) if properties else ""
        return self.call("GET", f"/volumes{query}")

    def handles(self):
        return {volume["handle"] for volume in self.volumes()}

    def lookup(self, handle):
        """The volume, or None."""
        response = self.request("GET", f"/volumes/{quote(handle, safe='')}")
        return None if response.status == 404 else self._ok("lookup", response).json()

    def create(self, strategy, handle=None, **spec):
        """The synchronous way. Returns the volume."""
        return self.call("POST", "/volumes", self._body(strategy, handle, spec))

    def create_async(self, strategy, handle=None, **spec):
        """The way of the web: ask, poll, forget. Returns the volume."""
        body = self._body(strategy, handle, spec)
        self.call("POST", "/volumes-async", body)
        path = f"/volumes-async/{quote(body['handle'])}"
        try:
            response = wait_until(lambda: (answer := self.request("GET", path)).status != 204 and answer, f"volume {body['handle']}")
            return self._ok(f"GET {path}", response).json()
        finally:
            self.request("DELETE", path)

    def destroy(self, handle):
        self.call("DELETE", f"/volumes/{quote(handle, safe='')}")

    def set_privileged(self, handle, privileged):
        self.call("PUT", f"/volumes/{quote(handle)}/privileged", {"value": privileged})

    def stream_in(self, handle, archive, path=".", encoding="raw", limit=None):
        """`archive` is bytes, or an iterable of bytes."""
        query = {"path": path} if limit is None else {"path": path, "limit": limit}
        pieces = [archive] if isinstance(archive, bytes) else archive
        self.call("PUT", f"/volumes/{quote(handle)}/stream-in?{urlencode(query)}", headers={"Content-Encoding": encoding}, pieces=pieces)

    def stream_out(self, handle, path=".", encoding="raw"):
        """The archive as bytes."""
        request = f"/volumes/{quote(handle)}/stream-out?{urlencode({'path': path})}"
        return self._ok(request, self.request("PUT", request, headers={"Accept-Encoding": encoding})).body

    def open_stream_out(self, handle, path=".", encoding="raw"):
        """A connection whose answer's head has been read, and that head."""
        connection = Connection(self.address)
        connection.send("PUT", f"/volumes/{quote(handle)}/stream-out?{urlencode({'path': path})}",
                        headers={"Accept-Encoding": encoding, "Connection": "close"})
        return connection, connection.head()

    def _body(self, strategy, handle, spec):
        if isinstance(strategy, str):
            strategy = {"type": strategy}
        return {"handle": handle or str(uuid.uuid4()), "strategy": strategy, "properties": None, **spec}

    def _ok(self, request, response):
        if response.status != 200:
            raise StatusError(request, response)
        return response


def tar_of(files):
    """A tar of {name: bytes or None for a directory}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            else:
                info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def files_of(archive):
    """{name: bytes} of the regular files of an uncompressed tar."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name.removeprefix("./"): tar.extractfile(member).read() for member in tar if member.isfile()}
