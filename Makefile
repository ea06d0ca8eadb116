# Every command of the project; CI calls the same ones. Needs Python 3.11 or newer with venv, and make.
# Another interpreter: make PYTHON=python3.12 test. Arguments for pytest: make test ARGS="-k schedule".

PYTHON ?= python3
BENCHMARKS ?= $(patsubst benchmarks/%.py,benchmarks.%,$(shell grep -l __main__ benchmarks/*.py))
FULL_SIZE := ../shared/reference/if
BIN := .venv/bin
INSTALLED := .venv/.installed
CACHES := .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build robustify.egg-info

.PHONY: help demo serve test test-containers lint fix bench lock clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(INSTALLED)   ## start everything, predict and certify a bundled image over HTTP, stop
	$(BIN)/robustify demo

serve: $(INSTALLED)  ## the API on http://127.0.0.1:8000 with a worker and a queue, until Ctrl-C
	$(BIN)/robustify up

test: $(INSTALLED)   ## all tests but those of the containers
	$(BIN)/python -m pytest $(ARGS)

test-containers: $(INSTALLED)   ## builds the images and runs the compose file on a CPU; needs Docker, takes minutes
	$(BIN)/python -m pytest -m containers -rs $(ARGS)

lint: $(INSTALLED)   ## style, types, the direction of imports, and the files of the containers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/lint-containers

fix: $(INSTALLED)    ## format, and repair what ruff can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)  ## latency and throughput on this machine; the last line of each is JSON
	@set -e; for module in $(BENCHMARKS); do echo "== $$module"; $(BIN)/python -m $$module; done
	@echo "== benchmarks.denoise --profile deepfloyd"
	@if test -d $(FULL_SIZE); then $(BIN)/python -m benchmarks.denoise --profile deepfloyd --rounds 3; \
	else echo "left out: there are no configurations of DeepFloyd IF in $(FULL_SIZE)"; fi

lock: $(INSTALLED)   ## choose the newest versions that pyproject.toml allows; run lint and test afterwards
	$(BIN)/pip install --quiet --dry-run --ignore-installed --report - '.[dev]' > .venv/report.json
	$(BIN)/python .ci/lock.py < .venv/report.json > .venv/requirements.lock
	mv .venv/requirements.lock requirements.lock

clean:           ## remove caches and build products; .venv and state/ stay
	rm -rf $(CACHES)
	find robustify adapters workers service tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once; installed again only when the versions or the project's own metadata change.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
