"""The worker as its package installs it."""

import shutil
import subprocess
from pathlib import Path

TARGET = "concourse-worker.target"
SERVICES = ["concourse-garden", "concourse-baggageclaim", "concourse-beacon", "concourse-healthcheck"]
SOCKETS = ["concourse-garden.socket", "concourse-baggageclaim.socket", *(f"{service}-control.socket" for service in SERVICES)]
SLICE = "concourse-worker.slice"
NAME = "machine"
LINES = 400  # every 10 ms: four seconds
NUMBERS = "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); sleep 0.01; done"


def configure(machine, hub, **more):
    """Writes worker.env; `more` in lower case."""
    settings = {"name": NAME, "work_dir": "/var/lib/concourse-worker", "tsa_host": f"127.0.0.1:{hub.port}",
                "tsa_public_key": "/etc/concourse/keys/tsa_host_key.pub", "tsa_worker_private_key": "/etc/concourse/keys/worker_key",
                "resource_types": "/opt/resource-types", "sweep_interval": "1s", "healthcheck_bind_ip": "127.0.0.1",
                "garden_network_pool": "10.123.0.0/22"} | more
    machine.write("/etc/concourse/worker.env", "".join(f"CONCOURSE_{key.upper()}={value}\n" for key, value in settings.items()))


def newer(package, directory, version):
    """The same package with another version."""
    directory = Path(directory)
    subprocess.run(["dpkg-deb", "-R", package, directory / "tree"], check=True)
    control = directory / "tree/DEBIAN/control"
    lines = [f"Version: {version}" if line.startswith("Version:") else line for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    made = directory / f"concourse-worker_{version}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", directory / "tree", made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(directory / "tree")
    return made


def start_numbers(build, lines=LINES):
    artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
    return build.start("task", "task", artifact, ["sh", "-c", NUMBERS % lines])


def lines_of(data):
    return data.decode().replace("\r\n", "\n").splitlines()


def programs_in(machine):
    """The command lines of everything of the worker that runs in the machine."""
    listed = machine.output("ps", "-eo", "pid=,args=").splitlines()
    return [line.strip() for line in listed if "concourse-" in line and " ps " not in line]


def mounts_in(machine):
    return [line for line in machine.output("cat", "/proc/self/mounts").splitlines()
            if "/var/lib/concourse-worker/" in line or "/run/concourse-worker" in line or "concourse-" in line.split()[0]]


def cgroups_in(machine):
    """Cgroups of containers and their parents, and those of units in which something runs, in every hierarchy. Empty ones of units are
    systemd's to remove."""
    found = machine.output("find", "/sys/fs/cgroup", "-type", "d", "-regex", ".*/concourse-[0-9a-f]+\\(/.*\\)?").splitlines()
    busy = machine.output("sh", "-c", "grep -lrs . --include=cgroup.procs /sys/fs/cgroup | grep concourse || true").splitlines()
    return found + busy
