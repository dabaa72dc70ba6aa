# Everything runs in the one environment, .venv. Only Python >= 3.10 and make are needed on the machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help venv
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/.complete  ## make .venv (every other target does it by itself)
$(VENV)/.complete: pyproject.toml sandbox/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed; say which: make PYTHON=python3.12 …" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling hatch-fancy-pypi-readme editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e ./sandbox -e '.[dev]'
	@touch $@

.PHONY: demo test test-fast test-lowest matrix crash chaos fuzz examples backfill distributed lint format coverage docs ui bench bench-full dist clean
demo: venv  ## run the main job on the embedded sandbox and leave images to look at
	@$(BIN)/python -m demo

test: venv  ## run all tests
	$(BIN)/python -m pytest -q -n $(or $(JOBS),2) --dist loadgroup $(ARGS)

# Those that are not there (yet) are left out.
PURE := $(wildcard $(addprefix tests/,models gateways fuzz client lifecycle durable operators hooks policies routes test_floors.py test_provider_info.py))
test-fast: venv  ## the tests that need no Airflow process and no database: a minute at most
	$(BIN)/python -m pytest -q -n $(or $(JOBS),2) --dist loadgroup -m 'not airflow and not standalone and not postgres' $(PURE) $(ARGS)

test-lowest:  ## the pure tests and the operators with the lowest versions of packages, on Airflow 3.3
	$(PYTHON) -m venv build/venv-lowest
	build/venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt hatchling hatch-fancy-pypi-readme editables
	build/venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints-lowest.txt -e ./sandbox -e '.[test]'
	build/venv-lowest/bin/python -m pytest -q tests/models tests/gateways tests/client tests/lifecycle tests/storage tests/sandbox tests/airflow/test_chain.py tests/airflow/test_operators.py

matrix:  ## the tests on each Airflow and Python; writes docs/compatibility.md (ARGS="--airflow 3.1 --python 3.12 --cells chain")
	$(PYTHON) -m tests.matrix --publish $(ARGS)

crash: venv  ## kill every process at every boundary of a real Airflow; writes docs/reliability.md
	$(BIN)/python -m tests.crash $(ARGS)

chaos: venv  ## 200 seeded random fault schedules; writes docs/reliability.md
	$(BIN)/python -m tests.chaos --publish $(ARGS)

fuzz: venv  ## 100 000 mutated answers to every reader of every gateway; writes docs/reliability.md
	$(BIN)/python -m tests.fuzz --publish $(ARGS)

examples: venv  ## every example DAG on a real Airflow, and a search of all that it wrote for secrets
	ORUX_EXAMPLES=all $(BIN)/python -m pytest -q -n 0 tests/airflow/test_examples_on_processes.py $(ARGS)

backfill: venv  ## thirty days of the content pipeline, twice: the second time costs nothing
	ORUX_BACKFILL_DAYS=30 $(BIN)/python -m pytest -q -s tests/airflow/test_backfill.py

$(VENV)/.distributed: $(VENV)/.complete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e ./sandbox -e '.[dev,distributed]'
	@touch $@

distributed: $(VENV)/.distributed  ## the chain on CeleryExecutor with Redis and PostgreSQL
	tests/distributed/setup.sh
	$(BIN)/python -m tests.distributed --publish $(ARGS)

lint: venv  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/mypy --strict example_dags/*.py

format: venv  ## put the code into shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

coverage: venv  ## write docs/coverage.md: what of the vendors' documents works, and how
	$(BIN)/python -m tests.coverage_table

docs: venv  ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html
	@echo docs/_build/html/index.html

ui: venv  ## Airflow with the example DAGs, your own (DAGS=folder) and the sandbox, on loopback; FAST=1: quick jobs
	@$(BIN)/python -m demo.ui $(if $(DAGS),--dags $(DAGS)) $(if $(FAST),--fast) $(if $(PORT),--port $(PORT)) \
		$(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT)) $(ARGS)

$(VENV)/.bench: $(VENV)/.complete
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e ./sandbox -e '.[dev,bench]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --no-deps --target build/bench-s3 -r benchmarks/s3.txt
	@touch $@

bench: $(VENV)/.bench  ## short benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

bench-full: $(VENV)/.bench  ## all benchmarks, five repeats of a good hour each (REPEATS=1); writes docs/benchmarks/
	$(BIN)/python -m benchmarks --full --repeats $(or $(REPEATS),5) $(ARGS)

DIST := build/venv-dist
dist:  ## both distributions into dist/, checked as an index would
	$(PYTHON) -m venv $(DIST)
	$(DIST)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt build twine check-wheel-contents pyroma hatchling hatch-fancy-pypi-readme
	rm -rf dist
	$(DIST)/bin/python -m build --no-isolation --outdir dist sandbox
	$(DIST)/bin/python -m build --no-isolation --outdir dist .
	$(DIST)/bin/python -m twine check --strict dist/*
	$(DIST)/bin/check-wheel-contents dist/*.whl
	# 8 of 10: the one complaint is the missing e-mail address of an author; the project has none.
	for f in dist/*.tar.gz; do $(DIST)/bin/pyroma --min=8 $$f || exit 1; done

clean:  ## remove what was built (not .venv)
	rm -rf build docs/_build .pytest_cache .mypy_cache .ruff_cache
