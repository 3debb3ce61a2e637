"""Ways out of a container that have worked somewhere: each is tried, and the host is the same afterwards.

Every test runs with both OCI runtimes. The files on the host that an attack would reach may be written by anybody, so that
nothing but the container's walls protects them."""

import array
import contextlib
import ctypes
import hashlib
import os
import shutil
import socket
import stat
import struct
import subprocess
import tarfile
import threading
from io import BytesIO

import pytest

from harness.garden import tty
from harness.http import HttpError, StatusError
from harness.wait import wait_until

REPORT = struct.Struct("<IIi256s")  # common/protocol/init_wire.hpp
HELLO, SPAWNED, QUIET, TERMINAL = 1, 2, 5, 6


@pytest.fixture(params=["crun", "runc"])
def garden(request, make_garden):
    return make_garden(f"--oci-runtime={request.param}")


class Host:
    """What an attack would change."""

    def __init__(self, garden, directory):
        self.garden, self.directory, self.secret = garden, directory, directory / "secret"
        (directory / "empty").mkdir(parents=True)
        self.secret.write_text("the host's\n")
        for path in (directory, directory / "empty"):
            path.chmod(0o777)
        self.secret.chmod(0o666)
        self._before = self._look()

    def _look(self):
        programs = [*os.scandir(os.path.dirname(self.garden.program)), *os.scandir(self.garden.work_dir / "garden/init")]
        programs += [shutil.which(name) for name in ("crun", "runc")]
        return {"tree": sorted((str(path.relative_to(self.directory)), path.lstat().st_mode) for path in self.directory.rglob("*")),
                "secret": self.secret.read_text(),
                "core_pattern": open("/proc/sys/kernel/core_pattern").read(),
                "programs": {os.fspath(path): hashlib.sha256(open(path, "rb").read()).hexdigest() for path in programs}}

    def check(self, attack=""):
        assert self._look() == self._before, attack
        assert self.garden.process.poll() is None, attack
        self.garden.api.ping()


@pytest.fixture
def host(garden, scratch):
    host = Host(garden, scratch / "host")
    yield host
    host.check("at the end")


@pytest.fixture
def image(own_rootfs, rootfs, scratch):
    """Makes root file systems in which some paths are something else: ("link", target), ("file", text), ("fifo",), ("dir",),
    ("endless",) or ("device", major, minor)."""
    number = 0

    def make(changes, privileged=False):
        nonlocal number
        number += 1
        copy = scratch / f"image{number}"
        subprocess.run(["cp", "-al", rootfs if privileged else own_rootfs, copy], check=True)
        owner = 0 if privileged else copy.stat().st_uid
        for name, (kind, *details) in changes.items():
            path = copy / name.lstrip("/")
            subprocess.run(["rm", "-rf", path], check=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "link":
                path.symlink_to(details[0])
            elif kind == "fifo":
                os.mkfifo(path, 0o666)
            elif kind == "dir":
                path.mkdir()
            elif kind == "device":
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*details))
            else:
                path.write_text(details[0] if details else "")
                path.chmod(0o755)
                if kind == "endless":
                    os.truncate(path, 1 << 40)
            os.lchown(path, owner, owner)
        return copy

    return make


@contextlib.contextmanager
def container_of(api, root, **spec):
    """The handle, or None when the create was refused: then with an error that says why."""
    try:
        handle = api.create(root, **spec)
    except StatusError as error:
        message = error.response.json()["Message"]
        assert message.startswith(("create container: start: ", "rootfs '")) and len(message) > 40, message
        yield None
        return
    try:
        yield handle
    finally:
        api.destroy(handle)


def sh(api, handle, script, **spec):
    """Output of a script, however it ends; nothing if it can't even be started."""
    try:
        return api.output(handle, "sh", "-c", script, **spec)[1].decode(errors="replace")
    except StatusError:
        return ""


def init_pid(garden, handle):
    return int((garden.runtime_dir / "garden/containers" / handle / "init.pid").read_text())


# CVE-2019-5736: a program of the host that enters the container is overwritten through /proc/PID/exe.

OVERWRITE = """
i=0
while [ $i -lt 60 ]; do
  for p in /proc/[0-9]*; do
    [ "$p" = /proc/$$ ] && continue
    exe=$(readlink $p/exe)
    case $exe in /bin/*|"") continue;; esac
    echo "seen $exe"
    (echo '#!/bin/sh' > $p/exe) 2>/dev/null && echo WRITTEN $p
    (exec 7<$p/exe && echo '#!/bin/sh' > /proc/self/fd/7) 2>/dev/null && echo WRITTEN again
  done
  i=$((i+1))
done
echo done"""


@pytest.mark.parametrize("privileged", [False, True])
def test_no_program_of_the_host_can_be_overwritten_from_inside(garden, api, host, image, privileged):
    root = image({"/evil": ("file", "#!/proc/self/exe\n"), "/dev/concourse-init": ("file", "#!/proc/self/exe\n")}, privileged)
    with container_of(api, root, privileged=privileged) as handle:
        assert handle
        if privileged:
            # Root without a user namespace can make any mount writable; the file under it is busy as long as it runs.
            sh(api, handle, "mount -o remount,rw,bind /dev/concourse-init; mount -o remount,rw /dev/concourse-init")
        attack = api.run(handle, "sh", "-c", OVERWRITE)
        for _ in range(5):
            api.output(handle, "true")
            # A program whose interpreter is /proc/self/exe runs what started it once more: our init, which has nothing to do there.
            assert api.output(handle, "/evil")[0] != 0
            archive = BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                member = tarfile.TarInfo("f")
                member.size = 1 << 20
                tar.addfile(member, BytesIO(bytes(1 << 20)))
            api.call("PUT", f"/containers/{handle}/files?destination=/in", pieces=[archive.getvalue()])
            api.request("GET", f"/containers/{handle}/files?source=/in")
        attack.wait()
        said = attack.stdout.data().decode()
        assert said.endswith("done\n") and "WRITTEN" not in said
        assert {line for line in said.splitlines() if line.startswith("seen")} <= {"seen /dev/concourse-init"}
        host.check()


# CVE-2024-21626: a descriptor of the host that leaks into the container, or a working directory by way of one.


@pytest.mark.parametrize("privileged", [False, True])
def test_no_working_directory_is_outside_the_root(api, host, image, privileged):
    places = [f"/proc/{who}/fd/{number}" for who in ("self", "1", "thread-self") for number in range(20)]
    places += ["/proc/1/cwd", "/proc/1/root", "/proc/self/cwd", "/proc/self/root", "/proc/self/task/1/root", "/link", "/proc/self/fd/5/../../.."]
    look = f"cat .{'/..' * 12}{host.secret} {host.secret}; ls .{'/..' * 12}; readlink /proc/self/cwd"
    with container_of(api, image({"/link": ("link", "/proc/self/fd/7")}, privileged), privileged=privileged) as handle:
        entries = set(sh(api, handle, "ls /").split())
        for place in places:
            try:
                status, out, err = api.output(handle, "sh", "-c", look, dir=place)
            except StatusError as refusal:
                assert "working directory" in refusal.response.json()["Message"], place
                continue
            assert b"the host's" not in out, place
            assert set(out.decode().split()) <= entries | {"/"}, (place, out, err)
        host.check()


@pytest.mark.parametrize("privileged", [False, True])
def test_no_file_outside_the_root_is_streamed(api, host, image, privileged):
    up = "/.." * 12
    places = [f"/proc/{who}/fd/{number}{rest}" for who in ("self", "1", "thread-self") for number in range(6) for rest in ("/", f"{up}{host.directory}/")]
    places += [f"/proc/1/root{up}{host.directory}/", f"/proc/1/cwd{up}{host.directory}/", f"{up}{host.directory}/", "/link/", "/up/"]
    root = image({"/link": ("link", str(host.directory)), "/up": ("link", up.strip("/") + str(host.directory))}, privileged)
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("secret")
        member.size = 4
        tar.addfile(member, BytesIO(b"evil"))
    with container_of(api, root, privileged=privileged) as handle:
        for place in places:
            assert b"the host's" not in api.request("GET", f"/containers/{handle}/files?source={place}").body, place
            try:
                api.call("PUT", f"/containers/{handle}/files?destination={place}", pieces=[archive.getvalue()])
            except (StatusError, HttpError, OSError):
                pass  # it needn't be possible
        host.check()


def test_processes_have_no_descriptor_but_their_own(garden, api, host, image):
    with container_of(api, image({})) as handle:
        for spec in ({}, {"user": "nonroot"}, {"tty": tty()}):
            assert sh(api, handle, "ls /proc/self/fd", **spec).split() == ["0", "1", "2", "3"], spec  # 3 is ls reading its directory
            links = sh(api, handle, "for i in 0 1 2; do readlink /proc/$$/fd/$i; done", **spec).split()
            assert len(links) == 3 and all(link.startswith(("pipe:", "/dev/pts/")) for link in links), (spec, links)
        pid = init_pid(garden, handle)
        links = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        assert sorted(link.split("[")[0] for link in links) == ["/proc/1/oom_score_adj", "anon_inode:", "pipe:", "pipe:", "pipe:", "socket:"], links
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert sh(api, handle, "ls /proc/1/cwd/ /proc/1/root/ 2>&1").count("denied") == 2
        assert sh(api, handle, "for f in /proc/1/fd/*; do readlink $f; done") == ""


# CVE-2025-31133, 52565, 52881: what the runtime mounts, masks and writes is somewhere else, because the image says so.


def test_an_image_cant_lead_the_runtime_out_of_its_root(api, host, image):
    here = str(host.directory)
    attacks = {
        "/dev to the host": {"/dev": ("link", here)},
        "/dev upwards": {"/dev": ("link", "../" * 12 + here)},
        "/dev/null to a switch of the kernel": {"/dev/null": ("link", "/proc/sys/kernel/core_pattern")},
        "/dev/null to a file of the host": {"/dev/null": ("link", str(host.secret))},
        "/dev/console to a file": {"/dev/console": ("link", str(host.secret))},
        "/dev/console to a switch": {"/dev/console": ("link", "/proc/sysrq-trigger")},
        "/dev/pts to the host": {"/dev/pts": ("link", here), "/dev/ptmx": ("link", str(host.secret))},
        "/dev/shm upwards": {"/dev/shm": ("link", "../" * 12 + here), "/dev/mqueue": ("link", here)},
        "/dev is a file": {"/dev": ("file", "")},
        "/proc to the host": {"/proc": ("link", here)},
        "/proc upwards": {"/proc": ("link", "../" * 12 + here)},
        "/proc through itself": {"/proc": ("link", "/proc/self/root")},
        "/proc of the attacker's own": {"/proc": ("link", "/fake"), "/fake/self/attr/exec": ("link", str(host.secret)),
                                        "/fake/self/oom_score_adj": ("link", str(host.secret)), "/fake/thread-self": ("link", "self")},
        "/proc is a file": {"/proc": ("file", "")},
        "/sys to the host": {"/sys": ("link", here)},
        "/sys to /proc": {"/sys": ("link", "/proc/sys")},
        "/sys is a file": {"/sys": ("file", "")},
        "/sys/fs/cgroup to the host": {"/sys/fs/cgroup": ("link", here)},
        "/etc to the host": {"/etc": ("link", here)},
        "/etc upwards": {"/etc": ("link", "../" * 12 + here)},
    }
    for name, changes in attacks.items():
        for privileged in (False, True):
            with container_of(api, image(changes, privileged), privileged=privileged) as handle:
                if handle:
                    # Whatever it was, what a container has in these places is its own and is masked where it has to be.
                    if not privileged:
                        sh(api, handle, "for f in /proc/kcore /proc/keys /proc/timer_list /proc/sysrq-trigger /proc/sys/kernel/core_pattern /dev/console;"
                                        f"do echo '|/evil' > $f; cat $f; done; echo evil > {host.secret}")
                        assert sh(api, handle, "cat /proc/kcore 2>/dev/null | head -c 1 | wc -c").strip() in ("0", "")
                    sh(api, handle, "tty; echo evil > /dev/console", tty=tty())
            host.check(f"{name}, privileged: {privileged}")


def test_a_mount_point_that_moves_while_it_is_mounted_on(api, host, image, scratch, own_rootfs):
    """Two containers share a volume; one swaps a directory of it for a link while the other mounts something below."""
    volume, other = scratch / "volume", scratch / "other"
    for path in (volume, other):
        path.mkdir()
        os.chmod(path, 0o777)
    (other / "file").write_text("of the volume")
    swap = f"cd /v; while :; do ln -s {'../' * 12}{host.directory} x; rm x; mkdir -p x/empty; rm -r x; ln -s {host.directory} x; rm x; done 2>/dev/null"
    attacker = api.create(image({}), mounts=[(volume, "/v")])
    running = api.run(attacker, "sh", "-c", f"chmod 777 /v; echo go; {swap}")
    running.stdout.wait_for(b"go")
    for _ in range(12):
        with container_of(api, own_rootfs, mounts=[(volume, "/v"), (other, "/v/x/empty")]) as handle:
            if handle:
                sh(api, handle, "echo evil > /v/x/secret; echo evil > /v/x/empty/evil")
        host.check()
    api.destroy(attacker)


def test_mounts_on_the_containers_own_places_are_refused(api, host, own_rootfs, scratch):
    (scratch / "volume").mkdir()
    for place in ("/", "/dev", "/dev/concourse-init", "/proc", "/proc/self/attr", "/tmp/build/../../proc"):
        with pytest.raises(StatusError, match="is the container's own"):
            api.create(own_rootfs, mounts=[(scratch / "volume", place)])
    host.check()


# Files that Garden, the init or nstar read or write for a container.


def test_odd_files_in_etc_do_no_harm(api, host, image):
    odd = {"link to the host": ("link", str(host.secret)), "link upwards": ("link", "../" * 12 + str(host.secret)),
           "link to nowhere": ("link", "/no/such"), "link to the kernel's log": ("link", "/proc/kmsg"), "link to itself": ("link", "passwd"),
           "pipe": ("fifo",), "directory": ("dir",), "device": ("device", 1, 5), "file without end": ("endless",)}
    for name, change in odd.items():
        root = image({f"/etc/{file}": change for file in ("hosts", "hostname", "resolv.conf", "passwd", "group")})
        with container_of(api, root) as handle:
            if handle:
                for user, number in (("root", "0"), ("1000:1000", "1000")):
                    assert sh(api, handle, "grep ^Uid /proc/self/status", user=user).split()[1:] == [number] * 4, name
                with pytest.raises(StatusError, match="unable to find user"):
                    api.run(handle, "true", user="ghost")
                for user, status in (("root", 200), ("ghost", 500)):
                    assert api.request("GET", f"/containers/{handle}/files?source=/bin/sh&user={user}").status == status, name
                sh(api, handle, "for f in hosts hostname resolv.conf; do echo evil >> /etc/$f; done")
        host.check(name)


def test_its_files_in_etc_cant_fill_the_host(garden, api, host, own_rootfs):
    handle, other = api.create(own_rootfs), api.create(own_rootfs)
    free = os.statvfs(garden.runtime_dir).f_bavail
    for file in ("hosts", "hostname", "resolv.conf"):
        sh(api, handle, f"head -c 50000000 /dev/zero >> /etc/{file}")
    used = (free - os.statvfs(garden.runtime_dir).f_bavail) * os.statvfs(garden.runtime_dir).f_frsize
    assert used < 10_000_000
    assert sh(api, handle, "cat /etc/hosts | wc -c") != "" and "localhost" in sh(api, other, "echo mine >> /etc/hosts && cat /etc/hosts")
    garden.kill()
    garden.start()
    for one in (handle, other):
        api.destroy(one)


# What comes from inside: the socket between init and shim in the wrong hands.


def stolen_socket(pid):
    """The init's end of its socket to the shim, as an attacker inside pid 1 would have it."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    fd = libc.syscall(438, pidfd, 3, 0)  # pidfd_getfd
    os.close(pidfd)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=fd)


def report(event, token=0, value=0, text=b""):
    return REPORT.pack(event, token, value, text)


def send(wire, data, *fds):
    wire.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])


def test_an_init_that_breaks_the_protocol_ends_its_container_and_nothing_else(garden, api, host, own_rootfs):
    null = os.open("/dev/null", os.O_RDWR)
    attacks = {"empty": lambda wire: send(wire, b""), "short": lambda wire: send(wire, b"x"),
               "long": lambda wire: send(wire, bytes(100_000)), "hello again": lambda wire: send(wire, report(HELLO, value=1)),
               "unknown event": lambda wire: send(wire, report(77)), "no terminal": lambda wire: send(wire, report(TERMINAL), null),
               "terminal without one": lambda wire: send(wire, report(TERMINAL)),
               "many descriptors": lambda wire: send(wire, report(QUIET), *[null] * 200)}
    bystander = api.create(own_rootfs)
    for name, attack in attacks.items():
        handle = api.create(own_rootfs)
        process = api.run(handle, "sleep", "1000")
        pid = init_pid(garden, handle)
        with stolen_socket(pid) as wire:
            attack(wire)
            assert process.wait() == 137, name
            wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), f"the end of the init ({name})")
        assert api.info(handle)["State"] == "stopped", name
        # Its number may be anybody's now; nobody is entered by it.
        answer = api.request("GET", f"/containers/{handle}/files?source=/etc/passwd")
        assert answer.status == 500 and "the container has ended" in answer.json()["Message"], name
        with pytest.raises(StatusError, match="not running"):
            api.run(handle, "true")
        api.destroy(handle)
    os.close(null)
    assert api.output(bystander, "true")[0] == 0
    host.check()


def test_an_init_that_never_stops_talking_keeps_nobody_waiting(garden, api, host, own_rootfs):
    handle = api.create(own_rootfs)
    process = api.run(handle, "sleep", "1000")
    stop = threading.Event()

    def talk():
        with stolen_socket(init_pid(garden, handle)) as wire, contextlib.suppress(OSError):
            while not stop.is_set():
                for message in (report(QUIET), report(SPAWNED, token=1 << 31), report(SPAWNED, token=1), report(4, token=99, value=1)):
                    wire.send(message)

    talkers = [threading.Thread(target=talk, daemon=True) for _ in range(2)]
    for talker in talkers:
        talker.start()
    try:
        assert api.info(handle)["State"] == "active"
        assert api.output(handle, "echo", "heard")[1] == b"heard\n"
        process.signal(1)
        assert process.wait() == 137
        api.destroy(handle)
    finally:
        stop.set()
        for talker in talkers:
            talker.join()
    host.check()


def test_a_container_without_its_init_has_ended(garden, api, host, own_rootfs):
    handle = api.create(own_rootfs)
    process = api.run(handle, "sleep", "1000")
    os.kill(init_pid(garden, handle), 9)
    assert process.wait() == 137
    with pytest.raises((StatusError, HttpError)):
        api.call("GET", f"/containers/{handle}/files?source=/etc")
    assert api.info(handle)["State"] == "stopped"
    api.destroy(handle)
