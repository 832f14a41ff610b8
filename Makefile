# Each target builds .venv by itself when it is missing or older than what it is made from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOGETHER := --numprocesses 2 --dist worksteal

.PHONY: demo test test-slow coverage lint bench docs clean

demo: $(READY)
	$(BIN)/alignfreeze demo

test: $(READY)
	$(BIN)/python -m pytest $(TOGETHER)

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

coverage: $(READY)
	$(BIN)/python -m pytest $(TOGETHER) --cov alignfreeze --cov-branch --cov-report term

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(READY)
	for each in realign_speed finetune_speed evaluate_speed scaling; do $(BIN)/python benchmarks/$$each.py || exit 1; done

docs: $(READY)
	$(BIN)/mkdocs build --strict

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[embedded,dev]" --constraint constraints.txt
	touch $(READY)

clean:
	rm -rf $(VENV) site .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
