# A fresh machine needs only make demo or make test; both install first.
PYTHON ?= python3
BIN := .venv/bin
# Test files are distributed over this many processes, each with its own Spark (3 GB in all).
WORKERS ?= 2

.PHONY: help setup demo dist test-quick test test-s3 test-cluster test-crash test-containers test-airflow test-tools soak check \
	format docs lock clean

help:
	@echo "make demo    run the whole lakehouse on an embedded Kafka broker"
	@echo "make dist    the wheel, and what brings it to the executors of a cluster"
	@echo "make test-quick  the unit tests: no JVM, no broker; run them while you write"
	@echo "make test    all tests but the crash tests, as in CI"
	@echo "make test-s3  a root on a real S3 server: all layers, locks and racing writers; part of make test"
	@echo "make test-cluster  three brokers and a Spark cluster: a broker and a worker are killed; part of make test-crash"
	@echo "make test-crash  kill -9 of each stream: 20 times, while it creates each table, and between any two commits"
	@echo "make soak MINUTES=30 SEED=1  everything at once, mixed by the seed: kills, restarts, maintenance, forgets, an upgrade"
	@echo "make test-containers  the platform of docker-compose.yml: started, killed, audited; needs a Docker engine"
	@echo "make test-airflow  the example DAG in a real Airflow, which is installed into build/airflow"
	@echo "make test-tools  install what some tests need, or they are skipped: Chromium, LibreOffice, DuckDB, mono ..."
	@echo "make check   formatting, lint, types, import contracts, and whether every test can be imported"
	@echo "make setup   only install, into .venv"
	@echo "make format  let ruff format and fix"
	@echo "make docs    write docs/tables.md from the tables' declarations"
	@echo "make lock    resolve requirements.lock again"

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1); make PYTHON=python3.12 selects another" >&2; exit 2; }
	@$(PYTHON) -m venv --clear .venv || { \
		echo "this Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/lakehouse demo

# Into dist/: the wheel, its code for --py-files, and an environment for executors that have only Java, Spark and Python.
dist: setup
	rm -f dist/*.whl
	$(BIN)/python -m hatchling build --target wheel
	$(BIN)/python -m lakehouse.spark.shipping dist/*.whl

# Each tier is a folder; docs/testing.md says what each proves.
RUN_TESTS = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test-quick: setup
	$(RUN_TESTS) tests/unit

# Process tests come first: they are the longest, and short tests then fill the end.
test: setup
	$(RUN_TESTS) tests/processes tests/spark tests/unit

test-s3: setup
	$(BIN)/python -m pytest tests/processes/test_s3.py

test-cluster: setup
	$(BIN)/python -m pytest tests/crash/test_cluster.py

# Kills every stream 20 times at random moments, while it creates each table, and between any two commits.
test-crash: setup
	$(BIN)/python -m pytest tests/crash --timeout 3600

# Its log and its figures are in build/soak. It takes a few minutes more than that.
MINUTES ?= 30
SEED ?= 1
soak: setup
	MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/python -m pytest tests/soak --capture=no --timeout $$(($(MINUTES) * 60 + 2400))

# At most 15 minutes, and the time that the image takes to build. BUILD=no uses the existing image.
test-containers: setup
	BUILD=$(or $(BUILD),yes) $(BIN)/python -m pytest tests/containers --timeout 1800

test-airflow: setup build/airflow/installed
	$(BIN)/python -m pytest tests/airflow

# 300 MB, and versions of packages that would not fit into .venv.
build/airflow/installed:
	$(PYTHON) -m venv --clear build/airflow
	build/airflow/bin/python -m pip install --quiet --disable-pip-version-check apache-airflow==3.3.2
	@touch $@

# Debian's packages need root: if you are not root, `make test-tools SUDO=sudo`.
test-tools: setup
	SUDO="$(SUDO)" $(BIN)/python -m tests.support.tools

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@mkdir -p build
	$(BIN)/python -m pytest --collect-only --quiet tests > build/collected.txt || { cat build/collected.txt; exit 1; }

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup
	mkdir -p build
	$(BIN)/python -m lakehouse.tables.page > build/tables.md
	mv build/tables.md docs/tables.md

# uv resolves for every platform and Python version at once; it is installed in its own folder, for this target only.
lock:
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==0.13.9
	build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-annotate --no-emit-index-url --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
