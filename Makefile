# make run    the whole path on real data: fetch, train, convert, report, predict
# make test   lint, types and every test
# make lock   choose new versions of everything, in requirements.lock
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test lint types tests lock clean

run: $(READY)
	$(BIN)/mnist-edge run

test: lint types tests

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

tests: $(READY)
	$(BIN)/pytest

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# The lock is for Linux and Python 3.11, where the tests run.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	  --python-version 3.11 --python-platform linux \
	  --extra workstation --extra dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) build dist *.egg-info
