"""Random operations with kills in between, against a model. CONCOURSE_TEST_LONG=1 plays for minutes; a failure names its seed."""

import os
import random

import pytest

from harness.volume_model import Player

LONG = os.environ.get("CONCOURSE_TEST_LONG", "") not in ("", "0")
SEEDS = [random.randrange(1 << 30) for _ in range(20)] if LONG else [11, 12]
STEPS = 400 if LONG else 60


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_volumes_are_whole_or_absent_whatever_happens(server, seed):
    Player(server, seed).play(STEPS, kill_every=6)


@pytest.mark.timeout(3600)
def test_volumes_are_what_they_should_be_without_kills(server):
    Player(server, 99).play(STEPS, kill_every=0)
