# Each target is a line that a reader can also type. PYTHON names another interpreter: make PYTHON=python3.12 demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-servers test-engines flink-demo lint format bench docs lock

help:            ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

demo: $(VENV)/ready    ## judge and mend the sample photos; print a table and where the report is
	$(BIN)/python -m bench.demo

test: $(VENV)/ready    ## the test suite, without real servers
	$(BIN)/python -m pytest -m "not server and not engine"

test-servers: $(VENV)/ready    ## the tests that start real servers on 127.0.0.1
	$(BIN)/python -m pytest -m server

test-engines: $(VENV)/ready    ## the tests on a Flink cluster, with kills; by hand, some minutes
	$(BIN)/python -m pytest -m engine

flink-demo: $(VENV)/ready    ## Kafka and Flink on this machine: photos fed, verdicts shown, savepoint, resume
	$(BIN)/python -m bench.flink_demo

lint: $(VENV)/ready    ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready    ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/ready    ## write the tables of docs/data.md that the code declares
	$(BIN)/python docs/write_tables.py

lock:            ## write requirements.lock anew from requirements.in (needs uv)
	uv pip compile --universal --python-version 3.11 --override requirements.overrides --generate-hashes --no-annotate --no-header requirements.in -o requirements.lock

$(VENV)/ready: requirements.lock setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Vitrine needs Python 3.11, 3.12 or 3.13; this is {v[0]}.{v[1]}: try make PYTHON=python3.11 demo")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Vitrine needs Python's venv module: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
