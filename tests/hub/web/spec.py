"""What a step asks for, and the JSON that the web makes of it."""

import zlib
from dataclasses import dataclass, field


@dataclass
class Artifact:
    """A volume that a step left behind, for later steps."""

    worker: str
    handle: str


@dataclass
class ContainerSpec:
    """`image` is the name of a base resource type, or an Artifact with rootfs/ and metadata.json."""

    image: object
    directory: str = ""
    inputs: dict = field(default_factory=dict)  # path → Artifact
    outputs: list = field(default_factory=list)  # paths
    caches: list = field(default_factory=list)  # paths
    env: list = field(default_factory=list)
    user: str = ""
    privileged: bool = False
    hermetic: bool = False
    cpu_shares: int = 0
    memory: int = 0  # bytes
    certs: bool = False  # resource containers get the worker's certificates

    def container_json(self, handle, rootfs, privileged, mounts, image_env, image_user, proxies):
        """Garden's ContainerSpec in wire order. `mounts` are (source, destination, mode)."""
        spec = {"handle": handle, "rootfs": rootfs, "image": {},
                "bind_mounts": [_without_zero({"src_path": s, "dst_path": d, "mode": m}) for s, d, m in mounts],
                "properties": {"user": image_user}}
        if env := image_env + self.env + proxies:
            spec["env"] = env
        if privileged:
            spec["privileged"] = True
        spec["limits"] = {"bandwidth_limits": {}, "cpu_limits": _without_zero({"limit_in_shares": self.cpu_shares}),
                          "disk_limits": {}, "memory_limits": _without_zero({"limit_in_bytes": self.memory}), "pid_limits": {}}
        if not self.hermetic:
            spec["netout_rules"] = [{"networks": [{"start": "0.0.0.0", "end": "255.255.255.255"}]}]
        return spec


@dataclass
class ProcessSpec:
    path: str
    args: list = field(default_factory=list)
    id: str = ""
    env: list = field(default_factory=list)
    dir: str = ""
    user: str = ""
    tty: tuple | None = None  # (columns, rows)

    def json(self, default_user):
        """Garden's ProcessSpec in wire order."""
        spec = _without_zero({"id": self.id, "path": self.path, "args": self.args, "env": self.env, "dir": self.dir,
                              "user": self.user or default_user})
        spec["rlimits"] = {}
        if self.tty is not None:
            columns, rows = self.tty
            spec["tty"] = {"window_size": _without_zero({"columns": columns, "rows": rows})}
        spec["image"] = {}
        return spec


def working_directory(step_name):
    """A task's working directory."""
    return f"/tmp/build/{zlib.crc32(step_name.encode()):08x}"


def _without_zero(value):
    return {key: item for key, item in value.items() if item}
