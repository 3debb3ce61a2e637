"""The embedded hub for tests that are not asynchronous: a thread of its own, plain calls."""

import contextlib
import threading
from pathlib import Path

from harness.wait import PATIENCE
from hub.hub import Hub
from hub.thread import LoopThread
from hub.web.intercept import intercept

STEP = 4 * PATIENCE  # seconds a step may take


class TestHub:
    """A running hub with keys in `keys` and the resource types of `resource_types` for its workers to offer."""

    __test__ = False

    def __init__(self, directory, resource_types, heartbeat_interval=1.0, **options):
        self.keys = Path(directory) / "keys"
        self.resource_types = resource_types
        self._options = {"heartbeat_interval": heartbeat_interval, **options}
        self._thread = LoopThread()
        self._hub = None
        self._port = 0

    def __enter__(self):
        self._thread.__enter__()
        self.start()
        return self

    def __exit__(self, *_):
        self._thread.call(self._hub.stop())
        self._thread.__exit__()

    @property
    def port(self):
        return self._port

    # The TSA can go away and come back, with all that the ATC knows.

    def start(self):
        async def start():
            if self._hub is None:
                self._hub = Hub.with_keys_in(self.keys, **self._options)
            await self._hub.start(port=self._port)
            return self._hub.tsa.port
        self._port = self._thread.call(start())

    def stop(self):
        self._thread.call(self._hub.stop())

    def do(self, function, timeout=120.0):
        """`function(hub)` on the hub's thread: anything that isn't covered here. Coroutines are awaited."""
        async def run():
            result = function(self._hub)
            return await result if hasattr(result, "__await__") else result
        return self._thread.call(run(), timeout)

    # Workers.

    def state(self, name):
        """The state of a worker, or None."""
        return self.do(lambda hub: hub.atc.workers[name].state if name in hub.atc.workers else None)

    def worker(self, name):
        """Its row: payload, counts of registrations and heartbeats."""
        return self.do(lambda hub: hub.atc.worker(name))

    def wait_state(self, name, state, timeout=PATIENCE):
        """Waits for a state; "" is gone."""
        return self._thread.call(self._hub.wait_for_state(name, state, timeout), timeout + 10)

    def wait_for(self, condition, what, timeout=PATIENCE):
        """`condition(hub)` is looked at whenever a row changes or the collector has run."""
        return self._thread.call(self._hub.wait_for(lambda: condition(self._hub), timeout, what), timeout + 10)

    def land(self, name, team=""):
        self.do(lambda hub: hub.atc.land(name, team))

    def retire(self, name, team=""):
        self.do(lambda hub: hub.atc.retire(name, team))

    # Steps.

    @contextlib.contextmanager
    def build(self, worker, **options):
        """A build; at the end its containers go to the garbage collector."""
        build = self.do(lambda hub: hub.build(worker, **options))
        try:
            yield TestBuild(self._thread, build)
        finally:
            self.do(lambda _: build.finish())

    def start_intercept(self, handle, command=("bash",), stdin=None, tty=None, **options):
        return TestInterception(self._thread, self._hub, handle, command, stdin, tty, options)


class TestBuild:
    """Steps by their names in hub/web/build.py: `build.task(…)` runs one to its end, `build.start("task", …)` in the background."""

    __test__ = False

    def __init__(self, thread, build):
        self._thread = thread
        self._build = build

    def __getattr__(self, name):
        return lambda *args, **kwargs: self._thread.call(getattr(self._build, name)(*args, **kwargs), STEP)

    def start(self, name, *args, **kwargs):
        return RunningStep(self._thread, self._build, name, args, kwargs)

    def container(self, step):
        """The handle of a step's container, once there is one."""
        return self._thread.now(lambda: self._build._handles.get(step))

    def abort(self):
        self._thread.now(self._build.abort)


class _Collected:
    """Bytes that come on the hub's thread and are waited for on another."""

    def __init__(self):
        self._changed = threading.Condition()
        self._data = bytearray()

    def add(self, data):
        with self._changed:
            self._data += data
            self._changed.notify_all()

    def data(self):
        with self._changed:
            return bytes(self._data)

    def wait_for(self, part, timeout=PATIENCE):
        with self._changed:
            if not self._changed.wait_for(lambda: part in self._data, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {part!r}; got {bytes(self._data[-2000:])!r}")
            return bytes(self._data)


class RunningStep(_Collected):
    """A step under way; `data` has what it wrote so far, stdout and stderr in the order they came."""

    def __init__(self, thread, build, name, args, kwargs):
        super().__init__()
        step, before = args[0], build._on_output

        def on_output(of, stream, data):
            before(of, stream, data)
            if of == step:
                self.add(data)

        build._on_output = on_output
        self._future = thread.start(getattr(build, name)(*args, **kwargs))

    def result(self, timeout=STEP):
        return self._future.result(timeout)

    def done(self):
        return self._future.done()


class _Typed:
    """Standard input that is typed from another thread."""

    def __init__(self, loop):
        import asyncio
        self._loop = loop
        self._queue = asyncio.Queue()

    def type(self, data):
        self._loop.call_soon_threadsafe(self._queue.put_nowait, data)

    def __aiter__(self):
        return self

    async def __anext__(self):
        data = await self._queue.get()
        if data is None:
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        return data


class TestInterception(_Collected):
    __test__ = False

    def __init__(self, thread, hub, handle, command, stdin, tty, options):
        super().__init__()
        self._thread = thread

        async def start():
            typed = _Typed(thread.loop)
            return typed, await intercept(hub, handle, command, typed, self.add, self.add, tty, **options)

        self._stdin, self._interception = thread.call(start(), STEP)
        self._future = thread.start(self._interception.wait())
        if stdin is not None:
            self.type(stdin)
            self.end()

    def type(self, data):
        self._stdin.type(data)

    def end(self):
        """The end of standard input."""
        self._stdin.type(None)

    def resize(self, columns, rows):
        self._thread.now(self._interception.process.set_tty, columns, rows)

    def wait(self, timeout=STEP):
        return self._future.result(timeout)
