"""Registering: what is sent, and what stands in its way. One line for each obstacle; waiting where that can help."""

import os
import socket
import subprocess
import threading

import asyncssh
import pytest

from recovery import recovery
from traffic import exchange


def test_registers_and_serves_both_apis(make_tsa, make_beacon, services):
    tsa = make_tsa()
    beacon = make_beacon(tsa, "--tag=a", "--tag=b", "--team=main", "--ephemeral", "--max-active-tasks=7", "--certs-dir=/etc/ssl/certs",
                         environment={"http_proxy": "http://p:1", "no_proxy": "x,y"})
    registration = tsa.wait_registered()
    worker = registration.worker
    assert list(worker) == ["addr", "baggageclaim_url", "certs_path", "http_proxy_url", "no_proxy", "active_containers", "active_volumes",
                            "active_tasks", "max_active_tasks", "resource_types", "platform", "tags", "team", "name", "version",
                            "start_time", "ephemeral", "state"]
    assert (worker["name"], worker["team"], worker["tags"], worker["version"], worker["platform"]) == ("w1", "main", ["a", "b"], "3.0", "linux")
    assert (worker["ephemeral"], worker["max_active_tasks"], worker["state"], worker["resource_types"]) == (True, 7, "", None)
    assert (worker["certs_path"], worker["http_proxy_url"], worker["no_proxy"]) == ("/etc/ssl/certs", "http://p:1", "x,y")
    exchange(registration.garden, b"hello garden")
    exchange(registration.baggageclaim, os.urandom(3 << 20))
    status = beacon.wait_status(lambda s: s["heartbeats"] >= 2, "two heartbeats")
    assert status["state"] == "registered" and status["current"]["tsa"] == tsa.address
    assert status["current"]["heartbeat_age_ms"] < 30000
    assert status["bytes"]["from_services"] >= 3 << 20
    assert beacon.end() == 0
    assert registration.interrupted.is_set()


def test_the_protocol_version_is_a_setting(make_tsa, make_beacon, services):
    tsa = make_tsa()
    make_beacon(tsa, environment={"CONCOURSE_VERSION": "2.5"})
    assert tsa.wait_registered().worker["version"] == "2.5"


def test_resource_types_are_offered_and_broken_ones_left_out(make_tsa, make_beacon, services, scratch):
    types = scratch / "types"
    good = types / "git"
    good.mkdir(parents=True)
    (good / "rootfs.tgz").write_bytes(b"x")
    (good / "resource_metadata.json").write_text('{"type": "git", "version": "1.2", "privileged": true, "unique_version_history": true}')
    (types / "stray").write_text("")
    (types / "empty").mkdir()
    (types / "bad").mkdir()
    (types / "bad/resource_metadata.json").write_text("{")
    (types / "hollow").mkdir()
    (types / "hollow/resource_metadata.json").write_text('{"type": "hollow"}')
    tsa = make_tsa()
    beacon = make_beacon(tsa, f"--resource-types={types}")
    assert tsa.wait_registered().worker["resource_types"] == [
        {"type": "git", "image": f"{good}/rootfs.tgz", "version": "1.2", "privileged": True, "unique_version_history": True}]
    left_out = {line["data"]["entry"]: line["data"]["reason"] for line in beacon.logged("resource type left out")}
    assert set(left_out) == {"stray", "empty", "bad", "hollow"}
    assert "is not a folder" in left_out["stray"] and "resource_metadata.json" in left_out["bad"] and "rootfs.tgz" in left_out["hollow"]


def key_forms(keys, folder):
    """The worker's key as different tools write it."""
    key = keys.keys["worker"]
    for form in ("pkcs1-pem", "pkcs8-pem", "openssh"):
        key.write_private_key(str(folder / form), form)
    # What the peer's key generator writes: PKCS#1 labelled as if it were PKCS#8.
    text = (folder / "pkcs1-pem").read_text()
    (folder / "mislabelled").write_text(text.replace("RSA PRIVATE KEY", "PRIVATE KEY"))
    return ["pkcs1-pem", "pkcs8-pem", "openssh", "mislabelled"]


@pytest.mark.parametrize("number", range(4))
def test_every_form_of_the_key_is_taken(make_tsa, make_beacon, services, keys, scratch, number):
    form = key_forms(keys, scratch)[number]
    tsa = make_tsa()
    make_beacon(tsa, private_key=scratch / form)
    tsa.wait_registered()


@pytest.mark.parametrize("flags,words", [
    (["--tsa-worker-private-key=/nonexistent"], ["--tsa-worker-private-key", "'/nonexistent' does not exist"]),
    (["--tsa-worker-private-key={public}"], ["--tsa-worker-private-key", "is a public key", "ssh-keygen"]),
    (["--tsa-worker-private-key={ed25519}"], ["--tsa-worker-private-key", "'ssh-ed25519'", "RSA"]),
    (["--tsa-worker-private-key={locked}"], ["--tsa-worker-private-key", "passphrase"]),
    (["--tsa-public-key={private}"], ["--tsa-public-key", "holds no public key"]),
    (["--tsa-host=web"], ["--tsa-host", "'web' has no port"]),
    (["--protocol-version=three"], ["--protocol-version", "'three'"]),
    (["--volume-sweeper-max-in-flight=0"], ["--volume-sweeper-max-in-flight"]),
    (["--sweep-interval=0"], ["--sweep-interval"]),
    (["--nonsense"], ["unknown flag '--nonsense'"]),
], ids=lambda value: value[0] if isinstance(value, list) else None)
def test_a_wrong_setting_ends_the_start_with_one_line(make_beacon, keys, scratch, flags, words):
    names = {"public": keys.public("worker"), "private": keys.private("worker"), "ed25519": scratch / "ed25519", "locked": scratch / "locked"}
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(names["ed25519"]))
    keys.keys["worker"].write_private_key(str(names["locked"]), "pkcs1-pem", passphrase="secret", cipher_name="aes256-cbc")
    beacon = make_beacon("127.0.0.1:1", *[flag.format(**names) for flag in flags], start=False)
    ended = subprocess.run(beacon.arguments, env=beacon.environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stdout == "" and ended.stderr.count("\n") == 1 and ended.stderr.startswith("concourse-beacon: error: ")
    assert all(word in ended.stderr for word in words), ended.stderr


def test_a_wrong_host_key_is_named_and_tried_again(make_tsa, make_beacon, services):
    tsa = make_tsa(host_key="stranger")
    beacon = make_beacon(tsa)
    line = beacon.wait_log("no connection to a TSA", error="showed the host key")[0]
    assert "--tsa-public-key" in line["data"]["error"] and "SHA256:" in line["data"]["error"] and tsa.address in line["data"]["error"]
    beacon.wait_log("no connection to a TSA", times=2)
    assert not tsa.registrations


def test_any_of_several_host_keys_will_do(make_tsa, make_beacon, services):
    tsa = make_tsa(host_key="stranger")
    make_beacon(tsa, host_keys=("host", "stranger"))
    tsa.wait_registered()


def test_a_refused_key_is_named_and_accepted_later(make_tsa, make_beacon, services, keys):
    tsa = make_tsa(worker_keys=())
    beacon = make_beacon(tsa)
    line = beacon.wait_log("no connection to a TSA", error="refused the worker's key SHA256:")[0]
    assert "tsa-authorized-keys" in line["data"]["error"]
    tsa.worker_keys.append(keys.keys["worker"].convert_to_public())
    tsa.wait_registered()


def test_a_tsa_that_is_down_is_waited_for(make_tsa, make_beacon, services):
    tsa = make_tsa()
    tsa.stop()
    beacon = make_beacon(tsa)
    assert beacon.wait_log("no connection to a TSA", error="Connection refused")
    assert beacon.status()["state"] == "waiting"
    tsa.start()
    tsa.wait_registered()


def test_the_next_host_is_tried_after_a_failed_handshake_too(make_tsa, make_beacon, services):
    good, bad = make_tsa(), make_tsa(host_key="stranger")
    beacon = make_beacon([bad, good, "127.0.0.1:1"])
    good.wait_registered()
    assert not beacon.logged("no connection to a TSA")  # one attempt went over them all


def test_a_silent_tsa_is_given_up(make_tsa, make_beacon, services):
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    beacon = make_beacon(f"127.0.0.1:{port}")
    with recovery("a TSA that accepts and says nothing: until it is given up", 25):
        beacon.wait_log("no connection to a TSA", error="shake hands with TSA")
    silent.close()
    tsa = make_tsa(port=port)
    tsa.wait_registered(timeout=60)


def test_a_refused_worker_is_told_and_tried_again(make_tsa, make_beacon, services):
    tsa = make_tsa()
    tsa.refuse_worker = True
    beacon = make_beacon(tsa)
    assert "team" in beacon.wait_log("registration refused")[0]["data"]["error"]
    tsa.refuse_worker = False
    tsa.wait_registered()


def test_what_is_no_ssh_server_is_named(make_beacon, services):
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        try:
            while True:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()
        except OSError:
            pass

    threading.Thread(target=answer, daemon=True).start()
    beacon = make_beacon(f"127.0.0.1:{server.getsockname()[1]}")
    beacon.wait_log("no connection to a TSA", error="no SSH server answered")
    server.close()
