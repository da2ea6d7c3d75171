# `make run` and `make test` need nothing but Python 3.11 or newer: they make .venv and install what they need into it.

VENV := .venv
BIN := $(VENV)/bin
# The first of these that is 3.11 or newer; PYTHON=/path/to/python overrules it.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$name; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help run test test-long bench fuzz kills storm check format clean

help:  ## What there is to make.
	@sed -n 's/^\([a-z-]*\):.*##/make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/run.stamp  ## Start everything on http://127.0.0.1:5000 (another port: make run PORT=5001).
	@exec $(BIN)/python -m flask --app wsgi serve

test: $(VENV)/dev.stamp  ## The tests, on a real MongoDB. Some of them: make test ARGS="tests/services -x"
	@$(BIN)/python -m pytest -m "not long" -n auto $(ARGS)

test-long: $(VENV)/dev.stamp  ## The tests that take minutes: storms, kills, a database that goes away.
	@$(BIN)/python -m pytest -m long $(ARGS)

bench: $(VENV)/dev.stamp  ## Our speed beside bare pymongo, as ratios; takes some minutes on a quiet machine.
	@$(BIN)/python -m benchmarks $(ARGS)

kills: $(VENV)/dev.stamp  ## Kill processes under load and count what is lost; ten minutes. Fewer: make kills ARGS="--kills 20"
	@$(BIN)/python -m tests.faults.kills $(ARGS)

fuzz: $(VENV)/dev.stamp  ## 20,000 made-up calls and forms; half an hour. Fewer: make fuzz ARGS="--cases 2000"
	@$(BIN)/python -m tests.fuzzing $(ARGS)

storm: $(VENV)/dev.stamp  ## A million spends at once, watched all the while. Fewer: make storm ARGS="--spends 100000"
	@$(BIN)/python -m tests.faults.storm $(ARGS)

check: $(VENV)/dev.stamp  ## Format, lint, types, templates, and the tests with their coverage.
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m djlint app/templates --lint --quiet
	$(BIN)/python -m pytest -m "not long" -n auto --cov --cov-report=term

format: $(VENV)/dev.stamp  ## Format the code, and mend what can be mended by itself.
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

clean:  ## Remove what was made, but not instance/, which holds the database.
	rm -rf $(VENV) .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: requirements.txt requirements-embedded.txt | $(VENV)/made.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-embedded.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/made.stamp:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found on the PATH (PYTHON=/path/to/python names one)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version). The first time takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@touch $@
