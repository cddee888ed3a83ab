PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-check test lint bench lock clean

help:  ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(BIN)/.ready  ## Make .venv with everything as locked (Python 3.10 to 3.13 and the package index)

$(BIN)/.ready: pyproject.toml requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode \
		-r requirements.txt -c constraints.txt -e '.[dev]'
	touch $@

demo: setup  ## Publish the sample calendar from a real Airflow to a local X, and stay up
	$(BIN)/python -m x_demo

demo-check: setup  ## The same, asserted, then exit
	$(BIN)/python -m x_demo --check

test: setup  ## Run the tests; what needs a server or a browser is skipped with its reason
	$(BIN)/python -m pytest -n 3 --dist loadgroup

lint: setup  ## Style, types, layers, lock
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## Measure what the README quotes
	$(BIN)/python bench/upload.py
	$(BIN)/python bench/malformed.py
	$(BIN)/python bench/watcher.py
	$(BIN)/python bench/webhook.py
	$(BIN)/python bench/burst.py
	$(BIN)/python bench/punctual.py
	$(BIN)/python bench/rivals.py
	$(BIN)/python bench/crashes.py

lock: setup  ## Resolve constraints.txt anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.10 --extra dev pyproject.toml \
		--no-emit-package airflow-provider-x --no-header --no-annotate -o constraints.txt

clean:  ## Remove what the demo and the tests left
	rm -rf .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
