"""The command line. Nothing here needs root or the hub's packages, so that --help and refusals come at once."""

import argparse
import os
import shutil
import sys
from pathlib import Path


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return number


def parse(description, root):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    build = verbs.add_parser("build", help="whole builds, uploads, inputs, checks, interceptions", description="Without a kind of work: builds, one after the other.")
    build.add_argument("--prefix", type=Path, default=root / "build/release/prefix", help="the install to measure (default build/release/prefix)")
    build.add_argument("--runtime", choices=["crun", "runc", "both"], default="both")
    build.add_argument("--rounds", type=_positive, default=10, help="of each kind of work (default 10)")
    build.add_argument("--json", type=Path, help="write the figures there, too")
    build.add_argument("--flag", action="append", default=[], metavar="=--FLAG=VALUE", help="one more flag of the worker; can be repeated")
    kinds = build.add_argument_group("kinds of work; several are done one after the other")
    kinds.add_argument("--parallel", type=_positive, metavar="N", help="N builds at once, until all are done")
    kinds.add_argument("--checks", type=_positive, metavar="N", help="N resource checks in a round, each in a container of its own")
    kinds.add_argument("--execute-files", type=_positive, metavar="N", help="an upload of N files of 4 KiB")
    kinds.add_argument("--execute-mib", type=_positive, metavar="N", help="an upload of one file of N MiB")
    kinds.add_argument("--input-mib", type=_positive, metavar="N", help="an input of N MiB from another worker")
    kinds.add_argument("--intercept", action="store_true", help="a shell with a terminal in a container that is there")
    arguments = parser.parse_args()
    # The sandbox starts this again somewhere else.
    arguments.prefix = arguments.prefix.resolve()
    arguments.runtimes = ["crun", "runc"] if arguments.runtime == "both" else [arguments.runtime]
    missing = [name for name in arguments.runtimes if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")]
    if missing:
        sys.exit(f"scripts/bench: {' and '.join(missing)} can't be found: install it, or choose another --runtime")
    if not (arguments.prefix / "bin/concourse").exists():
        sys.exit(f"scripts/bench: {arguments.prefix}/bin/concourse is not there: build and install first (cmake --preset release && "
                 "cmake --build build/release && cmake --install build/release --prefix build/release/prefix), or name another --prefix")
    if os.geteuid() != 0:
        sys.exit("scripts/bench: must be run as root: the worker makes containers")
    return arguments
