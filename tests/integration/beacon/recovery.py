"""How long the beacon was without a registration after a fault: told at the end of the run, and bounded by each test."""

import contextlib
import time

TIMES = []  # (fault, seconds)


@contextlib.contextmanager
def recovery(fault, at_most):
    """The block begins with the fault and ends when the worker is well again."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    TIMES.append((fault, took))
    assert took < at_most, f"{fault}: recovered after {took:.1f} s"
