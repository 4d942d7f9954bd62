# Everything goes through run.py, which prepares .venv where needed. ARGS is passed on:
#   make run ARGS="--port 5015"      make test ARGS="tests/chat -k stream"
PYTHON ?= python3
ARGS ?=

.PHONY: run test lint e2e bench lock

run:    ## start Cortex
	@$(PYTHON) run.py $(ARGS)

test:   ## all tests
	@$(PYTHON) run.py test $(ARGS)

lint:   ## ruff, mypy and the layers
	@$(PYTHON) run.py lint $(ARGS)

e2e:    ## the browser tests alone
	@$(PYTHON) run.py e2e $(ARGS)

bench:  ## the benchmarks
	@$(PYTHON) run.py bench $(ARGS)

lock:   ## compile requirements*.in
	@$(PYTHON) run.py lock $(ARGS)
