"""The world beyond the worker's host, as tests/sandbox makes it: a network namespace at the far end of eth0."""

import contextlib
import subprocess

OUTSIDE = "192.0.2.2"
HOST = "192.0.2.1"


@contextlib.contextmanager
def listening(address, port, netns=None):
    """A TCP server that says `hello <peer's address>` to everybody."""
    program = ("import socket\ns=socket.create_server((%r,%d))\nprint('up',flush=True)\n"
               "while True:\n c,a=s.accept()\n c.sendall(('hello '+a[0]).encode())\n c.close()" % (address, port))
    command = ["ip", "netns", "exec", netns] if netns else []
    server = subprocess.Popen([*command, "/usr/bin/python3", "-c", program], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "up\n"
    try:
        yield
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def talk(api, handle, address, port):
    """What a server says to the container; "" when it can't be reached."""
    return api.output(handle, "sh", "-c", f"nc -w 3 {address} {port} < /dev/null")[1].decode()
