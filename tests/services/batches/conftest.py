"""Admins who decide many at once, at a time that a test may move on."""

import pytest
import time_machine

from tests.batches import START
from tests.factories import actor_of, make_admin


@pytest.fixture(autouse=True)
def clock_hand():
    """A clock that runs, from noon; a test may move it on."""
    with time_machine.travel(START) as traveller:
        yield traveller


@pytest.fixture
def admin():
    return make_admin(name="Adam")


@pytest.fixture
def adam(admin):
    return actor_of(admin)
