"""The worker object on the wire, read as strictly and as loosely as Go's decoder reads it: names in any case, unknown names
ignored, null as absent, but a value of the wrong type is an error."""

import dataclasses
import re
from dataclasses import dataclass, field


@dataclass
class ResourceType:
    type: str = ""
    image: str = ""
    version: str = ""
    privileged: bool = False
    unique_version_history: bool = False


@dataclass
class WorkerPayload:
    addr: str = ""
    baggageclaim_url: str = ""
    certs_path: str = ""
    http_proxy_url: str = ""
    https_proxy_url: str = ""
    no_proxy: str = ""
    active_containers: int = 0
    active_volumes: int = 0
    active_tasks: int = 0
    max_active_tasks: int = 0
    resource_types: list = field(default_factory=list)
    platform: str = ""
    tags: list = field(default_factory=list)
    team: str = ""
    name: str = ""
    version: str = ""
    start_time: int = 0
    ephemeral: bool = False
    state: str = ""


def parse_worker(value):
    """Raises ValueError naming the field."""
    worker = _decode(WorkerPayload, value, "Worker")
    worker.resource_types = [_decode(ResourceType, item, "resource_types") for item in worker.resource_types]
    for tag in worker.tags:
        _check(tag, str, "tags")
    worker.tags = [tag for tag in worker.tags if tag]
    return worker


def validate(worker):
    """Raises ValueError as the ATC refuses a registration."""
    if worker.version and not re.fullmatch(r"[0-9.]+", worker.version):
        raise ValueError("invalid worker version, only numeric characters are allowed")
    if not worker.addr:
        raise ValueError("missing garden address")


def _decode(kind, value, where):
    if value is None:
        return kind()
    if not isinstance(value, dict):
        raise ValueError(f"cannot unmarshal {type(value).__name__} into {where}")
    result = kind()
    types = {f.name: type(getattr(result, f.name)) for f in dataclasses.fields(kind)}
    for name, item in value.items():
        name = name.lower()
        if name in types and item is not None:
            _check(item, types[name], name)
            setattr(result, name, item)
    return result


def _check(item, kind, name):
    if type(item) is not kind:
        raise ValueError(f"cannot unmarshal {type(item).__name__} into field {name} of type {kind.__name__}")
