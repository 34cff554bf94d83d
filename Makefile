# make run    the whole path on real data: fetch, train, convert, report, predict
# make test   lint, types and every test
# make bench  speed beside floors and peers, into benchmarks/RESULTS.md: ten minutes, undisturbed
# make system-packages   what some tests use of Debian's (else they are skipped); asks for root
# make lock   choose new versions of everything, in requirements.lock and the peers' own
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready

.PHONY: run test lint types tests bench system-packages lock clean

run: $(READY)
	$(BIN)/mnist-edge run

test: lint types tests

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

tests: $(READY) $(PEERS_READY)
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal --durations=10

bench: $(READY) $(PEERS_READY)
	$(BIN)/python benchmarks/results.py

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# Where apt-get is; root installs by itself, anybody else through sudo.
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)

system-packages: tests/debian-packages.txt
	$(SUDO) apt-get update -qq
	grep -v '^#' $< | $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	  xargs apt-get install -qq --no-install-recommends > /dev/null

# Other people's programs that read our models; they take no part in making any.
$(PEERS_READY): tests/peers/requirements.lock
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --require-hashes -r $<
	touch $@

# The locks are for Linux and Python 3.11, where the tests run.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
  --python-version 3.11 --python-platform linux

lock: $(READY)
	$(LOCK) --extra workstation --extra dev --output-file requirements.lock pyproject.toml
	$(LOCK) --output-file tests/peers/requirements.lock tests/peers/requirements.in

clean:
	rm -rf $(VENV) $(PEERS) build dist *.egg-info
