"""The pauses that the web's clients make, counted: what a build takes is its work and these."""

import asyncio
import random
from collections import Counter

VOLUME_POLL = "204 of a volume's creation"
TRANSPORT_ERROR = "transport error"
VOLUME_LOCK = "volume made by another step"
GET_LOCK = "get of the same version by another step"
REGISTRATION = "ping of the worker failed"


class Waits:
    """One of a hub. `counts` and `seconds` are by kind; both only grow. `sleep` is asyncio's, or a test's own."""

    def __init__(self, sleep=asyncio.sleep):
        self.counts = Counter()
        self.seconds = Counter()
        self._sleep = sleep

    def note(self, kind, seconds):
        self.counts[kind] += 1
        self.seconds[kind] += seconds

    async def pause(self, kind, seconds):
        self.note(kind, seconds)
        await self._sleep(seconds)


class BackOff:
    """Intervals in seconds: each is 1.5 times the one before, up to `maximum`, and then randomised by half of itself either way."""

    def __init__(self, initial, maximum):
        self._interval = initial
        self._maximum = maximum

    def next(self):
        interval = self._interval
        self._interval = self._maximum if interval >= self._maximum / 1.5 else interval * 1.5
        return interval * random.uniform(0.5, 1.5)
