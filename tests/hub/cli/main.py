"""The command line of the hub."""

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path

from hub.cli import terminal
from hub.cli.wire import pack, socket_in, to_bytes

EXAMPLE = """examples:
  python3 -m hub --dir /tmp/hub serve &
  concourse worker --tsa-host 127.0.0.1:$(cat /tmp/hub/port) --tsa-public-key /tmp/hub/keys/tsa_host_key.pub \\
    --tsa-worker-private-key /tmp/hub/keys/worker_key --resource-types /tmp/hub/resource-types --work-dir /var/lib/worker
  python3 -m hub --dir /tmp/hub run -- sh -c 'echo hello'
  python3 -m hub --dir /tmp/hub intercept
"""


def parser():
    top = argparse.ArgumentParser(prog="hub", description="A small Concourse for one machine: lets workers register, runs steps on them.",
                                  epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--dir", type=Path, default=Path("hub"), help="directory of the hub: keys, resource types, socket (default: ./hub)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, text):
        return commands.add_parser(name, help=text, description=text)

    serve = command("serve", "run the hub until TERM, INT or `stop`")
    serve.add_argument("--host", default="127.0.0.1", help="address for workers to connect to")
    serve.add_argument("--port", type=int, default=0, help="its port; 0 takes a free one and writes it to DIR/port")
    serve.add_argument("--heartbeat", type=float, default=30.0, help="seconds between heartbeats (default: %(default)s)")
    command("workers", "list workers")
    command("containers", "list containers")
    command("volumes", "list volumes")
    wait = command("wait", "wait until a worker is in a state")
    wait.add_argument("name")
    wait.add_argument("--state", default="running", choices=["running", "stalled", "landing", "landed", "retiring", "gone"])
    wait.add_argument("--timeout", type=float, default=60.0, help="seconds (default: %(default)s)")
    for name, text in (("land", "let a worker finish its builds and take no new ones"), ("retire", "the same, and forget it then"),
                       ("prune", "forget a worker that isn't running")):
        command(name, text).add_argument("name")
    sweep = command("sweep", "destroy every container and volume, kept ones too")
    sweep.add_argument("--timeout", type=float, default=60.0, help="seconds (default: %(default)s)")
    demo = command("demo", "run a build with a get, a task and a put")
    demo.add_argument("--keep", action="store_true", help="keep its containers for `intercept`")
    run = command("run", "run one command as a task; its container stays")
    run.add_argument("words", nargs="+", metavar="WORD", help="program and arguments, after --")
    intercept = command("intercept", "a shell, or another program, in a container")
    intercept.add_argument("--handle", help="the container, or the beginning of its handle; without it the latest")
    intercept.add_argument("words", nargs="*", default=["bash"], metavar="WORD", help="program and arguments, after -- (default: bash)")
    command("stop", "stop the hub")
    return top


def main(arguments):
    options = parser().parse_args(arguments)
    if options.command == "serve":
        from hub.cli.serve import serve  # noqa: PLC0415 - the other commands start faster without asyncssh
        return serve(options.dir, options.host, options.port, options.heartbeat)
    question = {name: value for name, value in vars(options).items() if name != "dir"}
    if options.command == "intercept":
        question["tty"] = terminal.size()
    try:
        return ask(options.dir, question)
    except OSError as error:
        print(f"hub: error: no hub serves {options.dir}: {error.strerror or error}; start one with `serve`", file=sys.stderr)
        return 1


def ask(directory, question):
    """Sends the question, prints the answer, returns the exit status."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.fspath(socket_in(directory)))
        sock.sendall(pack(question))
        if question["command"] != "intercept":
            return _print_answer(sock, question["command"])
        with terminal.forwarded(sock, question["tty"] is not None):
            return _print_answer(sock, "intercept")


def _print_answer(sock, command):
    table, start = [], time.monotonic()
    bare = command in ("intercept", "run")
    with sock.makefile("rb") as file:
        for line in file:
            answer = json.loads(line)
            event = answer["event"]
            if event == "output":
                out = sys.stderr if answer["stream"] == "stderr" and bare else sys.stdout
                data = to_bytes(answer["data"])
                out.buffer.write(data if bare else _indented(data, time.monotonic() - start))
                out.flush()
            elif event == "phase":
                print(f"  {answer['text']}", file=sys.stderr if bare else sys.stdout, flush=True)
            elif event == "row":
                table.append(answer["columns"])
            elif event == "done":
                _print_table(table)
                return answer["status"]
            elif event == "error":
                print(f"hub: error: {answer['message']}", file=sys.stderr)
                return 1
    print("hub: error: the hub went away", file=sys.stderr)
    return 1


def _indented(data, seconds):
    lines = data.replace(b"\r\n", b"\n").splitlines(keepends=True)
    return b"".join(b"    %6.2f s | %s" % (seconds, line if line.endswith(b"\n") else line + b"\n") for line in lines)


def _print_table(table):
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))] if table else []
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
