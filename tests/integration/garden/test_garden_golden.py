"""Every route of the Garden API, its answers and its refusals: golden_routes.txt."""

import json
from pathlib import Path

from harness.baggageclaim import tar_of
from harness.golden import Transcript

GOLDEN = Path(__file__).parent / "golden_routes.txt"
LIMITS = {"memory_limits": {"limit_in_bytes": 1 << 30}, "cpu_limits": {"limit_in_shares": 512}, "pid_limits": {"max": 1024},
          "bandwidth_limits": {"rate": 1000, "burst": 2000}, "disk_limits": {"byte_hard": 1 << 30, "scope": 1}}


def test_every_route_answers_as_written_down(api, own_rootfs):
    told = Transcript(api)
    told.call_it(own_rootfs, "$ROOTFS")
    server(told)
    containers(told, own_rootfs)
    info(told, api)
    limits(told)
    properties(told)
    files(told)
    network(told, api)
    processes(told)
    told.part("the end")
    told.ask("PUT", "/containers/one/grace_time", 5_000_000_000)
    told.ask("PUT", "/containers/one/grace_time", b'"soon"')
    told.ask("PUT", "/containers/one/stop", {"kill": True})
    told.ask("DELETE", "/containers/one")
    told.ask("DELETE", "/containers/one")
    unknown_handles(told)
    told.compare(GOLDEN)


def server(told):
    told.part("the server")
    told.ask("GET", "/ping")
    told.ask("GET", "/capacity", measured=True)
    told.ask("GET", "/containers")
    told.ask("GET", "/nothing")
    told.ask("PATCH", "/containers")


def containers(told, rootfs):
    told.part("containers")
    spec = {"handle": "one", "rootfs": f"raw://{rootfs}", "image": {}, "bind_mounts": None, "properties": {"user": "", "a": "1"},
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "limits": LIMITS}
    told.ask("POST", "/containers", spec)
    for change in ({}, {"handle": "../two"}, {"handle": "two", "rootfs": "raw:///no/such"}, {"handle": "two", "rootfs": "docker:///busybox"},
                   {"handle": "two", "rootfs": ""}, {"handle": "two", "network": "nonsense"}):
        told.ask("POST", "/containers", {**spec, **change}, hide_request=f"(the same, with {json.dumps(change)})".encode())
    told.ask("POST", "/containers", b"{")
    told.ask("GET", "/containers")
    told.ask("GET", "/containers?a=1")
    told.ask("GET", "/containers?a=2")


def info(told, api):
    told.part("info and metrics")
    known = api.info("one")
    for field in ("ContainerIP", "HostIP", "ExternalIP", "ContainerPath"):
        told.call_it(known[field], f"${field}")
    told.ask("GET", "/containers/one/info")
    told.ask("GET", "/containers/bulk_info?handles=one,gone")
    told.ask("GET", "/containers/bulk_info?handles=")
    told.ask("GET", "/containers/one/metrics", measured=True)
    told.ask("GET", "/containers/bulk_metrics?handles=one,gone", measured=True)


def limits(told):
    told.part("limits")
    for kind in ("memory", "cpu", "disk", "bandwidth"):
        told.ask("GET", f"/containers/one/limits/{kind}")


def properties(told):
    told.part("properties")
    told.ask("GET", "/containers/one/properties")
    told.ask("PUT", "/containers/one/properties/b%3Ac", {"value": "2"})
    told.ask("GET", "/containers/one/properties/b%3Ac")
    told.ask("DELETE", "/containers/one/properties/b%3Ac")
    told.ask("DELETE", "/containers/one/properties/b%3Ac")
    told.ask("GET", "/containers/one/properties/b%3Ac")
    told.ask("PUT", "/containers/one/properties/b", b"7")


def files(told):
    told.part("files")
    told.ask("PUT", "/containers/one/files?user=root&destination=/tmp/in", tar_of({"file": b"content"}), hide_request=b"(a tar archive)")
    told.ask("PUT", "/containers/one/files?user=root&destination=/tmp/in", b"no archive at all")
    told.ask("PUT", "/containers/one/files?user=nobody-knows&destination=/tmp/in", b"")
    told.ask("GET", "/containers/one/files?user=root&source=/no/such")


def network(told, api):
    told.part("network")
    told.ask("POST", "/containers/one/net/in", {"host_port": 62000, "container_port": 8080})
    told.ask("POST", "/containers/one/net/in", {"host_port": 70000, "container_port": 8080})
    rule = {"protocol": 1, "networks": [{"start": "192.0.2.2", "end": "192.0.2.9"}], "ports": [{"start": 80, "end": 81}], "log": False}
    told.ask("POST", "/containers/one/net/out", rule)
    told.ask("POST", "/containers/one/net/out", {**rule, "networks": [{"start": "nowhere", "end": "192.0.2.9"}]})
    told.ask("POST", "/containers/one/net/out/bulk", [rule, rule])
    told.ask("POST", "/containers/one/net/out/bulk", {})
    assert api.info("one")["MappedPorts"] == [{"HostPort": 62000, "ContainerPort": 8080}]


def processes(told):
    told.part("processes")
    script = {"id": "p", "path": "sh", "args": ["-c", "read line; echo $line; echo oops >&2; exit 7"], "image": {}, "rlimits": {}}
    with told.hijack("POST", "/containers/one/processes", script) as main:
        first = json.loads(main.file.readline())
        told.call_it(first["stream_id"], "$STREAM")
        told.note(f"  {json.dumps(first)}")
        outputs = [told.hijack("GET", f"/containers/one/processes/p/attaches/{first['stream_id']}/{name}") for name in ("stdout", "stderr")]
        told.ask("POST", "/containers/one/processes", script)
        with told.hijack("GET", "/containers/one/processes/p") as other:
            again = json.loads(other.file.readline())
            told.call_it(again["stream_id"], "$OTHER")
            told.note(f"  {json.dumps(again)}")
            main.socket.sendall(b'{"process_id":"p","source":0,"data":"hello\\n"}\n')
            for connection, name in zip(outputs, ("stdout", "stderr")):
                with connection:
                    told.note(f"{name}: {connection.file.read()!r}")
            told.note(f"main: {main.file.read().decode()!r}")
            told.note(f"other: {other.file.read().decode()!r}")
    told.ask("POST", "/containers/one/processes", {"path": "no-such-program", "image": {}, "rlimits": {}})
    told.ask("POST", "/containers/one/processes", {"path": "sh", "user": "nobody-knows", "image": {}, "rlimits": {}})
    told.ask("POST", "/containers/one/processes", {"image": {}, "rlimits": {}})
    told.ask("GET", "/containers/one/processes/unheard-of")
    with told.hijack("GET", "/containers/one/processes/p/attaches/unheard-of/stdout") as nothing:
        told.note(f"stdout: {nothing.file.read()!r}")


def unknown_handles(told):
    told.part("a handle that nobody knows")
    for route in ("info", "metrics", "limits/memory", "limits/cpu", "limits/disk", "limits/bandwidth", "properties", "properties/a",
                  "files?source=/", "processes/p", "processes/p/attaches/1/stdout", "processes/p/attaches/1/stderr"):
        told.ask("GET", f"/containers/one/{route}")
    for method, route, body in (("DELETE", "", None), ("DELETE", "/properties/a", None), ("PUT", "/stop", {"kill": True}), ("PUT", "/files", b""),
                                ("PUT", "/grace_time", 1), ("PUT", "/properties/a", {"value": "1"}), ("POST", "/processes", {"path": "sh"}),
                                ("POST", "/net/in", {}), ("POST", "/net/out", {}), ("POST", "/net/out/bulk", [])):
        told.ask(method, f"/containers/one{route}", body)
