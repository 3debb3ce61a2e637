import pytest


@pytest.fixture
def worker(supervised):
    """In place of the whole worker that other tests know by this name."""
    return supervised
