"""Where the programs under test are."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class NotBuilt(Exception):
    pass


class Install:
    """An install prefix. CONCOURSE_BIN names its bin/ (scripts/test sets it); else the one that scripts/test makes is taken."""

    def __init__(self, bin_dir=None):
        given = bin_dir or os.environ.get("CONCOURSE_BIN") or REPOSITORY / "build/dev/prefix/bin"
        self.bin = Path(given).resolve()

    def program(self, name):
        path = self.bin / name
        if not path.exists():
            raise NotBuilt(f"{path} is not there: build and install first (scripts/test does), or set CONCOURSE_BIN")
        return path

    def has(self, *names):
        return all((self.bin / name).exists() for name in names)
