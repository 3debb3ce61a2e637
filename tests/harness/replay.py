"""Plays the client's side of recorded connections against a worker, and compares what it answers with what was recorded.

Handles stay as recorded. Paths of the recording machine become the worker's; stream ids, and ids of processes that the server chose, become
those that the worker gave.
"""

import json
import re

from harness.http import Connection
from harness.recorded import TRANSCRIPTS
from harness.wait import wait_until

# Where the Go worker's answer is no promise, and ours is better: (method and path) → our status.
BETTER = {r"GET /containers/[^/]+/processes/[^/]+$": (404, "the process was never started: typed, so that nobody takes it for a failure")}
OPTIONAL_HEADERS = {"date", "content-length", "connection"}


class Replay:
    """`paths` maps path prefixes of the recording to the worker's."""

    def __init__(self, worker, paths):
        self._apis = {"garden": worker.garden.address, "baggageclaim": worker.baggageclaim.address}
        self._paths = paths
        self._streams = {}  # recorded (handle, stream id) → ours
        self._processes = {}  # recorded process id → ours
        self._main = {}  # (handle, our process id) → [connection, recorded end]
        self._outputs = {}
        self.differences = []

    def play(self, name, first, last):
        """Connections first..last of a transcript, in the order they were made, less those of the TSA and of the worker's sweeper."""
        lines = (TRANSCRIPTS / f"{name}.jsonl").read_text().splitlines()[first:last + 1]
        for record in map(json.loads, lines):
            client = "".join(event.get("text") or "" for event in record["events"] if event["from"] == "client")
            server = "".join(event.get("text") or "" for event in record["events"] if event["from"] == "server")
            request = client.split("\r\n")[0].rsplit(" ", 1)[0]
            kept_alive = "Connection: close" not in client and "/processes" not in request
            if client and not kept_alive and request != "GET /volumes":
                self._exchange(record["api"], request, self._translate(client), server)

    def _translate(self, text):
        for recorded, ours in self._paths.items():
            text = text.replace(recorded, str(ours))
        for recorded, ours in self._processes.items():
            text = text.replace(recorded, ours)
        return text

    def _exchange(self, api, request, client, server):
        head, _, rest = client.partition("\r\n\r\n")
        method, path = head.split("\r\n")[0].split(" ")[:2]
        if path.endswith("/stop") or "exit-status" in path:
            self._end_processes()
        if found := re.search(r"/containers/([^/]+)/processes/[^/]+/attaches/([^/]+)/", path):
            path = path.replace(f"/attaches/{found[2]}/", f"/attaches/{self._streams[found[1], found[2]]}/")
        recorded = _Head(server)
        body, messages = _split_body(rest, path, method)
        if method == "GET" and path.startswith("/volumes-async/"):
            if recorded.status == 204:
                return
            wait_until(lambda: self._ask(api, method, path, head, body)[0].status != 204, f"{path}")
        response, connection = self._ask(api, method, path, head, body)
        try:
            self._compare(f"{api} {request}", request, recorded, response)
            if "transfer-encoding" in recorded.headers and "/processes" in path and 200 <= response.status < 300:
                self._take_over(path, recorded, connection, messages)
                connection = None
        finally:
            if connection:
                connection.close()

    def _ask(self, api, method, path, head, body):
        connection = Connection(self._apis[api])
        lines = [line for line in head.split("\r\n")[1:] if not line.startswith("Content-Length")]
        length = [f"Content-Length: {len(body.encode())}"] if "Content-Length" in head else []
        text = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, *length]) + "\r\n\r\n" + body
        connection.socket.sendall(text.encode())
        response = connection.head()
        if not ("/processes" in path and response.status in (200, 201)):
            response.body = b"".join(connection.body(response))
        return response, connection

    def _take_over(self, path, recorded, connection, messages):
        handle, rest = re.match(r"/containers/([^/]+)/processes/?(.*)", path).groups()
        if "/attaches/" in rest:
            self._outputs.setdefault((handle, rest.split("/")[0]), []).append((connection, recorded, rest.rsplit("/", 1)[1]))
            return
        first = json.loads(connection.file.readline())
        theirs = json.loads(recorded.body.split("\n")[0])
        if set(first) != set(theirs):
            self.differences.append(f"{path}: first message {first} instead of {theirs}")
        if theirs["process_id"] != first["process_id"]:
            self._processes[theirs["process_id"]] = first["process_id"]
        self._streams[handle, theirs["stream_id"]] = first["stream_id"]
        connection.socket.sendall(self._translate(messages).encode())
        self._main[handle, first["process_id"]] = [connection, [json.loads(line) for line in recorded.body.split("\n")[1:] if line.strip()]]

    def _end_processes(self):
        """Waits for the processes that had ended by now, outputs first."""
        for key, (connection, messages) in list(self._main.items()):
            if not messages or key not in self._outputs:
                continue
            if messages[-1].get("exit_status") == 143:
                continue  # it is stopped later
            self._finish(key, connection, messages)

    def finish(self):
        for key, (connection, messages) in list(self._main.items()):
            self._finish(key, connection, messages)

    def _finish(self, key, connection, messages):
        del self._main[key]
        last = None
        for line in connection.file:
            last = json.loads(line)
        expected = messages[-1] if messages else None
        if expected and (last is None or last.get("exit_status") != expected.get("exit_status")):
            self.differences.append(f"{key}: ended with {last} instead of {expected}")
        for output, recorded, which in self._outputs.pop(key, []):
            data = output.file.read()
            if recorded.body and not data:
                self.differences.append(f"{key} {which}: nothing where {recorded.body[:200]!r} was recorded")
            output.close()
        connection.close()

    def _compare(self, where, request, recorded, response):
        better = next((status for pattern, (status, _) in BETTER.items() if re.match(pattern, request)), None)
        if response.status != (better if recorded.status == 500 and better else recorded.status):
            self.differences.append(f"{where}: {response.status} {response.body[:200]!r} instead of {recorded.status}")
            return
        for name, value in recorded.headers.items():
            if name not in OPTIONAL_HEADERS and name != "x-content-type-options" and response.headers.get(name) != value and response.status != 404 \
                    and "stream-out" not in request:
                self.differences.append(f"{where}: {name}: {response.headers.get(name)} instead of {value}")
        if recorded.headers.get("content-type") == "application/json" and response.body and "transfer-encoding" not in recorded.headers:
            ours, theirs = _shape(json.loads(response.body)), _shape(json.loads(recorded.body))
            if "properties" not in request and ours != theirs and theirs != ["…"]:
                self.differences.append(f"{where}: {ours} instead of {theirs}")


class _Head:
    """A recorded answer, taken apart."""

    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def _split_body(rest, path, method):
    """The request's body, and the messages of the stream that came after it."""
    if not path.endswith("/processes") or method != "POST":
        return rest, ""
    body, _, messages = rest.partition("\n")
    return body + "\n", messages


def _shape(value):
    """Names and types of a JSON value; lists of handles have none."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return ["…"]
    return type(value).__name__

