# Needs: a Python from 3.11 to 3.14 with venv, or uv. Everything else comes from uv.lock into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.8
BIN := .venv/bin
PYTHONS := python3 python3.13 python3.12 python3.11 python3.14
export UV_PROJECT_ENVIRONMENT := .venv
export UV_NO_PROGRESS := 1

# The project's own .venv, whatever environment the caller happens to have active.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
# Images often set this. Then each of the many processes that tests start compiles all that it imports: twice the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: .venv/.runtime ## install, then run the tour: app, ingress :8080, admin :9070, PostgreSQL :9071
	@exec $(BIN)/pgdurable dev examples/tour/app.py

.PHONY: test
test: .venv/.dev ## run all tests on an embedded PostgreSQL 18 (PGDURABLE_TEST_POSTGRES=16 or docker15 for others)
	@exec $(BIN)/python -m pytest -n auto $(ARGS)

.PHONY: check
check: .venv/.dev ## everything that reads the code without running it; each tool has its say
	@failed=; said=$$(mktemp); $(BIN)/pyright >"$$said" 2>&1 & pyright=$$!; \
	for tool in 'ruff format --check .' 'ruff check .' mypy lint-imports; do \
		echo "--- $$tool"; $(BIN)/$$tool || failed="$$failed $${tool%% *}"; \
	done; \
	echo "--- pyright"; wait $$pyright || failed="$$failed pyright"; cat "$$said"; rm "$$said"; \
	if [ -n "$$failed" ]; then echo "--- failed:$$failed" >&2; exit 1; fi

.PHONY: fmt
fmt: .venv/.dev ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: .venv/.dev ## throughput and latency on this machine (takes arguments: make bench ARGS=...)
	@exec $(BIN)/python -m benchmarks $(ARGS)

.PHONY: verify
verify: .venv/.dev ## programs under faults, and the invariants (SEED=7, HOURS=4, MUTANTS=1, CRASHES=1, TAKEOVER=1)
	@exec $(BIN)/python -m verify $(if $(SEED),--seed $(SEED)) $(if $(HOURS),--hours $(HOURS)) \
		$(if $(MUTANTS),--mutants) $(if $(CRASHES),--crashes) $(if $(TAKEOVER),--takeover) $(ARGS)

.PHONY: upgrade
upgrade: .venv/.dev ## the release before runs under load while this one takes its place (ARGS='--base COMMIT')
	@exec $(BIN)/python -m tests.upgrade $(ARGS)

.PHONY: snapshot
snapshot: .venv/.dev ## regenerate sql/schema.snapshot.sql from the migrations
	@exec $(BIN)/python -m tests.sql.snapshot

.PHONY: reference
reference: .venv/.dev ## regenerate docs/reference/python and options.md from signatures and docstrings
	@$(BIN)/python -m tests.docs.reference
	@$(BIN)/python -m tests.docs.options

.PHONY: twin
twin: .venv/.dev ## make the blocking client from the async one
	@exec $(BIN)/python -m tests.client.twin

.PHONY: install
install: .venv/.dev ## only install: .venv with the runtime and the development tools

.PHONY: clean
clean: ## remove .venv and every cache (the dev database in .pgdurable stays)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One recipe makes the environment: with the uv of the machine where there is one, else with a python and pip.
.venv/bin/uv:
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --seed --python '>=3.11,<3.15' .venv; \
	else \
		for python in $(PYTHONS) none; do \
			if [ $$python = none ]; then echo 'pgdurable needs a Python from 3.11 to 3.14 with venv, or uv, on the PATH' >&2; exit 1; fi; \
			if $$python -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then break; fi; \
		done; \
		echo "creating .venv with $$($$python --version)"; \
		$$python -m venv .venv; \
	fi
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install uv==$(UV_VERSION)

# --inexact leaves pip and uv where they are; --frozen installs what uv.lock says and nothing newer.
.venv/.runtime: pyproject.toml uv.lock | .venv/bin/uv
	@$(BIN)/uv sync --quiet --frozen --inexact --no-dev
	@touch $@

.venv/.dev: pyproject.toml uv.lock | .venv/bin/uv
	@$(BIN)/uv sync --quiet --frozen --inexact
	@touch $@ .venv/.runtime
