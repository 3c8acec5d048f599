# The commands of this project; README.md says what each one is for. A fresh machine needs git, make and Python 3.13 or uv.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY = .venv/bin/python
PORT ?= 8000
PROOF_SCALE ?= 0.1

include requirements.mk build.mk

.PHONY: help run demo token webhook retention reset migrate sql openapi test proof check bench hearing install
help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# The recipes that stay in the foreground are one exec'd process, so that a killed make is noticed by it.
run: install  ## the whole system on http://127.0.0.1:8000 (PORT=…)
	@exec $(PY) -m local run --port $(PORT) $(if $(DATA),--data $(DATA))

demo: install  ## analyse sample posts, or URLS="…", print and write the report
	@exec $(PY) -m local demo $(URLS)

token: install  ## a session token of USER=a@b.c for the running system
	@exec $(PY) -m local token "$(USER)"

webhook: install  ## a signed sample event of Clerk's, EVENT=user.created (USER=a@b.c)
	@exec $(PY) -m local webhook "$(EVENT)" $(if $(filter command line,$(origin USER)),--email "$(USER)")

retention: install  ## delete what is too old from the running system's logs
	@exec $(PY) -m local retention

reset: install  ## forget .local/
	@exec $(PY) -m local reset

migrate: install  ## upgrade the database of SUPABASE_DIRECT_DB_URL
	@exec $(PY) -m tools.migrate

sql: install  ## the migrations as SQL, for `supabase db push`
	@exec $(PY) -m alembic upgrade head --sql

openapi: install  ## write docs/openapi.json
	@exec $(PY) -m tools.openapi

# What tests build and run, and what checks read, beside .venv.
.PHONY: install-tools
install-tools: install
	@./bootstrap sam && ./bootstrap lambda

# Python may write bytecode: a process that compiles all of pytest's and our own modules takes ten seconds longer to begin.
test proof: export PYTHONDONTWRITEBYTECODE :=
test: install-tools  ## what must pass
	@exec $(PY) -m pytest -m "not proof" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# PROOF_SCALE, a tenth unless it is set, reaches the tests through the environment.
proof: export PROOF_SCALE := $(PROOF_SCALE)
proof: install  ## a tenth of the storms and random searches, PROOF_SCALE=1 for all
	@exec $(PY) -m pytest -m proof -n 2 --dist loadfile --no-loadscope-reorder -rap $(ARGS)

check: install  ## format, lint, types, import contracts, migrations, template, state machine
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@PYTHONPATH=. .venv/bin/lint-imports --no-logo
	@.venv/bin/squawk --reporter gcc migrations/versions/*/*.sql
	@$(MAKE) check-template check-statemachine

.PHONY: round-trips
round-trips: install  # how often each route waits for the database
	@exec $(PY) -m pytest tests/functions/api/database/test_round_trips.py -q

bench: install  ## the measured promises, as a table and bench/results/latest.json
	@exec $(PY) -m bench

hearing: install  ## word error rate and lost words of a corpus of speech, as a table; Debian only
	@exec $(PY) -m bench.hearing $(STEP)

install:
	@./bootstrap dev
