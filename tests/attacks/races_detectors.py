"""What a race between a container's destruction and everything else may leave or answer. Each returns lines; none is well."""

import json
import subprocess

# What a client may be told of a container that is going or gone.
EXPECTED = ("unknown handle: ", "container is being destroyed", "container already being destroyed")


def strange_answers(failures):
    """`failures`: (operation, message). Those by which a client can't know that the container went."""
    return [f"{operation}: {message}" for operation, message in failures if not any(words in message for words in EXPECTED)]


def leftover_rules():
    """Mapped ports, exceptions and their chains, in the tables of all workers here; for when there is no container."""
    listed = subprocess.run(["nft", "-j", "list", "ruleset"], capture_output=True, text=True, check=True, timeout=30).stdout
    found = []
    for item in json.loads(listed)["nftables"]:
        for kind, one in item.items():
            if not str(one.get("table", "")).startswith("concourse_"):
                continue
            if kind in ("set", "map") and one["name"] in ("ports", "exceptions", "hermetic"):
                found += [f"{one['name']} of {one['table']}: {element}" for element in one.get("elem", [])]
            if kind == "chain" and one["name"].startswith("out_"):
                found.append(f"chain {one['name']} of {one['table']}")
    return found
