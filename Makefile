# Flotilla's commands. `make` alone lists them. Needs Node >= 20, npm and make; the rest is fetched by them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export NX_DAEMON := false
export NX_TUI := false

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

start: build ## Run everything in one process on http://127.0.0.1:8080
	@exec node --enable-source-maps --max-semi-space-size=64 services/standalone/dist/main.js

mesh: build tools ## Run the seven services as processes with real Redis, NATS and Postgres on this machine
	@exec node --enable-source-maps tools/mesh/dist/main.js

cluster: build tools ## Run a Kubernetes on this machine, whose pods are processes, until Ctrl-C
	@exec node --enable-source-maps tools/local-cluster/dist/main.js

test: node_modules/.install tools ## Install what the tests need and run them all
	@node scripts/test.mjs

bench: build tools ## Measure the figures: a table, and .cache/bench.json
	@node --enable-source-maps bench/dist/main.js

build: node_modules/.install ## Build every package (cached)
	@nx run-many -t build --output-style=static >.build.log 2>&1 || { cat .build.log; exit 1; }
	@rm -f .build.log

tools: node_modules/.install ## Install the servers and tools that the tests use, outside the tree
	@node scripts/tools.mjs

doctor: ## Say what is missing on this machine and how to get it
	@node scripts/doctor.mjs

lint: node_modules/.install ## Check style, boundaries, types, formatting and the contracts
	@eslint . && tsc -p tsconfig.json && prettier --check --log-level warn . && buf lint proto && node scripts/proto-compatibility.mjs

format: node_modules/.install ## Format every file
	@prettier --write --log-level warn .

docs: build ## Regenerate docs/reference
	@node scripts/reference.mjs

clean: ## Remove what was built (not .data)
	@rm -rf .nx .cache libs/*/dist services/*/dist tools/*/dist tests/dist bench/dist

# Not npm ci: it refuses a lock file that lacks optional binaries of other platforms. --no-save keeps to the lock and leaves it as it is.
node_modules/.install: package-lock.json
	@echo "Installing packages …"
	@npm install --no-save --loglevel=error --no-progress
	@touch $@

.PHONY: help start mesh cluster test bench build tools doctor lint format docs clean
