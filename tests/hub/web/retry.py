"""When the web node tries again: transport errors only, with pauses of 1 to 16 s, for 5 minutes (Garden) or an hour
(BaggageClaim)."""

import logging
import time

from hub.web.waits import TRANSPORT_ERROR, BackOff

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


async def retry(attempt, limit, waits, may_repeat=lambda: True):
    """Awaits `attempt()` until it succeeds, fails for good, or the next pause would end after `limit` seconds."""
    start, back_off = time.monotonic(), BackOff(1.0, 16.0)
    while True:
        try:
            return await attempt()
        except Exception as error:
            pause = back_off.next()
            if not is_retryable(error) or not may_repeat() or time.monotonic() - start + pause > limit:
                raise
            log.info("retrying after %.1f s: %s", time.monotonic() - start, error)
        await waits.pause(TRANSPORT_ERROR, pause)
