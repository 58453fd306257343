SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: deps demo demo-api test bench compare listen native cross fmt lint deny \
	test-fmt test-clippy test-docs test-features test-rust test-benches test-instructions test-fuzz \
	test-official test-python test-sdist python-wheel bench-python native-python gil-python \
	test-node node-module node-packages bench-node instructions-update

CARGO ?= cargo
PYTHON ?= python3
LOGS := target/make-test
VENV := .venv
GUNGRAUN := $(shell sed -n '/^name = "gungraun-runner"$$/ { n; s/[^0-9.]//gp }' Cargo.lock)
GUNGRAUN_RUNNER := target/tools/gungraun-$(GUNGRAUN)/bin/gungraun-runner
REQUIREMENTS := core/tests/official/requirements.txt
PYTHON_VENV := target/python-venv
PYTHON_REQUIREMENTS := bindings-python/tests/requirements.txt
PYTHON_SOURCES := bindings-python/python bindings-python/tests examples/python
PESQ_VENV := target/pesq-venv
PESQ_REQUIREMENTS := benches/concealment/requirements.txt

# Seconds that each fuzz target runs in the tests.
FUZZ_SECONDS ?= 10
FUZZ_TARGETS = $(basename $(notdir $(wildcard core/fuzz/fuzz_targets/*.rs)))

heading = @printf '\n== %s ==\n' "$(1)"

# What Rust's own installer does not bring: a C compiler and linker for ring, Python for the tests
# against the official SDKs, valgrind to count instructions, PostgreSQL for the bridge server's tests,
# which start one of their own, and the C libraries that the benches are compared with.
PEER_PACKAGES := libsamplerate0-dev libsoxr-dev libspeexdsp-dev pkg-config
DEBIAN_PACKAGES := build-essential ca-certificates postgresql python3 python3-venv valgrind $(PEER_PACKAGES)

# Installs those of the Debian packages $(1) that are missing.
define install
$(call heading,system packages)
@missing=(); \
for package in $(1); do \
	dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' \
		|| missing+=("$$package"); \
done; \
if [ $${#missing[@]} -eq 0 ]; then \
	echo "present: $(1)"; \
else \
	sudo=; [ "$$(id -u)" -eq 0 ] || sudo=sudo; \
	echo "installing: $${missing[*]}"; \
	case "$${missing[*]}" in *:arm64*) $$sudo dpkg --add-architecture arm64 ;; esac; \
	$$sudo apt-get update -qq; \
	$$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends --no-remove "$${missing[@]}"; \
fi
endef

deps:
	$(call install,$(DEBIAN_PACKAGES))
	$(call heading,Rust)
	@$(CARGO) --version || { echo 'install Rust: https://www.rust-lang.org/tools/install'; exit 1; }
	@$(CARGO) fmt --version
	@$(CARGO) clippy --version
	$(call heading,crates)
	@$(CARGO) fetch --locked

# DEMO=storm: the same conversation while both peers and the network misbehave.
DEMO ?= call
demo:
	$(call heading,build)
	@$(CARGO) build --release --locked -p trunkline-bridge-server -p trunkline-demo
	$(call heading,demo: $(DEMO))
	@target/release/trunkline-demo $(DEMO)

# What the demo's call has left in its database, over the JSON API.
demo-api:
	@cd demo-output/server && ../../target/release/trunkline-bridge-server

# Cheap checks first: a wrong format should not cost a quarter of an hour.
test: test-fmt test-clippy test-docs test-features test-rust test-benches test-instructions \
		test-fuzz test-official test-python test-sdist test-node test-c test-install
	$(call heading,summary)
	@awk '/^test result:/ { passed += $$4; failed += $$6; ignored += $$8; binaries++ } \
		END { printf "Rust: %d passed, %d failed, %d ignored in %d test binaries\n", \
			passed, failed, ignored, binaries; exit failed || !passed }' $(LOGS)/rust.log
	@awk '/^Success/ { ran++ } END { printf "Benches: %d ran once\n", ran; exit !ran }' \
		$(LOGS)/benches.log
	@echo "Instructions: $$(tail -n 1 $(LOGS)/instructions.log)"
	@awk '/^fuzzed/ { targets++; runs += $$3 } \
		END { printf "Fuzzing: %d executions of %d targets\n", runs, targets; exit !targets }' \
		$(LOGS)/fuzz.log
	@echo "Official packages: $$(tail -n 1 $(LOGS)/official.log)"
	@echo "Python: $$(tail -n 1 $(LOGS)/python.log)"
	@echo "C: $$(grep -hE '^(misuse|Ran) ?' $(LOGS)/c.log | paste -sd ';')"
	@echo "Node: $$(grep '^# pass' $(LOGS)/node.log)"

test-fmt:
	$(call heading,format)
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path core/fuzz/Cargo.toml --check

test-clippy:
	$(call heading,clippy: all features)
	@$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(call heading,clippy: no features)
	@$(CARGO) clippy -p trunkline --no-default-features --locked -- -D warnings

test-docs:
	$(call heading,documentation)
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --all-features --locked

# One package at a time, since a workspace build would unify the features. The empty set is the
# no_std build.
test-features:
	$(call heading,feature combinations of the core)
	@for features in '' alloc std any-rate capi internal alloc,internal std,internal; do \
		echo "-- features: $${features:-none (no_std)}"; \
		RUSTFLAGS='-D warnings' CARGO_TARGET_DIR=target/features \
			$(CARGO) check -p trunkline --no-default-features --features "$$features" --locked; \
	done

test-rust:
	$(call heading,Rust tests)
	@mkdir -p $(LOGS)
	@$(CARGO) test --workspace --all-features --locked --no-fail-fast 2>&1 | tee $(LOGS)/rust.log

test-benches:
	$(call heading,every bench once)
	@mkdir -p $(LOGS)
	@$(CARGO) test -p trunkline-benches --benches --locked 2>&1 | tee $(LOGS)/benches.log

# Against the figures in instructions.tsv; counts, unlike times, do not depend on what else runs, nor,
# as it turned out, on where memory lies, which containers forbid to fix.
test-instructions: $(LOGS)/instructions.jsonl
	@$(PYTHON) benches/paths/instructions.py <$< | tee $(LOGS)/instructions.log

instructions-update: $(LOGS)/instructions.jsonl
	@$(PYTHON) benches/paths/instructions.py --update <$<

.PHONY: $(LOGS)/instructions.jsonl
$(LOGS)/instructions.jsonl: $(GUNGRAUN_RUNNER)
	$(call heading,instructions of each hot path)
	@mkdir -p $(@D)
	@env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS GUNGRAUN_RUNNER=$(CURDIR)/$< \
		$(CARGO) bench -p trunkline-paths --bench instructions --features internal --locked -- \
		--output-format=json --parallel=auto --allow-aslr=yes --callgrind-args=--cache-sim=no >$@

# The harness insists on a runner of its own version. Unoptimised: it only starts valgrind and reads
# what that prints.
$(GUNGRAUN_RUNNER):
	$(call heading,gungraun-runner $(GUNGRAUN))
	@CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --no-track \
		--root $(dir $(@D)) gungraun-runner@$(GUNGRAUN)

# New inputs go to the first folder and are forgotten: every run starts from the seeds. A crash, an
# endless loop or too much memory leaves the input in core/fuzz/artifacts and ends the run.
test-fuzz:
	$(call heading,clippy: fuzz targets)
	@cd core/fuzz && $(CARGO) clippy --release --all-targets --locked -- -D warnings
	$(call heading,fuzz targets for $(FUZZ_SECONDS) s each)
	@mkdir -p $(LOGS) core/fuzz/artifacts
	@cd core/fuzz && $(CARGO) build --release --locked
	@rm -f $(LOGS)/fuzz*.log
	@printf '%s\n' $(FUZZ_TARGETS) | xargs -P "$$(nproc)" -I {} $(SHELL) $(.SHELLFLAGS) ' \
		log=$(LOGS)/fuzz-{}.log; \
		found=$$(mktemp -d); \
		trap "rm -rf $$found" EXIT; \
		cd core/fuzz; \
		$(CARGO) run --quiet --release --locked --bin {} -- "$$found" seeds/{} \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
			-artifact_prefix=artifacts/{}- -print_final_stats=1 >../../$$log 2>&1 \
			|| { tail -n 60 ../../$$log; echo "{} failed"; exit 255; }; \
		awk "/number_of_executed_units/ { print \"fuzzed {}\", \$$2 }" ../../$$log' \
		| tee $(LOGS)/fuzz.log

# The first test leaves the events that the official types then judge.
test-official: $(VENV)/.installed
	$(call heading,against the official SDKs)
	@mkdir -p $(LOGS)
	@$(CARGO) test -p trunkline --test openai --all-features --locked --quiet
	@$(CARGO) build -p trunkline-simulators --locked
	@TRUNKLINE_SIM=target/debug/trunkline-sim $(VENV)/bin/python -m pytest -q \
		core/tests/official examples/simulators/tests/official 2>&1 | tee $(LOGS)/official.log

$(VENV)/.installed: $(REQUIREMENTS)
	$(call heading,Python environment)
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The wheel as it is shipped, in an environment with all that it works together with. The stub says
# what the module is: mypy compares the two, pyright reads both and all that uses them.
test-python: python-wheel
	$(call heading,Python: types)
	@$(PYTHON_VENV)/bin/python -m mypy.stubtest trunkline --allowlist bindings-python/tests/stubtest.allow
	@$(PYTHON_VENV)/bin/python -m mypy --config-file bindings-python/pyproject.toml $(PYTHON_SOURCES)
	@$(PYTHON_VENV)/bin/pyright --project bindings-python --pythonpath $(PYTHON_VENV)/bin/python
	$(call heading,Python: tests)
	@mkdir -p $(LOGS)
	@$(CARGO) build --locked -p trunkline-simulators
	@TRUNKLINE_SIM=$(CURDIR)/target/debug/trunkline-sim \
		$(PYTHON_VENV)/bin/python -B -m pytest -q -p no:cacheprovider \
		bindings-python/tests examples/python/tests 2>&1 \
		| tee $(LOGS)/python.log

python-wheel: $(PYTHON_VENV)/.installed
	$(call heading,Python: wheel)
	@rm -rf target/wheels
	@cd bindings-python && ../$(PYTHON_VENV)/bin/maturin build --quiet --release --locked \
		--out ../target/wheels
	@$(PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps \
		--force-reinstall target/wheels/*.whl
	@$(PYTHON_VENV)/bin/python -m trunkline

# What pip does on a machine that no wheel fits, in an environment that has nothing.
test-sdist: $(PYTHON_VENV)/.installed
	$(call heading,Python: source distribution)
	@rm -rf target/sdist
	@cd bindings-python && ../$(PYTHON_VENV)/bin/maturin sdist --out ../target/sdist
	@$(PYTHON) -m venv target/sdist/venv
	@target/sdist/venv/bin/pip wheel --quiet --disable-pip-version-check --no-deps \
		--wheel-dir target/sdist target/sdist/trunkline-*.tar.gz
	@target/sdist/venv/bin/pip install --quiet --disable-pip-version-check --no-index \
		target/sdist/trunkline-*.whl
	@target/sdist/venv/bin/python -m trunkline

# The drift check comes first: what Rust generates is what is committed. Then what is published:
# packed, and installed where there is nothing else.
test-node: node-module benches/load/node_modules/.package-lock.json
	$(call heading,Node: generated files)
	@git diff --exit-code -- bindings-node/index.js bindings-node/index.d.ts
	$(call heading,Node: types)
	@cd bindings-node && npx --no-install tsc -p test/types \
		&& npx --no-install tsc -p test/types/tsconfig.agents.json
	$(call heading,Node: tests)
	@mkdir -p $(LOGS)
	@$(CARGO) build --locked -p trunkline-simulators
	@TRUNKLINE_SIM=$(CURDIR)/target/debug/trunkline-sim node --expose-gc --test --test-reporter=tap \
		bindings-node/test/*.test.mjs examples/node/test/*.test.mjs \
		benches/load/*.test.mjs 2>&1 | tee $(LOGS)/node.log

node-module: bindings-node/node_modules/.package-lock.json examples/node/node_modules/.package-lock.json
	$(call heading,Node: module)
	@bindings-node/scripts/build.sh
	@cd bindings-node && node -e 'console.log(require("trunkline").instructionSet())'

# target/npm: the package, and one for each platform, the module in that of this machine.
node-packages: node-module
	$(call heading,Node: packages)
	@node bindings-node/scripts/build-npm.mjs target/npm

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	$(call heading,Node: packages of $*)
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

bench-node: node-module benches/node/node_modules/.package-lock.json
	$(call heading,Node: beside the packages that do the same work)
	@node --expose-gc benches/node/bench.mjs

# Calls at a time through the bridge server and through one written by hand in Node: half an hour on a
# quiet machine. Made are benches/report/load.md and load.svg. Not part of `test`, since it is about times.
.PHONY: bench-load
bench-load: benches/load/node_modules/.package-lock.json
	$(call heading,calls at a time)
	@$(PYTHON) -B benches/load/run.py

$(PYTHON_VENV)/.installed: $(PYTHON_REQUIREMENTS)
	$(call heading,Python: environment)
	@mkdir -p $(@D)
	@$(PYTHON) -m venv --clear $(PYTHON_VENV)
	@$(PYTHON_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench:
	@$(CARGO) bench -p trunkline-benches --locked

# The libraries that do the same work, side by side: two minutes on a quiet machine.
compare:
	$(call install,build-essential $(PEER_PACKAGES))
	$(call heading,build)
	@$(CARGO) build --release --locked -p trunkline-benches --features c-peers --bin compare
	$(call heading,compare)
	@$(CARGO) run --quiet --release --locked -p trunkline-benches --features c-peers --bin compare

# Scores every resampler's sound and makes the page to listen to: benches/report/sound.md and
# listen.html. The package `pesq` is built from its source. Not part of `test`, which instead checks
# that the report is of the sound that the code makes now, to the bit.
listen: $(PESQ_VENV)/.installed
	$(call heading,sound)
	@$(PESQ_VENV)/bin/python -B benches/sound/score.py

$(PESQ_VENV)/.installed: $(PESQ_REQUIREMENTS)
	$(call heading,Python environment for PESQ)
	$(call install,build-essential python3-dev python3-venv $(PEER_PACKAGES))
	@mkdir -p $(@D)
	@$(PYTHON) -m venv --clear $(PESQ_VENV)
	@$(PESQ_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# How near the shipped build, with its instruction set chosen at run time, comes to one for this
# machine. Not part of `test`, since it is about times.
native:
	$(call heading,build for any machine)
	@env -u RUSTFLAGS CARGO_TARGET_DIR=target/native/baseline \
		$(CARGO) build --release --locked -p trunkline-paths --bin native
	$(call heading,build for this machine)
	@RUSTFLAGS='-C target-cpu=native' CARGO_TARGET_DIR=target/native/native \
		$(CARGO) build --release --locked -p trunkline-paths --bin native
	$(call heading,both by turns)
	@target/native/baseline/release/native target/native/{baseline,native}/release/native

# The wheel as it is shipped beside what else Python has for the same work, in one run: three minutes on
# a quiet machine, after the first time. Made are benches/report/python.md and python.svg. Not part of
# `test`, since it is about times.
.PHONY: bench-python gil-python native-python
PYTHON_BENCH_VENV := target/python-bench-venv
PYTHON_BENCH_REQUIREMENTS := benches/python/requirements.txt

bench-python: $(PYTHON_BENCH_VENV)/.installed
	$(call heading,wheel)
	@rm -rf target/python-bench
	@cd bindings-python && env -u RUSTFLAGS ../$(PYTHON_BENCH_VENV)/bin/maturin build --quiet --release \
		--locked --out ../target/python-bench
	@$(PYTHON_BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps \
		--force-reinstall target/python-bench/*.whl
	$(call heading,race)
	@$(PYTHON_BENCH_VENV)/bin/python -B benches/python/compare.py

$(PYTHON_BENCH_VENV)/.installed: $(PYTHON_BENCH_REQUIREMENTS)
	$(call heading,Python environment for benches)
	@mkdir -p $(@D)
	@$(PYTHON) -m venv --clear $(PYTHON_BENCH_VENV)
	@$(PYTHON_BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# From how much audio on it pays to let other threads run: prints what DETACH_LEN is chosen by.
gil-python: $(PYTHON_BENCH_VENV)/.installed
	@$(PYTHON_BENCH_VENV)/bin/python -B benches/python/gil.py

# As `native`, for the wheel: both are built, unpacked, and take turns in processes of their own.
native-python: $(PYTHON_BENCH_VENV)/.installed
	$(call heading,wheel for any machine)
	@rm -rf target/native/python-baseline target/native/python-native
	@cd bindings-python && env -u RUSTFLAGS CARGO_TARGET_DIR=../target/native/baseline \
		../$(PYTHON_BENCH_VENV)/bin/maturin build --quiet --release --locked --out ../target/native/python-baseline
	$(call heading,wheel for this machine)
	@cd bindings-python && RUSTFLAGS='-C target-cpu=native' CARGO_TARGET_DIR=../target/native/native \
		../$(PYTHON_BENCH_VENV)/bin/maturin build --quiet --release --locked --out ../target/native/python-native
	@for build in baseline native; do \
		$(PYTHON_BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps \
			--target target/native/python-$$build target/native/python-$$build/*.whl; \
	done
	$(call heading,both by turns)
	@$(PYTHON_BENCH_VENV)/bin/python -B benches/python/native.py \
		target/native/python-baseline target/native/python-native

# NEON under emulation, and builds without an operating system; a day of audio would take minutes of
# it. A compiler with these targets is
# Debian's of version 1.96, beside the one that the rest is built with; libc6:arm64, which comes with
# its library, is the C library to run with: in that of libc6-arm64-cross, threads do not start.
CROSS_PACKAGES := rustc-web cargo-web rust-web-src libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu \
	libc6-dev-arm64-cross qemu-user
CROSS_CARGO := env -u RUSTFLAGS -u RUSTC_WRAPPER PATH="/usr/bin:$$PATH" RUSTC=/usr/bin/rustc \
	CARGO_TARGET_DIR=target/cross /usr/bin/cargo
NO_STD_TARGETS := aarch64-unknown-none thumbv7em-none-eabihf wasm32-unknown-unknown

cross:
	$(call install,$(CROSS_PACKAGES))
	$(call heading,kernels on aarch64)
	@mkdir -p $(LOGS)
	@CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
		CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64 \
		$(CROSS_CARGO) test --locked --target aarch64-unknown-linux-gnu -p trunkline \
		--lib --test g711 --test base64 --test resample -- --skip a_day_of_audio 2>&1 | tee $(LOGS)/cross.log
	$(call heading,builds without an operating system)
	@for target in $(NO_STD_TARGETS); do \
		echo "-- $$target"; \
		RUSTC_BOOTSTRAP=1 $(CROSS_CARGO) check --locked -Zbuild-std=core,alloc -p trunkline \
			--no-default-features --target $$target; \
	done
	$(call heading,summary)
	@awk '/^test result:/ { passed += $$4; binaries++ } \
		END { printf "aarch64: %d passed in %d test binaries\n", passed, binaries; exit !passed }' \
		$(LOGS)/cross.log
	@echo 'no_std: $(NO_STD_TARGETS)'

fmt:
	@$(CARGO) fmt --all
	@$(CARGO) fmt --manifest-path core/fuzz/Cargo.toml

lint: test-fmt test-clippy test-docs

# Not part of `test`: building cargo-deny takes longer than all of the tests.
deny:
	@$(CARGO) deny --version || { echo 'cargo install --locked cargo-deny'; exit 1; }
	@$(CARGO) deny --all-features --locked check --config .deny.toml licenses bans sources

include core/tests/capi/capi.mk
