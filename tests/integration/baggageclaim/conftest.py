import pytest

from harness.baggageclaim_server import Server


@pytest.fixture
def make_server(sandboxed, install, scratch, run_dir):
    servers = []

    def make(driver="overlay", *flags):
        number = len(servers)
        servers.append(Server(install, scratch / f"work{number}", run_dir / f"b{number}", driver, flags))
        return servers[-1]

    yield make
    for server in servers:
        server.leave_nothing()


@pytest.fixture(params=["overlay", "walked-overlay", "naive"])
def server(request, make_server):
    """One server for each way of keeping volumes that needs nothing special."""
    if request.param == "walked-overlay":
        return make_server("overlay", "--baggageclaim-disable-id-mapped-mounts").start()
    return make_server(request.param).start()


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture
def overlay(make_server):
    return make_server("overlay").start()
