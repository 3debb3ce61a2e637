"""The real services take every word that the supervisor may pass to them."""

import subprocess

import pytest

SETTINGS = ["--name=w", "--tag=a", "--team=t", "--ephemeral", "--max-active-tasks=1", "--protocol-version=2.5", "--certs-dir=/c",
            "--resource-types=/nowhere", "--sweep-interval=1s", "--volume-sweeper-max-in-flight=1", "--container-sweeper-max-in-flight=1",
            "--rebalance-interval=1h", "--connection-drain-timeout=1h", "--tsa-host=127.0.0.1:1", "--bind-ip=127.0.0.1", "--bind-port=1",
            "--healthcheck-bind-port=2", "--healthcheck-timeout=1s", "--oci-runtime=crun", "--runtime=guardian",
            "--garden-request-timeout=1m", "--garden-dns-proxy-enable=false", "--garden-network-pool=10.1.0.0/16",
            "--garden-max-containers=1", "--garden-dns-server=1.1.1.1", "--garden-additional-dns-server=1.1.1.1",
            "--garden-additional-host-entry=1.1.1.1 x", "--garden-allow-host-access", "--garden-deny-network=10.2.0.0/16",
            "--garden-external-ip=1.1.1.1", "--garden-mtu=1400", "--garden-default-grace-time=1m", "--baggageclaim-bind-ip=127.0.0.1",
            "--baggageclaim-bind-port=3", "--baggageclaim-p2p-interface-name-pattern=x", "--baggageclaim-p2p-interface-family=6",
            "--baggageclaim-driver=naive", "--baggageclaim-btrfs-bin=b", "--baggageclaim-mkfs-bin=m",
            "--baggageclaim-disable-user-namespaces", "--containerd-privileged-mode=ignore", "--log-level=debug", "--log-format=json"]


@pytest.mark.parametrize("service", ["garden", "baggageclaim", "beacon", "healthcheck"])
def test_a_service_knows_its_flags(worker, install, service):
    """What the stand-in was started with, the real program takes: it gets as far as a flag that nobody has."""
    worker.start("--healthcheck-bind-ip", worker.address, *SETTINGS)
    arguments = worker.wait_for_event(service, "started")[0]["arguments"]
    assert len(arguments) > 3
    done = subprocess.run([install.program(f"concourse-{service}"), *arguments, "--nobody-has-this"], capture_output=True, text=True,
                          timeout=60, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (2, f"concourse-{service}: error: unknown flag '--nobody-has-this'\n")
