# Every target builds what it needs into .venv; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Three files at a time: much of a test is waiting for a process or a disk. Files go to whoever is free in the order
# given here: those whose single tests take longest come first, so that no one is waited for at the end. Slow tests wait
# more than others, for leases and for other people's programs.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder
PARALLEL_SLOW := -n 4 --dist loadfile --no-loadscope-reorder
LONGEST := tests/keystone tests/clients tests/fuzz tests/faults
SLOW := $(LONGEST) $(filter-out $(LONGEST) tests/fakes,$(patsubst %/,%,$(wildcard tests/*/)))
# Pages are the same on every database.
NO_PAGES := $(patsubst %,--ignore tests/lockstep/test_%.py,docs links manual)
ON_DATABASES := tests/faults tests/lockstep tests/contract tests/api $(NO_PAGES)
# What a kill leaves of an import is looked at on SQLite, and on PostgreSQL with two nodes.
SLOW_ON_DATABASES := tests/faults tests/lockstep tests/api \
  --ignore tests/faults/test_import_crash.py --ignore tests/api/test_hostile_content.py \
  --ignore tests/api/test_import_urls.py
# On MariaDB: what the database itself decides. Files, processes and disks fail there as they do on PostgreSQL.
ON_MARIADB := tests/faults/test_databases.py tests/faults/test_lost_replies.py tests/lockstep tests/contract tests/api \
  $(NO_PAGES)
SLOW_ON_MARIADB := tests/faults/test_databases.py tests/faults/test_lost_replies.py tests/lockstep tests/api \
  --ignore tests/api/test_hostile_content.py --ignore tests/api/test_import_urls.py

.PHONY: help demo dev test test-all lint format check serve bench bench-peer bench-plots bench-profiles bench-soak \
  docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/pip install --quiet --editable '.[dev,postgres,mysql,keystone,signatures]'
	touch $(READY)

dev: $(READY) ## install into .venv, with what tests and lint need

demo: $(READY) ## run the main job end to end
	$(BIN)/glancelite demo

serve: $(READY) ## run the service on http://127.0.0.1:9292 with its data in .cache/serve
	$(BIN)/glancelite server run --data-dir .cache/serve

test: $(READY) ## the test suite
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

test-all: $(READY) ## what takes longer: databases, Keystone, real clients, fuzzing, the slow crashes
	$(BIN)/python -m pytest $(PARALLEL_SLOW) -m slow $(SLOW)
	GLANCELITE_TEST_DB=postgresql $(BIN)/python -m pytest $(PARALLEL) -m 'not slow' $(ON_DATABASES)
	GLANCELITE_TEST_DB=postgresql $(BIN)/python -m pytest $(PARALLEL_SLOW) -m slow $(SLOW_ON_DATABASES)
	GLANCELITE_TEST_DB=mysql $(BIN)/python -m pytest $(PARALLEL) -m 'not slow' $(ON_MARIADB)
	GLANCELITE_TEST_DB=mysql $(BIN)/python -m pytest $(PARALLEL_SLOW) -m slow $(SLOW_ON_MARIADB)

lint: $(READY) ## ruff, mypy, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## let ruff tidy up
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test test-all ## what CI runs

# The benchmark serves from environments of the Python that Debian's uwsgi is built with. Of Debian's packages it uses
# nginx, uwsgi-core, uwsgi-plugin-python3, postgresql and strace; what is missing is reported as not measured.
BENCH := .cache/bench
BENCH_PYTHON ?= $(firstword $(wildcard /usr/bin/python3) $(PYTHON))

$(BENCH)/ours/complete: setup.py $(READY)
	$(BENCH_PYTHON) -m venv --clear --without-pip $(BENCH)/ours
	$(BIN)/pip --python $(BENCH)/ours/bin/python install --quiet --editable '.[postgres]' matplotlib py-spy
	touch $@

$(BENCH)/peer/complete: $(READY)
	$(BENCH_PYTHON) -m venv --clear --without-pip $(BENCH)/peer
	$(BIN)/pip --python $(BENCH)/peer/bin/python install --quiet 'glance==33.*' psycopg2-binary
	touch $@

bench: $(BENCH)/ours/complete ## measure everything that is promised, into docs/performance.md
	$(BENCH)/ours/bin/python -m bench

bench-peer: $(BENCH)/peer/complete ## install Glance, for make bench to compare with

bench-plots: $(BENCH)/ours/complete ## draw cost against number of images and of uploads
	$(BENCH)/ours/bin/python -m bench.plots

bench-profiles: $(BENCH)/ours/complete ## tell where the time of requests goes, by py-spy
	$(BENCH)/ours/bin/python -m bench.profiles
	$(BENCH)/ours/bin/python -m bench.profiles --on postgresql

bench-soak: $(BENCH)/ours/complete ## five minutes of mixed load by 32 clients, then look for what it left
	$(BENCH)/ours/bin/python -m bench.soak

docs: $(READY) ## make the reference pages, manual pages and samples from the tables
	$(BIN)/python -m docs.make

clean: ## remove what the targets made
	rm -rf $(VENV) .cache build dist *.egg-info
