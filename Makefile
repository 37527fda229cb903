# Every target sets up what it needs: a virtual environment with exactly what the lock names, made anew
# when the lock or PYTHON changes. A second run starts at once, and needs no network.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Whatever Python the environment was made with, until another is chosen: make PYTHON=python3.13 demo
PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,python3)
# What a person's own pip configuration says of places and versions does not apply here.
SET_UP = PIP_USER=0 PIP_CONSTRAINT=/dev/null "$(PYTHON)" -I infra/local/virtualenv.py

.DEFAULT_GOAL := help
.PHONY: help demo demo-emulator dev selftest test test-fast lint checkov docs format lock faults audit flood kills mutants mutations order-fields bench bench-check clean always

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): always
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Countersign needs Python 3.11 or newer; choose one: make PYTHON=/path/to/python ..."; exit 1; }
	@$(SET_UP) $(VENV) requirements-dev.txt --editable

demo: $(STAMP) ## one order's whole way, end to end, with no account and no keys
	@$(BIN)/countersign demo

demo-emulator: $(STAMP) ## the same over Google's Pub/Sub emulator, where it is installed
	@$(BIN)/countersign demo --emulator

dev: $(STAMP) ## the local stack, kept running until Ctrl-C
	@$(BIN)/countersign dev

selftest: $(STAMP) ## trip every guardrail and rule type against the simulator, and see who is asked nothing
	@$(BIN)/countersign selftest

test: lint ## lint, types, layers and all tests
	@$(BIN)/pytest --cov --cov-report=term

test-fast: $(STAMP) ## the unit tests alone
	@$(BIN)/pytest tests/unit

lint: $(STAMP) ## ruff, mypy strict, import-linter, the schema of the Cloud Build files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --recursive common functions infra
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.cloudbuild cloudbuild*.yaml

# Apart from the rest: it pins what it needs, and nobody else needs it.
$(VENV)/checkov/.installed: always $(STAMP)
	@$(SET_UP) $(VENV)/checkov requirements-checkov.txt

checkov: $(VENV)/checkov/.installed ## the Terraform code against checkov's rules
	@LOG_LEVEL=ERROR $(VENV)/checkov/bin/checkov --directory terraform --framework terraform --quiet --compact --skip-download

$(VENV)/docs/.installed: always $(STAMP)
	@$(SET_UP) $(VENV)/docs requirements-docs.txt

docs: $(VENV)/docs/.installed ## the documentation site, built strictly into site/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/python -I -m mkdocs build --quiet --strict --clean

format: $(STAMP) ## put the code into its standard form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

# Extras are kept, so that an installer that resolves finds them pinned, too. What is deployed is
# pinned as it is tested.
LOCKED := --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --no-emit-index-url --no-emit-find-links

lock: $(STAMP) ## pin every dependency with its hashes
	@$(BIN)/uv pip compile --quiet $(LOCKED) --extra dev --output-file requirements-dev.txt pyproject.toml
	@$(BIN)/uv pip compile --quiet $(LOCKED) --no-annotate --constraint requirements-dev.txt --output-file requirements.txt pyproject.toml
	@echo checkov | $(BIN)/uv pip compile --quiet $(LOCKED) --no-annotate --output-file requirements-checkov.txt -
	@echo mkdocs-material | $(BIN)/uv pip compile --quiet $(LOCKED) --no-annotate --output-file requirements-docs.txt -

faults: $(STAMP) ## prove the invariants on N=1000 random schedules, from SEED= on
	@$(BIN)/python -m tests.faults.run $(or $(N),1000) $(if $(SEED),--seed $(SEED))

audit: $(STAMP) ## look the pinned packages up among known vulnerabilities, where the advisories can be had
	@$(BIN)/python -m tests.security.advisories

flood: $(STAMP) ## N=100000 hostile requests beside honest ones, under gunicorn
	@$(BIN)/pytest -q -n 0 -s --timeout 0 tests/security/test_flood.py --flood $(or $(N),100000)

kills: $(STAMP) ## kill the whole local stack N=100 times while it trades
	@$(BIN)/python -m tests.faults.kills $(or $(N),100) $(if $(SEED),--seed $(SEED))

mutations: $(STAMP) ## take each guard away in a copy, and see the fault proof notice
	@$(BIN)/python -m tests.faults.mutations $(N)

mutants: $(STAMP) ## change every third function a little, or what NAMES= match, and see the tests notice
	@$(BIN)/python -m tests.mutation $(NAMES)

order-fields: $(STAMP) ## remove each field of an order wherever it is named, and see a test fail
	@$(BIN)/python -m tests.order_fields $(if $(ONLY),--only "$(ONLY)")

bench: $(STAMP) ## measure speed, as ratios within one run: a table, bench/latest.json and bench/*.png
	@$(BIN)/python -m tests.bench $(if $(USERS),--most-users $(USERS))

bench-check: $(STAMP) ## compare what speed rests on with bench/counts.json: statements, requests, pages
	@$(BIN)/python -m tests.bench.check

clean: ## remove the virtual environment, caches and local data
	rm -rf $(VENV) site terraform/.build .countersign .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage *.egg-info
