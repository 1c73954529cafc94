# Every target sets up what it needs first; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PROMTSDB := $(PYTHON) -m promtsdb_dagster.cli
PORT ?= 3030
SIZE ?= full
SECONDS ?= 600
FORM ?= long

.PHONY: help setup demo up migrate backfill refresh replace recall move coverage health test check bench faults fuzz docs pictures tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.DEFAULT:
	@echo "error: there is no target $@; \`make\` alone lists them" >&2; exit 2

setup: ## Install what the commands need into .venv
	@scripts/setup

demo: setup ## Run the whole pipeline on the bundled stack and print what it stored and answers
	@$(PROMTSDB) demo

up: setup ## Keep the bundled stack and the Dagster UI running until Ctrl-C: PORT=3030
	@$(PROMTSDB) up --port $(PORT)

migrate: setup ## Apply all migrations through Dagster
	@$(PROMTSDB) migrate

backfill: setup ## Backfill a range through Dagster: ASSET=backfill_1w FROM=2026-11-15 TO=2026-11-21
	@$(PROMTSDB) backfill --asset '$(ASSET)' --from '$(FROM)' --to '$(TO)' $(ARGS)

refresh: setup ## Make all aggregates anew over a range: FROM=2026-11-15 TO=2026-11-21
	@$(PROMTSDB) refresh --from '$(FROM)' --to '$(TO)'

replace: setup ## Delete and write anew a metric of a wrong rule: METRIC=web_requests FROM= TO=
	@$(PROMTSDB) replace --metric '$(METRIC)' --from '$(FROM)' --to '$(TO)' $(ARGS)

recall: setup ## Tell a new Dagster which partitions the database knows to be done
	@$(PROMTSDB) recall

move: setup ## Copy another database into that of DATABASE_URL: URL=postgresql://me@old/metrics
	@$(PROMTSDB) move --from '$(URL)'

coverage: setup ## Show what is stored of every metric, and draw it: FROM=2026-11-01 TO= ARGS='--output coverage.png'
	@$(PROMTSDB) coverage $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)') $(ARGS)

health: setup ## Ask the database and every service whether they do their work
	@$(PROMTSDB) health

# Files side by side: most tests wait for servers. Some, given in ARGS, run one after the other.
test: ## Run all tests: ARGS='-k windows'
	@scripts/setup --tests
	@$(PYTHON) -m pytest $(if $(ARGS),$(ARGS),--numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder)

bench: ## Measure, print a table, write bench/results.json: SIZE=quick ARGS='--only api'
	@scripts/setup --tests
	@$(PYTHON) -m bench --size $(SIZE) $(ARGS)

faults: ## Hurt the system and compare with the source, write faults/results.json: FORM=short ARGS='--only kill'
	@scripts/setup --tests
	@$(PYTHON) -m faults --form $(FORM) $(ARGS)

check: ## Check format, lint, types, import rules, that the rule files are rendered, Compose files
	@scripts/setup --tests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTHON) -m promtsdb_dagster.rulesets check
	@scripts/lint-compose

fuzz: ## Feed the readers what nobody meant to send: SECONDS=600 TARGET=rules JOBS=2
	@scripts/setup --fuzz
	@$(PYTHON) -m fuzz --seconds $(SECONDS) $(if $(JOBS),--jobs $(JOBS)) $(addprefix --target ,$(TARGET)) $(ARGS)

docs: ## Write the pages of docs/reference from the code: ARGS='--check', ARGS='settings api'
	@scripts/setup --tests
	@$(PYTHON) -m docgen $(ARGS)

pictures: ## Take screenshots of the real UI into docs/pictures in headless Chromium: ARGS='--only graph'
	@scripts/setup --tests
	@$(PYTHON) -m pictures $(ARGS)

tools: ## Build Telegraf, vmalert, Caddy and golang-migrate into tools/bin with Go: ARGS='caddy'
	@scripts/tools $(ARGS)
