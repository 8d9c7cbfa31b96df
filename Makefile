# What a person or CI does with this repository. `make help` lists it. Python 3.11 or later is enough.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-cluster mutate chaos kube-assets e2e image lint chart bench soak env lock reference crds clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

DEMO_CONFIG ?= config/examples/paper.yaml
DEMO_SECONDS ?=
TEST_WORKERS ?= 2
TEST_OPTIONS ?=
SOAK_MINUTES ?= 30
CHAOS_SEEDS ?= 200
CHAOS_SEED ?=
CHAOS_WORKERS ?=
CHAOS_RESUME ?=
CHAOS_SCENARIOS := tests/chaos tests/integration/executor/test_named_scenarios.py \
	tests/integration/executor/test_executor_survives_sigkill.py \
	tests/integration/executor/test_parts_and_reversals.py \
	tests/integration/executor/test_money_that_moves_without_orders.py \
	tests/integration/executor/test_start_without_every_answer.py
# A folder with etcd and kube-apiserver, as other projects name it; without one they are built.
KUBEBUILDER_ASSETS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) DEMO_CONFIG=$(DEMO_CONFIG) DEMO_SECONDS TEST_WORKERS=$(TEST_WORKERS) TEST_OPTIONS"

# --- use it ---------------------------------------------------------------------------------------

# The development environment holds all that the demo needs; without it a smaller one is made.
DEMO_ENV := $(if $(wildcard $(VENV)/.env-dev),$(VENV)/.env-dev,$(VENV)/.env-local)

demo: $(DEMO_ENV) ## Watch a bot trade on paper; DEMO_SECONDS=60 ends it by itself with a summary
	@echo "This demo trades on paper against a recorded market: it pays the exchange's fees, and it loses."
	$(BIN)/tradefleet up $(DEMO_CONFIG) --verify $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

# --- work on it -----------------------------------------------------------------------------------

test: lint ## Lint, then every test that needs Python alone
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup $(TEST_OPTIONS)

test-cluster: env kube-assets ## Every test that needs a real API server, and no node
	$(BIN)/python -m pytest $(TEST_OPTIONS) tests/cluster

e2e: env ## The images and the chart on a real cluster: kind where Docker is, else one node of our own
	PYTHON=$(BIN)/python hack/e2e $(TEST_OPTIONS)

image: ## Build both images into build/images, with Docker or with buildah
	hack/image build/images

chaos: env ## Break two executors' world by CHAOS_SEEDS=200 schedules (CHAOS_SEED=17 plays one), then each named scenario
	$(BIN)/python -m tests.chaos $(if $(CHAOS_SEED),--seed $(CHAOS_SEED),--seeds $(CHAOS_SEEDS)) $(addprefix --workers ,$(CHAOS_WORKERS)) $(if $(CHAOS_RESUME),--resume)
	$(if $(CHAOS_SEED),,$(BIN)/python -m pytest -s --long $(TEST_OPTIONS) $(CHAOS_SCENARIOS))

mutate: env ## Break the code that decides about money line by line, and ask its tests; writes docs/mutation.md, not in CI
	nice $(BIN)/python hack/mutate.py --workers $(TEST_WORKERS)

kube-assets: ## Build etcd, kube-apiserver, kubectl and helm with Go, 8 minutes when cold; KUBEBUILDER_ASSETS names a folder that has them
	@$(if $(KUBEBUILDER_ASSETS),echo "Using KUBEBUILDER_ASSETS=$(KUBEBUILDER_ASSETS)",hack/kube/build control-plane && hack/kube/build tools)

lint: env ## Style, types, layers, and the generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tradefleet.spec.reference_page | diff -u docs/reference/tradingbot.md - \
		|| { echo "docs/reference/tradingbot.md is out of date: run make reference" >&2; exit 1; }
	for page in refusals alerts; do $(BIN)/python -m tradefleet.core.words_page $$page \
		| diff -u docs/reference/$$page.md - \
		|| { echo "docs/reference/$$page.md is out of date: run make reference" >&2; exit 1; }; done
	$(BIN)/python -m tradefleet.spec.manifests --check crds
	$(BIN)/python hack/chart.py --check

chart: env ## Write what the chart takes from crds/ and from its values
	$(BIN)/python hack/chart.py

bench: env ## Measure the hot paths on this machine
	$(BIN)/python -m bench

soak: env ## Watch a hundred symbols trade for SOAK_MINUTES=30: CPU, late exits, lost epochs, size of the decision log
	$(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES)

reference: env ## Write docs/reference/ from the spec, the table of codes, the refusals and the alerts
	$(BIN)/python -m tradefleet.spec.reference_page > docs/reference/tradingbot.md
	$(BIN)/python -m tradefleet.orders.outcome_page > docs/reference/bybit-codes.md
	$(BIN)/python -m tradefleet.core.words_page refusals > docs/reference/refusals.md
	$(BIN)/python -m tradefleet.core.words_page alerts > docs/reference/alerts.md

crds: env ## Write crds/ from the spec
	$(BIN)/python -m tradefleet.spec.manifests crds

# --- the environment ------------------------------------------------------------------------------

env: $(VENV)/.env-dev ## Make the environment, or bring it up to date with the lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is missing or older than Python 3.11; name another one: make env PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# Everything comes with hashes; then the project itself, with the builder that the lock has brought.
$(VENV)/.env-%: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "Installing requirements/$*.lock into $(VENV); the first time this takes a minute or two."
	@$(PIP) --require-hashes -r requirements/$*.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate $(LOCK_OPTIONS) pyproject.toml requirements/build.in

lock: env ## Write requirements/*.lock from pyproject.toml; LOCK_OPTIONS=--upgrade takes newer releases
	$(UV_COMPILE) requirements/tools.in --extra dev -o requirements/dev.lock
	$(UV_COMPILE) --extra local -c requirements/dev.lock -o requirements/local.lock
	$(UV_COMPILE) --extra runtime -c requirements/dev.lock -o requirements/runtime.lock
	$(UV_COMPILE) --extra operator -c requirements/dev.lock -o requirements/operator.lock

clean: ## Remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find operator runtime tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
