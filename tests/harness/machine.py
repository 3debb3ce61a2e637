"""A machine with a systemd of its own and a worker installed: commands in it, and its units."""

import subprocess
from pathlib import Path

from harness.garden import GardenClient
from harness.wait import PATIENCE, wait_until

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


class CommandFailed(AssertionError):
    pass


class Machine:
    """The one that the tests run on, which must be there for them alone (tests/vm). `root` is where its files are seen."""

    root = Path("/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _inside(self, words):
        return [*map(str, words)]

    def start(self, *words):
        """A command in the machine that isn't waited for."""
        return subprocess.Popen(self._inside(words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT)

    def run(self, *words, check=True, timeout=4 * PATIENCE):
        """A command in the machine, as root; its output as text."""
        done = subprocess.run(self._inside(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, check=False)
        if check and done.returncode != 0:
            raise CommandFailed(f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def output(self, *words, **options):
        return self.run(*words, **options).stdout.strip()

    def write(self, path, text):
        target = self.root / str(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def garden(self):
        """A client of the worker's Garden."""
        return GardenClient(f"unix:{self._seen('/run/concourse-worker/garden.sock')}")

    def _seen(self, path):
        """Where the tests see a path of the machine, also one on a mount of its own."""
        return path

    # Units.

    def property(self, unit, name):
        return self.output("systemctl", "show", "--value", "-p", name, unit)

    def active(self, *units):
        """The units that are active."""
        states = self.run("systemctl", "is-active", *units, check=False).stdout.split()
        return [unit for unit, state in zip(units, states) if state == "active"]

    def pid(self, unit):
        return int(self.property(unit, "MainPID"))

    def wait_restarted(self, unit, old):
        """Another main process than `old`, and ready."""
        wait_until(lambda: self.active(unit) and self.pid(unit) not in (0, old), lambda: f"{unit} in place of {old}\n{self.journal(unit)}", PATIENCE)

    def journal(self, *units, lines=40):
        words = [word for unit in units for word in ("-u", unit)]
        return self.run("journalctl", "--no-pager", "-o", "cat", "-n", str(lines), *words, check=False).stdout
