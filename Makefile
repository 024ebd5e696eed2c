# Two commands are enough: `make demo` and `make test`. Each sets itself up in .venv.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench lint format contracts lock clean chaos

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the virtual environment (done by the other targets when needed)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up in $(VENV) (once, about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install -q --require-hashes -r requirements.lock
	@$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Run the whole pipeline on this machine and watch it (Ctrl-C ends it)
	@$(BIN)/hotline demo $(ARGS)

test: setup ## Run every test that this machine can run; says what it cannot and why
	@$(BIN)/python -m tests.support.jars
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

bench: setup ## Time the core; prints a Markdown table
	@$(BIN)/python -m tests.benchmarks.bench_decide

lint: setup ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## Put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

contracts: setup ## Generate the JSON Schemas and the AsyncAPI document from the models
	@$(BIN)/python -m schemas.contracts

lock: setup ## Resolve the dependencies anew into requirements.lock
	@$(UV) pip compile -q pyproject.toml --group build --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade -o requirements.lock

chaos: setup ## Strike at workers, sink, broker and database under load, then count (ROUNDS=10 SEED=3012)
	@$(BIN)/python -m tests.support.jars
	@$(BIN)/python -m tests.chaos.harness --rounds $(or $(ROUNDS),10) --seed $(or $(SEED),3012)

clean: ## Remove everything that was made here
	@rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis
