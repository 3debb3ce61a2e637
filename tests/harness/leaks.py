"""What a test may not leave behind: processes, mounts, network namespaces and devices, firewall rules, cgroups, loop devices,
files in /run. Looks at the sandbox's own namespaces (tests/sandbox), so that nothing of the rest of the machine shows."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 10.0  # seconds: the kernel removes network namespaces and mounts of dead processes in its own time


def snapshot():
    """{kind: {key: words for people}}."""
    return {"process": _processes(), "mount": _mounts(), "network device": _links(), "firewall table": _rules(),
            "cgroup": _cgroups(), "loop device": _loops(), "file in /run": _run_files()}


def left_since(before):
    """Lines about everything that is there now and wasn't; waits a while for what is on its way out."""
    deadline = time.monotonic() + PATIENCE
    while True:
        now = snapshot()
        lines = [f"{kind} {words}" for kind in now for key, words in now[kind].items() if key not in before[kind]]
        if not lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def clean(before):
    """Makes room for the next test after a leak has been told: ends processes and takes mounts away."""
    now = snapshot()
    for pid, _ in now["process"].keys() - before["process"].keys():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    left = [now["mount"][key].split(" ")[0] for key in now["mount"].keys() - before["mount"].keys()]
    for path in sorted(left, reverse=True):
        subprocess.run(["umount", "-l", path], check=False)


def _processes():
    found = {}
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == own:
            continue
        try:
            stat = (entry / "stat").read_text()
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        name, fields = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
        # A zombie of pid 1 is about to be reaped; one of ours is a child that the test hasn't waited for.
        if fields[0] == "Z" and fields[1] == "1":
            continue
        found[(entry.name, fields[19])] = f"{entry.name}: {words or name} ({fields[0]})"
    return found


def _mounts():
    # By their numbers: the sandbox has copies of the host's mounts, whose paths change when a worker on the host renames a directory.
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        number, _, device, root, path = line.split()[:5]
        found[(number, device, root)] = f"{path} ({line.split(' - ')[1]})"
    return found


def _links():
    links = json.loads(_output("ip", "-j", "link") or "[]")
    return {link["ifname"]: link["ifname"] for link in links}


def _rules():
    listed = json.loads(_output("nft", "-j", "list", "ruleset") or "{}").get("nftables", [])
    found = {}
    for item in listed:
        for kind in ("table", "chain", "rule", "set", "map"):
            if kind in item:
                part = {key: value for key, value in item[kind].items() if key not in ("handle",)}
                text = json.dumps(part, sort_keys=True)
                found[text] = f"{kind} {text[:300]}"
    return found


def _cgroups():
    return {path: path for path, _, _ in os.walk("/sys/fs/cgroup")}


def _loops():
    # The machine's: those of other people's files are none of ours.
    base, found = os.environ.get("CONCOURSE_TEST_TMP", "/"), {}
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            file = backing.read_text().strip()
        except OSError:
            continue
        if file.startswith(base):
            found[str(backing)] = f"{backing.parts[3]} of {file}"
    return found


def _run_files():
    return {os.path.join(folder, name): os.path.join(folder, name) for folder, folders, names in os.walk("/run")
            for name in folders + names}


def _output(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def main(arguments):
    """python3 -m harness.leaks save FILE | compare FILE WORD…

    On a machine that does other things too, what counts is what has one of the words in its description, and any cgroup of a worker.
    """
    command, file, *names = arguments
    if command == "save":
        Path(file).write_text(json.dumps({kind: sorted(map(str, items)) for kind, items in snapshot().items()}))
        return 0
    before = {kind: set(keys) for kind, keys in json.loads(Path(file).read_text()).items()}

    def ours(kind, words):
        return any(name in words for name in names) or (kind == "cgroup" and "/concourse-" in words)

    deadline = time.monotonic() + PATIENCE
    while True:
        lines = [f"{kind} {words}" for kind, items in snapshot().items() for key, words in items.items()
                 if str(key) not in before[kind] and ours(kind, words)]
        if not lines or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    print("\n".join(lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
