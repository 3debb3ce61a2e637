"""This side of `intercept`: the terminal in raw mode, its size, what is typed."""

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty

from hub.cli.wire import pack, to_text


def size():
    """(columns, rows) if standard input and output are a terminal, else None."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return tuple(shutil.get_terminal_size())


@contextlib.contextmanager
def forwarded(sock, raw):
    """While it lasts, what comes on standard input goes to the socket."""
    ended_read, ended_write = os.pipe()

    def send(value):
        with contextlib.suppress(OSError):
            sock.sendall(pack(value))

    def forward():
        while True:
            ready, _, _ = select.select([0, ended_read], [], [])
            if ended_read in ready:
                return
            data = os.read(0, 1 << 15)
            if not data:
                return send({"eof": True})
            send({"data": to_text(data)})

    before = termios.tcgetattr(0) if raw else None
    thread = threading.Thread(target=forward, daemon=True)
    try:
        if raw:
            tty.setraw(0)
            signal.signal(signal.SIGWINCH, lambda *_: send({"resize": size()}))
        thread.start()
        yield
    finally:
        os.write(ended_write, b"x")
        thread.join(5)
        if raw:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            termios.tcsetattr(0, termios.TCSADRAIN, before)
        os.close(ended_read)
        os.close(ended_write)
