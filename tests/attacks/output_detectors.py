"""What is wrong with the end of a process' output. Each returns lines about it; none is well."""

import os


def lost(expected, got):
    """`expected` and `got` are bytes of one stream that has ended."""
    return [] if got == expected else [f"{len(expected)} bytes were written, {len(got)} arrived"]


def endless(output, seconds):
    """An Output (harness/garden.py) whose process has exited: it has to end in that time."""
    try:
        output.wait_end(seconds)
    except TimeoutError:
        return [f"no end of the output within {seconds} s of the exit"]
    return []


def terminals(pid):
    """Masters of terminals that a process holds."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if link.endswith("/ptmx"):
            found.append(f"process {pid} holds {link} as {fd}")
    return found
