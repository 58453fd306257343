# The C interface: its header, its tests, its installation. Included by the Makefile at the top.

.PHONY: header install test-c test-install c-library c-size

CC ?= cc
CXX ?= c++
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib

C_OUT := target/c
C_TESTS := core/tests/capi
C_VENV := $(C_OUT)/venv
C_WARNINGS := -Wall -Wextra -Wpedantic -Werror
C_FLAGS := -std=c99 $(C_WARNINGS) -g -O1 -Iinclude
C_LINK := -Ltarget/release -Wl,-rpath,$(CURDIR)/target/release -ltrunkline -pthread
C_SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
C_VALGRIND := valgrind --quiet --leak-check=full --show-leak-kinds=all --error-exitcode=1
comma := ,
C_COUNTED := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc free posix_memalign aligned_alloc) \
	target/release/libtrunkline.a -pthread -ldl -lm

# What cargo-c is for: a soname, links to it, and trunkline.pc.
CARGO_C := 0.10.24
CARGO_CINSTALL := target/tools/cargo-c-$(CARGO_C)/bin/cargo-cinstall

# Writes include/trunkline.h anew from core/src/capi.
header:
	@TRUNKLINE_WRITE_HEADER=1 $(CARGO) test --quiet -p trunkline --all-features --locked --test header

# The libraries as they are released, except for their names' version.
c-library:
	$(call heading,C: library)
	@$(CARGO) rustc -p trunkline --lib --release --features capi --locked \
		--crate-type cdylib,staticlib

# What the README says of them.
c-size: c-library
	@mkdir -p $(C_OUT)
	@for library in libtrunkline.so libtrunkline.a; do \
		strip --strip-unneeded -o $(C_OUT)/$$library target/release/$$library; \
		stat -c '%s bytes %n' target/release/$$library $(C_OUT)/$$library; \
	done

test-c: c-library $(C_VENV)/.installed
	$(call heading,C: header)
	@mkdir -p $(LOGS) $(C_OUT)
	@$(CARGO) test --quiet -p trunkline --all-features --locked --test header
	@for std in c99 c11; do \
		$(CC) -std=$$std $(C_WARNINGS) -Iinclude -xc $(C_TESTS)/smoke.c -xnone $(C_LINK) \
			-o $(C_OUT)/smoke-$$std; \
		$(C_OUT)/smoke-$$std; \
	done
	@for std in c++11 c++20; do \
		$(CXX) -std=$$std $(C_WARNINGS) -Iinclude -xc++ $(C_TESTS)/smoke.c -xnone $(C_LINK) \
			-o $(C_OUT)/smoke-$$std; \
		$(C_OUT)/smoke-$$std; \
	done
	$(call heading,C: every function misused)
	@$(PYTHON) -B $(C_TESTS)/misuse.py include/trunkline.h >$(C_OUT)/misuse.c
	@$(CC) $(C_FLAGS) $(C_OUT)/misuse.c $(C_LINK) -o $(C_OUT)/misuse
	@$(CC) $(C_FLAGS) $(C_SANITIZERS) $(C_OUT)/misuse.c $(C_LINK) -o $(C_OUT)/misuse-sanitized
	@$(C_OUT)/misuse | tee $(LOGS)/c.log
	@echo '-- under AddressSanitizer and UndefinedBehaviorSanitizer'
	@$(C_OUT)/misuse-sanitized
	@echo '-- under valgrind'
	@$(C_VALGRIND) $(C_OUT)/misuse
	$(call heading,C: threads$(comma) allocations$(comma) panics)
	@$(CC) $(C_FLAGS) $(C_TESTS)/threads.c $(C_LINK) -o $(C_OUT)/threads
	@$(C_OUT)/threads
	@$(C_VALGRIND) $(C_OUT)/threads
	@for program in $(C_OUT)/misuse.c $(C_TESTS)/no_alloc.c; do \
		$(CC) $(C_FLAGS) -DCOUNTED $$program $(C_TESTS)/counted.c $(C_COUNTED) \
			-o $(C_OUT)/counted; \
		$(C_OUT)/counted; \
	done
	@$(CARGO) rustc --quiet -p trunkline --lib --all-features --locked --crate-type cdylib
	@$(CC) $(C_FLAGS) $(C_TESTS)/panic.c -Ltarget/debug -Wl,-rpath,$(CURDIR)/target/debug \
		-ltrunkline -o $(C_OUT)/panic
	@$(C_OUT)/panic 2>/dev/null
	$(call heading,C: examples$(comma) and Python through the header)
	@for example in codec bridge; do \
		$(CC) $(C_FLAGS) $(C_SANITIZERS) examples/c/$$example.c $(C_LINK) -o $(C_OUT)/$$example; \
	done
	@HEADER=include/trunkline.h LIBRARY=$(CURDIR)/target/release/libtrunkline.so \
		EXAMPLES=$(CURDIR)/$(C_OUT) \
		$(C_VENV)/bin/python -B -W ignore::DeprecationWarning $(C_TESTS)/test_c.py 2>&1 \
		| tee -a $(LOGS)/c.log

$(C_VENV)/.installed: $(C_TESTS)/requirements.txt
	$(call heading,C: Python environment)
	@mkdir -p $(@D)
	@$(PYTHON) -m venv --clear $(C_VENV)
	@$(C_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The library, static and shared, the header, trunkline.pc, and what CMake's find_package looks for.
install: $(CARGO_CINSTALL)
	$(call heading,install to $(DESTDIR)$(PREFIX))
	@PATH="$(CURDIR)/$(dir $(CARGO_CINSTALL)):$$PATH" $(CARGO) cinstall --release --locked \
		--manifest-path core/Cargo.toml --prefix "$(PREFIX)" --libdir "$(LIBDIR)" \
		$(if $(DESTDIR),--destdir "$(DESTDIR)")

# Unoptimised: it only starts rustc, and is built in a third of the time.
$(CARGO_CINSTALL):
	$(call heading,cargo-c $(CARGO_C))
	$(call install,build-essential libssl-dev pkg-config)
	@CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --no-track \
		--root $(patsubst %/bin/,%,$(dir $@)) cargo-c@$(CARGO_C)

# What examples/c/README.md says to paste, with another folder to install to.
test-install:
	$(call install,cmake pkg-config)
	$(call heading,C: the build lines of the README)
	@rm -rf $(C_OUT)/prefix $(C_OUT)/cmake
	@awk '/^```sh$$/ { inside = 1; next } /^```$$/ { inside = 0 } inside' examples/c/README.md \
		| sed 's|$$HOME/.local|$(CURDIR)/$(C_OUT)/prefix|g' >$(C_OUT)/pasted.sh
	@bash -euo pipefail $(C_OUT)/pasted.sh | tee $(C_OUT)/pasted.log
	@grep -q '^event call ended$$' $(C_OUT)/pasted.log
	@readelf -d $(C_OUT)/prefix/lib/libtrunkline.so | grep -q 'SONAME.*libtrunkline\.so\.0\.1'
