"""Makes a resource type out of this machine's static busybox and bash: a root file system of a few MiB with everything that
steps of the tests and of the quick start need, and nothing from the network."""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
BASH = Path("/bin/bash-static")
SCRIPTS = Path(__file__).parent / "resource"

PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
adm:x:3:4:adm:/var/adm:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """root:x:0:
daemon:x:1:
adm:x:4:
news:x:9:
staff:x:50:nonroot
nonroot:x:65532:
nogroup:x:65534:
"""


def make_resource_type(directory, name="busybox", privileged=False, unique_version_history=False):
    """Writes <directory>/<name>/{rootfs.tgz,resource_metadata.json}; returns that folder. Raises FileNotFoundError naming the
    package that is missing."""
    for program, package in ((BUSYBOX, "busybox-static"), (BASH, "bash-static")):
        if not program.exists():
            raise FileNotFoundError(f"{program} is missing: install the package {package}")
    folder = Path(directory) / name
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "rootfs.tgz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        _fill(tar)
    metadata = {"type": name, "version": _version(), "privileged": privileged, "unique_version_history": unique_version_history}
    (folder / "resource_metadata.json").write_text(json.dumps(metadata) + "\n")
    return folder


def _fill(tar):
    applets = subprocess.run([BUSYBOX, "--list-full"], check=True, capture_output=True, text=True).stdout.split()
    folders = {"bin", "sbin", "usr", "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "opt", "opt/resource", "root", "home",
               "lib", "var", "var/tmp"}
    for path in sorted(folders):
        _add(tar, path, kind=tarfile.DIRTYPE, mode=0o755)
    _add(tar, "tmp", kind=tarfile.DIRTYPE, mode=0o1777)
    _add(tar, "home/nonroot", kind=tarfile.DIRTYPE, mode=0o755, owner=65532)
    _add(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
    _add(tar, "bin/bash", BASH.read_bytes(), 0o755)
    for applet in applets:
        if applet not in ("bin/busybox", "bin/bash", "linuxrc"):
            up = "../" * applet.count("/")
            _add(tar, applet, kind=tarfile.SYMTYPE, target=up + "bin/busybox")
    _add(tar, "etc/passwd", PASSWD.encode(), 0o644)
    _add(tar, "etc/group", GROUP.encode(), 0o644)
    for script in sorted(SCRIPTS.iterdir()):
        _add(tar, f"opt/resource/{script.name}", script.read_bytes(), 0o755)


def _add(tar, name, data=b"", mode=0o777, kind=tarfile.REGTYPE, target="", owner=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size, info.uid, info.gid = kind, mode, target, len(data), owner, owner
    tar.addfile(info, io.BytesIO(data))


def _version():
    """Another one when the content changes, so that workers import it anew."""
    digest = hashlib.sha256(PASSWD.encode() + GROUP.encode())
    for path in (BUSYBOX, BASH, *sorted(SCRIPTS.iterdir())):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
