"""Runs the kinds of work that were asked for, and prints a line for each."""

import json
import statistics
import sys

from bench import work
from bench.account import Account
from bench.stage import Stage


def kinds(arguments):
    """(name, workers it needs, async function, units in a round)."""
    chosen = []
    if arguments.parallel:
        chosen.append((f"{arguments.parallel} builds at once", 1, work.parallel(arguments.parallel), arguments.parallel))
    if arguments.checks:
        chosen.append(("check", 1, work.checks(arguments.checks), arguments.checks))
    if arguments.execute_files:
        chosen.append((f"upload of {arguments.execute_files} files", 1, work.upload(work.archive_of_files(arguments.execute_files)), 1))
    if arguments.execute_mib:
        chosen.append((f"upload of {arguments.execute_mib} MiB", 1, work.upload(work.archive_of_mib(arguments.execute_mib)), 1))
    if arguments.input_mib:
        for p2p, how in ((True, "peer-to-peer"), (False, "through the web")):
            chosen.append((f"input of {arguments.input_mib} MiB, {how}", 2, work.input_from_elsewhere(arguments.input_mib, p2p), 1))
    if arguments.intercept:
        chosen.append(("intercept, to the first prompt", 1, work.first_prompt, 1))
    return chosen or [("build", 1, work.builds, 1)]


def measure(stage, function, rounds, units):
    """One round before those that count: base volume, image and page cache are there then."""
    stage.run(lambda hub: function(hub, -1))
    stage.sweep()
    account, waits, times = Account(stage.workers), stage.waits(), []
    for number in range(rounds):
        times += stage.run(lambda hub, number=number: function(hub, number))
    waits = stage.waits() - waits
    stage.sweep()
    taken = {name: seconds / rounds / units for name, seconds in account.close().items()}
    hub = taken.pop("hub")
    return {"median": statistics.median(times), "min": min(times), "max": max(times), "rounds": rounds, "waits": waits, "waits_a_unit": waits / rounds / units,
            "cpu": sum(taken.values()), "cpu_by": taken, "hub_cpu": hub}


def line(name, result):
    by = ", ".join(f"{who} {seconds * 1000:.0f}" for who, seconds in result["cpu_by"].items() if seconds >= 0.0005)
    return (f"{name:<36} {result['median'] * 1000:8.0f} ms ({result['min'] * 1000:.0f}–{result['max'] * 1000:.0f})  waits {result['waits']:<4d} "
            f"cpu {result['cpu'] * 1000:.0f} ms each: {by}; hub {result['hub_cpu'] * 1000:.0f}")


def main(arguments):
    results = {}
    print(f"{arguments.prefix}, {arguments.rounds} rounds of each after one that doesn't count: median (least–most), the web's waits in all, CPU for each one")
    chosen = kinds(arguments)
    for runtime in arguments.runtimes:
        print(f"{runtime}:")
        for workers in sorted({needed for _, needed, _, _ in chosen}):
            with Stage(arguments.prefix, runtime, workers, arguments.flag) as stage:
                for name, needed, function, units in chosen:
                    if needed == workers:
                        results.setdefault(runtime, {})[name] = result = measure(stage, function, arguments.rounds, units)
                        print("  " + line(name, result), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    sys.stdout.flush()
    return 0
