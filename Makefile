# Everything works on a bare machine with Python 3.11+, pip, make and git; the rest is installed into .venv.
# `make help` lists the targets.

VENV   ?= .venv
PY     := $(VENV)/bin/python
COMPOSE ?= docker compose

# The services start in processes of their own, many times in the tests: keep what Python compiled for the next start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ On your machine

run: $(VENV)/.local-installed ## Start the store, auth_service and mcp_service on localhost; Ctrl-C stops all
	@$(PY) -m devstack.run --end-with-parent

auth: $(VENV)/.local-installed ## A command of auth_service against `make run`: make auth ARGS="users list"
	@$(PY) -m devstack.command $(ARGS)

backup: $(VENV)/.local-installed ## Save what the pair of `make run` keeps, while it runs: make backup TO=directory
	@test -n "$(TO)" || { echo "name a directory: make backup TO=directory"; exit 2; }
	@$(PY) -m devstack.backup save "$(TO)"

restore: $(VENV)/.local-installed ## Put a backup where no data is yet: make restore FROM=directory
	@test -n "$(FROM)" || { echo "name a backup: make restore FROM=directory"; exit 2; }
	@$(PY) -m devstack.backup restore "$(FROM)"

doctor: $(VENV)/.local-installed ## Diagnose an MCP server: make doctor URL=https://host/mcp ARGS="--login"
	@$(if $(URL)$(ARGS),$(PY) -m sallyport_doctor $(if $(URL),'$(URL)') $(ARGS),echo "URL is missing: make doctor URL=https://host/mcp"; exit 2)

##@ Work on the code

test: $(VENV)/.dev-installed ## Run the test suite against a real Valkey: make test ARGS="-k words"
	@$(PY) -m pytest -m "not long and not npm" -n 2 --dist loadfile $(ARGS)

test-long: $(VENV)/.dev-installed ## The longer suites: hostile input, replicas killed under load, rotation under load
	@$(PY) -m pytest -m long --timeout 1800 $(ARGS)

test-topologies: $(VENV)/.dev-installed ## The tests marked `store` on a cluster, behind Sentinels, with few rights (STORE_SERVER=/path/redis-server for another)
	@STORE_TOPOLOGY=cluster $(PY) -m pytest -m store $(ARGS)
	@STORE_TOPOLOGY=sentinel $(PY) -m pytest -m store $(ARGS)
	@STORE_TOPOLOGY=limited $(PY) -m pytest -m store $(ARGS)

test-clients: $(VENV)/.dev-installed ## Tests with clients and servers of others (installs packages from npm and the Python index)
	@$(PY) -m pytest -m npm --timeout 600 $(ARGS)

test-conformance: $(VENV)/.dev-installed ## The official conformance suite against mcp_service (needs npm)
	@$(PY) -m pytest tests/conformance --timeout 600 $(ARGS)

fuzz: $(VENV)/.dev-installed ## Send REQUESTS (100,000) bad requests to every endpoint; SEED=n for others
	@FUZZ_REQUESTS=$(or $(REQUESTS),100000) FUZZ_SEED=$(or $(SEED),1) $(PY) -m pytest tests/fuzz -s --timeout 0 $(ARGS)

lint: $(VENV)/.dev-installed ## Check format, style, import layers and types
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(VENV)/bin/mypy

format: $(VENV)/.dev-installed ## Format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix --select I .

bench: $(VENV)/.dev-installed ## Measure, and print one table of ratios
	@$(PY) -m tests.benchmarks $(ARGS)

request-path: $(VENV)/.dev-installed ## List the project files that a request enters, and write the table of docs/architecture.md
	@$(PY) -m tests.request_path

settings: $(VENV)/.dev-installed ## Write .env.example anew from the settings of both services
	@$(PY) -m devstack.settings_reference

requirements: $(VENV)/.dev-installed ## Pin the dependencies of pyproject.toml anew: make requirements ARGS=--upgrade
	@$(PY) -m pip install --quiet uv
	@$(PY) -m devstack.pin_requirements $(ARGS)

##@ With docker compose

up: ## Build and start the pair behind its gateway
	@$(COMPOSE) up --build --detach --wait

scale: ## Change the number of replicas while calls run: make scale AUTH=2 MCP=3
	@$(COMPOSE) up --detach --wait --no-recreate $(if $(AUTH),--scale auth=$(AUTH)) $(if $(MCP),--scale mcp=$(MCP))

down: ## Stop; the data stays in its volumes
	@$(COMPOSE) down

compose-backup: ## Save what the running deployment keeps: make compose-backup TO=directory
	@test -n "$(TO)" || { echo "name a directory: make compose-backup TO=directory"; exit 2; }
	@COMPOSE="$(COMPOSE)" deploy/backup.sh save "$(TO)"

compose-restore: ## Put a backup into a deployment that has no data yet: make compose-restore FROM=directory
	@test -n "$(FROM)" || { echo "name a backup: make compose-restore FROM=directory"; exit 2; }
	@COMPOSE="$(COMPOSE)" deploy/backup.sh load "$(FROM)"

rotate-keys: ## Replace the signing key of the running deployment without one failed call
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(COMPOSE) exec --no-TTY auth python -m auth_service keys rotate; \
	else \
		$(MAKE) --no-print-directory auth ARGS="keys rotate"; \
	fi

drill-key-compromise: $(VENV)/.dev-installed ## Withdraw the signing key of the running pair as if it were stolen, and print the times
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(PY) -m tests.drills.key_compromise "$(COMPOSE)"; \
	else \
		$(PY) -m tests.drills.key_compromise; \
	fi

drill-failover: $(VENV)/.dev-installed ## Lose a primary of a store under load, on processes of its own, and print what that cost
	@$(PY) -m tests.drills.failover $(ARGS)

# Installation: once, and again when a requirements file changes. The second set holds all of the first.

$(VENV)/.local-installed: requirements-local.txt
	@$(MAKE) --no-print-directory $(VENV)/bin/python
	@test -e $(VENV)/.dev-installed -a ! requirements-local.txt -nt $(VENV)/.dev-installed \
		|| { echo "installing …"; $(PY) -m pip install --quiet --require-hashes -r requirements-local.txt; }
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt
	@$(MAKE) --no-print-directory $(VENV)/bin/python
	@echo "installing …"
	@$(PY) -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/bin/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m venv $(VENV); \
		fi; \
	done; echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3 …" >&2; exit 1

.PHONY: help run auth backup restore doctor test test-long test-topologies test-clients test-conformance fuzz lint format bench request-path settings requirements up scale down compose-backup compose-restore rotate-keys drill-key-compromise drill-failover
