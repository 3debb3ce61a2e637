"""What a start does: order, sockets, arguments, environment."""
import os
import socket
import stat

from harness.wait import wait_until

def test_services_start_in_the_order_of_need(worker):
    worker.start_ready()

    ready = {e["service"]: e["time"] for e in worker.events(kind="ready")}
    started = {e["service"]: e["time"] for e in worker.events(kind="started")}
    assert set(ready) == {"garden", "baggageclaim", "healthcheck", "beacon"}
    assert started["beacon"] > max(ready["garden"], ready["baggageclaim"])


def test_the_beacon_waits_for_what_is_not_ready(worker):
    worker.behave(garden={"ready": False})
    worker.start()
    worker.wait_for_event("baggageclaim", "ready")
    worker.wait_for_event("healthcheck", "ready")
    worker.wait_for_log("supervisor.service ready", count=2)
    assert worker.events("beacon", "started") == []


def test_every_service_gets_its_sockets_by_name(worker):
    worker.start_ready("--bind-ip", worker.address, "--baggageclaim-bind-ip", worker.address)

    listeners = {e["service"]: e["listeners"] for e in worker.events(kind="started")}
    assert listeners == {"garden": ["control", "garden", "garden-tcp"], "baggageclaim": ["control", "baggageclaim", "baggageclaim-tcp"],
                         "healthcheck": ["control", "healthcheck"], "beacon": ["control"]}
    for name in ["garden.sock", "baggageclaim.sock", "control/garden.sock", "control/supervisor.sock"]:
        mode = os.stat(worker.run / name).st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, name
    for port in (7777, 7788, 8888):
        socket.create_connection((worker.address, port), timeout=30).close()


def test_tcp_is_opt_in(worker):
    worker.start_ready()
    assert [e["listeners"] for e in worker.events("garden", "started")] == [["control", "garden"]]
    for port in (7777, 7788):
        with socket.socket() as sock:
            assert sock.connect_ex((worker.address, port)) != 0


def test_a_service_gets_the_arguments_of_its_groups_only(worker):
    worker.start_ready("--tag", "a", "--tag", "b,c", "--garden-dns-server", "1.1.1.1", "--name", "w",
                       environment={"CONCOURSE_LOG_LEVEL": "debug", "CONCOURSE_BAGGAGECLAIM_DRIVER": "naive"})

    arguments = {e["service"]: e["arguments"] for e in worker.events(kind="started")}
    for service, words in arguments.items():
        assert f"--runtime-dir={worker.run}" in words, service
        assert "--log-level=debug" in words, service
    assert ["--tag=a", "--tag=b,c"] == [w for w in arguments["beacon"] if w.startswith("--tag")]
    assert "--name=w" in arguments["beacon"] and "--name=w" not in arguments["garden"]
    assert "--garden-dns-server=1.1.1.1" in arguments["garden"]
    assert "--baggageclaim-driver=naive" in arguments["baggageclaim"] and "--baggageclaim-driver=naive" not in arguments["garden"]
    assert f"--tsa-worker-private-key={worker.folder}/key" in arguments["beacon"]
    assert not any("key" in word for service in ("garden", "baggageclaim", "healthcheck") for word in arguments[service])


def test_a_service_gets_a_clean_environment_and_no_stray_descriptor(worker):
    stray = os.open("/dev/null", os.O_RDONLY)
    worker.start_ready(pass_fds=[stray], environment={"CONCOURSE_TAG": "a", "CONCOURSE_UNKNOWN": "x", "HOME": "/root",
                                                      "http_proxy": "http://u:secret@proxy:1", "LD_LIBRARY_PATH": "/nowhere"})
    os.close(stray)

    for e in worker.events(kind="started"):
        names = set(e["environment"]) - {"LC_CTYPE"}  # Python's own doing
        wanted = {"PATH", "TZ", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}
        assert names == (wanted | {"http_proxy"} if e["service"] == "beacon" else wanted), e["service"]
        assert not any("secret" in word for word in e["arguments"])
        assert e["environment"]["PATH"].split(":")[0] == str(worker.bin)
        assert e["session"] and e["stdin"] == "/dev/null"
        assert e["fds"] == 3 + len(e["listeners"]), e["service"]


def test_services_write_to_the_workers_stdout(worker):
    worker.start_ready()
    messages = [line["message"] for line in worker.log()]
    for service in ("garden", "baggageclaim", "healthcheck", "beacon"):
        assert f"{service} says hello" in messages


def test_log_lines_have_the_five_keys_of_the_peer(worker):
    worker.start_ready()
    worker.stop()
    own = [line for line in worker.log() if "source" in line]
    assert own
    for line in own:
        assert set(line) == {"timestamp", "level", "source", "message", "data"}
        assert line["source"] == "supervisor" and line["message"].startswith("supervisor.")
    for event in ("starting", "service started", "service ready", "ready", "stopping", "service stopping", "service stopped", "stopped"):
        assert worker.logged("supervisor." + event), event


def test_a_readable_form_on_request(worker):
    worker.start("--log-format", "text")
    wait_until(lambda: "supervisor    ready" in worker.out.read_text(), "the ready line")


def test_an_external_garden_is_not_started(worker):
    worker.start_ready("--external-garden-url", "http://127.0.0.1:7777")
    assert worker.events("garden") == []
    assert "--external-garden-url=http://127.0.0.1:7777" in worker.events("beacon", "started")[0]["arguments"]


def test_every_effective_setting_is_logged_and_no_secret(worker):
    worker.start_ready("--tag", "a", "--tag", "b", environment={"CONCOURSE_SWEEP_INTERVAL": "7s", "http_proxy": "http://u:secret@proxy:1"})
    settings = worker.logged("supervisor.settings")[0]["data"]
    assert "tag=a,b" in settings["command_line"] and f"work-dir={worker.work}" in settings["command_line"]
    assert sorted(settings["environment"]) == ["http-proxy=…", "sweep-interval=7s"]
    assert "rebalance-interval=4h" in settings["defaults"]
    assert "secret" not in worker.out.read_text()
