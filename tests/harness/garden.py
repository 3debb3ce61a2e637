"""A client of the Garden API."""

import json
import threading
import time
import uuid
from urllib.parse import quote

from harness.http import Api, Connection, HttpError, StatusError
from harness.wait import PATIENCE


class GardenClient(Api):
    def ping(self):
        return self.call("GET", "/ping")

    def containers(self, **properties):
        query = "?" + "&".join(f"{name}={quote(value)}" for name, value in properties.items()) if properties else ""
        return self.call("GET", f"/containers{query}")["Handles"]

    def create(self, rootfs, handle=None, mounts=(), **spec):
        """Makes a container of the directory `rootfs`. `mounts` are (source, destination) or (source, destination, mode);
        `spec` are more fields of ContainerSpec. Returns the handle."""
        body = {"handle": handle or str(uuid.uuid4()), "rootfs": f"raw://{quote(str(rootfs))}", "image": {},
                "bind_mounts": [{"src_path": str(source), "dst_path": destination, "mode": mode[0] if mode else 1}
                                for source, destination, *mode in mounts],
                "properties": {"user": ""}, "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "limits": {},
                "netout_rules": [{"networks": [{"start": "0.0.0.0", "end": "255.255.255.255"}]}], **spec}
        return self.call("POST", "/containers", body)["Handle"]

    def destroy(self, handle):
        self.call("DELETE", f"/containers/{quote(handle)}")

    def stop(self, handle, kill=False):
        self.call("PUT", f"/containers/{quote(handle)}/stop", {"kill": kill})

    def info(self, handle):
        return self.call("GET", f"/containers/{quote(handle)}/info")

    def properties(self, handle):
        return self.call("GET", f"/containers/{quote(handle)}/properties")

    def set_property(self, handle, name, value):
        self.call("PUT", f"/containers/{quote(handle)}/properties/{quote(name, safe=':')}", {"value": value})

    def run(self, handle, path, *args, **spec):
        """Starts a process; `spec` are more fields of ProcessSpec (id, env, dir, user, tty)."""
        body = {"path": path, "args": list(args), "rlimits": {}, "image": {}, **spec}
        return Process(self, handle, "POST", f"/containers/{quote(handle)}/processes", body)

    def attach(self, handle, process_id):
        return Process(self, handle, "GET", f"/containers/{quote(handle)}/processes/{quote(process_id, safe='')}", None)

    def output(self, handle, path, *args, **spec):
        """Runs to the end: (exit status, stdout, stderr)."""
        process = self.run(handle, path, *args, **spec)
        return process.wait(), process.stdout.data(), process.stderr.data()


def tty(columns=80, rows=24):
    return {"window_size": {"columns": columns, "rows": rows}}


class Process:
    """An attachment to a process: its main stream and both outputs, which are collected as they come."""

    def __init__(self, garden, handle, method, path, body):
        self._main = Connection(garden.address)
        self._main.send(method, path, body)
        self.response = self._main.head()
        if self.response.status not in (200, 201):
            self.response.body = b"".join(self._main.body(self.response))
            self._main.close()
            raise StatusError(f"{method} {path}", self.response)
        first = self._message()
        self.id, self.stream_id = first["process_id"], first["stream_id"]
        base = f"/containers/{quote(handle)}/processes/{quote(self.id, safe='')}/attaches/{self.stream_id}"
        self.stdout = Output(garden.address, f"{base}/stdout")
        self.stderr = Output(garden.address, f"{base}/stderr")
        self.end = None  # the last message

    def wait(self, timeout=PATIENCE):
        """The exit status, once both outputs have ended too. Raises on an `error` message or a lost connection."""
        self._main.socket.settimeout(timeout)
        while self.end is None:
            message = self._message()
            if "exit_status" in message or "error" in message:
                self.end = message
        self.stdout.wait_end(timeout)
        self.stderr.wait_end(timeout)
        self._main.close()
        if "error" in self.end:
            raise RuntimeError(self.end["error"])
        return self.end["exit_status"]

    def send(self, **message):
        self._main.socket.sendall(json.dumps({"process_id": self.id, **message}).encode() + b"\n")

    def write(self, text):
        self.send(source=0, data=text)

    def close_stdin(self):
        self.send(source=0)

    def signal(self, number):
        """0 terminates, 1 kills."""
        self.send(signal=number)

    def resize(self, columns, rows):
        self.send(tty=tty(columns, rows))

    def detach(self):
        """Closes the connections without a word; the process goes on."""
        self._main.close()
        self.stdout.close()
        self.stderr.close()

    def _message(self):
        line = self._main.file.readline()
        if not line:
            raise HttpError("main stream ended without an exit status: EOF")
        return json.loads(line)


class Output:
    """One output stream, read by a thread of its own."""

    def __init__(self, address, path):
        self._connection = Connection(address, timeout=None)
        self._connection.send("GET", path, headers={"Content-Type": "application/json"})
        self.response = self._connection.head()
        if self.response.status != 200:
            self.response.body = b"".join(self._connection.body(self.response))
            raise StatusError(f"GET {path}", self.response)
        self._data = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def data(self):
        with self._changed:
            return bytes(self._data)

    def wait_for(self, part, timeout=PATIENCE):
        """Returns all output as soon as it has `part`."""
        return self._wait(lambda: part in self._data, f"output {part!r}", timeout)

    def wait_end(self, timeout=PATIENCE):
        return self._wait(lambda: self._ended, "the end of output", timeout)

    def close(self):
        # shutdown wakes the reading thread; close alone doesn't.
        try:
            self._connection.socket.shutdown(2)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self._connection.close()

    def _wait(self, condition, what, timeout):
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if self._ended and not condition():
                    raise AssertionError(f"{what} did not come; got {bytes(self._data[-2000:])!r}")
                if left <= 0:
                    raise TimeoutError(f"waited {timeout:g} s for {what}; got {bytes(self._data[-2000:])!r}")
                self._changed.wait(left)
            return bytes(self._data)

    def _read(self):
        try:
            while piece := self._connection.file.read1(1 << 16):
                with self._changed:
                    self._data += piece
                    self._changed.notify_all()
        except (OSError, ValueError):
            pass
        with self._changed:
            self._ended = True
            self._changed.notify_all()
