# `make demo` and `make test` are all that a newcomer needs; each installs what it needs into this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export FLEETFOLD_CACHE_DIR ?= $(CURDIR)/.cache

.PHONY: help setup demo test test-fast lint format bench evidence soak clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: $(VENV)/.ready ## install everything into .venv

$(VENV)/.ready: pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fleetfold needs Python 3.11 or newer; name one with PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup ## fold real input with a real Kafka, and print what was found
	@$(BIN)/fleetfold demo

test: setup ## every test, on a real Kafka
	@$(BIN)/pytest

test-fast: setup ## the tests that need no Kafka
	@$(BIN)/pytest -m "not kafka" -n 2

lint: setup ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let ruff write the layout
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.ready ## measure the hot path beside its rivals; BENCH="--quick --plot" or other options
	@[ -e $(VENV)/.bench-ready ] && [ ! pyproject.toml -nt $(VENV)/.bench-ready ] || { \
		echo "Installing the benchmark's rivals into $(VENV) ..."; \
		$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]' && touch $(VENV)/.bench-ready; \
	} || echo "They cannot be installed here: the table will say which are missing."
	@$(BIN)/python -m tests.bench $(BENCH)

evidence: setup ## how often verdicts are right, over 20 simulated fleets; the table and picture of deploy/evidence.md
	@$(BIN)/python -c 'import matplotlib' 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[evidence]'
	@$(BIN)/python -m tests.evidence --write

soak: setup ## random faults for SOAK_S seconds (600), from SOAK_SEED, then compare every row
	@$(BIN)/python -m tests.faults.soak

clean: ## remove what was installed and cached here
	rm -rf $(VENV) .cache .bench .fleetfold .mypy_cache .ruff_cache .pytest_cache .hypothesis
