"""A hub with a fake worker that writes down what it is asked."""

import asyncio

import pytest

from harness.fake_worker import FakeWorker
from hub import keys
from hub.atc.payload import parse_worker
from hub.hub import Hub
from hub.web.waits import Waits

IMAGE = "/usr/local/concourse/resource-types/mock/rootfs.tgz"


@pytest.fixture(scope="module")
def key():
    return keys.to_asyncssh(keys.generate(1024))


@pytest.fixture
def run(key):
    """Runs an async function of (hub, worker) with a fake worker registered as `w`. The hub's waits are counted, but take no time."""

    def run(test, script):
        async def main():
            worker = await FakeWorker(script).start()
            hub = Hub(key, [], waits=Waits(lambda seconds: asyncio.sleep(0)))
            payload = parse_worker({"name": "w", "addr": "x", "version": "3.0", "resource_types": [{"type": "mock", "image": IMAGE}]})
            hub.atc.register(payload, ttl=60)
            row = hub.atc.worker("w")
            row.addr, row.baggageclaim = worker.addresses["garden"], worker.addresses["baggageclaim"]
            try:
                return await asyncio.wait_for(test(hub, worker), 20)
            finally:
                await worker.stop()

        return asyncio.run(main())

    return run
