# The verbs of this project; `.ci/run` calls the same ones. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
UV ?= uv

.PHONY: help setup demo test lint format generate pins bench clean

help: ## List these verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.demo: requirements/build.txt requirements/demo.txt pyproject.toml tools/setup.sh
	@tools/setup.sh demo $(VENV)
	@touch $@

$(VENV)/.test: requirements/build.txt requirements/test.txt pyproject.toml tools/setup.sh
	@tools/setup.sh test $(VENV)
	@touch $@ $(VENV)/.demo # what tests need includes what the demo needs

setup: $(VENV)/.test ## Make .venv with everything pinned (PYTHON=… chooses the interpreter)

demo: $(VENV)/.demo ## Watch a real model go wrong over a year of flights, told by OpenTelemetry metrics
	@$(BIN)/python examples/flights/demo.py $(DEMO_ARGS)

test: lint ## Run all checks and tests (FAST=1 leaves out those that start real processes; ARGS=… for pytest)
	$(BIN)/python -m pytest $(if $(FAST),-m "not slow") $(ARGS)

lint: $(VENV)/.test ## Check names, style, types and the direction of imports
	$(BIN)/python semconv/generate.py --check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@# The last numpy for Python 3.10 has stubs that say less than the code needs.
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then echo $(BIN)/mypy; $(BIN)/mypy; \
	else echo "types are not checked: that needs Python 3.11 or newer"; fi
	$(BIN)/lint-imports

format: $(VENV)/.test ## Lay out code and fix what can be fixed without thinking
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

generate: $(VENV)/.test ## Make constants and reference pages of semconv/registry
	$(BIN)/python semconv/generate.py

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make pins"

pins: ## Choose versions of all packages anew (needs uv; commit the result)
	$(COMPILE) --upgrade --group build --output-file requirements/build.txt
	$(COMPILE) --upgrade pyproject.toml --extra demo --group data \
		--constraint requirements/build.txt --output-file requirements/demo.txt
	$(COMPILE) --upgrade pyproject.toml --extra processor \
		--constraint requirements/demo.txt --output-file requirements/processor.txt
	$(COMPILE) --upgrade pyproject.toml --extra all --group dev --group data \
		--constraint requirements/build.txt --constraint requirements/demo.txt --output-file requirements/test.txt

bench: $(VENV)/.test ## Measure what serving code and the processor pay, into benchmarks/results (ONLY=… for one)
	@for name in $(or $(ONLY),$$(grep -l 'if __name__' benchmarks/*.py | xargs -n1 basename -s .py | grep -vx report)); do \
		echo "== $$name"; $(BIN)/python benchmarks/$$name.py --json benchmarks/results/$$name.json; done
	$(BIN)/python benchmarks/report.py

clean: ## Remove what was made: environment, caches, outputs of the demo
	rm -rf $(VENV) build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf examples/flights/output examples/flights/data
	find instrumentation processor semconv tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +
