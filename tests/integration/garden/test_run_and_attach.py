"""concourse-workerctl garden run and attach: a shell for the operator, whatever happens to Garden meanwhile."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from harness.wait import wait_until


@pytest.fixture
def ctl(install, garden):
    """The words of a command line; the environment says where the worker is."""
    def words(*rest):
        return [install.program("concourse-workerctl"), "garden", *rest]
    words.environment = {"PATH": os.environ["PATH"], "CONCOURSE_RUNTIME_DIR": str(garden.runtime_dir), "TERM": "xterm"}
    return words


@pytest.fixture
def run(ctl, container):
    def run(*rest, data=None, status=0):
        done = subprocess.run(ctl("run", container, *rest), input=data, stdin=None if data is not None else subprocess.DEVNULL, capture_output=True,
                              timeout=120, env=ctl.environment)
        assert done.returncode == status, done
        return done.stdout if status == 0 else done.stderr.decode()
    return run


@pytest.fixture
def start(ctl):
    """Starts one that goes on, with pipes."""
    started = []

    def start(*rest, **streams):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        started.append(subprocess.Popen(ctl(*rest), bufsize=0, env=ctl.environment, **streams))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Terminal:
    """A terminal of our own with concourse-workerctl in it."""

    def __init__(self, ctl, *rest, size=(24, 80)):
        self.ours, self.theirs = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(ctl(*rest), stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, env=ctl.environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.text = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.ours, text)

    def wait_for(self, pattern):
        os.set_blocking(self.ours, False)

        def found():
            try:
                self.text += os.read(self.ours, 65536)
            except BlockingIOError:
                pass
            return re.search(pattern, self.text)
        wait_until(found, lambda: f"{pattern} in {self.text}")

    def ended(self):
        status = self.process.wait(60)
        assert termios.tcgetattr(self.theirs) == self.before, "the terminal is as it was"
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(ctl):
    opened = []

    def terminal(*rest, **options):
        opened.append(Terminal(ctl, *rest, **options))
        return opened[-1]

    yield terminal
    for one in opened:
        one.close()


def test_output_error_and_exit_status_are_the_process_own(ctl, container):
    done = subprocess.run(ctl("run", container, "--", "sh", "-c", "echo out; echo err >&2; exit 42"), stdin=subprocess.DEVNULL, capture_output=True,
                          env=ctl.environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (42, b"out\n", b"err\n")


def test_user_directory_and_environment(run):
    assert run("--dir=/made/here", "--env=A=1,2", "--env", "B=x y", "--", "sh", "-c", "pwd; echo $A $B") == b"/made/here\n1,2 x y\n"
    assert run("--user=7:8", "--", "sh", "-c", "id -u; id -g") == b"7\n8\n"
    assert b"TERM" not in run("--", "env")


def test_the_shell_of_the_container_is_what_runs_without_a_command(run):
    assert run(data=b"echo $((6 * 7))\nexit 0\n") == b"42\n"


def test_input_of_any_size_arrives_whole_and_ends(run):
    text = ("ä€😀z" * 100_000).encode()
    assert run("--", "cat", data=text) == text
    assert run("--", "wc", "-c", data=b"").strip() == b"0"


def test_input_from_a_file(ctl, container, scratch):
    (scratch / "input").write_bytes(b"line\n" * 50_000)
    with open(scratch / "input") as file:
        done = subprocess.run(ctl("run", container, "--", "wc", "-l"), stdin=file, capture_output=True, env=ctl.environment, timeout=60, check=True)
    assert done.stdout.strip() == b"50000"


def test_input_that_is_no_text_is_refused_and_the_process_ends(api, container, run):
    assert "the input is not text (UTF-8)" in run("--", "cat", data=b"\xff\xfe", status=255)
    wait_until(lambda: not api.info(container)["ProcessIDs"], "cat to be gone")


def test_refusals_in_words(ctl, garden, run):
    def refused(*rest):
        done = subprocess.run(ctl(*rest), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ctl.environment, timeout=60)
        assert done.returncode == 255
        return done.stderr
    assert refused("run", "nothing") == "concourse-workerctl: error: there is no container 'nothing'; concourse-workerctl garden list shows them\n"
    assert "there is no container 'nothing'" in refused("attach", "nothing", "task")
    assert "nope" in run("--", "nope", status=255)
    assert "ghost" in run("--user=ghost", "--", "true", status=255)
    assert "'A' is not NAME=VALUE" in run("--env=A", "--", "true", status=2)
    garden.kill()
    assert "Garden does not answer" in refused("run", "nothing")


def test_an_unknown_process(ctl, container):
    done = subprocess.run(ctl("attach", container, "ghost"), capture_output=True, text=True, env=ctl.environment, timeout=60)
    assert (done.returncode, done.stderr) == (255, f"concourse-workerctl: error: container '{container}' has had no process 'ghost'; "
                                                   f"concourse-workerctl garden inspect {container} shows them\n")


def test_signals_go_to_the_process_the_second_kills(start, container):
    process = start("run", container, "--", "sh", "-c", "trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 3 and process.stdout.read() == b"term\n"
    process = start("run", container, "--", "sh", "-c", "trap 'echo not me' TERM; echo up; while :; do sleep 0.1; done")
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b"not me\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 137


def test_a_reader_that_goes_ends_the_process(start, container):
    process = start("run", container, "--", "yes")
    assert process.stdout.read(2) == b"y\n"
    process.stdout.close()
    assert process.wait(60) == 143
    process.stdout = None


def test_much_output_arrives_whole(run):
    assert run("--", "sh", "-c", "yes | head -c 5000000") == b"y\n" * 2_500_000


def test_a_terminal_is_raw_follows_the_window_and_is_put_back(terminal, container):
    shell = terminal("run", container, size=(30, 100))
    shell.type(b"stty size; echo $TERM; tty\r")
    shell.wait_for(rb"30 100\r\nxterm\r\n/dev/pts/\d+\r\n")
    shell.resize(40, 120)
    shell.type(b"stty size\r")
    shell.wait_for(rb"40 120\r\n")
    shell.type(b"echo z''zz; sleep 600\r")
    shell.wait_for(rb"\nzzz\r\n")
    shell.type(b"\x03")  # the process' Ctrl-C, not ours
    shell.type(b"echo still $((1 + 1))\r")
    shell.wait_for(rb"still 2\r\n")
    shell.type(b"exit 5\r")
    assert shell.ended() == 5


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGHUP, 137)])
def test_the_terminal_is_put_back_after_a_signal(terminal, container, number, status):
    shell = terminal("run", container, "--", "sh", "-c", "echo up; exec sleep 600")
    shell.wait_for(b"up")
    shell.process.send_signal(number)
    assert shell.ended() == status


def test_the_terminal_is_put_back_when_the_container_goes(terminal, api, container):
    shell = terminal("run", container, "--", "sh", "-c", "echo up; exec sleep 600")
    shell.wait_for(b"up")
    api.destroy(container)
    assert shell.ended() in (143, 137)


def test_no_tty_in_a_terminal(terminal, container):
    assert terminal("run", container, "--no-tty", "--", "test", "-t", "1").ended() == 1
    assert terminal("run", container, "--", "test", "-t", "1").ended() == 0


@pytest.mark.parametrize("data", [b"a line\n", b"no line", b""])
def test_a_forced_terminal_is_told_the_end_of_input_as_its_users_do(run, data):
    assert data.strip() in run("--tty", "--", "sh", "-c", "test -t 0 && exec cat", data=data)


def test_attach_gives_what_comes_and_the_status_also_afterwards(ctl, terminal, api, container):
    process = api.run(container, "sh", "-c", "read line; echo got $line; exit 9", id="task")
    window = terminal("attach", container, "task")
    window.wait_for(b"attached to process 'task'")
    process.write("it\n")
    window.wait_for(rb"got it\r\n")
    assert window.ended() == 9 and process.wait() == 9
    assert subprocess.run(ctl("attach", container, "task"), env=ctl.environment, timeout=60, stdin=subprocess.DEVNULL).returncode == 9


def test_attach_with_input(start, api, container):
    process = api.run(container, "cat", id="task")
    attached = start("attach", container, "task", "--stdin")
    attached.stdin.write(b"hello\n")
    assert attached.stdout.readline() == b"hello\n"
    attached.stdin.close()
    attached.stdin = None
    assert attached.wait(60) == 0
    assert process.wait() == 0


def test_ctrl_c_detaches_and_says_how_to_come_back(terminal, api, container):
    process = api.run(container, "sh", "-c", "echo up; exec sleep 600", id="task", tty={"window_size": {"columns": 80, "rows": 24}})
    process.stdout.wait_for(b"up")
    for flags in ((), ("--stdin", "--tty")):
        window = terminal("attach", container, "task", *flags)
        window.wait_for(rb"attached to process 'task'; Ctrl-C detaches, the process goes on\r\n")
        wait_until(lambda: not flags or termios.tcgetattr(window.theirs) != window.before, "a raw terminal")
        window.type(b"\x03")
        window.wait_for(f"detached; the process goes on. Once more: concourse-workerctl garden attach {container} task".encode())
        assert window.ended() == 130
    assert api.info(container)["ProcessIDs"] == ["task"]
    process.signal(1)
    assert process.wait() == 137


def test_a_restart_of_garden_in_the_middle_is_not_noticed(make_garden, install, own_rootfs):
    garden = make_garden(keep_listener=True)
    container = garden.api.create(own_rootfs)
    environment = {"PATH": os.environ["PATH"], "CONCOURSE_RUNTIME_DIR": str(garden.runtime_dir)}
    words = [install.program("concourse-workerctl"), "garden", "run", container, "--", "sh", "-c", "while read line; do echo $line; done; exit 4"]
    process = subprocess.Popen(words, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    process.stdin.write(b"one\n")
    assert process.stdout.readline() == b"one\n"
    garden.kill()
    process.stdin.write(b"two\n")
    assert process.stdout.readline() == b"two\n"
    # One that asks while there is no Garden waits for the next.
    waiting = subprocess.Popen([*words[:4], "--", "echo", "later"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment)
    garden.start()
    assert waiting.communicate(timeout=60)[0] == b"later\n" and waiting.returncode == 0
    process.stdin.write(b"three\n")
    assert process.communicate(timeout=60)[0] == b"three\n" and process.returncode == 4
