# Everything works on a machine with only Python 3.11 and make: `make demo`, `make test`, `make check`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := uv pip compile -q -c requirements/constraints.txt --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header --universal --python-version 3.11
.DEFAULT_GOAL := help
# The tests start the program dozens of times: without bytecode each of them would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo test coverage check lint types layers sizes fix bench bench-quick instructions bench-codecs fuzz soak matrix bounds lock clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/pip.stamp:
	$(PYTHON) -c 'import sys; sys.exit("omnillm needs Python 3.11 or newer; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp requirements/run.txt pyproject.toml
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/run.txt
	echo "$(CURDIR)/src" > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/omnillm-source.pth
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/run.stamp  ## fake providers and the gateway on loopback, real traffic, the books compared
	$(BIN)/python -m omnillm demo

test: $(VENV)/dev.stamp  ## the whole suite
	$(BIN)/pytest -n 3 --dist worksteal  # on two cores: there is always one that waits for a clock or another process

coverage: $(VENV)/dev.stamp  ## the whole suite with branch coverage (twice as slow)
	$(BIN)/pytest -n 3 --cov --cov-report=term:skip-covered

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy
	$(BIN)/mypy tests/typed.py examples/*.py

layers: $(VENV)/dev.stamp
	$(BIN)/lint-imports

sizes: $(VENV)/dev.stamp
	$(BIN)/python scripts/sizes.py

check: lint types layers sizes test  ## what CI runs

fix: $(VENV)/dev.stamp  ## format and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp  ## every case as a ratio to nginx (needs wrk, nginx and curl)
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/dev.stamp  ## one case in half a minute; fails when the ratio is 15 % under the committed one
	$(BIN)/python -m benchmarks.guard

instructions: $(VENV)/dev.stamp  ## what the pure parts cost in instructions; fails when one is 5 % over the table (needs valgrind)
	$(BIN)/python -m benchmarks.instructions

matrix: $(VENV)/dev.stamp  ## write the generated tables of docs/ anew
	$(BIN)/python scripts/protocol_matrix.py
	$(BIN)/python scripts/provider_table.py
	$(BIN)/python scripts/sdk_table.py

fuzz: $(VENV)/dev.stamp  ## ten minutes of odd input for every codec
	FUZZ_SECONDS=600 $(BIN)/pytest -q -p no:randomly -p no:xdist --timeout 1200 tests/protocols/test_fuzz.py

soak: $(VENV)/dev.stamp  ## the long tests: a million admissions, a million movements of money, 100,000 calls against the invoice, 100 times 1,000 calls for the money of 7, 2,000 kills each of a gateway and of a ledger in SQLite and in PostgreSQL, every moment at which a call may be left
	SOAK=50 $(BIN)/pytest -q -n 2 --dist worksteal --timeout 3600 tests/admission/test_simulation.py tests/admission/test_machine.py \
		tests/stores/test_crash.py tests/stores/test_power.py tests/stores/test_model.py tests/stores/test_movements.py tests/stores/test_open_reservations.py \
		tests/journeys/test_invoice.py tests/journeys/test_kill.py tests/journeys/bypasses/test_requests.py
	SOAK=50 $(BIN)/pytest -q --timeout 3600 tests/journeys/realtime/test_load.py
	SOAK=50 $(BIN)/pytest -q -n 2 --dist worksteal --timeout 3600 tests/leaving

bounds: bounds-lowest-direct bounds-highest  ## the suite on the lowest versions that pyproject.toml allows, and on the newest (needs uv on the PATH)

bounds-%:
	uv venv -q --clear -p $(PYTHON) build/$*
	uv pip compile -q -p build/$* --no-emit-index-url --resolution $* --all-extras pyproject.toml -o build/$*.txt
	grep -v '^-r' requirements/dev.in | sed 's/==.*//' > build/$*.in
	uv pip install -q -p build/$* -r build/$*.txt -r build/$*.in -e .
	build/$*/bin/pytest -n 3 --dist worksteal

bench-codecs: $(VENV)/dev.stamp  ## what a translation costs, and that it is linear
	$(BIN)/python -m benchmarks.codecs --check

lock:  ## make requirements/*.txt anew (needs uv on the PATH)
	$(COMPILE) pyproject.toml -o requirements/run.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) pyproject.toml --all-extras -c requirements/dev.txt -o requirements/image.txt

clean:  ## remove what make has made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage build dist
