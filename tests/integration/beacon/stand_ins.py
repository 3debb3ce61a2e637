"""Stand-ins for Garden and BaggageClaim: what they do with a connection is a function."""

import contextlib
import os
import socket
import threading


class Service:
    """Hands every connection to `handler` on a thread of its own, and keeps them all open until it stops."""

    def __init__(self, path, handler):
        self.path, self.handler = path, handler
        self.connections = []
        self.listener = None

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1024)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        if self.listener is None:
            return
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        os.unlink(self.path)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            self.handler(connection)


def echo(connection):
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)


class Api:
    """A handler that speaks HTTP: `answer(method, path)` gives (status, body), or None to hang up without an answer."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = []  # (method, path)
        self.running = self.most_running = 0
        self.lock = threading.Lock()

    def __call__(self, connection):
        data = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(1 << 16)
                    if not piece:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
                with self.lock:
                    self.requests.append((method, path))
                    self.running += 1
                    self.most_running = max(self.running, self.most_running)
                try:
                    answer = self.answer(method, path)
                finally:
                    with self.lock:
                        self.running -= 1
                if answer is None:
                    return
                status, body = answer
                body = body.encode() if isinstance(body, str) else body
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    def made(self, method, prefix=""):
        return [path for m, path in self.requests if m == method and path.startswith(prefix)]
