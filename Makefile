# Bare `make` lists the targets. Every target sets up what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHECKED := $(VENV)/.ready-check
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo dashboard test check bench wheelhouse clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[test]'
	@touch $@

$(CHECKED): $(READY)
	$(PIP_INSTALL) -e '.[test,check]'
	@touch $@

setup: $(READY) ## make .venv with everything the program and its tests need

demo: $(READY) ## synthetic two-hospital study: the whole chain, a report, and the dashboard's command
	$(BIN)/outcome demo --out demo

dashboard: $(READY) ## open the demo's store in the browser (loopback only)
	$(BIN)/outcome dashboard --store demo/store

# Some native libraries change the locale of the process: text must not depend on it.
test: $(READY) ## the whole test suite
	PYTHONUTF8=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(CHECKED) ## format, lint, types, import contracts, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure speed, memory and reliability; writes the tables of docs/results/
	$(BIN)/python -m benchmarks

wheelhouse: $(READY) ## a folder of wheels from which a machine without internet installs everything
	rm -rf wheelhouse && mkdir wheelhouse
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt -w wheelhouse .
	cp constraints.txt wheelhouse/
	cd wheelhouse && sha256sum *.whl constraints.txt > SHA256SUMS

clean: ## remove what the targets made
	rm -rf $(VENV) demo wheelhouse build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
