"""A hub on an event loop of its own thread, for callers that are not asynchronous (pytest)."""

import asyncio
import concurrent.futures
import threading


class LoopThread:
    """Runs coroutines from other threads. Use as a context manager."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="hub", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.call(self._cancel_all(), 30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()

    def start(self, coroutine):
        """Starts a coroutine; returns a concurrent future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, coroutine, timeout=120.0):
        """Runs a coroutine to its end and returns its result."""
        future = self.start(coroutine)
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError(f"{getattr(coroutine, '__qualname__', coroutine)} took longer than {timeout:g} s") from None

    def now(self, function, *args):
        """Calls a function on the loop's thread and returns its result: for anything that touches the hub's state."""

        async def run():
            return function(*args)

        return self.call(run(), 30)

    async def _cancel_all(self):
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
