"""What the commands and a serving hub say to each other: JSON objects, one a line.

The first line asks: {"command": …, and its arguments}. Lines of answer have an "event": "output" (step, stream, data in base64),
"phase" (text), "row" (a line of a table), and at last "done" (status) or "error" (message). After `intercept` the
asking side goes on with {"data": base64}, {"resize": [columns, rows]} and {"eof": true}.
"""

import base64
import json


def pack(value):
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def to_text(data):
    return base64.b64encode(data).decode()


def to_bytes(text):
    return base64.b64decode(text)


def socket_in(directory):
    return directory / "hub.sock"
