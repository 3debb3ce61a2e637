"""What a server answers, word for word, as a text that is kept in the repository. UPDATE_GOLDEN=1 writes it anew, to be looked at in the diff."""

import json
import os

from harness.http import Connection


class Transcript:
    def __init__(self, api):
        self._api = api
        self._names = {}
        self._lines = []

    def call_it(self, value, name):
        """From now on `value`, which is another one each time, is written as `name`."""
        self._names[str(value)] = name
        return value

    def part(self, title):
        self._lines += ["", f"# {title}"]

    def note(self, text):
        self._lines.append(self._named(text))

    def ask(self, method, path, body=None, measured=False, hide_request=None):
        """Asks, and writes down the request and all of the answer that a client can count on. `measured`: numbers are written as 0."""
        answer = self._api.request(method, path, body)
        self._write(method, path, hide_request or body, answer, measured)
        return answer

    def hijack(self, method, path, body=None):
        """Asks, writes down the answer's head, and returns the connection, which is open."""
        connection = Connection(self._api.address)
        connection.send(method, path, body)
        self._write(method, path, body, connection.head(), False)
        return connection

    def compare(self, golden):
        text = "\n".join(self._lines).lstrip("\n") + "\n"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_text(text)
        assert text == golden.read_text()

    def _write(self, method, path, body, answer, measured):
        sent = "" if body is None else " " + (body.decode("latin-1") if isinstance(body, bytes) else json.dumps(body))
        self._lines.append(self._named(f"> {method} {path}{sent}"))
        text = answer.body.decode()
        if measured:
            text = json.dumps(_without_numbers(json.loads(text)), separators=(",", ":")) + "\n"
        self._lines.append(f"< {answer.status} {answer.headers.get('content-type', '-')}")
        self._lines += [f"  {line}" for line in self._named(text).splitlines()]
        if text and not text.endswith("\n"):
            self._lines.append("  (no newline)")

    def _named(self, text):
        for value in sorted(self._names, key=len, reverse=True):
            text = text.replace(value, self._names[value])
        return text


def _without_numbers(value):
    if isinstance(value, dict):
        return {key: _without_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_numbers(item) for item in value]
    return 0 if isinstance(value, (int, float)) and not isinstance(value, bool) else value
