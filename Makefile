# Two commands for a fresh machine, `make demo` and `make test`; both make .venv themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint slow faults pictures clean

demo: $(VENV)/.train
	$(BIN)/vsda demo --out demo

# Files of tests are shared by three processes, since a third of their time is waiting for others; each computes
# with one thread, or they would get in each other's way.
test: $(VENV)/.dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

faults: $(VENV)/.dev
	$(BIN)/python -m tests.mutations

# The README's pictures, from the folder that `make demo` leaves; needs Chromium.
pictures: $(VENV)/.dev
	$(BIN)/python -m tests.readme_pictures demo .github

clean:
	rm -rf $(VENV) demo dist build

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vsda needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[train]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[train,dev]'
	touch $@
