"""The .deb: what installing starts, what an upgrade costs."""

import re
import shutil
import subprocess

from harness.wait import wait_until
from installed import LINES, NAME, SERVICES, lines_of, newer, start_numbers


def test_a_first_installation_starts_nothing_and_says_what_to_do(machine):
    assert "write /etc/concourse/worker.env, then: systemctl enable --now concourse-worker.target" in machine.install_log
    assert machine.output("dpkg-query", "-W", "-f", "${db:Status-Status} ${Conffiles}", "concourse-worker").startswith(
        "installed  /etc/concourse/worker.env ")
    assert "CONCOURSE_WORK_DIR=/var/lib/concourse-worker\n" in machine.settings
    assert machine.output("getent", "passwd", "concourse-worker").endswith("nologin")
    assert machine.output("stat", "-c", "%a %U %G", "/run/concourse-worker") == "1775 root concourse-worker"


def test_every_program_for_people_has_a_manual_page(package):
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    pages = {"worker", "land-worker", "retire-worker", "generate-key", "garden", "baggageclaim", "beacon", "healthcheck", "workerctl"}
    assert set(re.findall(r"/usr/share/man/man1/concourse-([a-z-]+)\.1(?:\.gz)?$", listed, re.MULTILINE)) == pages


def test_every_program_finds_its_libraries(machine):
    for name in machine.output("sh", "-c", "ls /usr/bin/concourse*").split():
        if not name.endswith(("-init", "-nstar", "-shim")):  # started by Garden, which the other tests see
            assert machine.output(name, "--version"), name


def test_an_upgrade_in_mid_build_loses_no_line_and_keeps_the_settings(target, hub, package, place):
    shutil.copy(newer(package, place, "9.9.9"), target.root / "root/newer.deb")
    before = {service: target.pid(service) for service in SERVICES}
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 50\r")
        target.run("dpkg", "-i", "/root/newer.deb")
        assert not step.done(), "the build was over before the upgrade was"
        result = step.result()
    assert (result.status, lines_of(result.stdout)) == (0, [f"line {n}" for n in range(LINES)])
    assert result.attachments == 1, "the stream broke"
    assert target.active(*SERVICES) == SERVICES
    wait_until(lambda: not {before[service] for service in SERVICES} & {target.pid(service) for service in SERVICES},
               "every service to run from the new package")
    assert f"CONCOURSE_NAME={NAME}\n" in (target.root / "etc/concourse/worker.env").read_text()
    # Back again: a roll back is an installation of the older package.
    target.run("dpkg", "-i", "/root/worker.deb")
    assert target.active(*SERVICES) == SERVICES
