"""The world beyond the worker's host, as tests/sandbox makes it: a network namespace at the far end of eth0."""

import contextlib
import subprocess

OUTSIDE = "192.0.2.2"
HOST = "192.0.2.1"
OUTSIDE6 = "2001:db8::2"
HOST6 = "2001:db8::1"


@contextlib.contextmanager
def ipv6():
    """The world has IPv6 too, and is the host's way to everywhere."""
    outside = ["ip", "-n", "outside"]
    commands = [["ip", "-6", "address", "add", f"{HOST6}/64", "dev", "eth0", "nodad"],
                [*outside, "-6", "address", "add", f"{OUTSIDE6}/64", "dev", "eth0", "nodad"],
                ["ip", "-6", "route", "add", "default", "via", OUTSIDE6]]
    for command in commands:
        subprocess.run(command, check=True)
    try:
        yield
    finally:
        for command in reversed(commands):
            subprocess.run(["del" if word == "add" else word for word in command if word != "nodad"], check=True)


@contextlib.contextmanager
def listening(address, port, netns=None):
    """A TCP server that says `hello <peer's address>` to everybody."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    program = ("import socket\ns=socket.create_server((%r,%d),family=socket.%s)\nprint('up',flush=True)\n"
               "while True:\n c,a=s.accept()\n c.sendall(('hello '+a[0]).encode())\n c.close()" % (address, port, family))
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
