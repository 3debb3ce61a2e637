"""The grammar of the TSA's exec commands: words split at single spaces, no quoting, flags as in Go's flag package."""

from dataclasses import dataclass, field


class InvalidCommand(ValueError):
    pass


@dataclass
class Command:
    name: str
    garden: str = ""
    baggageclaim: str = ""
    handles: list = field(default_factory=list)


_PLAIN = {"land-worker", "retire-worker", "delete-worker", "sweep-containers", "sweep-volumes"}
_REPORTS = {"report-containers", "report-volumes"}


def parse(line):
    """Two spaces in a row, or one at the end, make an empty word: `report-volumes ` reports one volume named ""."""
    name, *words = line.split(" ")
    if name == "forward-worker":
        flags = _parse_flags(words, {"garden", "baggageclaim"})
        return Command(name, garden=flags.get("garden", ""), baggageclaim=flags.get("baggageclaim", ""))
    if name in _REPORTS:
        return Command(name, handles=words)
    if name in _PLAIN:
        return Command(name)
    raise InvalidCommand(f"unknown command: {name}")


def _parse_flags(words, known):
    """-x v, --x v, -x=v, --x=v; the first word that is no flag ends them, and so does `--`."""
    flags = {}
    words = list(words)
    while words:
        word = words.pop(0)
        if len(word) < 2 or word[0] != "-":
            break
        if word == "--":
            break
        name = word[2:] if word.startswith("--") else word[1:]
        if not name or name[0] in "-=":
            raise InvalidCommand(f"bad flag syntax: {word}")
        name, equals, value = name.partition("=")
        if name in ("h", "help"):
            raise InvalidCommand("flag: help requested")
        if name not in known:
            raise InvalidCommand(f"flag provided but not defined: -{name}")
        if not equals:
            if not words:
                raise InvalidCommand(f"flag needs an argument: -{name}")
            value = words.pop(0)
        flags[name] = value
    return flags
