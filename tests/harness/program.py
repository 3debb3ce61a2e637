"""One service alone, started by hand."""

import json
import os
import subprocess
import threading

from harness.wait import wait_until


class Program:
    """Its process, and in `lines` what it has written since its last start."""

    def __init__(self):
        self.process = None
        self.lines = []

    def launch_command(self, command, environment=(), pass_fds=()):
        """Starts it and doesn't wait. It sees no variable of ours but what sanitizers are told."""
        self.lines = []
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        variables |= {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=variables | dict(environment), pass_fds=pass_fds)
        threading.Thread(target=lambda pipe, lines: lines.extend(pipe), args=(self.process.stdout, self.lines), daemon=True).start()

    def wait_for_log(self, message, **data):
        """The data of the first line with that message ("garden.process ended") and, among others, that data."""
        def look():
            for line in list(self.lines):
                if f'"{message}"' in line and data.items() <= (found := json.loads(line)["data"] or {}).items():
                    return found
            return None
        return wait_until(look, lambda: f"{message!r} with {data} in {''.join(self.lines[-20:])}")

    def kill(self):
        """-9: nothing is tidied up."""
        self.process.kill()
        self.process.wait(30)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)
