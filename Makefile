# Requires Python 3.11 or newer, pip, make and git; everything else is installed into .venv.
# `make help` lists the targets.

VENV   ?= .venv
PY     := $(VENV)/bin/python
COMPOSE ?= docker compose
# With a terminal, Ctrl-C reaches a command in a container; without one, docker compose must not ask for it.
TTY     = $$(test -t 0 -a -t 1 || echo --no-TTY)

# Tests start the services as processes many times: keep compiled bytecode for the next start.
export PYTHONDONTWRITEBYTECODE :=

# Commands in hints are then printed for make.
run auth mcp token rotate-keys doctor: export SALLYPORT_RUN_BY := make

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Local

run: $(VENV)/.local-installed ## Start Valkey, auth_service and mcp_service on localhost; Ctrl-C stops all
	@INVOKED_FROM="$(PWD)" $(PY) -m devstack.run --end-with-parent

# The time that the user waits includes the installation.
run: export MAKE_STARTED_AT := $(shell date +%s)

auth: $(VENV)/.local-installed ## Run a command of auth_service against `make run`: make auth ARGS="users list"
	@$(PY) -m devstack.command auth_service $(ARGS)

mcp: $(VENV)/.local-installed ## Run a command of mcp_service against `make run`: make mcp ARGS="check-config"
	@$(PY) -m devstack.command mcp_service $(ARGS)

token: ## Print an access token for curl and scripts: make token ARGS="--scope notes:read"
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(COMPOSE) exec $(TTY) auth python -m auth_service tokens issue --paste $(ARGS); \
	else \
		$(MAKE) --silent $(VENV)/.local-installed && $(PY) -m devstack.token $(ARGS); \
	fi

backup: $(VENV)/.local-installed ## Back up the data of `make run`, also while it runs: make backup TO=directory
	@test -n "$(TO)" || { echo "name a directory: make backup TO=directory"; exit 2; }
	@$(PY) -m devstack.backup save "$(TO)"

restore: $(VENV)/.local-installed ## Restore a backup into an empty data directory: make restore FROM=directory
	@test -n "$(FROM)" || { echo "name a backup: make restore FROM=directory"; exit 2; }
	@$(PY) -m devstack.backup restore "$(FROM)"

doctor: $(VENV)/.local-installed ## Diagnose an MCP server: make doctor URL=https://host/mcp ARGS="--login"
	@$(if $(URL)$(ARGS),$(PY) -m sallyport_doctor $(if $(URL),'$(URL)') $(ARGS),echo "URL is missing: make doctor URL=https://host/mcp"; exit 2)

##@ Development

test: $(VENV)/.dev-installed ## Run the test suite against a real Valkey: make test ARGS="-k words"
	@$(PY) -m pytest -m "not long and not npm" -n 4 --dist loadfile $(ARGS)

test-long: $(VENV)/.dev-installed ## Run the longer suites: hostile input, replicas killed under load, rotation under load
	@$(PY) -m pytest -m long --timeout 1800 $(ARGS)

test-topologies: $(VENV)/.dev-installed ## Run the tests marked `store` on a cluster, behind Sentinels, with restricted rights (STORE_SERVER=/path/redis-server)
	@STORE_TOPOLOGY=cluster $(PY) -m pytest -m store $(ARGS)
	@STORE_TOPOLOGY=sentinel $(PY) -m pytest -m store $(ARGS)
	@STORE_TOPOLOGY=limited $(PY) -m pytest -m store $(ARGS)

test-clients: $(VENV)/.dev-installed ## Run tests with third-party clients and servers (installs packages from npm and PyPI)
	@$(PY) -m pytest -m npm --ignore tests/conformance --timeout 600 $(ARGS)

test-tools: ## Install what further tests need, as root of a Debian system: Chromium, npm, Glewlwyd
	@updated=; \
	install() { \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then echo "not installed: $$*"; return; fi; \
		[ -n "$$updated" ] || apt-get update -qq >/dev/null 2>&1; updated=1; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$@" >/dev/null 2>&1 \
			|| echo "could not install: $$*"; \
	}; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || install chromium; \
	command -v npm >/dev/null || install nodejs npm; \
	command -v glewlwyd >/dev/null || install glewlwyd dbconfig-sqlite3

test-conformance: $(VENV)/.dev-installed ## Run the official conformance suite against both services (requires npm)
	@$(PY) -m pytest tests/conformance --timeout 600 $(ARGS)

fuzz: $(VENV)/.dev-installed ## Send REQUESTS (100,000) malformed requests to the endpoints; SEED=n for other ones
	@FUZZ_REQUESTS=$(or $(REQUESTS),100000) FUZZ_SEED=$(or $(SEED),1) $(PY) -m pytest tests/fuzz -s --timeout 0 $(ARGS)

attack: $(VENV)/.dev-installed ## Play attacks against a running pair, one table of costs: make attack ARGS="json raw --log-format console"
	@$(PY) -m tests.attack_run $(ARGS)

soak: $(VENV)/.dev-installed ## Attack a running pair from many networks beside honest users: make soak ARGS="sign-ins --seconds 30"
	@$(PY) -m tests.soak $(ARGS)

screenshots: $(VENV)/.dev-installed ## Take every page of both services with Chromium, and remake the images of the documentation
	@$(PY) -m tests.screenshots

lint: $(VENV)/.dev-installed ## Check format, style, import layers and types
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(VENV)/bin/mypy

format: $(VENV)/.dev-installed ## Format the code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix --select I .

bench: $(VENV)/.dev-installed ## Run the benchmarks, about nine minutes, and print one table: make bench ARGS="tokens --seconds 0.3"
	@$(PY) -m tests.benchmarks $(ARGS)

request-path: $(VENV)/.dev-installed ## List the project files that a request enters, and write the table of docs/architecture.md
	@$(PY) -m tests.request_path

settings: $(VENV)/.dev-installed ## Regenerate .env.example from the settings of both services
	@$(PY) -m devstack.settings_reference

messages: $(VENV)/.dev-installed ## Collect the texts of the pages in auth_service/pages/messages.pot, for translators
	@$(PY) -m devstack.messages_template

requirements: $(VENV)/.dev-installed ## Pin the dependencies of pyproject.toml: make requirements ARGS=--upgrade
	@$(PY) -m pip install --quiet uv
	@$(PY) -m devstack.pin_requirements $(ARGS)

##@ Docker compose

up: ## Build and start both services behind the gateway, and say what comes next; make up ARGS=auth for one service
	@COMPOSE="$(COMPOSE)" deploy/up.sh $(ARGS)

scale: ## Change the number of replicas while calls run: make scale AUTH=2 MCP=3
	@$(COMPOSE) up --detach --wait --no-recreate $(if $(AUTH),--scale auth=$(AUTH)) $(if $(MCP),--scale mcp=$(MCP))

down: ## Stop; the data stays in the volumes
	@$(COMPOSE) down

compose-backup: ## Back up the running deployment: make compose-backup TO=directory
	@test -n "$(TO)" || { echo "name a directory: make compose-backup TO=directory"; exit 2; }
	@COMPOSE="$(COMPOSE)" deploy/backup.sh save "$(TO)"

compose-restore: ## Restore a backup into an empty deployment: make compose-restore FROM=directory
	@test -n "$(FROM)" || { echo "name a backup: make compose-restore FROM=directory"; exit 2; }
	@COMPOSE="$(COMPOSE)" deploy/backup.sh load "$(FROM)"

rotate-keys: ## Rotate the signing key of the running deployment without a failed call: make rotate-keys ARGS="--timeout 30"
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(COMPOSE) exec $(TTY) auth python -m auth_service keys rotate $(ARGS); \
	else \
		$(MAKE) --silent $(VENV)/.local-installed && $(PY) -m devstack.command auth_service keys rotate $(ARGS); \
	fi

drill-key-compromise: $(VENV)/.dev-installed ## Revoke the signing key of the running deployment as after a theft, and print the times
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(PY) -m tests.drills.key_compromise "$(COMPOSE)"; \
	else \
		$(PY) -m tests.drills.key_compromise; \
	fi

drill-revocation: $(VENV)/.dev-installed ## End the access of an application on the running deployment, and print when its last call was accepted
	@if [ -n "$$($(COMPOSE) ps --quiet auth 2>/dev/null)" ]; then \
		$(PY) -m tests.drills.revocation "$(COMPOSE)"; \
	else \
		$(PY) -m tests.drills.revocation; \
	fi

drill-failover: $(VENV)/.dev-installed ## Fail a Redis primary under load, on separate processes, and print the effects
	@$(PY) -m tests.drills.failover $(ARGS)

# Installation: once, and again when a requirements file changes. The second set includes the first.

install = echo "installing …"; $(PY) -m pip install --quiet --require-hashes -r $(1) \
	|| { echo "make: the packages of $(1) are missing: pip, whose messages are above, needs a network, or in its" \
		"configuration a mirror or a folder of wheels." >&2; exit 1; }

$(VENV)/.local-installed: requirements-local.txt
	@$(MAKE) --no-print-directory $(VENV)/bin/python
	@test -e $(VENV)/.dev-installed -a ! requirements-local.txt -nt $(VENV)/.dev-installed \
		|| { $(call install,requirements-local.txt); }
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt
	@$(MAKE) --no-print-directory $(VENV)/bin/python
	@$(call install,requirements-dev.txt)
	@touch $@

$(VENV)/bin/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m venv $(VENV); \
		fi; \
	done; echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3 …" >&2; exit 1

.PHONY: help run auth mcp token backup restore doctor test test-long test-topologies test-clients test-tools test-conformance fuzz attack soak lint format screenshots bench request-path settings messages requirements up scale down compose-backup compose-restore rotate-keys drill-key-compromise drill-revocation drill-failover
