"""Strangers who connect and don't speak, or never to the end; and what a client that does speak notices of them."""

import contextlib
import os
import resource
import select
import threading
from pathlib import Path

from harness.http import HttpError, connect

ENDLESS_HEAD = b"GET / HTTP/1.1\r\nHost: worker\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(100))
FIRST_BYTES = {
    "silent": b"",
    "half": b"GET / HTTP/1.1\r\nHost: worker\r\nX-Half: ",
    "slow": b"G",
    "huge": ENDLESS_HEAD,
}
PATIENCE = 10  # seconds for an answer; less than anything a server gives a silent client


def many_descriptors():
    """For this process; what it starts from now on has them, too."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


@contextlib.contextmanager
def flood(addresses, count, kind):
    """`count` connections to each of the addresses, all at the same time. The slow ones send a byte a second."""
    sockets, over = [], threading.Event()

    def drip():
        while not over.wait(1):
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.send(b"a")

    dripping = threading.Thread(target=drip)
    try:
        for number in range(count):
            for address in addresses:
                with contextlib.suppress(OSError):  # a full server need not take it
                    one = connect(address, 1 if number % 100 == 0 else 0.05)
                    sockets.append(one)
                    one.setblocking(False)
                    one.send(FIRST_BYTES[kind])
        if kind == "slow":
            dripping.start()
        yield sockets
    finally:
        over.set()
        if kind == "slow":
            dripping.join()
        for one in sockets:
            one.close()


def memory(pid):
    """KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def cpu(pid):
    """Seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def starved(apis, path="/nowhere"):
    """Of these APIs those that don't answer a request in time, each with the reason."""
    failures = {}
    for api in apis:
        for _ in range(3):
            try:
                api.request("GET", path, timeout=PATIENCE)
            except (OSError, HttpError) as error:
                failures[api.address] = str(error)
                break
    return failures


def spinning(pid, share=0.2):
    """How much of a processor the process takes while nobody does anything, if that is more than `share`."""
    before = cpu(pid)
    select.select([], [], [], 2)
    used = (cpu(pid) - before) / 2
    return used if used > share else None
