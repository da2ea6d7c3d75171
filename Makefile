# `make run` and `make test` need nothing but Python 3.11 or newer: they make .venv and install what they need into it.

VENV := .venv
BIN := $(VENV)/bin
# What looks after the dependencies has dependencies of its own, which must not mix with ours.
TOOLS := .venv-tools
# Nothing is installed whose hash was not locked (make lock).
PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes
INSTALL := $(BIN)/python -m pip install $(PIP_OPTIONS)
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(ARGS)
# The first of these that is 3.11 or newer; PYTHON=/path/to/python overrules it.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$name; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help run test test-long bench fuzz kills faults storm screenshots check deployment audit tools-if-possible image lock licences format translations clean

help:  ## What there is to make.
	@sed -n 's/^\([a-z-]*\):.*##/make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/run.stamp  ## Start everything on http://127.0.0.1:5000 (another port: make run PORT=5001).
	@exec $(BIN)/python -m flask --app wsgi serve

test: $(VENV)/dev.stamp  ## The tests, on a real MongoDB. Some of them: make test ARGS="tests/services -x"
	@$(BIN)/python -m pytest -m "not long" -n auto --dist worksteal $(ARGS)

test-long: $(VENV)/dev.stamp  ## The tests that take minutes: storms, kills, a database that goes away.
	@$(BIN)/python -m pytest -m long $(ARGS)

bench: $(VENV)/dev.stamp  ## Our speed beside bare pymongo, as ratios; takes some minutes on a quiet machine.
	@$(BIN)/python -m benchmarks $(ARGS)

kills: $(VENV)/dev.stamp  ## Kill processes under load and count what is lost; ten minutes. Fewer: make kills ARGS="--kills 20"
	@$(BIN)/python -m tests.faults.kills $(ARGS)

fuzz: $(VENV)/dev.stamp  ## 20,000 made-up calls and forms; half an hour. Fewer: make fuzz ARGS="--cases 2000"
	@$(BIN)/python -m tests.fuzzing $(ARGS)

faults: $(VENV)/dev.stamp  ## Break a database of three under load, in each way; half an hour. One way: make faults ARGS="--only killed"
	@$(BIN)/python -m tests.faults $(ARGS)

storm: $(VENV)/dev.stamp  ## A million spends at once, watched all the while. Fewer: make storm ARGS="--spends 100000"
	@$(BIN)/python -m tests.faults.storm $(ARGS)

screenshots: $(VENV)/dev.stamp  ## A picture of every page, in each language, theme and width. Some: make screenshots ARGS="--only admin"
	@$(BIN)/python -m tests.walks.screenshots $(ARGS)

check: $(VENV)/dev.stamp deployment audit  ## Format, lint, types, templates, deployment, known holes, and the tests with their coverage.
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m djlint app/templates --lint --quiet
	$(BIN)/python -m pytest -m "not long" -n auto --dist worksteal --cov --cov-report=term

deployment: tools-if-possible  ## Lint Dockerfile (on Linux x86-64) and compose.yaml.
	@[ ! -x $(TOOLS)/bin/hadolint ] || $(TOOLS)/bin/hadolint Dockerfile
	@[ ! -f $(TOOLS)/made.stamp ] || $(TOOLS)/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

audit: tools-if-possible  ## Look for published holes in what is installed, where the network allows it.
	@[ ! -f $(TOOLS)/made.stamp ] || $(TOOLS)/bin/python .ci/audit.py

# Without a network there are no tools; what is checked without them is checked all the same.
tools-if-possible:
	@$(MAKE) --silent --no-print-directory $(TOOLS)/made.stamp || echo "NOT LOOKED AT: Dockerfile, compose.yaml, published holes. $(TOOLS) could not be made."

image: $(VENV)/made.stamp  ## Take the Dockerfile's steps without Docker, and see that what they make becomes healthy.
	$(BIN)/python .ci/image_steps.py

lock: $(TOOLS)/made.stamp  ## Write requirements*.txt anew from requirements*.in. Newer versions: make lock ARGS="--upgrade"
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-embedded.in -o requirements-embedded.txt
	$(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(COMPILE) requirements-tools.in -o requirements-tools.txt

licences: $(VENV)/run.stamp $(TOOLS)/made.stamp  ## Write docs/licences.md, from what is installed.
	$(TOOLS)/bin/python .ci/licences.py $(BIN)/python > docs/licences.md

format: $(VENV)/dev.stamp  ## Format the code, and mend what can be mended by itself.
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

translations: $(VENV)/dev.stamp  ## Bring new texts into the Russian catalogue, and compile it.
	$(BIN)/pybabel -q extract -F pyproject.toml --no-wrap --add-location file --project Tokendesk --version 1 -o $(VENV)/messages.pot .
	$(BIN)/pybabel -q update -i $(VENV)/messages.pot -d app/translations --no-wrap --no-fuzzy-matching --ignore-obsolete \
		--ignore-pot-creation-date
	$(BIN)/pybabel -q compile -d app/translations

clean:  ## Remove what was made, but not instance/, which holds the database.
	rm -rf $(VENV) $(TOOLS) screenshots .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/run.stamp: requirements.txt requirements-embedded.txt | $(VENV)/made.stamp
	$(INSTALL) -r requirements.txt -r requirements-embedded.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	$(INSTALL) -r requirements-dev.txt
	@touch $@

$(TOOLS)/made.stamp: requirements-tools.txt | $(VENV)/made.stamp
	@$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install $(PIP_OPTIONS) -r requirements-tools.txt
	@touch $@

$(VENV)/made.stamp:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found on the PATH (PYTHON=/path/to/python names one)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version). The first time takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@touch $@
