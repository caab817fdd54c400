# worker: one static binary. `make help` lists what can be made; `make demo` and `make test` are the
# two commands a newcomer needs. Recipes of more than a line are scripts in .make/.
SHELL := /bin/bash
.SHELLFLAGS := -Eeuo pipefail -c
.DEFAULT_GOAL := build

PREFIX ?= /usr/local
DESTDIR ?=
CERTS ?= certs
WORKER := .build/worker

.PHONY: build install reproducible test test-vm demo bench bench-output lint format proto \
	proto-check docs docs-check tsan asan certs clean help bench-handshakes abuse fuzz

build: ## One static, stripped binary at .build/worker (what plain `make` does)
	@.make/build

install: build ## Installs it as PREFIX/bin/worker with worker-client and worker-serve (PREFIX, DESTDIR)
	install -d '$(DESTDIR)$(PREFIX)/bin'
	install -m 0755 $(WORKER) '$(DESTDIR)$(PREFIX)/bin/worker'
	ln -sfn worker '$(DESTDIR)$(PREFIX)/bin/worker-client'
	ln -sfn worker '$(DESTDIR)$(PREFIX)/bin/worker-serve'

demo: build ## Starts a server in a temporary folder, runs real jobs, cleans up (root)
	@.make/demo

test: build ## Every test ring this machine can run; says what it skips and why
	@.make/test

test-vm: build ## The VM ring: the binary under a Debian kernel with cgroup v2, in QEMU
	@Tests/VM/run

tsan: ## The unit rings under the thread sanitizer
	@.make/sanitize thread

asan: ## The unit rings under the address and leak sanitizers
	@.make/sanitize address

bench: build ## Ratios against ssh, crun, bubblewrap and a C floor, in one run (root)
	@Tests/Bench/run
	@Tests/Bench/output
	@Tests/Bench/handshakes

bench-handshakes: build ## New connections a second and CPU for each, beside openssl s_server (root)
	@Tests/Bench/handshakes

abuse: build ## sslscan and testssl.sh against the port, HTTP/2 floods beside another user (root)
	@Tests/Abuse/run

fuzz: ## The fuzz tests under libFuzzer and the address sanitizer (SECONDS=60 for each, SEED=other each time)
	@WORKER_FUZZ_SECONDS='$(or $(SECONDS),60)' .make/fuzz $(SEED)

bench-output: build ## What output costs: throughput, many followers, latency; PARTS="live latency" (root)
	@Tests/Bench/output $(PARTS)

lint: ## Formatting, house rules and shell scripts; changes nothing
	@.make/lint

format: ## Formats all Swift code in place
	@.make/lint --files | xargs -0 swift format --in-place

proto: ## Generates Sources/JobAPI/Generated from job.proto
	@.make/proto

proto-check: ## Fails if the committed generated code is not what job.proto gives
	@.make/proto --check

docs: build ## Writes docs/cli.md from the help texts of the built binary
	@.make/cli-reference

docs-check: build ## Fails if docs/cli.md is not what the binary says
	@.make/cli-reference --check

certs: build ## A CA, a server certificate and the identities admin, alice, bob and victor in certs/
	@.make/certs '$(CERTS)'

reproducible: ## Builds this commit in two folders and compares the bytes
	@.make/reproducible

clean: ## Removes everything that was built (certificates stay)
	rm -rf .build .build-*

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
