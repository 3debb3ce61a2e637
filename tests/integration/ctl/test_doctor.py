"""concourse-workerctl doctor on a good machine, and with faults planted; logs, trace and tab completion."""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from harness.wait import wait_until


@pytest.fixture
def ctl(install):
    def run(*words, runtime_dir="/run/nothing", status=0):
        done = subprocess.run([install.program("concourse-workerctl"), *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={"PATH": os.environ["PATH"], "CONCOURSE_RUNTIME_DIR": str(runtime_dir)})
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stdout or done.stderr
    return run


def findings(text):
    return {(entry["subject"], entry["verdict"]): entry for entry in json.loads(text)}


def test_a_registered_worker_is_well(ctl, worker):
    text = ctl("doctor", runtime_dir=worker.runtime_dir)
    assert text.endswith(" 0 failures\n")
    for subject in ("kernel", "user namespaces", "cgroups", "disk", "access", "listeners", "inodes", "firewall", "MTU", "keys", "TSA", "registration", "garden"):
        assert f"\nOK       {subject} " in text, text
    assert f"from the supervisor (pid {worker.pid('supervisor')})" in text
    assert f"registered as {worker.name}, worker protocol 3.0" in text


def fake_runtime(scratch, version):
    program = scratch / "crun"
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    return program


def test_a_runtime_with_a_hole_is_warned_of_and_a_mended_one_is_well(ctl, scratch):
    env_file = scratch / "worker.env"
    env_file.write_text(f"CONCOURSE_OCI_RUNTIME={fake_runtime(scratch, 'runc version 1.2.7')}\n")
    found = findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))["OCI runtime", "warning"]
    assert "CVE-2025-52881" in found["what"] and "kept out by this worker" in found["what"]
    fake_runtime(scratch, "crun version 1.28")
    assert ("OCI runtime", "OK") in findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))


def test_holes_that_the_package_of_the_runtime_names_as_mended_are_not_told(ctl, scratch):
    """Debian mends without changing the number: only the changelog beside the package's own file counts, not that beside a copy."""
    env_file, listed = scratch / "worker.env", Path("/var/lib/dpkg/info/runc.list")
    if not listed.exists() or not Path("/usr/share/doc/runc/changelog.Debian.gz").exists():
        pytest.skip("runc isn't of a package here")
    mended = set(re.findall(r"CVE-\d+-\d+", gzip.open("/usr/share/doc/runc/changelog.Debian.gz", "rt").read()))
    copy = scratch / "runc"
    shutil.copy(shutil.which("runc"), copy)

    def told(runtime):
        env_file.write_text(f"CONCOURSE_OCI_RUNTIME={runtime}\n")
        return set(re.findall(r"CVE-\d+-\d+", findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))["OCI runtime", "warning"]["what"]))
    of_number = told(copy)
    assert of_number & mended, "the test needs a package that has mended something"
    assert told("runc") == of_number - mended


def test_directories_that_others_can_enter_and_listeners_are_warned_of(ctl, scratch):
    (scratch / "volumes").mkdir(mode=0o711)
    (scratch / "overlays").mkdir(mode=0o700)
    env_file = scratch / "worker.env"
    env_file.write_text(f"CONCOURSE_WORK_DIR={scratch}\nCONCOURSE_BIND_IP=127.0.0.1\nCONCOURSE_BIND_PORT=7777\n")
    found = findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))
    assert found["access", "warning"]["remedy"].endswith(f"chmod 0710 {scratch}/volumes")
    assert f"'{scratch}/overlays'" in found["access", "OK"]["what"]
    assert "127.0.0.1:7777" in found["listeners", "warning"]["what"]


def test_planted_faults_are_found_each_with_a_remedy(ctl, scratch, hub, worker):
    """Another machine's settings: a key that others can read and that nobody has authorized, a port that is taken, no work directory."""
    key, env_file = scratch / "key", scratch / "worker.env"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", key], check=True)
    key.chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env_file.write_text(f"CONCOURSE_TSA_HOST=127.0.0.1:{hub.port}\nCONCOURSE_TSA_PUBLIC_KEY={hub.keys}/tsa_host_key.pub\n"
                            f"CONCOURSE_TSA_WORKER_PRIVATE_KEY={key}\nCONCOURSE_WORK_DIR={scratch}/none\nCONCOURSE_HEALTHCHECK_BIND_IP=127.0.0.1\n"
                            f"CONCOURSE_HEALTHCHECK_BIND_PORT={taken.getsockname()[1]}\nCONCOURSE_OCI_RUNTIME=/nowhere/crun\n")
        found = findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))
    assert found["worker key", "warning"]["remedy"] == f"chmod 600 {key}"
    assert "authorized worker keys" in found["TSA", "failure"]["remedy"]
    assert "ss -tlnp" in found["ports", "failure"]["remedy"]
    assert found["work directory", "failure"]["remedy"] == f"mkdir -p {scratch}/none"
    assert "'/nowhere/crun' isn't there" in found["OCI runtime", "failure"]["what"]
    assert {subject for subject, verdict in found if verdict == "failure"} == {"TSA", "ports", "work directory", "OCI runtime", "garden", "baggageclaim",
                                                                              "beacon", "healthcheck"}


def test_wrong_settings_are_a_finding_and_hide_none_of_the_others(ctl, scratch):
    env_file = scratch / "worker.env"
    env_file.write_text("CONCOURSE_TSA_HOST=nowhere\n")
    found = findings(ctl("doctor", "--json", f"--env-file={env_file}", status=1))
    assert "CONCOURSE_TSA_HOST" in found["settings", "failure"]["what"]
    assert ("kernel", "ok") in {(subject, verdict.lower()) for subject, verdict in found}


def test_a_firewall_that_drops_is_named(ctl, sandboxed):
    rules = "table ip foreign {\nchain FORWARD {\ntype filter hook forward priority 0; policy drop;\n}\n}\n"
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        assert "chain ip foreign FORWARD drops" in findings(ctl("doctor", "--json", status=1))["firewall", "warning"]["what"]
    finally:
        subprocess.run(["nft", "delete table ip foreign"], check=True)


@pytest.fixture
def log_file(worker, scratch):
    """The worker's log as a file, which its supervisor's pipe is not."""
    path = scratch / "worker.log"
    path.write_text("\n".join(worker.lines()) + "\n")
    return path


def test_logs_of_one_service_or_all(ctl, worker, log_file):
    assert "can't be read again; name the file that holds the worker's log with --file" in ctl("logs", "garden", runtime_dir=worker.runtime_dir, status=1)
    lines = ctl("logs", "garden", f"--file={log_file}").splitlines()
    assert lines and all(line.split()[2] == "garden" for line in lines) and any("garden       ready" in line for line in lines)
    assert len(ctl("logs", "all", "-n", "3", f"--file={log_file}").splitlines()) == 3
    assert all(json.loads(line)["source"] == "beacon" for line in ctl("logs", "beacon", "--json", f"--file={log_file}").splitlines())
    assert "unknown service 'gardne'" in ctl("logs", "gardne", status=2)


@pytest.mark.timeout(60)
def test_logs_are_followed(install, log_file):
    line = '{"timestamp":"2026-08-07T10:00:00.5Z","level":"info","source":"garden","message":"garden.later","data":{}}\n'
    process = subprocess.Popen([install.program("concourse-workerctl"), "logs", "garden", "-f", "-n", "1", f"--file={log_file}"], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        with log_file.open("a") as file:
            file.write(line)
        assert "later" in process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_trace_tells_the_events_of_a_container_and_of_its_volumes(ctl, worker, hub, scratch):
    with hub.build(worker.name) as build:
        artifact = build.get("image", "busybox", {"mirror_self": True}).artifact
        step = build.start("task", "task", artifact, ["sh", "-c", "echo up; exec sleep 600"])
        step.wait_for(b"up")
        handle = build.container("task")
        path = scratch / "worker.log"
        path.write_text("\n".join(worker.lines()) + "\n")
        lines = ctl("trace", handle, f"--file={path}", runtime_dir=worker.runtime_dir).splitlines()
        build.abort()
    assert lines[0].endswith(" volumes)") and not lines[0].endswith("(0 volumes)")
    assert lines[1].strip().startswith("+0.000 s")
    assert any("garden       container created" in line and handle in line for line in lines)
    assert any("baggageclaim volume created" in line for line in lines)
    wait_until(lambda: worker.garden.containers() == [], "the container to be swept")


def complete(script, *words):
    test = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _concourse_workerctl; echo "${{COMPREPLY[@]}}"'
    return subprocess.run(["bash", "-c", test, "bash", "concourse-workerctl", *words], capture_output=True, text=True, check=True, timeout=30).stdout.split()


def test_tab_completion(install):
    script = install.bin.parent / "share/bash-completion/completions/concourse-workerctl"
    assert {"status", "doctor", "logs", "garden", "volumes"} <= set(complete(script, ""))
    assert complete(script, "garden", "li") == ["list"]
    assert complete(script, "volumes", "") == ["list", "inspect", "destroy", "tree", "du"]
    assert complete(script, "log-level", "ga") == ["garden"]
    assert complete(script, "log-level", "garden", "de") == ["debug"]
    assert set(complete(script, "drain", "--l")) == {"--land"}
    assert "all" in complete(script, "logs", "")
