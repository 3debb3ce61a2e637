"""The command line. Nothing here needs root or the hub's packages, so that --help and refusals come at once."""

import argparse
import os
import shutil
import sys
from pathlib import Path

API_KINDS = ("steps", "output", "streams", "copies", "memory", "scale")


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0")
    return number


def _api(verbs, root):
    api = verbs.add_parser("api", help="calls of the two APIs: steps, output, streams, copies, memory; and what they cost beside thousands of others",
                           description="Each kind of work in turn on each install, with each OCI runtime, and on a worker beside them.")
    api.add_argument("--prefix", action="append", metavar="[NAME=]DIR", help="an install to measure; can be repeated (default build/release/prefix)")
    api.add_argument("--runtime", choices=["crun", "runc", "both"], default="both")
    api.add_argument("--rounds", type=_positive, default=5, help="of each kind of work, after one that doesn't count (default 5)")
    api.add_argument("--json", type=Path, help="write the figures there, too")
    api.add_argument("--only", type=_kinds, default=list(API_KINDS[:-1]), metavar="KIND,...", help=f"of {', '.join(API_KINDS)} (default all but scale)")
    api.add_argument("--beside", metavar="COMMAND", help="starts another worker with Garden at 127.0.0.1:7777 and BaggageClaim at 127.0.0.1:7788, prints its pid")


def _kinds(text):
    kinds = text.split(",")
    for kind in kinds:
        if kind not in API_KINDS:
            raise argparse.ArgumentTypeError(f"'{kind}' is none of {', '.join(API_KINDS)}")
    return kinds


def _named(text):
    name, _, path = text.rpartition("=")
    return name, Path(path).resolve()


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
    _api(verbs, root)
    arguments = parser.parse_args()
    # The sandbox starts this again somewhere else.
    if arguments.verb == "build":
        arguments.prefixes = [("", arguments.prefix.resolve())]
        arguments.prefix = arguments.prefix.resolve()
    else:
        arguments.prefixes = [_named(text) for text in arguments.prefix or [str(root / "build/release/prefix")]]
    arguments.runtimes = ["crun", "runc"] if arguments.runtime == "both" else [arguments.runtime]
    missing = [name for name in arguments.runtimes if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")]
    if missing:
        sys.exit(f"scripts/bench: {' and '.join(missing)} can't be found: install it, or choose another --runtime")
    for _, prefix in arguments.prefixes:
        if not (prefix / "bin/concourse").exists():
            sys.exit(f"scripts/bench: {prefix}/bin/concourse is not there: build and install first (cmake --preset release && "
                     "cmake --build build/release && cmake --install build/release --prefix build/release/prefix), or name another --prefix")
    if os.geteuid() != 0:
        sys.exit("scripts/bench: must be run as root: the worker makes containers")
    return arguments
