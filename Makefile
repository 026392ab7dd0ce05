# `make demo` and `make test` are all that a newcomer needs; each installs what it needs into this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
export FLEETFOLD_CACHE_DIR ?= $(CURDIR)/.cache

.PHONY: help setup demo test test-fast lint format bench evidence soak ops lock sbom audit deploy-files package clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: $(VENV)/.ready ## install everything into .venv

$(VENV)/.ready: pyproject.toml deploy/lock/dev.txt
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fleetfold needs Python 3.11 or newer; name one with PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement deploy/lock/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## fold real input with a real Kafka, and print what was found
	@$(BIN)/fleetfold demo

# A file stays in one process: it may have a broker, or a built image, of its own. In their order, the slow ones
# (deploy, faults, integration) come first, and the quick ones fill up the end.
test: setup ## every test, in two processes, each with a real Kafka
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

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
		$(PIP) --editable '.[bench]' && touch $(VENV)/.bench-ready; \
	} || echo "They cannot be installed here: the table will say which are missing."
	@$(BIN)/python -m tests.bench $(BENCH)

evidence: setup ## how often verdicts are right, over 20 simulated fleets; the table and picture of deploy/evidence.md
	@$(BIN)/python -c 'import matplotlib' 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[evidence]'
	@$(BIN)/python -m tests.evidence --write

soak: setup ## random faults for SOAK_S seconds (600), from SOAK_SEED, then compare every row
	@$(BIN)/python -m tests.faults.soak

# What only a release and the checks of deploy/ need has an environment of its own, and holds back nothing of ours.
OPS := $(VENV)/ops
LOCKED := UV_CUSTOM_COMPILE_COMMAND="make lock" $(OPS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(LOCK)

ops: $(OPS)/.ready ## install the tools of lock, audit, sbom and the checks of deploy/

$(OPS)/.ready: $(VENV)/.ready deploy/lock/ops.txt
	@$(PYTHON) -m venv $(OPS)
	@$(OPS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/lock/ops.txt
	@touch $@

lock: ops ## lock what pyproject.toml asks for; LOCK=--upgrade: the newest of everything
	@$(LOCKED) --extra dev pyproject.toml -o deploy/lock/dev.txt
	@$(LOCKED) --extra gateway --extra serve --extra verdicts -c deploy/lock/dev.txt pyproject.toml -o deploy/lock/image.txt
	@echo hatchling | $(LOCKED) -c deploy/lock/dev.txt - -o deploy/lock/build.txt
	@$(LOCKED) --group ops -o deploy/lock/ops.txt

sbom: ops ## the image's bill of materials (CycloneDX), in dist/
	@mkdir -p dist
	@$(OPS)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-file dist/fleetfold.cdx.json deploy/lock/image.txt

audit: sbom ## known vulnerabilities of all that is locked; fails where it cannot be told
	@$(OPS)/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r deploy/lock/image.txt -r deploy/lock/dev.txt

deploy-files: setup ## make the files of deploy/ that follow from code anew
	@$(BIN)/python -m deploy.generate

package: setup ## the wheel and the source archive, in dist/
	@$(BIN)/python -m hatchling build

clean: ## remove what was installed and cached here
	rm -rf $(VENV) .cache .bench dist .fleetfold .mypy_cache .ruff_cache .pytest_cache .hypothesis
