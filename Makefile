# make run | test | test-all | lint | bench.   PORT=8050  ARGS="--open"
PYTHON ?= python3
PORT ?= 8050
ARGS ?=
BIN := .venv/bin

.PHONY: run test test-all lint bench clean

run: .venv/run.stamp
	$(BIN)/python app.py --port $(PORT) $(ARGS)

test: .venv/test.stamp
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow"

test-all: .venv/test.stamp
	$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: .venv/dev.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/oxlint assets/js tests/js

bench: .venv/dev.stamp
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

.venv/pip.stamp:
	$(PYTHON) tools/make_venv.py
	touch $@

.venv/run.stamp: .venv/pip.stamp pyproject.toml setup.py constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	$(BIN)/python -m geta_engine.analysis.warm
	touch $@

.venv/dev.stamp: .venv/pip.stamp pyproject.toml setup.py constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

.venv/test.stamp: .venv/dev.stamp
	$(BIN)/python tools/find_chromium.py
	touch $@

clean:
	rm -rf .venv .geta
