"""Images that lack what others have, or have links there: FROM scratch, distroless, merged directories, moved /etc. Each container runs, with both
OCI runtimes, and what it shows of itself is the same."""

import os
import shutil
import subprocess

import pytest

PROGRAM = "opt/busybox"  # static, wherever the image has one


def remove(*names):
    def change(root):
        for name in names:
            path = root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.is_symlink() or path.exists():
                path.unlink()
    return change


def link(name, target, keep=None):
    """`name` becomes a link; what was there moves to `keep`."""
    def change(root):
        path = root / name
        if keep is not None:
            (root / keep).parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_symlink():
                path.rename(root / keep)
            else:
                (root / keep).mkdir(exist_ok=True)
        remove(name)(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    return change


def all_of(*changes):
    return lambda root: [change(root) for change in changes]


def only_the_program(root):
    for entry in os.listdir(root):
        if entry != "opt":
            remove(entry)(root)


IMAGES = {
    "as it is": lambda root: None,
    "FROM scratch": only_the_program,
    "no passwd": remove("etc/passwd"),
    "no group": remove("etc/group"),
    "neither passwd nor group": remove("etc/passwd", "etc/group"),
    "no sh": remove("bin/sh"),
    "no bin": remove("bin", "sbin", "usr"),
    "no tmp": remove("tmp", "var"),
    "no etc": remove("etc"),
    "no dev, proc and sys": remove("dev", "proc", "sys"),
    "no root's home": remove("root", "home"),
    "etc is a relative link": link("etc", "usr/etc", keep="usr/etc"),
    "etc is an absolute link": link("etc", "/usr/etc", keep="usr/etc"),
    "etc is a link that climbs out and comes back": link("etc", "../../../usr/etc", keep="usr/etc"),
    "etc is a link over a link": all_of(link("etc", "/usr/etc", keep="srv/etc"), link("usr/etc", "../srv/etc")),
    "hosts, hostname and resolv.conf are links to nowhere": all_of(*(link(f"etc/{file}", f"/nowhere/{file}") for file in ("hosts", "hostname", "resolv.conf"))),
    "resolv.conf is systemd-resolved's link": link("etc/resolv.conf", "../run/systemd/resolve/the-local-file"),
    "passwd and group are links": all_of(link("etc/passwd", "/usr/lib/passwd", keep="usr/lib/passwd"),
                                         link("etc/group", "../usr/lib/group", keep="usr/lib/group")),
    "passwd and group are links to nowhere": all_of(link("etc/passwd", "/nowhere"), link("etc/group", "/nowhere")),
    "tmp is a relative link": link("tmp", "var/tmp", keep="var/tmp"),
    "tmp is an absolute link": link("tmp", "/var/tmp", keep="var/tmp"),
    "tmp is a link to nowhere": link("tmp", "/nowhere/tmp"),
    "sh is a link to nowhere": link("bin/sh", "/nowhere/sh"),
    "sh is a link to itself": link("bin/sh", "sh"),
    "bin is a link": link("bin", "usr/merged", keep="usr/merged"),
    "root's home is a link": link("root", "/var/root", keep="var/root"),
    "empty passwd": lambda root: (root / "etc/passwd").write_text(""),
    "passwd with other lines": lambda root: (root / "etc/passwd").write_text("# x\n\n:::\nroot\nroot:x:0:0:root:/root:/bin/sh\n"),
}


@pytest.fixture(params=["crun", "runc"])
def any_garden(request, make_garden):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return make_garden(f"--oci-runtime={request.param}")


@pytest.fixture
def make_image(own_rootfs, scratch):
    def make(change, number):
        root = scratch / f"image{number}"
        subprocess.run(["cp", "-a", own_rootfs, root], check=True)
        os.makedirs(root / "opt", exist_ok=True)
        shutil.copy(root / "bin/busybox", root / PROGRAM)
        change(root)
        owner = own_rootfs.stat().st_uid
        subprocess.run(["chown", "-hR", f"{owner}:{owner}", root], check=True)
        return root
    return make


def test_containers_of_odd_images_run(any_garden, make_image, scratch):
    """One Garden for all of them: a table is read faster than it is started."""
    api = any_garden.api
    wrong = {}
    for number, (name, change) in enumerate(IMAGES.items()):
        root = make_image(change, number)
        try:
            look(api, root)
        except Exception as error:  # noqa: BLE001: each row is told, with its name
            wrong[name] = str(error) or repr(error)
    assert not wrong, "\n".join(f"{name}: {error}" for name, error in wrong.items())


def look(api, root):
    handle = api.create(root)
    try:
        def tool(*words, **spec):
            status, out, err = api.output(handle, f"/{PROGRAM}", *words, **spec)
            assert status == 0, (words, spec, status, out, err)
            return out.decode()

        assert tool("id", "-u").strip() == "0"
        assert tool("id", "-u", user="1000:1000").strip() == "1000"  # numbers need no passwd
        assert handle in tool("cat", "/etc/hosts") and handle in tool("cat", "/etc/hostname")
        assert tool("cat", "/etc/resolv.conf")
        assert tool("cat", "/proc/self/comm").strip() in ("cat", "busybox")
        assert tool("ls", "/dev/null", "/sys/kernel")
        assert tool("pwd", dir="/work/here").strip() == "/work/here"  # made if it is missing
        api.call("PUT", f"/containers/{handle}/properties/a", {"value": "b"})
        files = api.request("GET", f"/containers/{handle}/files?source=/{PROGRAM}&user=root")
        assert files.status == 200 and len(files.body) > 1000
    finally:
        api.destroy(handle)
