# make demo   a virtual environment, convlens in it, Fashion-MNIST, LeNet trained, a report; three coins marked, all found
# make test   everything that must pass: lint, types, import contracts, tests
# make clean  forget the virtual environment and the caches

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
EPOCHS ?= 5

.PHONY: demo test lint types contracts tests dataset clean

demo: $(VENV)/installed dataset
	$(BIN)/convlens summary lenet
	$(BIN)/convlens train fashion-mnist --net lenet --epochs $(EPOCHS) --seed 0
	$(BIN)/convlens find examples/coins.png --marks examples/coins.csv --out runs/coins

test: lint types contracts tests

lint: $(VENV)/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/tested
	$(BIN)/mypy

contracts: $(VENV)/tested
	$(BIN)/lint-imports

tests: $(VENV)/tested dataset
	$(BIN)/pytest -n auto

# The Debian package brings the four files; where there is no apt, convlens looks elsewhere and says where.
dataset:
	@sh scripts/fashion-mnist.sh

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "convlens needs Python 3.11 or newer; say make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
