"""Rules are pure: these tests start no database."""

import pytest


@pytest.fixture(autouse=True)
def app_context() -> None:
    """Stands in the place of the fixture that empties the database."""
