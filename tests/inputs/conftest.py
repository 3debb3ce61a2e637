"""Inputs that no test of one service thinks of: what hosts, images and streams are really like."""

from integration.baggageclaim.conftest import make_server  # noqa: F401
from integration.garden.conftest import api, container, garden, make_garden, own_rootfs  # noqa: F401
