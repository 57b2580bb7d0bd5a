# Two commands on a fresh machine with Python 3.11 or newer: `make run` and `make test`.

STUDY ?= config.yaml
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: run test venv bench lint manual

run: $(READY)
	$(BIN)/snakemake --cores all --configfile $(STUDY)

test: $(READY) lint
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses logical --maxprocesses 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

bench: $(READY)
	$(BIN)/python -m benchmarks

# The page of the config is written from its schema.
manual: $(READY)
	cd workflow && ../$(BIN)/python -m planning.manual > ../docs/config.md

venv: $(READY)

# The first Python on the path that runs and is new enough.
$(READY): requirements.txt constraints.txt
	@set -e; for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setting up $(VENV) with $$($$python --version)"; \
	    $$python -m venv --clear $(VENV); \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	      --requirement requirements.txt --constraint constraints.txt; \
	    touch $@; exit 0; \
	  fi; \
	done; echo "sgdwalk needs Python 3.11 or newer; none was found on the path" >&2; exit 1
