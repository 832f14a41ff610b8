# Each target builds .venv by itself when it is missing or older than what it is made from. The demo needs much less
# than the tests, so each has its own stamp.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
DEMO_READY := $(VENV)/.ready-for-demo
TESTS_READY := $(VENV)/.ready-for-tests
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Files are compiled when they are first imported: that is sooner than to compile all of torch at once. Where Python may
# not keep what it compiles then, it would compile again at every start, for seconds.
INSTALL := $(PIP) install $(if $(PYTHONDONTWRITEBYTECODE),--compile,--no-compile) --constraint constraints.txt
# Python says nothing while it makes .venv: this prints a dot a second as long as the shell of the recipe lives.
DOTS := (while kill -0 $$$$ 2>/dev/null; do printf .; sleep 1; done) &
TOGETHER := --numprocesses 2 --dist worksteal

.PHONY: demo test test-slow test-lowest coverage lint bench docs package clean

demo: $(DEMO_READY)
	$(BIN)/alignfreeze demo

test: $(TESTS_READY)
	$(BIN)/python -m pytest $(TOGETHER)

test-slow: $(TESTS_READY)
	$(BIN)/python -m pytest -m slow

# The lowest versions that pyproject.toml allows. torch is the installed one: of older ones, the package index has only
# builds for CUDA.
LOWEST := build/lowest
test-lowest: $(TESTS_READY)
	rm -rf $(LOWEST) && $(PYTHON) -m venv $(LOWEST)
	$(BIN)/python -c "import torch; print('torch==' + torch.__version__.split('+')[0])" > $(LOWEST)/torch.txt
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --override $(LOWEST)/torch.txt --python $(LOWEST)/bin/python \
		--extra dev pyproject.toml | grep -vE "^(torch==|triton|nvidia|cuda)" > $(LOWEST)/versions.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet --no-compile -r $(LOWEST)/torch.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps -r $(LOWEST)/versions.txt --editable .
	$(LOWEST)/bin/python -m pytest $(TOGETHER)

# What users get: wheel and sdist, checked, and installed where nothing else is.
package: $(TESTS_READY)
	PYTHON=$(PYTHON) BIN=$(BIN) bash .ci/package

coverage: $(TESTS_READY)
	$(BIN)/python -m pytest $(TOGETHER) --cov alignfreeze --cov-branch --cov-report term

lint: $(TESTS_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# The last two read the results: they write the figures of README.md and docs, and print how far the limit is.
BENCHMARKS := realign_speed finetune_speed evaluate_speed families packing_speed peers scaling figures limits

bench: $(TESTS_READY)
	for each in $(BENCHMARKS); do $(BIN)/python benchmarks/$$each.py || exit 1; done

docs: $(TESTS_READY)
	$(BIN)/zensical build --strict --clean
	$(BIN)/alignfreeze report paper:pos-xlmr -o site/example.html --title "PoS tagging with XLM-R, as published"

$(MADE):
	@printf 'making $(VENV) '; $(DOTS) \
	$(PYTHON) -m venv $(VENV) && $(PIP) install --quiet --upgrade --constraint constraints.txt pip && echo
	@touch $@

$(DEMO_READY): pyproject.toml constraints.txt | $(MADE)
	$(INSTALL) --editable ".[demo]"
	touch $@

$(TESTS_READY): pyproject.toml constraints.txt | $(MADE)
	$(INSTALL) --editable ".[dev]"
	touch $(DEMO_READY) $@

clean:
	rm -rf $(VENV) build dist site .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
