"""When the web node tries again: transport errors only, with pauses of 1 to 16 s, for 5 minutes (Garden) or an hour
(BaggageClaim)."""

import asyncio
import logging
import random
import time

log = logging.getLogger("hub.web")
GARDEN_LIMIT = 300.0
BAGGAGECLAIM_LIMIT = 3600.0
_TEXTS = ("i/o timeout", "no such host", "handshake failure", "handshake timeout", "timeout awaiting response headers",
          "unexpected eof", "connection reset by peer", "read on closed response body", "broken pipe",
          "use of closed network connection")


class WorkerMissing(Exception):
    """The worker has no row any more; not tried again."""


class WorkerUnreachable(OSError):
    """The worker has a row, but no address; tried again until it has one."""


def is_retryable(error):
    """A plain `EOF` is not: a connection that is taken and closed unanswered fails an ordinary request at once."""
    if isinstance(error, (WorkerUnreachable, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, TimeoutError)):
        return True
    return isinstance(error, OSError) and any(text in str(error).lower() for text in _TEXTS)


async def retry(attempt, limit, may_repeat=lambda: True):
    """Awaits `attempt()` until it succeeds, fails for good, or `limit` seconds are over."""
    start, pause = time.monotonic(), 1.0
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not is_retryable(error) or not may_repeat() or time.monotonic() - start > limit:
                raise
            log.info("retrying after %.1f s: %s", time.monotonic() - start, error)
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 1.5, 16.0)
