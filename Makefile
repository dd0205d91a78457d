# Every target sets up what it needs: `make demo` and `make test` are all that a fresh machine needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 3000
ARGS ?=
JOBS ?= 2
# A file's tests stay together: they share a lake, a server or a browser.
IN_PARALLEL := --numprocesses=$(JOBS) --dist=loadfile

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# Running needs far less than developing. Where .venv has all of it already, nothing else is installed.
RUNTIME := $(if $(wildcard $(STAMP)),$(STAMP),$(VENV)/.runtime)
DAGSTER_HOME := data/dagster
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help setup demo ui test fast-tests test-slow test-long mutants bench docs pictures lint format lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMP)  ## .venv with all tools of development (each target installs what it needs by itself)

# Run again whenever the lock or the project file is newer; an interrupted set-up leaves no stamp.
$(STAMP): requirements.lock pyproject.toml
	$(call install,requirements.lock)
$(VENV)/.runtime: requirements.runtime.lock pyproject.toml
	$(call install,requirements.runtime.lock)

# Installs a lock and this project into .venv, and stamps it.
# Without --compile: Python compiles what it loads, a third of all modules.
ifneq ($(UV),)
define install
	test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11' $(VENV)
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(UV) pip sync --quiet --require-hashes $(1)
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
endef
else
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: install a newer one, or say make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes --requirement $(1)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
endef
endif

demo: $(RUNTIME)  ## sample files for all datasets, every table, the reconciliation (ARGS="--help")
	$(BIN)/event-assets demo $(ARGS)

ui: $(RUNTIME) $(DAGSTER_HOME)/dagster.yaml  ## Dagster's web page on http://127.0.0.1:3000 (PORT=...)
# The runtime lock has no `dg`. `dg dev` starts the same services; Dagster recommends it at each start.
	DAGSTER_HOME="$(CURDIR)/$(DAGSTER_HOME)" $(BIN)/python -W 'ignore:Function `dev_command` is superseded' \
		-m dagster dev -h 127.0.0.1 -p $(PORT) -w workspace.yaml

$(DAGSTER_HOME)/dagster.yaml: event_assets/orchestration/dagster.yaml | $(RUNTIME)
	mkdir -p $(@D)
	cp $< $@
# Two processes that create its SQLite files at once crash, and `dagster dev` starts several.
	DAGSTER_HOME="$(CURDIR)/$(@D)" $(BIN)/dagster instance info > /dev/null

test: $(STAMP)  ## lint, types and the fast tests (ARGS="-k sessions")
# Side by side: mypy takes one core for most of a minute.
	@$(MAKE) --no-print-directory --jobs=2 lint fast-tests

fast-tests: $(STAMP)
	$(BIN)/pytest $(IN_PARALLEL) $(ARGS)

test-slow: $(STAMP)  ## Spark, browsers, deployment, faults and what else takes long
	$(BIN)/pytest $(IN_PARALLEL) -m "slow and not long" $(ARGS)

test-long: lint  ## all tests, and a thousand new examples for each law
	$(BIN)/pytest $(IN_PARALLEL) -m "" --hypothesis-profile=long $(ARGS)

mutants: $(STAMP)  ## break the code in thirty ways, each of which some test has to notice (ARGS="midnight")
	$(BIN)/python -m event_assets_tests.mutants.run $(ARGS)

bench: $(STAMP)  ## how fast and how big (ARGS="--rows 1000000")
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP)  ## the reference from the code, and the site below site/
	$(BIN)/python -m event_assets_tests.docs.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

pictures: $(STAMP)  ## the screenshots of docs/img again (needs a Chromium)
	$(BIN)/python -m event_assets_tests.browser.make_screenshots

lint: $(STAMP)  ## ruff and mypy, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Upgrades nothing that still fits; `make lock ARGS=--upgrade` does. Names no index host.
lock:  ## resolve the locks (development, image) again from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-strip-extras --custom-compile-command "make lock" \
		$(ARGS) --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --extra build --generate-hashes \
		--no-strip-extras --custom-compile-command "make lock" --no-annotate \
		--constraint requirements.lock --output-file requirements.runtime.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --extra production --generate-hashes \
		--no-strip-extras --custom-compile-command "make lock" --no-annotate \
		--constraint requirements.lock --output-file requirements.production.lock pyproject.toml

clean:  ## remove .venv and caches; data/ is yours and stays
	rm -rf $(VENV) dist build site .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find event_assets event_assets_tests -name __pycache__ -type d -prune -exec rm -rf {} +
