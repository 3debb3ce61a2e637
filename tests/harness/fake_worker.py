"""Garden and BaggageClaim as far as a web node calls them, with everything that comes in written down.

`script` decides what a process does: an async function that is given the process and returns its exit status.
"""

import asyncio
import gzip
import io
import json
import re
import tarfile
import uuid

FILES = {"metadata.json": b'{"env":["MIRRORED_VERSION=mock"],"user":"root"}',
         "rootfs/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/home/nonroot:/bin/sh\n",
         "rootfs/etc/group": b"root:x:0:\nnonroot:x:65532:\n"}


class Process:
    """A process and whoever is attached to it: output goes to the latest attachment."""

    def __init__(self, spec):
        self.spec = spec
        self.stdin = bytearray()
        self.stdin_closed = asyncio.Event()
        self.stopped = asyncio.Event()
        self.status = None
        self.main = None
        self.streams = {}
        self.attached = asyncio.Event()

    async def write(self, stream, data):
        await self.attached.wait()
        self.streams[stream].write(data)
        await self.streams[stream].drain()

    def drop(self):
        """Loses all connections, as when the worker's tunnel breaks."""
        self.attached.clear()
        for writer in [self.main, *self.streams.values()]:
            writer.close()
        self.streams = {}


class FakeWorker:
    def __init__(self, script=None):
        self.exchanges = []  # [api, text] in the order the connections came
        self.volumes = {}
        self.containers = {}
        self.properties = {}
        self.processes = {}
        self.stops = []
        self.refuse = []  # functions of (method, path) that answer a request instead: (status, body), or None to hang up
        self.polls = [204, 200]  # what the polls of a volume's creation are answered
        self._script = script
        self._futures = {}
        self._streams = {}
        self._servers = []
        self._tasks = set()
        self.addresses = {}

    async def start(self):
        for api in ("garden", "baggageclaim"):
            server = await asyncio.start_server(lambda r, w, api=api: self._serve(api, r, w), "127.0.0.1", 0)
            self._servers.append(server)
            self.addresses[api] = "tcp:127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, api, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            exchange = [api, head]
            self.exchanges.append(exchange)
            method, path, _ = head.split("\r\n")[0].split(" ")
            length = re.search(r"Content-Length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            if "chunked" in head:
                while size := int(await reader.readline(), 16):
                    body += (await reader.readexactly(size + 2))[:-2]
                await reader.readline()
            else:
                exchange[1] += body.decode()
            for refuse in self.refuse:
                answer = refuse(method, path)
                if answer is not False:
                    self.refuse.remove(refuse)
                    if answer is not None:
                        self._answer(writer, *answer)
                    return
            value = json.loads(body) if body.startswith(b"{") else None
            await getattr(self, f"_{api}")(method, path, value, reader, writer, exchange)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, writer, status, value=None, kind="application/json"):
        body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (status, kind.encode(), len(body), body))

    async def _baggageclaim(self, method, path, value, _reader, writer, _exchange):
        handle = path.split("?")[0].split("/")[2] if path.count("/") > 1 else ""
        if path == "/volumes":
            self._answer(writer, 200, list(self.volumes.values()))
        elif path == "/volumes-async":
            volume = {"handle": value["handle"], "path": f"/work-dir/volumes/live/{value['handle']}/volume", "properties": None,
                      "privileged": value.get("privileged", False)}
            self._futures[value["handle"]] = list(self.polls)
            self.volumes[value["handle"]] = volume
            self._answer(writer, 201, {"handle": value["handle"]})
        elif path.startswith("/volumes-async/") and method == "GET":
            status = self._futures[handle].pop(0)
            self._answer(writer, status, self.volumes[handle] if status == 200 else None)
        elif path.startswith("/volumes-async/"):
            self._answer(writer, 204)
        elif "/stream-out" in path:
            name = path.split("path=")[1].replace("%2F", "/")
            self._answer(writer, 200, _archive(name, FILES.get(name, b"x")), "application/x-gzip")
        elif method == "GET":
            known = self.volumes.get(handle)
            self._answer(writer, 200, known) if known else self._answer(writer, 404, {"error": "failed to get volume"})
        else:
            self._answer(writer, 204)

    async def _garden(self, method, path, value, reader, writer, exchange):
        parts = path.split("/")
        if path == "/containers" and method == "GET":
            self._answer(writer, 200, {"Handles": list(self.containers)})
        elif path == "/containers":
            self.containers[value["handle"]] = value
            self.properties[value["handle"]] = dict(value["properties"])
            self._answer(writer, 200, {"Handle": value["handle"]})
        elif parts[3] == "properties" and method == "GET":
            self._answer(writer, 200, self.properties[parts[2]])
        elif parts[3] == "properties":
            self.properties[parts[2]][parts[4]] = value["value"]
            self._answer(writer, 200, {})
        elif parts[3] == "stop":
            self.stops.append(value["kill"])
            for (handle, _), process in self.processes.items():
                if handle == parts[2]:
                    process.stopped.set()
            self._answer(writer, 200, {})
        elif method == "POST":
            process = Process(value)
            process_id = value.get("id") or str(uuid.uuid4())
            self.processes[parts[2], process_id] = process
            self._tasks.add(asyncio.create_task(self._execute(process_id, process)))
            await self._attach(201, process_id, process, reader, writer, exchange)
        elif len(parts) == 5 and (parts[2], parts[4]) in self.processes:
            await self._attach(200, parts[4], self.processes[parts[2], parts[4]], reader, writer, exchange)
        elif len(parts) == 5:
            self._answer(writer, 404, {"Type": "ProcessNotFoundError", "Message": f"unknown process: {parts[4]}", "Handle": "",
                                       "ProcessID": parts[4], "Binary": ""})
        else:
            await self._output(parts[6], parts[7], writer)

    async def _attach(self, status, process_id, process, reader, writer, exchange):
        stream_id = str(len(self._streams) + 1)
        self._streams[stream_id] = process
        process.main = writer
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
        self._message(writer, process_id=process_id, stream_id=stream_id)
        if process.status is not None:
            self._message(writer, process_id=process_id, exit_status=process.status)
            return
        while line := await reader.readline():
            exchange[1] += line.decode()
            message = json.loads(line)
            if "data" in message:
                process.stdin += message["data"].encode()
            elif "source" in message:
                process.stdin_closed.set()

    async def _output(self, stream_id, name, writer):
        process = self._streams[stream_id]
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if process.status is not None:
            return
        process.streams[name] = writer
        if {"stdout", "stderr"} <= process.streams.keys():
            process.attached.set()
        closed = asyncio.get_running_loop().create_future()
        process.streams[name + " closed"] = _Closer(closed)
        await closed

    async def _execute(self, process_id, process):
        await process.attached.wait()
        status = await self._script(process)
        await process.attached.wait()
        process.status = status
        self._message(process.main, process_id=process_id, exit_status=status)
        process.drop()

    def _message(self, writer, **message):
        writer.write(json.dumps(message).encode() + b"\n")


class _Closer:
    """Ends the handler of an output stream."""

    def __init__(self, future):
        self._future = future

    def write(self, _data):
        pass

    async def drain(self):
        pass

    def close(self):
        if not self._future.done():
            self._future.set_result(None)


def _archive(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name.rsplit("/", 1)[-1])
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue())
