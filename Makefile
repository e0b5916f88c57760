# The commands of the README. They need Python >= 3.11 with venv, make and a package index.

PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo serve test test-slow coverage lint docs bench nightly clean

demo: $(VENV)/installed
	@$(BIN)/python example_project/demo.py

serve: $(VENV)/installed
	@$(BIN)/python example_project/serve.py --port $(PORT)

test: $(VENV)/installed-test
	@$(BIN)/python tests/on_all_databases.py $(TEST_OPTIONS)

# What takes long or starts something big: kill points, races, the model's walks, killed servers,
# real browsers and web servers, the official SDKs, the wheel.
test-slow: TEST_OPTIONS = --slow
test-slow: test

# The branch coverage of all databases together: 100 % takes PostgreSQL and MariaDB too.
coverage: TEST_OPTIONS = --coverage
coverage: test

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m django makemigrations --check --dry-run --skip-checks --settings tests.settings
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml django_alipay_cancel

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

# Speed side by side with the official SDK, on the PostgreSQL that TEST_POSTGRES_URL names.
bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/run.py

# Hours: every test at its full size, each Python with each Django, a million rows, all mutants,
# the benchmarks.
nightly: $(VENV)/installed-bench
	NIGHTLY=1 TEST_DATABASE_URL=$(TEST_POSTGRES_URL) $(BIN)/python -m pytest -q -m "" --timeout=10800
	$(BIN)/pip install --quiet tox
	TOX_SKIP_ENV='lint|types|docs|lowest' $(BIN)/tox run --skip-missing-interpreters true
	$(BIN)/tox run -e lowest -- -m "not slow and not nightly and not browser and not chaos"
	$(BIN)/python benchmarks/admin_pages.py
	$(BIN)/python benchmarks/rest_load.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python tests/mutate.py

clean:
	rm -rf $(VENV) .tox build dist *.egg-info

# What pip says is read when it fails only.
define install
	@$(BIN)/pip install --quiet --editable "$(1)" >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@touch $@
endef

$(VENV)/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade pip >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	$(call install,.)

$(VENV)/installed-test: $(VENV)/installed
	$(call install,.[test])

$(VENV)/installed-lint: $(VENV)/installed-test
	$(call install,.[lint])

$(VENV)/installed-docs: $(VENV)/installed-test
	$(call install,.[docs])

$(VENV)/installed-bench: $(VENV)/installed-test
	$(call install,.[bench])
	$(call install,.[mutation])
