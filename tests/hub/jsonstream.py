"""JSON values one after the other on a byte stream, with or without white space between them."""

import json


class JsonStream:
    """Feed bytes, take whole values. Only objects and arrays are told apart from the bytes after them at once; other
    values end at white space."""

    def __init__(self):
        self._buffer = b""

    def feed(self, data):
        """Returns the values that `data` completes. Raises ValueError for text that can't become JSON."""
        self._buffer += data
        values = []
        while True:
            end = self._end_of_first()
            if end is None:
                return values
            text, self._buffer = self._buffer[:end], self._buffer[end:]
            values.append(json.loads(text.decode("utf-8", "replace")))

    def pending(self):
        """Whether part of a value is waiting for its end."""
        return bool(self._buffer.strip())

    def _end_of_first(self):
        self._buffer = self._buffer.lstrip()
        if not self._buffer:
            return None
        if self._buffer[:1] not in b"{[":
            for at, byte in enumerate(self._buffer):
                if byte in b" \t\r\n":
                    return at
            if self._buffer[:1] not in b'"-0123456789tfn':
                raise ValueError(f"invalid character {chr(self._buffer[0])!r} looking for beginning of value")
            return None
        depth, in_string, escaped = 0, False, False
        for at, byte in enumerate(self._buffer):
            if in_string:
                if escaped:
                    escaped = False
                elif byte == 0x5C:
                    escaped = True
                elif byte == 0x22:
                    in_string = False
            elif byte == 0x22:
                in_string = True
            elif byte in b"{[":
                depth += 1
            elif byte in b"}]":
                depth -= 1
                if depth == 0:
                    return at + 1
        return None
