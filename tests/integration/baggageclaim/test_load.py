"""kill -9 under load. CONCOURSE_TEST_LONG=1 kills for minutes; a failure names its seed."""

import os
import random

import pytest

from harness.volume_load import Crowd

LONG = os.environ.get("CONCOURSE_TEST_LONG", "") not in ("", "0")
SEEDS = [random.randrange(1 << 30) for _ in range(5)] if LONG else [31]
KILLS = 60 if LONG else 4


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_killed_under_load_has_every_volume_whole_or_not_at_all(server, seed):
    Crowd(server, seed, players=4).play(KILLS, operations=60)
