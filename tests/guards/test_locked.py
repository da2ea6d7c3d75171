"""What is installed is what was locked, under licences that are listed."""

import re

import pytest

from tests.serving import ROOT

PAIRS = ("requirements", "requirements-embedded", "requirements-dev", "requirements-tools")
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.+!-]+)", re.MULTILINE)


def pins(name):
    found = PIN.findall((ROOT / name).read_text())
    return {(re.sub(r"[-_.]+", "-", package).lower(), version) for package, version in found}


@pytest.mark.parametrize("name", PAIRS)
def test_each_direct_dependency_is_locked_as_it_is_pinned(name):
    direct, locked = pins(f"{name}.in"), pins(f"{name}.txt")
    assert direct
    assert direct <= locked, "run: make lock"


@pytest.mark.parametrize("name", PAIRS)
def test_each_locked_package_has_its_hashes(name):
    blocks = re.split(r"^(?=[\w.-]+==)", (ROOT / f"{name}.txt").read_text(), flags=re.MULTILINE)[1:]
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_what_the_tests_run_is_what_is_served():
    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_each_package_that_is_served_is_listed_with_its_licence():
    page = (ROOT / "docs" / "licences.md").read_text()
    listed = set(re.findall(r"^\| (\S+) \| (\d\S*) \| \S", page, re.MULTILINE))
    # Of a package in two versions the page has the one for older Pythons.
    missing = {name for name, _version in pins("requirements.txt") - listed}
    assert missing <= {"deprecated"}, "run: make licences"
    assert missing <= {name for name, _version in listed}
    copyleft = [line for line in page.splitlines() if re.search(r"\| .*\bA?L?GPL", line)]
    assert copyleft == []


def test_make_installs_nothing_unlocked():
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line]
    assert len(lines) == 2
    assert all("$(PIP_OPTIONS)" in line for line in lines)
    assert "PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes" in (ROOT / "Makefile").read_text()
