"""Waiting for something that gives no event of its own."""

import os
import time

# Seconds: generous, because machines are slow and busy. tests/vm asks for more.
PATIENCE = float(os.environ.get("CONCOURSE_TEST_PATIENCE", "30"))


def wait_until(condition, what, timeout=PATIENCE):
    """Returns the first true value of `condition()`; fails naming `what` (or what it returns) when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what() if callable(what) else what}")
        time.sleep(0.02)
