"""What an archive that was made to harm can make of the memory of the program that unpacks it in a container."""

import subprocess
import sys
import threading
from pathlib import Path

from attacks.test_archives import header, pax_header, pieces
from harness.http import HttpError

CEILING = 160 << 20  # 128 MiB of data, and the program


def in_use(pid):
    """The most that a process had in use, in bytes; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


class PeakOfTransfers:
    """The most memory that any program of a name had in use, looked at each time that pieces of a stream are taken."""

    def __init__(self, pattern="^[^ ]*concourse-nstar "):
        self.pattern, self.most, self.seen = pattern, 0, 0

    def look(self):
        for pid in subprocess.run(["pgrep", "-f", self.pattern], capture_output=True, text=True, check=False).stdout.split():
            self.seen += 1
            self.most = max(self.most, in_use(pid))

    def watched(self, body, every=4 << 20):
        sent = 0
        for piece in body:
            yield piece
            sent += len(piece)
            if sent >= every:
                self.look()
                sent = 0
        self.look()


def test_the_detector_sees_a_program_that_takes_memory(sandboxed):
    source = "import sys\nx = []\nfor block in iter(lambda: sys.stdin.buffer.read(1 << 20), b''): x.append(block)\nprint('all', flush=True)\nimport signal; signal.pause()"
    with subprocess.Popen([sys.executable, "-c", source, "takes-memory"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        peak = PeakOfTransfers("takes-memory$")
        threading.Thread(target=lambda: [process.stdin.write(bytes(1 << 20)) for _ in range(200)] and process.stdin.close(), daemon=True).start()
        assert process.stdout.readline() == b"all\n"
        peak.look()
        process.kill()
    assert peak.seen and peak.most > CEILING


def list_of_parts():
    """A file with holes whose map doesn't end: each part takes four bytes of the stream, and more of whoever remembers it."""
    yield pax_header([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"9")]) + header(b"f", b"0", 1 << 32) + b"9999999\n"
    yield from pieces(lambda _: b"0\n0\n" * 128, 60_000)


def test_what_the_unpacker_remembers_is_bounded(api, container):
    peak = PeakOfTransfers()
    refused = "no answer"
    try:
        answer = api.request("PUT", f"/containers/{container}/files?destination=/w", headers={"Content-Type": "application/x-tar"}, pieces=peak.watched(list_of_parts()))
        refused = answer.body if answer.status >= 400 else ""
    except (HttpError, OSError):  # it reads no more
        pass
    assert peak.seen, "nobody unpacked"
    assert peak.most < CEILING, f"{peak.most >> 20} MiB were taken"
    assert refused
