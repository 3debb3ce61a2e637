#!/usr/bin/python3
"""A stand-in for a service of the worker: it speaks what the supervisor sees of one, and does nothing else.

Inherited sockets (LISTEN_FDS), readiness (sd_notify), the control socket with status, adopt, land and retire, an orderly end on
SIGTERM. How it deviates from that is read at start from `behaviour.json` beside it, under its name:
  exit          exit with this status at once; fail_times limits that to the first starts
  last_words    STATUS it sends before such an exit
  ready         false: never say READY
  ignore_term   true: SIGTERM has no effect
  deaf          true: the control socket is never answered
  drain_exit    exit status after land or retire; absent: they are only remembered
  delete_exit   the same after delete
  hands_over    true: it leaves its control socket to a successor when asked, and ends at HUP; "never": it doesn't end then
  refuses       commands of the control socket that are refused
  orphan        true: it starts a process that outlives it
  problems      what it says about its settings with --check-config, which is all it does then
  version       what adopt says (that of the file `version`)
  http_status   what every HTTP request on its API socket is answered with (200)
Everything it does is a line in `events.jsonl` beside it.
"""
import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(sys.argv[0]))
NAME = os.path.basename(sys.argv[0]).removeprefix("concourse-")


def event(kind, **fields):
    line = json.dumps({"service": NAME, "pid": os.getpid(), "event": kind, "time": time.monotonic(), **fields})
    fd = os.open(os.path.join(FOLDER, "events.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (line + "\n").encode())
    os.close(fd)


def behaviour():
    try:
        with open(os.path.join(FOLDER, "behaviour.json")) as file:
            return json.load(file).get(NAME, {})
    except FileNotFoundError:
        return {}


def starts_so_far():
    with open(os.path.join(FOLDER, "events.jsonl")) as file:
        lines = [json.loads(line) for line in file]
    return sum(1 for line in lines if line["service"] == NAME and line["event"] == "started")


def notify(text):
    # The supervisor may have been killed meanwhile; a service goes on.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(os.environ["NOTIFY_SOCKET"])
        sock.send(text.encode())


def inherited():
    assert os.environ["LISTEN_PID"] == str(os.getpid()), "LISTEN_PID is not ours"
    names = os.environ["LISTEN_FDNAMES"].split(":")
    assert len(names) == int(os.environ["LISTEN_FDS"])
    return {name: socket.socket(fileno=3 + i) for i, name in enumerate(names)}


class Double:
    def __init__(self):
        self.fds = len(os.listdir("/proc/self/fd")) - 1  # less the one that reads the directory
        self.behaviour = behaviour()
        with open(os.path.join(FOLDER, "version")) as file:
            self.version = self.behaviour.get("version", file.read().strip())
        self.listeners = inherited()
        self.state = "starting"
        self.selector = selectors.DefaultSelector()

    def run(self):
        event("started", arguments=sys.argv[1:], environment=dict(os.environ), listeners=list(self.listeners),
              session=os.getsid(0) == os.getpid(), fds=self.fds, stdin=os.readlink("/proc/self/fd/0"))
        b = self.behaviour
        if "exit" in b and starts_so_far() <= b.get("fail_times", 1 << 30):
            if "last_words" in b:
                notify("STATUS=" + b["last_words"])
            sys.exit(b["exit"])
        signal.signal(signal.SIGTERM, signal.SIG_IGN if b.get("ignore_term") else lambda *_: self.end("term"))
        signal.signal(signal.SIGHUP, lambda *_: event("hup") if b.get("hands_over") == "never" else self.end("hup"))
        if not b.get("deaf"):
            self.selector.register(self.listeners["control"], selectors.EVENT_READ, self.control)
        for name, sock in self.listeners.items():
            if name != "control":
                self.selector.register(sock, selectors.EVENT_READ, self.http)
        if b.get("orphan"):
            event("orphan", child=subprocess.Popen(["/bin/sleep", "600"], start_new_session=True).pid)
        if b.get("ready", True):
            self.state = "ready"
            event("ready")
            notify("READY=1\nSTATUS=ready")
            if NAME == "beacon":
                notify("X_CONCOURSE_REGISTERED=1")
        print(json.dumps({"message": NAME + " says hello"}), flush=True)
        while True:
            for key, _ in self.selector.select(timeout=0.2):  # signal handlers run between rounds
                key.data(key.fileobj)

    def end(self, why, status=0):
        event("ended", why=why)
        notify(f"EXIT_STATUS={status}")
        os._exit(status)

    def http(self, listener):
        connection, _ = listener.accept()
        connection.recv(65536)
        status = self.behaviour.get("http_status", 200)
        connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]".encode())
        connection.close()

    def control(self, listener):
        connection, _ = listener.accept()
        with connection:
            head, fds, _, _ = socket.recv_fds(connection, 4, 16)
            if len(head) < 4:
                return
            question = json.loads(connection.recv(struct.unpack("<I", head)[0]))
            self.behaviour = behaviour()  # what it is now
            answer, out = self.answer(question, fds)
            for fd in fds:
                os.close(fd)
            body = json.dumps(answer).encode()
            wire = struct.pack("<I", len(body)) + body
            socket.send_fds(connection, [wire], out) if out else connection.sendall(wire)
        if question["command"] in ("land", "retire") and "drain_exit" in self.behaviour:
            self.end("drained", self.behaviour["drain_exit"])
        if question["command"] == "hand-over" and answer["ok"]:
            self.selector.unregister(listener)
            event("handed over")
        if question["command"] == "delete" and "delete_exit" in self.behaviour:
            self.end("deleted", self.behaviour["delete_exit"])

    def answer(self, question, fds):
        command = question["command"]
        if command == "status":
            return {"ok": True, "service": "concourse-" + NAME, "pid": os.getpid(), "state": self.state}, []
        if command == "adopt":
            os.dup2(fds[0], 1)
            os.dup2(fds[1], 2)
            event("adopted")
            print(json.dumps({"message": NAME + " was adopted"}), flush=True)
            return {"ok": True, "pid": os.getpid(), "state": self.state, "version": self.version,
                    "listeners": list(self.listeners)}, [sock.fileno() for sock in self.listeners.values()]
        if command == "hand-over" and self.behaviour.get("hands_over"):
            return {"ok": True}, []
        if command in self.behaviour.get("refuses", []):
            return {"ok": False, "error": "refused"}, []
        if NAME == "beacon" and command in ("land", "retire", "delete", "resume"):
            event(command, question=question)
            return {"ok": True}, []
        return {"ok": False, "error": "unknown command '" + command + "'"}, []


if __name__ == "__main__":
    if "--check-config" in sys.argv:
        for problem in behaviour().get("problems", []):
            print(f"concourse-{NAME}: error: {problem}", file=sys.stderr)
        sys.exit(2 if behaviour().get("problems") else 0)
    Double().run()
