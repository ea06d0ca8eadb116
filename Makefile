# Every command of the project; CI calls the same ones. Needs Python 3.11 or newer with venv, and make.
# Another interpreter: make PYTHON=python3.12 test. A part of the tests: make test ARGS=tests/unit/service.

PYTHON ?= python3
BENCHMARKS ?= $(patsubst benchmarks/%.py,benchmarks.%,$(shell grep -l __main__ benchmarks/*.py))
FULL_SIZE := ../shared/reference/if
BIN := .venv/bin
# Files side by side; each has servers and folders of its own. One process more than CI has cores: many tests wait for a
# lease, a deadline or a restart. Each may come to some 3 GB of memory: with less, make test ARGS="-n 2 --dist loadfile".
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
# What starts no server, loads no model library (torch alone takes five seconds) and simulates little.
QUICK_TESTS := tests/unit/robustify tests/unit/adapters/contract tests/unit/adapters/certificates \
	tests/unit/adapters/profiles tests/unit/adapters/test_canonical_json.py tests/unit/adapters/test_preparation.py \
	tests/unit/adapters/test_settings.py tests/unit/service tests/unit/test_repository.py \
	--ignore tests/unit/adapters/contract/test_clip_words.py --ignore tests/unit/adapters/contract/test_prompt_lengths.py \
	--ignore tests/unit/robustify/test_anytime.py --ignore tests/unit/robustify/test_sequential.py \
	--ignore tests/unit/adapters/contract/test_other_tokens.py --ignore tests/unit/adapters/contract/test_adapt_cost.py \
	--ignore tests/unit/adapters/profiles/test_noise_range.py --ignore tests/unit/robustify/test_planning.py \
	--ignore tests/unit/adapters/profiles/test_availability.py --ignore tests/unit/robustify/test_schedule.py \
	--ignore tests/unit/robustify/test_objectives.py --ignore tests/unit/robustify/test_votes.py \
	--ignore tests/unit/robustify/test_device_noise.py --ignore tests/unit/service/webhooks \
	--ignore tests/unit/service/watching --ignore tests/unit/service/test_openapi.py \
	--ignore tests/unit/robustify/test_sigma_cascade.py --ignore tests/unit/robustify/attacks \
	--ignore tests/unit/robustify/test_label_sets.py --ignore tests/unit/robustify/test_sigmas_rule.py
INSTALLED := .venv/.installed
CACHES := .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build robustify.egg-info \
	client/build client/robustify_client.egg-info

.PHONY: help demo serve test test-containers fuzz hostile faults soak quick types lint fix bench lock clean

help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(INSTALLED)   ## start everything, predict and certify a bundled image over HTTP, stop
	$(BIN)/robustify demo

serve: $(INSTALLED)  ## the API on http://127.0.0.1:8000 with a worker and a queue, until Ctrl-C
	$(BIN)/robustify up

test: $(INSTALLED)   ## all tests but those of the containers; ARGS for pytest, such as a path
	$(BIN)/python -m pytest $(if $(ARGS),$(ARGS),$(SIDE_BY_SIDE))

test-containers: $(INSTALLED)   ## builds the images and runs the compose file on a CPU; needs Docker, takes minutes
	$(BIN)/python -m pytest -m containers -rs $(ARGS)

quick: $(INSTALLED)  ## while you write: imports, types, and the tests of units that are not slow; under 20 s
	@$(MAKE) --no-print-directory --jobs=2 --output-sync quick-lint quick-test

quick-lint:
	$(BIN)/ruff check --quiet
	$(BIN)/lint-imports > .venv/imports.txt || { cat .venv/imports.txt; exit 1; }
	$(BIN)/mypy

quick-test:
	$(BIN)/python -m pytest --quiet -m "not slow and not containers and not gpu" --durations=0 --durations-min=1 $(QUICK_TESTS)

types: $(INSTALLED)  ## mypy alone
	$(BIN)/mypy

fuzz: $(INSTALLED)   ## thousands of generated requests against running instances (ARGS="--cases 5000 --seed 1")
	$(BIN)/python -m tests.fuzz $(ARGS)

hostile: $(INSTALLED)   ## every fault that strangers found, tried on running services (ARGS="--only clock")
	$(BIN)/python -m tests.hostile $(ARGS)

faults: $(INSTALLED)   ## workers, APIs and queue servers that are killed, frozen and cut off (ARGS="--only F1,F5 --scale 0.1")
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(INSTALLED)   ## many keys ask for twice of what can be done, for half an hour (ARGS="--minutes 5")
	$(BIN)/python -m tests.soak $(ARGS)

lint: $(INSTALLED)   ## style, types, the direction of imports, and the files of the containers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/lint-containers
	PATH="$(CURDIR)/$(BIN):$$PATH" .ci/lint-kubernetes

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
	find robustify adapters workers service client tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once; installed again only when the versions or the project's own metadata change.
$(INSTALLED): requirements.lock pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e . -e ./client
	@touch $@
