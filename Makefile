# The project's habits, one recipe each. `make help` lists them.
# The first Python here that is new enough; `make PYTHON=...` names another.
PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.demo

# Compiled modules are kept: the tests start hundreds of doors and servers.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test fast user lint types format bench scale judge framing fuzz mutants docs migration lock all clean

help: ## list the recipes
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(DEMO_STAMP): requirements/demo.txt pyproject.toml
	@$(if $(PYTHON),,$(error Doorward needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python))
	@$(PYTHON) scripts/bootstrap.py $(VENV) demo
	@touch $@

$(STAMP): requirements/dev.txt pyproject.toml
	@$(if $(PYTHON),,$(error Doorward needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python))
	@$(PYTHON) scripts/bootstrap.py $(VENV) dev
	@touch $(DEMO_STAMP) $@

demo: $(DEMO_STAMP) ## a sample server with sign-in, on http://127.0.0.1:8000/mcp
	@$(BIN)/doorward serve examples/01_fastmcp.py

test: $(STAMP) ## every test: unit, storage, real clients and servers, conformance, browser
	@$(BIN)/python scripts/test.py

fast: $(STAMP) ## the pure layers (decisions, wire facts, settings): 95 s of CPU, so under a minute on two idle cores
	@$(BIN)/python -m pytest -q -n 2 tests/oauth tests/mcp tests/config tests/test_strict_json.py tests/test_logs.py

user: ## do what the README tells a new user, in an empty environment with plain pip
	@$(PYTHON) scripts/as_a_user.py

lint: $(STAMP) ## ruff, layer contracts, file and function limits
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/check_limits.py
	@$(BIN)/python scripts/check_tests.py
	@$(BIN)/python scripts/check_privacy.py

types: $(STAMP) ## mypy strict
	@$(BIN)/mypy

format: $(STAMP) ## apply ruff's fixes and formatting
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format -q .

bench: $(STAMP) ## measure Doorward beside its peers, and judge the budgets (ARGS='--only "nginx|reverse proxy"')
	@$(BIN)/python -m bench $(ARGS)

scale: $(STAMP) ## measure a small store beside a big one (ARGS='--clients N --tokens N --postgres')
	@$(BIN)/python -m bench.scale $(ARGS)

judge: $(STAMP) ## kill, cut and race real doors, and check sixteen invariants (ARGS=--quick: minutes, not hours)
	@PYTHONPATH=tests $(BIN)/python -m judge $(ARGS)

framing: $(STAMP) ## odd framings through nginx, Caddy and HAProxy, in both directions (ARGS='--count 10000')
	@PYTHONPATH=tests $(BIN)/python -m framing $(ARGS)

fuzz: $(STAMP) ## look for input that no parser and no endpoint expects (ARGS='--only endpoints'; see python -m fuzz --help)
	@$(BIN)/python -m fuzz $(ARGS)

mutants: $(STAMP) ## take defences out one by one, and see that tests notice (ARGS='--only named --rows A-01,T-11')
	@$(BIN)/python -m mutation $(ARGS)

docs: $(STAMP) ## regenerate the generated pages
	@$(BIN)/python scripts/generate_docs.py

migration: $(STAMP) ## write the pair of migrations for what the record types have changed (NAME=what_for)
	@$(BIN)/python scripts/migration.py $(NAME)

lock: $(STAMP) ## recompile requirements/*.txt (hashes, no addresses)
	@$(BIN)/python scripts/lock.py

all: lint types test ## everything that the build checks

clean: ## remove what the recipes made
	rm -rf $(VENV) tests/node/node_modules
