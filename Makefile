# The commands of the README. They need Python >= 3.11 with venv, make and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo serve test lint clean

demo: $(VENV)/installed
	$(BIN)/python example_project/demo.py

serve: $(VENV)/installed
	$(BIN)/python example_project/serve.py

test: $(VENV)/installed-test
	$(BIN)/python tests/on_all_databases.py

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .tox build dist *.egg-info

$(VENV)/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --editable ".[test]"
	@touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(BIN)/pip install --quiet --editable ".[test,lint]"
	@touch $@
