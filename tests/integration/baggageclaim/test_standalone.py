"""The peer's own command line: bare flags, TCP, no environment."""

import subprocess

import pytest

from harness.baggageclaim import BaggageclaimClient, files_of, tar_of
from harness.wait import wait_until
from harness.worker import free_port


@pytest.fixture
def standalone(sandboxed, install, scratch):
    program = install.program("concourse-baggageclaim")
    processes = []

    def start(*flags, environment=None):
        process = subprocess.Popen([program, *flags], stdout=open(scratch / "log", "w"), stderr=subprocess.STDOUT, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **(environment or {})})
        processes.append(process)
        wait_until(lambda: process.poll() is not None or '"baggageclaim.listening"' in (scratch / "log").read_text(), "it to listen")
        assert process.poll() is None, (scratch / "log").read_text()
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_volumes_over_tcp_survive_a_kill(standalone, scratch):
    port = free_port()
    flags = ["--log-level", "debug", "--bind-port", str(port), "--debug-bind-port", "8099", "--volumes", str(scratch / "v"), "--driver", "naive",
             "--overlays-dir", str(scratch / "o")]
    process = standalone(*flags, environment={"CONCOURSE_BAGGAGECLAIM_DRIVER": "overlay", "CONCOURSE_WORK_DIR": "/nowhere"})
    api = BaggageclaimClient(f"127.0.0.1:{port}")
    assert api.create("empty", "some-handle")["path"] == str(scratch / "v/live/some-handle/volume")
    api.stream_in("some-handle", tar_of({"file": b"x"}))
    process.kill()
    process.wait()
    standalone(*flags)
    assert files_of(api.stream_out("some-handle")) == {"file": b"x"}
    api.destroy("some-handle")


def test_without_volumes_it_says_so_as_the_peer_does(sandboxed, install):
    result = subprocess.run([install.program("concourse-baggageclaim"), "--bind-port", "1"], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "the required flag `--volumes' was not specified" in result.stderr


@pytest.mark.parametrize("flags,told", [
    (["--volumes=V", "--driver=zfs"], "'zfs' is not one of detect, naive, btrfs, overlay"),
    (["--volumes=V", "--driver=overlay"], "driver overlay needs a directory for its layers"),
    (["--volumes=V", "--nope"], "unknown flag '--nope'"),
    (["--volumes=V", "--driver=overlay", "--overlays-dir=/proc/x"], "/proc"),
    (["--volumes=V", "--driver=btrfs", "--mkfs-bin=no-such-mkfs"], "'no-such-mkfs' can't be run; install btrfs-progs"),
    (["--volumes=V"], "driver overlay needs a directory for its layers: give --overlays-dir, or take --driver naive"),
    (["--volumes=V", "--driver=naive", "--bind-ip=192.0.2.77"], "192.0.2.77"),
])
def test_what_can_not_work_is_one_clear_line(sandboxed, install, scratch, flags, told):
    flags = [flag.replace("=V", f"={scratch}/v") for flag in flags]
    result = subprocess.run([install.program("concourse-baggageclaim"), *flags], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode != 0
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_help_tells_both_command_lines(sandboxed, install):
    program = install.program("concourse-baggageclaim")
    bare = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    service = subprocess.run([program, "--work-dir=/w", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--volumes=" in bare and "--overlays-dir=" in bare
    assert "--baggageclaim-driver=" in service and "--work-dir=" in service and "convert-to-go" in service
