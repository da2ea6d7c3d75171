"""Every setting is known to operators."""

from pathlib import Path

import pytest

import config

ROOT = Path(__file__).parent.parent.parent
SETTINGS = {name for environment in config.ENVIRONMENTS.values() for name in environment.model_fields}
# What no operator changes.
FIXED = {"TESTING", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_NAME", "SESSION_COOKIE_SAMESITE"}


@pytest.mark.parametrize("name", sorted(SETTINGS - {"TESTING", "SESSION_COOKIE_SECURE"}))
def test_the_page_on_configuration_explains_it(name):
    assert f"| `{name}` |" in (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("name", sorted(SETTINGS - FIXED))
def test_the_example_shows_it(name):
    assert f"\n#{name}=" in (ROOT / ".env.example").read_text()


def test_the_page_explains_no_setting_that_is_gone():
    lines = (ROOT / "docs" / "configuration.md").read_text().splitlines()
    assert {line.split("`")[1] for line in lines if line.startswith("| `")} <= SETTINGS
