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
STAMP := $(VENV)/.installed

.PHONY: demo test check bench format setup peers clean

demo: $(STAMP)
	@$(BIN)/streamwatch demo $(ARGS)

test: $(STAMP) peers
	$(BIN)/python -m pytest $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	@command -v ffmpeg >/dev/null || { echo "the benchmark compares with ffmpeg: install it first" >&2; exit 1; }
	@$(BIN)/python -m benchmarks.capture $(ARGS)
	@$(BIN)/python -m benchmarks.inference $(ARGS)

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP)

peers:
	@.ci/install-peers 1>&2

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Set-up speaks on standard error, so that `make demo ARGS=--json` prints the summary alone.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]' 1>&2
	@touch $@
