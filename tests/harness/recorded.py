"""The recorded requests of a real web node, brought to a form in which two runs can be compared."""

import json
import re
from pathlib import Path

TRANSCRIPTS = Path(__file__).parents[1] / "contract/transcripts"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def connections(name, first, last):
    """What the client sent on each of those connections (inclusive), as text; binary bodies are left out."""
    lines = (TRANSCRIPTS / f"{name}.jsonl").read_text().splitlines()[first:last + 1]
    return [(record["api"], "".join(event.get("text") or "" for event in record["events"] if event["from"] == "client"))
            for record in map(json.loads, lines)]


def normal_form(exchanges):
    """Lines for comparison. Handles are numbered as they first appear; polls of a volume count once; look-ups of known volumes
    after a container was made come from a database in no order, so they are sorted."""
    numbers, lines, known = {}, [], set()
    for api, text in exchanges:
        head, _, rest = text.partition("\r\n\r\n")
        request, *headers = head.split("\r\n")
        request = re.sub(r"/attaches/[^/]+/", "/attaches/STREAM/", request)
        headers = [re.sub(r"^(Host|Content-Length): .*", r"\1: ?", header) for header in headers]
        line = json.dumps([api, request, headers, _values(rest)])
        line = UUID.sub(lambda found: numbers.setdefault(found[0], f"HANDLE-{len(numbers) + 1}"), line)
        if "/volumes-async/" in request and request.startswith("GET") and lines and lines[-1] == line:
            continue
        lines.append(line)
    result, run = [], []
    for line in lines:
        look_up = re.search(r'"GET /volumes/(HANDLE-\d+) ', line)
        if look_up and look_up[1] in known:
            run.append(line)
            continue
        result += sorted(run) + [line]
        run = []
        if look_up:
            known.add(look_up[1])
    return result + sorted(run)


def _values(text):
    """The JSON values of a body, and of the stream after it. Environment and working directories are the build's own."""
    values, decoder, at = [], json.JSONDecoder(), 0
    text = text.strip()
    while at < len(text):
        if text[at] not in "{[":
            return [text]
        value, at = decoder.raw_decode(text, at)
        while at < len(text) and text[at].isspace():
            at += 1
        if isinstance(value, dict):
            value.pop("env", None)
            value = json.loads(re.sub(r"/tmp/build/[0-9a-f]{8}", "/tmp/build/TASK", json.dumps(value)))
        values.append(value)
    return values
