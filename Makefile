# The one door for people and for CI: `make help` lists what there is. Recipes are short; what needs more than a few
# lines is a script under tools/ or a program under bench/. Nothing here knows how a crate or a package is built.

SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Every recipe that builds takes the same lock; two at once would only wait for each other.
.NOTPARALLEL:

export CARGO_TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(shell tools/where target))
export RUSTUP_HOME := $(or $(RUSTUP_HOME),$(shell tools/where rustup))

FUZZ_SECONDS ?= 30
BENCH_ROUNDS ?= 7

ENGINE_SOURCES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name 'Cargo.toml')
PYTHON_SOURCES := pyproject.toml $(shell find python -name '*.py' -o -name '*.pyi')
PYTHON_TREES := python tests bench tools
GROUPS ?= $(notdir $(patsubst %/packages.txt,%,$(wildcard tests/conformance/*/packages.txt)))
# The package as tests see it: the sources, and an engine with every assertion on.
TESTING := PYTHONPATH=$(CURDIR)/build/testing .venv/bin/python

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.package .venv/.dev ## everything: .venv with the product and the tools of its developers
	@tools/system.sh all

.PHONY: run
run: .venv/.package ## the demo: a gateway, three upstreams, and what to try; DEMO='--port 9000' for its options
	@exec env PYTHONUNBUFFERED=1 .venv/bin/expressgateway demo $(DEMO)

.PHONY: test
test: setup dev ## all tests, Rust and Python; ARGS='-k words' selects among the Python ones
	cargo test --locked --quiet --profile testing --workspace --exclude eg-python
	$(TESTING) -m pytest -rs --ignore tests/conformance $(ARGS)

.PHONY: conformance
conformance: setup dev ## real servers behind the gateway and real clients before it; GROUPS='origins clients'
	for group in $(GROUPS); do tools/conformance.sh $$group || exit; done
	$(TESTING) -m pytest -rs $(addprefix tests/conformance/,$(GROUPS)) $(ARGS)

.PHONY: check
check: setup dev ## formatting, lints, types, and the rules of the house
	cargo fmt --all --check
	cargo clippy --locked --quiet --profile testing --workspace --all-targets -- -D warnings
	cargo clippy --locked --quiet --manifest-path bench/generator/Cargo.toml --all-targets -- -D warnings
	.venv/bin/ruff format --quiet --check $(PYTHON_TREES)
	.venv/bin/ruff check --quiet $(PYTHON_TREES)
	MYPYPATH=python .venv/bin/mypy --strict $(PYTHON_TREES)
	MYPYPATH=python $(TESTING) -m mypy.stubtest --mypy-config-file pyproject.toml expressgateway._engine
	$(TESTING) -m pytest -q tests/guards

.PHONY: dev
dev: .venv/.dev ## build/testing: the package with an engine whose assertions are on, as tests use it
	@tools/lay-out.sh testing

.PHONY: docs
docs: dev ## the generated pages of docs/reference
	$(TESTING) -m expressgateway.config.reference > build/configuration.md
	mv build/configuration.md docs/reference/configuration.md
	$(TESTING) -m tests.spec.http1.page > build/http1.md
	mv build/http1.md docs/reference/http1.md

.PHONY: bench
bench: .venv/.dev ## CPU, memory and latency beside peers; BENCH_ROWS='128b-64 idle' BENCH_ROUNDS=7 BENCH_SECONDS=3
	@tools/system.sh all
	@tools/lay-out.sh dist
	BENCH_ROUNDS=$(BENCH_ROUNDS) .venv/bin/python -m bench

.PHONY: budget
budget: .venv/.dev ## instructions and allocations per request, held against bench/budgets.toml (valgrind)
	@tools/system.sh all
	.venv/bin/python -m bench.budget

.PHONY: peers
peers: .venv/.dev ## fetches what bench compares with (root for the newest nginx and HAProxy), and prints versions
	@tools/system.sh all
	@tools/peers.sh

.PHONY: fuzz
fuzz: .venv/.dev ## every fuzz target for FUZZ_SECONDS=30 each
	@tools/fuzz.sh $(FUZZ_SECONDS)

# Stamps: what stands is not made again until what it is made of changes.
.venv/.package: tools/install.sh $(ENGINE_SOURCES) $(PYTHON_SOURCES)
	@tools/system.sh build
	@tools/install.sh package
	@touch $@

.venv/.dev: tools/install.sh pyproject.toml
	@tools/system.sh build
	@tools/install.sh dev
	@touch $@
