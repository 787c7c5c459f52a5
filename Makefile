# Every task has one name here. `make` alone says what there is.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Each process has a Redis and a PostgreSQL of its own; they mostly wait, so two cores do for four or six.
PARALLEL := $(BIN)/pytest --dist worksteal tests/unit tests/services
# Of the modules that worker/compile.py names.
ON_THE_PATH := $(wildcard $(foreach of,limits line on_a_redis session web,tests/unit/test_$(of)*.py tests/services/test_$(of)*.py))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without compiled modules, each process that the tests start compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up demo down deploy test test-fast test-compiled lint fmt crds docs bench bench-queue bench-scaling chaos load load-1000 requirements

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/ready: requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer, or name yours with PYTHON=..."; exit 1; }
	@echo "Creating .venv from requirements/dev.txt (about a minute) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(BIN)/pip install --quiet uv==0.13.9
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

up: .venv/ready ## a local Kubernetes with the operator and the example in it; ends with a backlog being drained
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@test -e .cluster/demonstrated || $(MAKE) --no-print-directory demo
	@touch .cluster/demonstrated

demo: .venv/ready ## 500 jobs for the example, and how they are drained, once more
	@$(BIN)/python examples/homework/demo.py

deploy: .venv/ready ## operator and example again, after a change of their sources
	@$(BIN)/python -m cluster deploy

down: .venv/ready ## takes away every trace of `make up`
	@$(BIN)/python -m cluster down

test: lint ## all tests, as CI runs them: brings the cluster up where it is not
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@$(PARALLEL) -n 4
	@$(MAKE) --no-print-directory test-compiled
	@$(BIN)/pytest --ignore=tests/unit --ignore=tests/services

test-fast: .venv/ready ## tests that need no cluster, a minute and a half; needs redis-server, postgresql
	@command -v redis-server >/dev/null || { echo "redis-server is missing: apt-get install redis-server, or run make test, which installs it"; exit 1; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { echo "PostgreSQL's server is missing: apt-get install postgresql, or run make test, which installs it"; exit 1; }
	@$(PARALLEL) -n 6 -m "not more_programs" --hypothesis-profile=fast

test-compiled: .venv/ready ## the tests of a request's path on compiled modules, as images have them
	@$(BIN)/python -m cluster.compiled $(BIN)/pytest --dist worksteal -n 4 --hypothesis-profile=fast $(ON_THE_PATH)

lint: .venv/ready ## ruff, pyright, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright && $(BIN)/lint-imports --no-logo

fmt: .venv/ready ## formats and mends what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

crds: .venv/ready ## writes crds/ from the models, and manifests/install.yaml
	@$(BIN)/python -m osnovci_operator.crds
	@$(BIN)/python -m cluster install-manifest

docs: .venv/ready ## writes docs/reference/ from the CRDs
	@$(BIN)/python docs/generate.py

chaos: .venv/ready ## 20,000 jobs while workers are killed; an application while what it stands on fails
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@CHAOS=full $(BIN)/pytest -s tests/chaos

bench-queue: .venv/ready ## the queue beside its peers, which it installs into ~/.cache/osnovci/peers
	@$(BIN)/python -m benchmarks.queue_throughput

bench-scaling: .venv/ready ## simulates the scaling beside HPA, KEDA and Knative on 126 cells, some ten minutes
	@$(BIN)/python -m benchmarks.scaling

load: .venv/ready ## the seed's users come to the application for 8 minutes; needs npm
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@$(BIN)/python -m benchmarks.load

load-1000: .venv/ready ## 1,000 users at once, logged in, for 4 minutes; needs npm
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@$(BIN)/python -m benchmarks.load.thousand

bench: .venv/ready ## measures, prints its tables, writes benchmarks/results/
	@$(BIN)/python -m cluster up
	@$(BIN)/python -m cluster deploy
	@kept=0; for part in benchmarks benchmarks.database_pool benchmarks.queue_throughput; do $(BIN)/python -m $$part || kept=1; done; exit $$kept

requirements: .venv/ready ## pins the dependencies again, with hashes
	@for set in operator worker web; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes --extra $$set pyproject.toml -o requirements/$$set.txt; done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes --extra worker --extra database --extra web --group example pyproject.toml -o requirements/homework.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes --group build -o requirements/build.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes --all-extras --group example --group dev pyproject.toml -o requirements/dev.txt
