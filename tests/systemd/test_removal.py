"""The last test of the machine: after it there is no worker any more."""

from installed import NAME, SERVICES, SOCKETS, TARGET, cgroups_in, mounts_in, programs_in, start_numbers


def test_a_removal_and_a_purge_in_mid_build_leave_nothing(target, hub):
    target.run("systemctl", "enable", TARGET)
    with hub.build(NAME) as build:
        step = start_numbers(build)
        step.wait_for(b"line 10\r")
        target.run("dpkg", "--remove", "concourse-worker")
        assert programs_in(target) == [] and cgroups_in(target) == [] and mounts_in(target) == []
        assert target.active(TARGET, *SERVICES, *SOCKETS) == []
        assert (target.root / "etc/concourse/worker.env").exists(), "a removal takes the settings"
        build.abort()
    target.run("dpkg", "--purge", "concourse-worker")
    left = target.output("find", "/etc", "/run", "/usr", "/var/lib", "-xdev", "-name", "*concourse*", "-not", "-path", "/var/lib/concourse-worker",
                         "-not", "-path", "/etc/concourse").splitlines()
    assert left == []
    assert target.output("sh", "-c", "ls -A /var/lib/concourse-worker || true") == ""
    assert target.output("ls", "-A", "/etc/concourse") == "keys"
