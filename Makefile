# The commands of this project, which README.md explains. A fresh machine needs git, make and Python 3.13 or uv.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PY = .venv/bin/python
PORT ?= 8000
PROOF_SCALE ?= 0.1

include requirements.mk build.mk

.PHONY: help run demo ask chat token webhook retention reset migrate sql openapi test proof check bench hearing quality install
help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Each recipe execs its last command, so that the command is make's child and notices when make is killed.
run: install  ## run the whole system on http://127.0.0.1:8000 (PORT=…)
	@exec $(PY) -m local run --port $(PORT) $(if $(DATA),--data $(DATA))

demo: install  ## analyse the sample posts, or URLS="…", and write a report
	@exec $(PY) -m local demo $(URLS)

ask: install  ## analyse URL=https://… on the running system, with live progress
	@exec $(PY) -m local ask "$(URL)"

chat: install  ## talk about the newest analysis of the running system
	@exec $(PY) -m local chat

token: install  ## print a session token of USER=you@example.com for the running system
	@exec $(PY) -m local token "$(USER)"

webhook: install  ## send the running system a signed event, EVENT=user.created or payment.failed (USER=you@example.com)
	@exec $(PY) -m local webhook "$(EVENT)" $(if $(filter command line,$(origin USER)),--email "$(USER)")

retention: install  ## delete expired records from the running system's database
	@exec $(PY) -m local retention

.PHONY: reconcile
reconcile: install  ## compare billing with Dodo and print the differences; REPAIR=1: repair our rows (DAYS=35)
	@exec $(PY) -m local reconcile $(if $(DAYS),--days "$(DAYS)") $(if $(filter 1,$(REPAIR)),--repair)

reset: install  ## delete all local data in .local/
	@exec $(PY) -m local reset

migrate: install  ## upgrade the database of SUPABASE_DIRECT_DB_URL
	@exec $(PY) -m tools.migrate

.PHONY: admin
admin: install  ## make EMAIL=you@example.com an administrator: on the running system, or in SUPABASE_DIRECT_DB_URL
	@exec $(PY) -m local admin "$(EMAIL)"

.PHONY: plans
plans: install  ## connect the plans with Dodo's products, in the database of SUPABASE_DIRECT_DB_URL
	@exec $(PY) -m tools.plans

sql: install  ## print the migrations as SQL, for `supabase db push`
	@exec $(PY) -m alembic upgrade head --sql

.PHONY: scale
scale: install  ## print the tables of docs/scale.md: what a stack costs, and its first limits
	@exec $(PY) -m tools.scale

openapi: install  ## write docs/openapi.json
	@exec $(PY) -m tools.openapi

# The tools outside .venv that tests and checks use.
.PHONY: install-tools
install-tools: install
	@./bootstrap sam && ./bootstrap lambda && ./bootstrap realtime && ./bootstrap node && ./bootstrap python-client
	@$(MAKE) install-console-packages install-client-packages

# Python may write bytecode, because a process that compiles every module takes ten seconds longer to start.
test proof: export PYTHONDONTWRITEBYTECODE :=
test: install-tools  ## run every test that must pass
	@exec $(PY) -m pytest -m "not proof" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# The tests read PROOF_SCALE from the environment; the default is a tenth.
proof: export PROOF_SCALE := $(PROOF_SCALE)
proof: install  ## run a tenth of the storms and random searches, or all with PROOF_SCALE=1
	@exec $(PY) -m pytest -m proof -n 2 --dist loadfile --no-loadscope-reorder -rap $(ARGS)

check: install  ## check format, lint, types, import contracts, migrations, template and state machine
	@.venv/bin/ruff format --check --quiet . && .venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@PYTHONPATH=. .venv/bin/lint-imports --no-logo
	@.venv/bin/squawk --reporter gcc migrations/versions/*/*.sql
	@$(MAKE) check-template check-statemachine

.PHONY: round-trips
round-trips: install  # count the database round trips of each route
	@exec $(PY) -m pytest tests/functions/api/database/test_round_trips.py -q

bench: install  ## measure the promised figures, as a table and a file in bench/results; PART=comparison: one part
	@./bootstrap peer-django
	@exec $(PY) -m bench $(PART)

hearing: install  ## measure word error rate and lost words of a corpus of speech; Debian only
	@exec $(PY) -m bench.hearing $(STEP)

quality: install  ## measure how well answers keep to the evidence; PROVIDER=gemini, …, measured (POSTS=n)
	@exec $(PY) -m bench.quality $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(POSTS),--posts $(POSTS))

install:
	@./bootstrap dev
