# Everything a person needs; `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz bench build fmt

CARGO ?= cargo

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## From a commit to production on an embedded cluster, and a bad version rolled back
	@./target/release/seatrial demo

test: ## Run every test, as CI does
	$(CARGO) test --workspace --quiet
	$(CARGO) xtask tidy

check: ## Formatting, lints, licences, edges between crates, a minute of fuzzing
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; \
	 else echo "skipped: cargo-deny is not installed (cargo install cargo-deny)"; fi
	$(CARGO) xtask tidy
	$(CARGO) run --quiet --package seatrial-fuzz -- run --seconds 60

fuzz: ## Feed every decoder with bytes nobody should send, for ten minutes
	$(CARGO) run --quiet --package seatrial-fuzz -- run --seconds 600 --seed $$(date +%s)

bench: ## Measure the figures of the README on this machine
	$(CARGO) bench --package seatrial --bench figures
	$(CARGO) bench --package seatrial-apiserver --bench api
	$(CARGO) bench --package seatrial-apiserver --bench watches
	$(CARGO) bench --package seatrial-scheduler --bench chain
	$(CARGO) bench --package seatrial-node --bench pod_start
	$(CARGO) bench --package seatrial-store --bench commit
	$(CARGO) bench --package seatrial-network --bench gateway

build: ## Build the release binary
	$(CARGO) build --release --package seatrial

fmt: ## Format the code
	$(CARGO) fmt --all
