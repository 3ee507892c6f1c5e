# Everything a person or CI runs. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help run test bench sim soak calibrate fuzz screenshots setup format lint rust ui browser

SEEDS ?= 10000
MINUTES ?= 1
CARGO ?= cargo

help: ## what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: ## start a node
	$(CARGO) run --release

test: ## everything that proves it works
	@$(MAKE) --no-print-directory format
	@$(MAKE) --no-print-directory -j2 setup lint # One waits for the network, the other computes.
	@$(MAKE) --no-print-directory ui rust tmux seeds browser
	@echo "make test: all passed"

setup: ## install what the tests need (tmux, Chromium, Firefox, zsh, fish; iproute2 and nftables for tests with networks)
	@sh tests/setup.sh

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

ui: ## TypeScript check and tests of the dashboard
	cd web/ui && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	cd web/ui && npm run --silent check && npm test --silent

# Properties are tested with the same cases every time: what fails here fails again. `make sim` draws new ones.
rust: ## Rust tests: unit, property, real processes, fuzz corpora
	PROPTEST_RNG_SEED=1 $(CARGO) test --workspace --quiet

# make tmux SUITES="bullseye trixie forky sid" tries all that the archive has; 3.1c, of bullseye, has to be refused.
.PHONY: tmux
SUITES ?= trixie
tmux: ## the tests of tmux with a newer one than is installed, or with those of SUITES="trixie forky sid"
	@sh tests/tmux-versions.sh $(SUITES) | while read -r version folder; do \
		echo "tmux $$version"; \
		PATH="$$folder:$$PATH" CARGO="$(CARGO)" sh tests/tmux-version.sh "$$version" || exit 1; \
	done

# The binaries with which the Rust tests are built. `cargo build` would build them again: without the tests, their libraries have other features.
.PHONY: binaries
binaries:
	$(CARGO) test --workspace --quiet --no-run

# With assertions, and sooner than a release build is there.
.PHONY: seeds
seeds: binaries ## the simulator: 2 000 seeds, and what is promised of meshes of up to 100 nodes, in virtual time
	@target/debug/consort-sim bench --only nodes --check & promises=$$!; \
	target/debug/consort-sim swarm --seeds 2000 --jobs 2; seeds=$$?; \
	wait $$promises && exit $$seeds

browser: binaries ## end to end with real tmux and a real browser
	cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	cd tests/browser && CONSORT_BINARY=$(CURDIR)/target/debug/consort npm test --silent

.PHONY: agents
agents: ## the newest Claude Code, Codex, Gemini CLI, OpenCode, Copilot CLI in every situation; prints what Consort shows of each
	@sh tests/agents/install.sh newest
	$(CARGO) build --quiet
	$(CARGO) run --quiet -p consort-tests --bin agents -- --newest

sim: ## the simulator, SEEDS=10000, and 50 seeds of meshes too large for links between all
	$(CARGO) run --release --quiet -p consort-sim -- swarm --seeds $(SEEDS) --jobs 2
	$(CARGO) run --release --quiet -p consort-sim -- swarm --seeds 50 --nodes 72 --jobs 2
	PROPTEST_CASES=5000 $(CARGO) test --release --quiet -p consort-sim --test swarm

bench: ## measure; prints the tables of BENCHMARKS.md
	$(CARGO) build --release --quiet
	$(CARGO) run --release --quiet -p consort-tests --bin bench
	$(CARGO) run --release --quiet -p consort-sim -- bench

soak: MINUTES = 5
soak: ## five real nodes on networks of their own, where anything may fail, for MINUTES=5
	$(CARGO) build --release --quiet
	CONSORT_SOAK_MINUTES=$(MINUTES) $(CARGO) test --release --quiet -p consort-tests --test soak -- --ignored --nocapture

calibrate: ## the same scenes in the simulator and with real processes, side by side
	$(CARGO) build --release --quiet
	$(CARGO) run --release --quiet -p consort-tests --bin calibrate

fuzz: ## grow the fuzz corpora for MINUTES=1 per target, then compare terminals in CASES=10000 drawn programs
	sh fuzz/fuzz.sh $(MINUTES)
	$(MAKE) differ

.PHONY: differ
differ: CASES = 10000
differ: BROWSER_CASES = 300
differ: ## what CASES=10000 drawn programs show on tmux, on our terminals and in the page's emulator, BROWSER_CASES=300 of them in a browser
	cd web/ui && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	$(CARGO) run --release --quiet -p consort-tests --bin differ -- --backend tmux --cases $(CASES)
	$(CARGO) run --release --quiet -p consort-tests --bin differ -- --backend pty --cases $(CASES)
	cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	$(CARGO) run --release --quiet -p consort-tests --bin differ -- --backend tmux --browser --cases $(BROWSER_CASES)
	$(CARGO) run --release --quiet -p consort-tests --bin differ -- --backend pty --browser --cases $(BROWSER_CASES)

.PHONY: vttest
vttest: ## vttest on our terminals, on tmux and in the page's emulator; writes the table tests/vttest.md
	cd web/ui && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	$(CARGO) run --quiet -p consort-tests --bin vttest

screenshots: ## make the pictures of the README
	$(CARGO) build --release --quiet
	cd tests/browser && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; }
	cd tests/browser && npm run --silent screenshots
