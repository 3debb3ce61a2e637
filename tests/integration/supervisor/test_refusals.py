"""What is wrong is said in one line that names the thing and the remedy, and the worker ends."""
import os
import socket
import subprocess

import pytest


def one_line(stderr):
    assert stderr.count("\n") == 1 and stderr.startswith("concourse: error: "), stderr
    return stderr.removeprefix("concourse: error: ").rstrip("\n")


@pytest.mark.parametrize("flags,words", [
    (["--nope"], "unknown flag '--nope'"),
    (["-nope"], "unknown flag '-nope'"),
    (["--sweep-interval", "5"], "flag --sweep-interval: '5' is not a duration such as 300ms, 5s or 1h30m"),
    (["--sweep-interval", "0"], "flag --sweep-interval: '0' is too short: at least 1ms"),
    (["--container-sweeper-max-in-flight", "0"], "flag --container-sweeper-max-in-flight: '0' is too small: at least 1"),
    (["--healthcheck-bind-port", "70000"], "flag --healthcheck-bind-port: '70000' is not a port (0-65535)"),
    (["--tsa-host", "ci.example.com"], "flag --tsa-host: 'ci.example.com' has no port; write ci.example.com:2222"),
    (["--baggageclaim-driver", "zfs"], "flag --baggageclaim-driver: 'zfs' is not one of detect, naive, btrfs, overlay"),
    (["--name"], "flag '--name' needs a value"),
    (["--tsa-worker-private-key", "/nowhere/key"], "flag --tsa-worker-private-key: '/nowhere/key' does not exist or can't be reached"),
    (["--tsa-public-key", "/"], "flag --tsa-public-key: '/' is a directory, not a file"),
    (["--runtime", "containerd"], "this worker has no runtime 'containerd'; use --runtime guardian, which makes containers with crun or runc"),
    (["--runtime", "houdini"], "this worker has no runtime 'houdini'; use --runtime guardian, which makes containers with crun or runc"),
    (["--garden-bin", "gdn"], "this worker runs its own Garden and not 'gdn'; drop --garden-bin"),
])
def test_a_wrong_command_line(worker, flags, words):
    status, stderr = worker.fails(*flags)
    assert status == 2
    assert one_line(stderr) == words


@pytest.mark.parametrize("variables,words", [
    ({"CONCOURSE_SWEEP_INTERVAL": "soon"}, "$CONCOURSE_SWEEP_INTERVAL (flag --sweep-interval): 'soon' is not a duration"),
    ({"CONCOURSE_GARDEN_NETWORK_PLUGIN": "x"}, "Garden has no such setting: CONCOURSE_GARDEN_NETWORK_PLUGIN"),
    ({"CONCOURSE_CONTAINERD_NOPE": "x"}, "cannot use CONCOURSE_CONTAINERD_ environment variables with Guardian: unset CONCOURSE_CONTAINERD_NOPE"),
    ({"CONCOURSE_RUNTIME": "containerd", "CONCOURSE_GARDEN_DNS_SERVER": "1.1.1.1"},
     "cannot use CONCOURSE_GARDEN_ environment variables with Containerd: unset CONCOURSE_GARDEN_DNS_SERVER"),
])
def test_a_wrong_environment(worker, variables, words):
    status, stderr = worker.fails(environment=variables)
    assert status == 2
    assert one_line(stderr).startswith(words)


def test_missing_required_flags_are_named_with_their_variables(worker):
    done = subprocess.run([worker.bin / "concourse", "worker"], env=worker.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert one_line(done.stderr) == ("the required flag --tsa-worker-private-key (or $CONCOURSE_TSA_WORKER_PRIVATE_KEY) was not given; "
                                     "the required flag --work-dir (or $CONCOURSE_WORK_DIR) was not given")


def test_settings_for_containerd_are_ignored_with_a_line_that_says_what_to_use(worker):
    # What BOSH exports whatever the runtime, and a flag that Garden has under another name.
    worker.start_ready("--containerd-mtu=1400", environment={"CONCOURSE_CONTAINERD_INIT_BIN": "/x/init"})
    assert worker.logged("supervisor.CONCOURSE_CONTAINERD_INIT_BIN has no effect: pid 1 of a container is the worker's own")
    assert worker.logged("supervisor.--containerd-mtu has no effect: use --garden-mtu")
    assert not any("containerd" in argument for argument in worker.events("garden", "started")[0]["arguments"])


def test_flags_without_effect_and_stray_words_are_told_in_the_log(worker):
    worker.start_ready("--baggageclaim-log-level", "debug", "--ephemeral", "true", environment={"CONCOURSE_DEBUG_BIND_PORT": "1"})
    assert worker.logged("supervisor.--baggageclaim-log-level has no effect: use --log-level")
    assert worker.logged("supervisor.CONCOURSE_DEBUG_BIND_PORT has no effect: ask a service with concourse-workerctl status")
    assert worker.logged("supervisor.words on the command line without effect", words=["true"])
    assert "--ephemeral=true" in worker.events("beacon", "started")[0]["arguments"]


@pytest.mark.parametrize("flags,port,flag", [
    ([], 8888, "--healthcheck-bind-port"),
    (["--bind-port", "7777", "--bind-ip"], 7777, "--bind-port"),
    (["--baggageclaim-bind-port", "7788", "--baggageclaim-bind-ip"], 7788, "--baggageclaim-bind-port"),
])
def test_a_taken_port_is_named_with_its_owner(worker, flags, port, flag):
    with socket.socket() as sock:
        sock.bind((worker.address, port))
        sock.listen()
        status, stderr = worker.fails(*(flags + [worker.address] if flags else []))
    assert status == 1
    with open(f"/proc/{os.getpid()}/comm") as file:
        me = file.read().strip()
    assert one_line(stderr) == (f"can't listen on {worker.address}:{port}: the port is taken by process {os.getpid()} ({me}); "
                                f"stop it or choose another port with {flag}")
    assert worker.leftovers() == []


def test_an_address_of_another_machine(worker):
    status, stderr = worker.fails("--bind-ip", "192.0.2.77")
    assert status == 1
    assert one_line(stderr) == "can't listen on 192.0.2.77:7777: this machine has no such address"


def test_only_root_may_run_it(worker):
    os.chmod(worker.folder, 0o755)
    os.chmod(worker.folder / "key", 0o644)
    done = subprocess.run(worker.command(), env=worker.environment, capture_output=True, text=True, timeout=60, user=65534, group=65534,
                          extra_groups=[])
    assert done.returncode == 1
    assert one_line(done.stderr) == "worker must be run as root"


def test_check_config_says_every_problem_and_starts_nothing(worker):
    (worker.bin / "concourse-garden").unlink()
    status, stderr = worker.fails("--check-config", "--runtime", "houdini", "--garden-bin", "gdn")
    assert status == 2
    assert len(stderr.splitlines()) == 3
    assert not worker.run.exists()


def test_check_config_says_what_the_table_the_machine_and_the_services_know(worker):
    worker.behave(beacon={"problems": ["one", "both"]}, garden={"problems": ["both"]})
    (worker.folder / "file").touch()
    with socket.socket() as sock:
        sock.bind((worker.address, 8888))
        sock.listen()
        status, stderr = worker.fails("--check-config", "--sweep-interval", "5", "--nope", "--certs-dir", "/nowhere", "--oci-runtime", "/nowhere/run",
                                      "--bind-ip", "192.0.2.77")
    lines = [line.removeprefix("concourse: error: ") for line in stderr.splitlines()]
    assert status == 2
    assert lines == [
        "unknown flag '--nope'",
        "flag --sweep-interval: '5' is not a duration such as 300ms, 5s or 1h30m",
        "flag --certs-dir: '/nowhere' is no directory; steps that need certificates would fail",
        "flag --oci-runtime: '/nowhere/run' is not installed; install it, or name crun or runc",
        "can't listen on 192.0.2.77:7777: this machine has no such address",
        next(line for line in lines if line.startswith(f"can't listen on {worker.address}:8888: the port is taken by ")),
        "both",
        "one"]
    assert not worker.run.exists()


def test_check_config_asks_the_real_services(worker):
    for service in ("garden", "baggageclaim", "healthcheck", "beacon"):
        worker.use_real(f"concourse-{service}")
    (worker.folder / "types/broken").mkdir(parents=True)
    (worker.folder / "config.ini").write_text("[server]\nno equals sign\n")
    flags = ["--resource-types", worker.folder / "types", "--garden-config", worker.folder / "config.ini",
             "--baggageclaim-p2p-interface-name-pattern", "("]
    command = [str(worker.bin / "concourse"), "worker", "--check-config", "--runtime-dir", str(worker.run), "--healthcheck-bind-ip", worker.address,
               *map(str, flags)]
    done = subprocess.run(command, env=worker.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    wanted = ["the required flag --tsa-worker-private-key ", "the required flag --work-dir ", "flag --tsa-public-key: not given",
              f"'{worker.folder}/config.ini' line 2: expected flag = value", "p2p-interface-name-pattern '(' is not a regular expression",
              f"resource type '{worker.folder}/types/broken' would be left out: "]
    lines = [line.removeprefix("concourse: error: ") for line in done.stderr.splitlines()]
    assert len(lines) == len(wanted) and all(line.startswith(start) for line, start in zip(lines, wanted)), done.stderr
    assert not worker.run.exists()


def test_check_config_says_what_is_wrong_with_a_setting_that_garden_alone_knows(worker):
    worker.use_real("concourse-garden")
    status, stderr = worker.fails("--check-config", "--containerd-v6-enable", "--containerd-v6-pool", "fd00::/127")
    assert status == 2
    assert one_line(stderr) == "flag --containerd-v6-pool: IPv6 pool fd00::/127 has no room for a container: at least a /126 is needed"


def test_check_config_of_a_running_worker_minds_not_its_own_ports(worker):
    worker.start_ready()
    assert worker.fails("--check-config") == (0, "")


def test_check_config_of_a_good_configuration(worker):
    assert worker.fails("--check-config") == (0, "")
    assert not worker.run.exists() and not worker.work.exists()


@pytest.mark.parametrize("words,message", [
    ([], "no command given; one of worker, land-worker, retire-worker, generate-key"),
    (["web"], "unknown command 'web'; one of worker, land-worker, retire-worker, generate-key"),
])
def test_the_command(worker, words, message):
    done = subprocess.run([worker.bin / "concourse", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert one_line(done.stderr) == message
