# Everything that a person or CI does here. `make help` lists it.
# PYTHON=/path/to/python uses an environment that already holds the packages, torch included.
BASE ?= python3
VENV := .venv
ifdef PYTHON
READY :=
else
PYTHON := $(abspath $(VENV))/bin/python
READY := $(VENV)/.ready
endif
PORT ?= 4200
# So that `python` in dvc.yaml means this one.
export PATH := $(dir $(PYTHON)):$(PATH)

.PHONY: help setup run ui deploy worker repro test trials trials-kill fuzz check lesson schema lock bench peers peers-lock verify clean
.DEFAULT_GOAL := help

help: ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 14

setup: $(READY) ## make .venv from requirements.lock (a few minutes, once)

# --no-deps, for the lock has them all: pip 23 takes a package and its extras for two, and pins one.
$(VENV)/.ready: requirements.lock
	@$(BASE) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(BASE) is older than 3.11; name a newer one: make setup BASE=python3.12"; exit 1; }
	@echo "installing the packages of requirements.lock: some minutes, once"
	$(BASE) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(VENV)/bin/python -m flows.private
	touch $@

run: $(READY) ## run the graph, what params.yaml's `run` names, and show it
	$(PYTHON) -m flows.pipeline

ui: $(READY) ## show runs in a browser, at http://127.0.0.1:$(PORT)
	$(PYTHON) -m flows.server --port $(PORT)

deploy: $(READY) ## tell the server of `make ui` what prefect.yaml schedules
	$(PYTHON) -m flows.deploy

worker: $(READY) ## run what is due, until it is ended
	$(PYTHON) -m flows.deploy --worker

repro: $(READY) ## run the graph by DVC alone: the same files
	$(PYTHON) -m dvc repro

test: $(READY) ## run all tests, with branch coverage
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

trials: $(READY) ## try what is damaged, hostile or odd, and write docs/trials.md
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --trials=docs/trials.md

# Goes on where it was killed itself; `python -m kills soak` runs and kills for 20 minutes.
trials-kill: $(READY) ## kill runs at every place and at random, try each fault, write docs/reliability.md: an hour
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile --faults=results/kills/faults.md
	$(PYTHON) -m kills

# Coverage-guided, Linux only: `make fuzz TARGET=archives RUNS=50000`; fuzz/targets.py lists the targets.
TARGET ?= poses annotations archives lists
RUNS ?= 1000000
fuzz: $(READY) .venv-fuzz/.ready ## fuzz what parses by hand, RUNS times each TARGET
	for target in $(TARGET); do \
	  PYTHONPATH=.venv-fuzz OMP_NUM_THREADS=1 $(PYTHON) -m fuzz $$target $(RUNS) || exit 1; done
.venv-fuzz/.ready:
	$(PYTHON) -m pip install --quiet --target .venv-fuzz 'atheris==3.0.0'
	touch $@

check: $(READY) ## lint, types, layers, formatting
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(dir $(PYTHON))lint-imports

# PLAN=samples is a short form on the built-in samples: minutes, into reports/.
PLAN ?= mirror
lesson: $(READY) ## test the lesson's claims on the data of patches/mirror.yaml, and write docs/lesson.md: hours
	OMP_NUM_THREADS=1 $(PYTHON) -m docs.lesson --plan $(PLAN) $(if $(filter samples,$(PLAN)),--out reports)

schema: $(READY) ## write params.schema.json, which editors use
	$(PYTHON) -m tasks schema

lock: $(READY) ## choose versions anew and write requirements.lock
	$(dir $(PYTHON))uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --upgrade --quiet \
	  --custom-compile-command "make lock" -o requirements.lock

# BENCH="--only data,frozen --repeats 3" measures less; --quick tries everything at tiny sizes.
bench: $(READY) ## measure beside the peers that `make peers` made, and write docs/benchmarks.md: some hours
	$(PYTHON) -m benchmarks.bench $(BENCH)

# The peers of benchmarks/, in environments of their own.
PEERS := fastai ratings
peers: $(PEERS:%=.venv-%/.ready) ## make .venv-fastai and .venv-ratings, which benchmarks/ compares with
.venv-%/.ready: benchmarks/%/requirements.lock
	$(BASE) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --require-hashes -r $<
	touch $@

peers-lock: $(READY) ## write benchmarks/fastai/requirements.lock and benchmarks/ratings/'s
	for peer in $(PEERS); do \
	  $(dir $(PYTHON))uv pip compile benchmarks/$$peer/requirements.in --universal --python-version 3.11 \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --quiet \
	    --custom-compile-command "make peers-lock" -o benchmarks/$$peer/requirements.lock || exit 1; done

# MODEL=pets@production is the one in production.
verify: $(READY) ## train MODEL=models/pets again from its lineage, and compare the bytes
	$(PYTHON) -m flows.verify $(MODEL)

clean: ## remove the environment and all caches, but no data, model or report
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
