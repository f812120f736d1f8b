# hostcast. `make help` lists what can be made.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro test check fuzz experiments tensorboard report lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## make .venv with the locked dependencies (a minute or two)

repro: $(VENV)/.ready ## set up, run the whole pipeline (dvc repro), show the result
	dvc repro
	@echo
	@dvc metrics show --md reports/evaluate/metrics.json
	@echo
	@echo "report      reports/report.html"
	@echo "plots       dvc plots show --open   (pictures: reports/evaluate/plots)"
	@echo "benchmark   reports/benchmark/benchmark.md"

test: $(VENV)/.ready-test ## set up, then all tests, ruff and mypy
	ruff check .
	ruff format --check .
	mypy
	pytest

check: $(VENV)/.ready-test ## the quick part of the tests: no whole pipelines
	ruff check .
	ruff format --check .
	mypy
	pytest -m "not slow"

# another seed each time; a failing input is kept, with the seed that makes it again
fuzz: $(VENV)/.ready-test ## read damaged files for ten minutes (or HOSTCAST_FUZZ_SECONDS=60)
	python tests/fuzz/fuzz_readers.py --seed $${HOSTCAST_FUZZ_SEED:-$$(date +%s)00000}

experiments: $(VENV)/.ready ## the experiment table, headline columns only
	@dvc exp show --only-changed --md --drop '^(src|stages|data|models|reports|epoch_seconds|all_against_baseline|cpu|cuda|memory|State|Executor).*'

tensorboard: $(VENV)/.ready ## TensorBoard on logs/
	tensorboard --logdir logs

lock: ## resolve pyproject.toml anew and pin what comes out
	rm -rf .venv.lock && $(PYTHON) -m venv .venv.lock
	.venv.lock/bin/python -m pip install --quiet "$$(grep -o 'torch==[0-9.]*' pyproject.toml)" setuptools
	.venv.lock/bin/python -m pip install --quiet -e .
	.venv.lock/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' > requirements.lock
	.venv.lock/bin/python -m pip install --quiet -e '.[test]'
	.venv.lock/bin/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+.*//' \
		| grep -vxFf requirements.lock > requirements-test.lock
	rm -rf .venv.lock

clean: ## remove the environment and caches; data, models and DVC's cache stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hostcast needs Python 3.11 or newer, and $(PYTHON) is older. Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# torch first: asked for among others, pip may pick a build of several GB
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.lock)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-test: $(VENV)/.ready requirements-test.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.lock
	@touch $@
