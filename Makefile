# Lockstep: `make up` runs a network, `make test` runs every check.

# Built files live outside the clone where a cache folder exists, so that a new clone builds in
# minutes: LOCKSTEP_CACHE, or ~/.cache/lockstep.
LOCKSTEP_CACHE ?= $(HOME)/.cache/lockstep
ifneq ($(wildcard $(LOCKSTEP_CACHE)/.),)
export CARGO_TARGET_DIR ?= $(LOCKSTEP_CACHE)/target
else
export CARGO_TARGET_DIR ?= $(CURDIR)/target
endif

# One profile for everything, so that dependencies are built once.
CARGO_FLAGS := --release --locked
LOCKSTEP := $(CARGO_TARGET_DIR)/release/lockstep
RELEASED := $(CARGO_TARGET_DIR)/released/lockstep

.PHONY: up build release speed test test-mixed test-peers night coverage lint fmt bench setup clean-network

## up: four validators on this machine, their RPC and explorer URLs, until Ctrl-C
up: build
	$(LOCKSTEP) localnet -n 4 --dir $(CURDIR)/.localnet

## build: the lockstep binary
build: setup
	cargo build $(CARGO_FLAGS) --bin lockstep

## test: every check
test: setup lint
	cargo build $(CARGO_FLAGS) --bin lockstep
	cargo test $(CARGO_FLAGS) --workspace --no-fail-fast

## test-mixed: Lockstep beside CometBFT; skipped where no `cometbft` is on the PATH. ONLY=part of
## a name for some of it
test-mixed: build
	cargo test $(CARGO_FLAGS) -p node --test mixed -- $(ONLY)

## test-peers: applications on other people's servers under `lockstep app check`
test-peers:
	cd abci/peers && cargo test --release

## release: the program that people are given: an empty block costs it a fifth less. Takes half an
## hour, and needs `rustup component add llvm-tools`
release: setup
	sh scripts/release.sh

## speed: how much one core simulates when it is built as a release is
speed:
	sh scripts/speed.sh

## night: search for seeds that fail, with the program that people are given, for HOURS (8), print
## the tables, and run all twins
night: release
	LOCKSTEP=$(RELEASED) HOURS=$(or $(HOURS),8) sh scripts/night.sh
	TWINS=all cargo test $(CARGO_FLAGS) -p simulator --test twins

## coverage: how much of consensus the simulator runs, by file; fails below 90 % of the lines
coverage:
	sh scripts/coverage.sh

## lint: format and clippy, warnings are errors
lint: setup
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

## bench: the figures of docs/PERFORMANCE.md
bench: build
	cargo bench --locked -p node --bench network

## fmt: format everything
fmt:
	cargo fmt --all

## setup: install what building needs and this machine lacks
setup:
	@sh scripts/setup.sh

## clean-network: forget the chain that `make up` made
clean-network:
	rm -rf $(CURDIR)/.localnet
