"""A control socket that answers `status` with what it is told to."""

import contextlib
import json
import socket
import threading
import time


class Control:
    def __init__(self, folder, service, answer):
        self.answer = answer
        self.asked = []  # when
        path = folder / "control" / f"{service}.sock"
        path.parent.mkdir(exist_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    size = int.from_bytes(connection.recv(4), "little")
                    connection.recv(size)
                    self.asked.append(time.monotonic())
                    body = json.dumps({"ok": True, **self.answer}).encode()
                    connection.sendall(len(body).to_bytes(4, "little") + body)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
