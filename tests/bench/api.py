"""`scripts/bench api`: subjects in turn, round by round, and a table of medians."""

import contextlib
import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench.calls import KINDS, Image
from bench.scale import containers_beside_many, copies_beside_many, runtime_alone
from bench.subject import Beside, Ours
from hub.rootfs import make_resource_type


def main(arguments):
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="cb", dir="/var/tmp")))
        archive = make_resource_type(folder) / "rootfs.tgz"
        subjects = [Ours(f"{name}, {runtime}" if name else runtime, prefix, runtime) for name, prefix in arguments.prefixes for runtime in arguments.runtimes]
        if arguments.beside:
            subjects.append(Beside("beside", arguments.beside))
        images = [Image(exits.enter_context(subject), archive) for subject in subjects]
        table = {}
        for kind in arguments.only:
            if kind == "scale":
                scale(images, arguments, archive, table)
            else:
                rounds(images, kind, arguments.rounds, table)
        show(table, [subject.name for subject in subjects])
        if arguments.json:
            arguments.json.write_text(json.dumps(table, indent=2) + "\n")
        for image in images:
            image.subject.baggageclaim.destroy(image.base)
    return 0


def rounds(images, kind, count, table):
    for function in KINDS[kind]:
        for number in range(count + 1):  # the first doesn't count: page cache and base volumes are there then
            for image in images:
                for row, figure, unit in function(image):
                    if number:
                        table.setdefault(f"{row}, {unit}", {}).setdefault(image.subject.name, []).append(figure)


def scale(images, arguments, archive, table):
    for image in images:
        if isinstance(image.subject, Ours):
            for function in (copies_beside_many, containers_beside_many):
                for row, figure, unit in function(image):
                    table.setdefault(f"{row}, {unit}", {})[image.subject.name] = [figure]
    for runtime in arguments.runtimes:
        table.setdefault("the OCI runtime alone: create, start and delete, ms", {})[runtime] = [runtime_alone(runtime, archive)]


def show(table, names):
    names += [name for row in table.values() for name in row if name not in names]
    for row, figures in table.items():
        cells = []
        for name in dict.fromkeys(names):
            if name in figures:
                cells.append(f"{name}: {statistics.median(figures[name]):.3g} ({min(figures[name]):.3g}–{max(figures[name]):.3g})")
        print(f"{row:<72} {'   '.join(cells)}")
    sys.stdout.flush()
