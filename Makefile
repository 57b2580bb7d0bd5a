# Two commands on a fresh machine with Python 3.11 or newer: `make run` and `make test`.
# `make help` lists all of them; a line with ## is what it says.

STUDY ?= config.yaml
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/installed
SLURM := .venv-slurm
FRAMEWORKS := .venv-frameworks

.PHONY: help calibrate run snakemake-report test test-cluster test-frameworks plan venv venv-slurm \
  venv-frameworks bench lint manual
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(READY) ## set up, run the default study (or STUDY=studies/mine.yaml), print its exponents
	$(BIN)/snakemake --cores all --configfile $(STUDY)

# Targets come before --configfile, which takes every word that follows it for a file.
snakemake-report: $(READY) ## results/report.html: figures and captions of a finished STUDY, and how each was made
	$(BIN)/snakemake --report results/report.html --configfile $(STUDY)

test: $(READY) lint ## set up, run all linters and tests
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses logical --maxprocesses 2 --dist worksteal \
	  --durations 25 --durations-min 5

# Real jobs on a Slurm of this machine's own; installs Debian packages if they are missing.
test-cluster: $(READY) $(SLURM)/ready ## real jobs on a Slurm of this machine's own, as root
	tests/cluster/install
	OMP_NUM_THREADS=1 $(BIN)/pytest -x tests/cluster

# Each recorded by its own loop; here a test that is skipped fails.
test-frameworks: $(FRAMEWORKS)/ready ## loops of Lightning, Transformers and Accelerate, recorded
	OMP_NUM_THREADS=1 $(FRAMEWORKS)/bin/python -m pytest --no-skips tests/integrations

# Jobs, hours, memory and disk of a study; RATE is that of your GPU in TFLOP/s, if you know it.
plan: $(READY) ## jobs, hours, memory and disk of STUDY before it runs (RATE: TFLOP/s of your GPU)
	PYTHONPATH=workflow:workflow/scripts $(BIN)/python -m planning.plan $(STUDY) $(RATE)

lint: $(READY) ## all checks of form: ruff, snakefmt, snakemake, types, rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports
	$(BIN)/mypy

# The tables of docs/calibration.md and docs/levels.md: about an hour on two cores.
calibrate: $(READY) ## write the pages of how often intervals and nulls are right
	OMP_NUM_THREADS=1 $(BIN)/python -m calibration

bench: $(READY) ## timings side by side with other packages
	$(BIN)/python -m benchmarks

# The page of the config is written from its schema, the picture of the rooms from their contracts.
manual: $(READY) ## write the pages that are made from code: docs/config.md, docs/rooms.svg
	cd workflow && ../$(BIN)/python -m planning.manual > ../docs/config.md
	cd workflow && ../$(BIN)/python -m planning.house > ../docs/rooms.svg

venv: $(READY) ## set-up alone

# An environment that sees all packages of the first one, and has some of its own.
define beside
	$(BIN)/python -m venv --clear $(1)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
	  > "$$($(1)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/first.pth"
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement $(2) --constraint constraints.txt
endef

# The Slurm plugin asks the cluster at every start of any snakemake beside it, so it gets an
# environment of its own: $(SLURM)/bin/snakemake.
venv-slurm: $(SLURM)/ready ## set-up of the slurm profile, apart

$(SLURM)/ready: $(READY) requirements-slurm.txt
	$(call beside,$(SLURM),requirements-slurm.txt)
	printf '#!/bin/sh\nexec "$(CURDIR)/$(SLURM)/bin/python" -m snakemake "$$@"\n' > $(SLURM)/bin/snakemake
	chmod +x $(SLURM)/bin/snakemake
	touch $@

# Lightning, Transformers and Accelerate are for tests alone and many packages: apart as well.
venv-frameworks: $(FRAMEWORKS)/ready ## set-up of the tests of loops of other packages, apart

$(FRAMEWORKS)/ready: $(READY) requirements-frameworks.txt
	$(call beside,$(FRAMEWORKS),requirements-frameworks.txt)
	$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	touch $@

# The checkout itself, so that `import sgdwalk` and the command work; edits count at once.
$(READY): $(VENV)/ready pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	touch $@

# The first Python on the path that runs and is new enough.
$(VENV)/ready: requirements.txt constraints.txt
	@set -e; for python in python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setting up $(VENV) with $$($$python --version)"; \
	    $$python -m venv --clear $(VENV); \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	      --requirement requirements.txt --constraint constraints.txt; \
	    touch $@; exit 0; \
	  fi; \
	done; echo "sgdwalk needs Python 3.11 or newer; none was found on the path" >&2; exit 1
