"""Signals: an orderly stop, a hurried one, landing and retiring."""
import os
import signal
import subprocess
import time

import pytest
from harness import control
from harness.wait import wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_the_services_in_order_and_leaves_nothing(worker, number):
    worker.start_ready()
    assert worker.stop(number) == 0
    ended = [e["service"] for e in worker.events(kind="ended")]
    assert ended == ["beacon", "garden", "baggageclaim", "healthcheck"]
    assert worker.leftovers() == []
    assert sorted(os.listdir(worker.run)) == ["control", "lock"]
    assert os.listdir(worker.run / "control") == []
    assert worker.err.read_text() == ""


def test_a_service_that_does_not_stop_is_killed(worker):
    worker.behave(healthcheck={"ignore_term": True})
    worker.start_ready()
    assert worker.stop() == 0
    worker.wait_for_log("supervisor.service killed", service="healthcheck", reason="did not stop in time")
    worker.wait_for_log("supervisor.service stopped", service="healthcheck", how="killed by signal 9")
    assert worker.leftovers() == []


def test_a_second_signal_waits_for_nobody(worker):
    worker.behave(**{service: {"ignore_term": True} for service in ("garden", "baggageclaim", "healthcheck", "beacon")})
    worker.start_ready()
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for_log("supervisor.service stopping", service="beacon")
    assert worker.stop() == 0
    # All of them at once, not the 14 s that one after the other may take.
    killed = [line["data"]["service"] for line in worker.logged("supervisor.service killed")]
    assert sorted(killed) == ["baggageclaim", "beacon", "garden", "healthcheck"]
    assert len({line["timestamp"][:18] for line in worker.logged("supervisor.service killed")}) <= 2
    assert worker.leftovers() == []


def test_stop_while_a_service_waits_for_its_restart(worker):
    worker.start_ready()
    worker.behave(beacon={"exit": 1})
    worker.kill(worker.pid_of("beacon"))
    worker.wait_for_log("supervisor.service restart", count=4, service="beacon")
    assert worker.stop() == 0
    assert worker.leftovers() == []


def test_stop_before_anything_is_ready(worker):
    worker.behave(garden={"ready": False}, baggageclaim={"ready": False}, healthcheck={"ready": False})
    worker.start()
    worker.wait_for_event("garden", "started")
    worker.wait_for_event("baggageclaim", "started")
    worker.wait_for_event("healthcheck", "started")
    assert worker.stop() == 0
    assert worker.leftovers() == []


LANDED, RETIRED, LET_GO, DRAIN_TIMEOUT = 10, 11, 12, 13  # exit statuses of the beacon (common/protocol/beacon.hpp)


def start_draining(worker, number=signal.SIGUSR1):
    worker.process.send_signal(number)
    worker.wait_for_log("supervisor.beacon told", command={signal.SIGUSR1: "land", signal.SIGUSR2: "retire"}[number])


@pytest.mark.parametrize("number,mode,status", [(signal.SIGUSR1, "land", LANDED), (signal.SIGUSR2, "retire", RETIRED)])
def test_a_drain_is_told_to_the_beacon_and_its_end_ends_the_worker(worker, number, mode, status):
    worker.behave(beacon={"drain_exit": status})
    worker.start_ready()
    assert worker.stop(number) == 0
    assert len(worker.events("beacon", mode)) == 1
    assert [e["service"] for e in worker.events(kind="ended")] == ["beacon", "garden", "baggageclaim", "healthcheck"]
    assert worker.leftovers() == []


def test_a_worker_that_the_cluster_lets_go_ends(worker):
    """Landed by `fly land-worker`, say: the peer's worker ends then, and with 0."""
    worker.behave(beacon={"exit": LET_GO, "fail_times": 1, "ready": True})
    worker.start()
    assert worker.process.wait(60) == 0
    assert len(worker.events("beacon", "started")) == 1
    worker.wait_for_log("supervisor.stopping", reason="the cluster has let the worker go: landed, retired or pruned by somebody else")


def test_a_beacon_that_stops_by_itself_is_started_again_also_in_a_drain(worker):
    worker.start_ready()
    start_draining(worker)
    worker.kill(worker.pid_of("beacon"), signal.SIGTERM)
    worker.wait_for_event("beacon", "land", count=2)
    assert worker.process.poll() is None


def test_a_drain_goes_on_after_the_beacons_death(worker):
    worker.start_ready()
    start_draining(worker)
    worker.behave(beacon={"drain_exit": LANDED})
    worker.kill(worker.pid_of("beacon"))
    assert worker.process.wait(60) == 0
    assert len(worker.events("beacon", "land")) == 2


def test_a_drain_asked_for_while_the_beacon_is_down_is_told_later(worker):
    worker.start_ready()
    worker.behave(beacon={"exit": 1})
    worker.kill(worker.pid_of("beacon"))
    worker.wait_for_log("supervisor.service restart", count=2, service="beacon")
    worker.process.send_signal(signal.SIGUSR2)
    worker.wait_for_log("supervisor.draining", mode="retire")
    worker.behave(beacon={"drain_exit": RETIRED})
    assert worker.process.wait(60) == 0
    assert len(worker.events("beacon", "retire")) == 1


def test_a_drain_that_the_beacon_refuses_is_tried_again(worker):
    worker.behave(beacon={"refuses": ["land"]})
    worker.start_ready()
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_for_log("supervisor.beacon could not be told, trying again", command="land", error="refused")
    worker.behave(beacon={"drain_exit": LANDED})
    assert worker.process.wait(60) == 0


def test_retire_after_land_and_not_the_other_way_round(worker):
    worker.start_ready()
    start_draining(worker)
    start_draining(worker, signal.SIGUSR2)
    worker.process.send_signal(signal.SIGUSR1)
    worker.wait_for_log("supervisor.already draining", mode="retire")
    assert [e["event"] for e in worker.events("beacon") if e["event"] in ("land", "retire")] == ["land", "retire"]


def test_a_drain_goes_on_under_the_next_supervisor(worker):
    worker.start_ready()
    start_draining(worker)
    (worker.run / "beacon-drain").write_text("landing\n1\n")  # as the real beacon does
    worker.process.kill()
    worker.process.wait()

    worker.start()
    worker.wait_for_log("supervisor.beacon told", command="land")
    beacon = worker.pid_of("beacon")
    worker.behave(beacon={"drain_exit": LANDED})
    worker.process.send_signal(signal.SIGUSR2)  # tells it once more: it ends now, and is not our child
    assert worker.process.wait(60) == 0
    worker.wait_for_log("supervisor.service ended", service="beacon", pid=beacon, how=f"exit status {LANDED}")
    worker.wait_for_log("supervisor.stopping", reason="landed")


def test_a_fresh_start_does_not_go_on_draining(worker):
    worker.run.mkdir()
    (worker.run / "beacon-drain").write_text("landing\n1\n")
    worker.start_ready()
    assert not (worker.run / "beacon-drain").exists()
    assert worker.logged("supervisor.draining") == []


def test_stop_during_landing_is_a_stop_in_place(worker):
    worker.start_ready()
    start_draining(worker)
    assert worker.stop() == 0
    assert worker.events("beacon", "delete") == []
    assert worker.leftovers() == []


def test_stop_during_retiring_takes_the_worker_out_of_the_cluster_first(worker):
    worker.behave(beacon={"delete_exit": RETIRED})
    worker.start_ready()
    start_draining(worker, signal.SIGUSR2)
    assert worker.stop() == 0
    assert [e["event"] for e in worker.events("beacon")][-3:] == ["retire", "delete", "ended"]
    assert [e["service"] for e in worker.events(kind="ended")] == ["beacon", "garden", "baggageclaim", "healthcheck"]


@pytest.mark.parametrize("beacon", [{}, {"refuses": ["delete"]}])
def test_a_worker_that_can_not_be_deleted_stops_all_the_same(worker, beacon):
    worker.behave(beacon=beacon)
    worker.start_ready()
    start_draining(worker, signal.SIGUSR2)
    assert worker.stop() == 0
    assert worker.events("beacon", "ended")[0]["why"] == "term"
    assert worker.leftovers() == []


@pytest.mark.parametrize("drain_exit", [DRAIN_TIMEOUT, None])
def test_a_drain_has_a_deadline(worker, drain_exit):
    """The beacon keeps it; one that hangs is not waited for."""
    worker.behave(beacon={} if drain_exit is None else {"drain_exit": drain_exit})
    worker.start_ready("--drain-timeout", "100ms")
    assert "--drain-timeout=100ms" in worker.events("beacon", "started")[0]["arguments"]
    worker.process.send_signal(signal.SIGUSR1)
    assert worker.process.wait(60) == 3
    worker.wait_for_log("supervisor.stopping", reason="the drain took longer than 100ms (--drain-timeout)")
    assert worker.leftovers() == []


def test_a_drain_can_have_a_deadline_of_its_own(worker):
    worker.start_ready("--drain-timeout", "10m")
    drain = control.ask(worker.run, "supervisor", "drain", mode="land", deadline_seconds=3600)["drain"]
    assert (drain["limit"], drain["own_deadline"]) == ("1h0m0s", True) and 3590 <= drain["seconds_left"] <= 3600
    worker.wait_for_log("supervisor.beacon told", command="land")
    assert 3590 <= worker.events("beacon", "land")[0]["question"]["deadline_seconds"] <= 3600
    # A beacon that hangs is not waited for; the next wish's deadline counts.
    control.ask(worker.run, "supervisor", "drain", mode="retire", deadline_seconds=1)
    assert worker.process.wait(60) == 3
    worker.wait_for_log("supervisor.stopping", reason="the drain took longer than its deadline")


def test_the_deadline_of_a_drain_ends_with_the_drain(worker):
    worker.start_ready("--drain-timeout", "10m")
    control.ask(worker.run, "supervisor", "drain", mode="land", deadline_seconds=60)
    control.ask(worker.run, "supervisor", "drain", mode="cancel")
    assert control.ask(worker.run, "supervisor", "drain", mode="land")["drain"]["limit"] == "10m0s"
    with pytest.raises(control.ControlError, match="deadline_seconds"):
        control.ask(worker.run, "supervisor", "drain", mode="land", deadline_seconds=0)


@pytest.mark.parametrize("own,first,next_timeout", [("60\n", [], "10h"), ("", ["--drain-timeout", "10m"], "10m")])
def test_a_drains_deadline_holds_under_the_next_supervisor(worker, own, first, next_timeout):
    worker.start_ready(*first)
    start_draining(worker)
    since = time.clock_gettime(time.CLOCK_BOOTTIME) - 20 * 60
    (worker.run / "beacon-drain").write_text(f"landing\n{int(since)}\n{own}")
    worker.process.kill()
    worker.process.wait()
    worker.start("--drain-timeout", next_timeout)
    assert worker.process.wait(60) == 3


def test_a_drain_taken_back_while_the_beacon_is_down_is_told_to_the_next(worker):
    worker.start_ready()
    start_draining(worker)
    worker.behave(beacon={"exit": 1, "fail_times": 2})
    worker.kill(worker.pid_of("beacon"))
    worker.wait_for_log("supervisor.service died", service="beacon", count=2)
    control.ask(worker.run, "supervisor", "drain", mode="cancel")
    worker.wait_for_event("beacon", "resume")
    assert worker.events("beacon")[-1]["event"] == "resume"


def test_quit_logs_the_state_and_goes_on(worker):
    worker.start_ready()
    worker.process.send_signal(signal.SIGQUIT)
    states = worker.wait_for_log("supervisor.state", count=5)
    assert [line["data"].get("service") for line in states] == ["garden", "baggageclaim", "healthcheck", "beacon", None]
    assert worker.process.poll() is None


@pytest.mark.parametrize("drain_exit,status", [(LANDED, 0), (None, 0)])
def test_start_stop_daemon(worker, drain_exit, status):
    """The manual's way, with the real program: a worker that lands in time, and one that must be stopped."""
    worker.behave(beacon={} if drain_exit is None else {"drain_exit": drain_exit})
    worker.start_ready()
    (worker.folder / "pid").write_text(f"{worker.process.pid}\n")
    schedule = "USR1/60/TERM/15/KILL" if drain_exit else "USR1/1/TERM/15/KILL"
    stopper = subprocess.Popen(["/sbin/start-stop-daemon", "--stop", "--pidfile", worker.folder / "pid", "--retry", schedule],
                               stdout=subprocess.DEVNULL)
    assert worker.process.wait(60) == status
    assert stopper.wait(60) == 0
    assert len(worker.events("beacon", "land")) == 1
    assert worker.leftovers() == []


def test_as_process_1_it_reaps_what_others_leave(worker):
    worker.behave(garden={"orphan": True})
    worker.start(before=["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"])
    worker.wait_for_log("supervisor.ready")
    init = int(subprocess.check_output(["pgrep", "-P", str(worker.process.pid)], text=True))

    def children():
        words = subprocess.run(["ps", "--ppid", str(init), "-o", "stat=,comm="], capture_output=True, text=True, check=False).stdout
        return [line.split() for line in words.splitlines()]

    garden = int(subprocess.check_output(["pgrep", "-P", str(init), "-x", "concourse-garde"], text=True))
    sleeper = int(subprocess.check_output(["pgrep", "-P", str(garden), "-x", "sleep"], text=True))
    os.kill(garden, signal.SIGKILL)
    worker.wait_for_log("supervisor.service died", service="garden", how="killed by signal 9")
    worker.wait_for_event("garden", "ready", count=2)
    wait_until(lambda: ["S", "sleep"] in [[stat[0], name] for stat, name in children()], "the orphan to have come to process 1")
    os.kill(sleeper, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{sleeper}"), "the orphan to be reaped")
    assert all(stat[0] != "Z" for stat, _ in children())
    os.kill(init, signal.SIGTERM)
    assert worker.process.wait(60) == 0
