# What a user types; `make help` lists it.
#
# Exit codes. A recipe's command ends with 0 (done), 1 (ran and found something wrong), 2 (wrong usage) or 3
# (cannot run here), and make prints it ("Error 3"), but make's own code for any failed recipe is 2.
# Where the code itself matters, run the command: `.venv/bin/referrals run`.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
INSTALLED := .venv/.installed
LOCKS := requirements/runtime.txt requirements/development.txt

##@ Use

.PHONY: run
run: needs-broker $(INSTALLED) ## a real broker, router, ledger and notifier with their pages, simulated partners and desks (DURATION= s, RATE= records/s, YEAR=)
	@exec $(BIN)/referrals run

##@ Check

.PHONY: test
test: needs-broker $(INSTALLED) ## unit, properties, integration and the small fault test, a file each on two workers (WORKERS=0: one after the other)
	@$(BIN)/pytest --numprocesses $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## style, types, import walls, generated files up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict
	@$(BIN)/lint-imports
	@$(BIN)/python -m schemas.generate --check
	@$(BIN)/python -m services.router.document --check
	@$(BIN)/python -m services.ledger.document --check
	@$(BIN)/python -m services.notifier.document --check
	@$(BIN)/python -m services.console.reference --check
	@$(BIN)/python -m services.console.demo_rules --check

.PHONY: faults
faults: needs-broker $(INSTALLED) ## the long fault campaigns of router, ledger and notifier: kills, pauses, lost answers (OF=router, ledger, notifier: that one alone)
	@status=0; for of in $(or $(OF),$(if $(strip $(ARGS)),router,router ledger notifier)); do case $$of in \
		router) $(BIN)/python -m tests.faults.campaign $(ARGS) || status=$$? ;; \
		ledger) $(BIN)/python -m tests.faults.ledger $(ARGS) || status=$$? ;; \
		notifier) $(BIN)/python -m tests.faults.notifier $(ARGS) || status=$$? ;; \
		*) echo "OF=$$of: no such campaign; expected router, ledger or notifier" >&2; status=2 ;; esac; done; exit $$status

.PHONY: compose-test
compose-test: $(INSTALLED) ## docker compose up, publish with kcat, read the queue, see Prometheus scrape
	@$(BIN)/pytest tests/compose $(ARGS)

.PHONY: bench
bench: needs-broker $(INSTALLED) ## router, ledger and notifier: throughput, latency, memory, restore, scale; tables here, JSON in var/bench
	@$(BIN)/python -m tests.bench $(ARGS)

##@ Make

.PHONY: format
format: $(INSTALLED) ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: schemas
schemas: $(INSTALLED) ## JSON Schema and AsyncAPI from the models
	@$(BIN)/python -m schemas.generate

.PHONY: docs
docs: schemas ## every generated file: schemas, docs/metrics.md and docs/commands.md from the code, the rules of the demo
	@$(BIN)/python -m services.router.document
	@$(BIN)/python -m services.ledger.document
	@$(BIN)/python -m services.notifier.document
	@$(BIN)/python -m services.console.reference
	@$(BIN)/python -m services.console.demo_rules

.PHONY: lock
lock: ## settle every dependency anew in requirements/ (UPGRADE=--upgrade takes newer versions)
	@command -v uv >/dev/null || { echo 'uv is not installed: it settles the locked dependencies; pip install uv, then make lock again' >&2; exit 3; }
	@$(call settle,runtime,)
	@$(call settle,development,--group dev --constraint requirements/runtime.txt)

.PHONY: clean
clean: ## remove var/ (broker data, logs, databases) and caches; refused while a run uses them
	@if [ -e var/run.lock ] && ! flock --nonblock 9 9<var/run.lock; then \
		echo "var/ is in use: $$(tr '\n' ' ' < var/run.lock)- end that run first (Ctrl-C in its terminal), then make clean" >&2; exit 3; fi
	@rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The lock without any address: the same file holds wherever the packages come from.
settle = uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
	$(UPGRADE) $(2) pyproject.toml --output-file requirements/$(1).txt \
	&& sed -i -E '/^--?(find-links|f|index-url|i|extra-index-url|trusted-host)/d' requirements/$(1).txt

# The environment: made when missing, brought up to date when a lock or the project's own metadata changed.
$(INSTALLED): $(LOCKS) pyproject.toml | needs-python
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Making .venv' >&2; "$$($(find_python))" -m venv --clear .venv; }
	@echo 'Installing the locked dependencies into .venv' >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes $(LOCKS:%=-r %)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

PYTHON ?= python3
find_python = for p in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	if "$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$$p"; break; fi; done

.PHONY: needs-python
needs-python:
	@if [ -z "$$($(find_python))" ]; then \
		echo "Python 3.11 or later (with venv) is missing: everything here is written in it; install it (Debian: apt-get install python3 python3-venv) or name one with PYTHON=" >&2; exit 3; fi

# Java and Maven: only where a broker is started here, and Maven only until Kafka is fetched.
.PHONY: needs-broker
needs-broker: | needs-python
ifeq ($(strip $(KAFKA_BOOTSTRAP_SERVERS)),)
	@missing=0; \
	java=java; if [ -n "$$JAVA_HOME" ]; then java="$$JAVA_HOME/bin/java"; fi; \
	version=$$("$$java" -version 2>&1 | sed -nE 's/.* version "(1\.)?([0-9]+).*/\2/p' | head -1); \
	if [ "$${version:-0}" -lt 17 ]; then missing=3; \
		echo "Java 17 or later is missing (found: $${version:-none}): Kafka, the broker, runs on it; install it (Debian: apt-get install openjdk-17-jre-headless) or point JAVA_HOME at one" >&2; fi; \
	if ! ls "$${XDG_CACHE_HOME:-$$HOME/.cache}"/referrals/kafka-*/CONTENTS >/dev/null 2>&1 && ! command -v mvn >/dev/null; then missing=3; \
		echo 'Maven is missing: it fetches Kafka, the broker; install it (Debian: apt-get install maven)' >&2; fi; \
	exit $$missing
endif
