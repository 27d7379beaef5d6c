# The same words for people and for CI. `make demo` and `make test` set up everything that they need.
#
#   make demo  [ARGS="--seconds 60 --json"]   three live streams, both models, alerts
#   make test  [ARGS="-k redaction"]          all tests against real peers
#   make check                                style, types, import directions
#   make bench [ARGS=--json]                  side by side with ffmpeg and a raw loop
#
# Where pip finds packages is up to its own configuration; to choose a torch build, see the README.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
ARGS   ?=

BIN   := $(VENV)/bin
RUNS  := $(VENV)/.installed
TESTS := $(VENV)/.installed-tests

.PHONY: demo test check bench format setup peers clean

demo: $(RUNS)
	@$(BIN)/streamwatch demo $(ARGS)

test: $(TESTS) peers
	$(BIN)/python -m pytest $(ARGS)

check: $(TESTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TESTS)
	@command -v ffmpeg >/dev/null || { echo "the benchmark compares with ffmpeg: install it first" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.capture $(ARGS)
	@$(BIN)/python -m benchmarks.inference $(ARGS)
	@$(BIN)/python -m benchmarks.api $(ARGS)

format: $(TESTS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(TESTS)

peers:
	@.ci/install-peers 1>&2

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Set-up speaks on standard error, so that `make demo ARGS=--json` prints the summary alone.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUNS): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e . 1>&2
	@touch $@

$(TESTS): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV), with what tests and training need ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,training]' 1>&2
	@touch $@ $(RUNS)
