# The commands of the README. They need Python >= 3.11 with venv, make and a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo serve test coverage lint docs bench nightly clean

demo: $(VENV)/installed
	$(BIN)/python example_project/demo.py

serve: $(VENV)/installed
	$(BIN)/python example_project/serve.py

test: $(VENV)/installed-test
	$(BIN)/python tests/on_all_databases.py $(TEST_OPTIONS)

# The branch coverage of all databases together: 100 % takes PostgreSQL and MariaDB too.
coverage: TEST_OPTIONS = --coverage
coverage: test

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml django_alipay_cancel

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

# Speed side by side with the official SDK, on the PostgreSQL that TEST_POSTGRES_URL names.
bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/run.py

# Hours: every test at its full size, a million rows, all mutants, the benchmarks.
nightly: $(VENV)/installed-bench
	NIGHTLY=1 TEST_DATABASE_URL=$(TEST_POSTGRES_URL) $(BIN)/python -m pytest -q -m "" --timeout=10800
	$(BIN)/python benchmarks/admin_pages.py
	$(BIN)/python benchmarks/rest_load.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python tests/mutate.py

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

$(VENV)/installed-docs: $(VENV)/installed-test
	$(BIN)/pip install --quiet --editable ".[test,docs]"
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed-test
	$(BIN)/pip install --quiet --editable ".[test,bench,mutation]"
	@touch $@
