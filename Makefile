# Every target first brings .venv to what requirements/dev.txt says (scripts/bootstrap.py; nothing happens when it is fresh).
SHELL := /bin/bash
BIN := .venv/bin
WORKERS ?= 2
PYTEST_ARGS ?=
LAB_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test test-unit test-notebooks soak bench lint format lock clean
MAKEFLAGS += --no-print-directory

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## create or refresh .venv (every other target does it by itself)
	@for python in "$${SEAMLESS_PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then exec "$$python" scripts/bootstrap.py; fi; \
	done; \
	if uv --version >/dev/null 2>&1; then exec uv run -q --no-project python scripts/bootstrap.py; fi; \
	echo 'setup: no Python found. Install Python 3.11 or newer, or uv, and run make again.' >&2; exit 1

demo: setup ## a year of bars from a faulty local exchange: gaps, causes, repair, seal
	@$(BIN)/seamless demo

lab: setup ## JupyterLab on notebooks/, with the sandbox exchange running
	@$(BIN)/python scripts/lab.py $(LAB_ARGS)

test: setup test-unit test-notebooks ## all tests, then the notebooks

test-unit: setup
	@$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

# The notebooks run in an empty home, offline, with static output, as papermill or a reader's machine would run them; and
# in a copy, because one of them seals itself and would write to seamless.lock.
test-notebooks: setup
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && cp -R notebooks datasets seamless.lock "$$home" && \
	env HOME="$$home" IPYTHONDIR="$$home/ipython" JUPYTER_CONFIG_DIR="$$home/jupyter" XDG_DATA_HOME="$$home/data" XDG_CACHE_HOME="$$home/cache" \
	    SEAMLESS_HOME="$$home/seamless" SEAMLESS_RENDER=static TZ=UTC PYTHONHASHSEED=0 COLUMNS=100 POLARS_TABLE_WIDTH=100 \
	    $(BIN)/python -m pytest -c pyproject.toml -n $(WORKERS) --dist loadfile -p no:cacheprovider --nbval-lax --nbval-current-env \
	    --nbval-sanitize-with=notebooks/nbval.cfg --nbval-cell-timeout=120 --nbval-kernel-startup-timeout=60 "$$home"/notebooks

soak: setup ## the long campaigns: kills, faults, races (SOAK=name selects)
	@HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -m soak -o faulthandler_timeout=3600 $(if $(SOAK),-k $(SOAK)) $(PYTEST_ARGS)

bench: setup ## benchmarks against floors and peers, as JSON and a table
	@$(BIN)/python -m benchmarks

lint: setup ## ruff, mypy --strict, import contracts
	@failed=0; \
	$(BIN)/ruff format --check -q --output-format concise . || { echo 'lint: run make format' >&2; failed=1; }; \
	$(BIN)/ruff check -q --output-format concise . || failed=1; \
	$(BIN)/mypy || failed=1; \
	$(BIN)/lint-imports --no-logo || failed=1; \
	exit $$failed

format: setup ## format the sources and fix what can be fixed
	@$(BIN)/ruff check -q --fix --exit-zero . && $(BIN)/ruff format -q .

lock: setup ## resolve pyproject.toml into requirements/ again (UPGRADE=1 raises the pins)
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove caches and build products (keeps .venv; make clean ALL=1 removes it too)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find seamless_lab tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@$(if $(ALL),rm -rf .venv .cache)
