# Two commands are enough: `make run` and `make test`. Both set up what is missing and skip what is there.
# It takes Python 3.11 or newer; clang, node and the rest come as pinned, hashed packages into .venv.

PYTHON := $(shell for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv/bin/python
NODE := $(VENV) -m tools.node

.PHONY: kernels compilers test-guests run test setup check-python lint types imports page unit compiled native bench load services-test compose-test fuzz facts gallery protocol reference lock screenshots clean
.DEFAULT_GOAL := run

check-python:
	@test -n "$(PYTHON)" || { echo "bpfscope needs Python 3.11 or newer, and found none as python3." >&2; exit 1; }

run: check-python
	@$(PYTHON) tools/setup.py run
	@exec $(VENV) -m playground

test: check-python
	@$(PYTHON) tools/setup.py test
	@$(MAKE) --no-print-directory lint types imports page unit compiled

setup: check-python
	@$(PYTHON) tools/setup.py run test

lint:
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(NODE) npm run --silent lint

types:
	$(VENV) -m mypy
	$(NODE) npm run --silent check

imports:
	.venv/bin/lint-imports --no-cache

# Tests that run under coverage; the packages it counts are in pyproject.toml. Measuring doubles the time of a test, so
# the slow ones (the verifier and what runs it) are left out.
MEASURED := tests/playground tests/vm/asm tests/vm/btf tests/vm/csource tests/vm/elf tests/vm/isa

# The page's scripts without a browser, by node's own runner; prints what of them was run.
page:
	$(NODE) npm run --silent test

unit:
	BPFSCOPE_COMPILED=0 $(VENV) -m pytest -n auto --dist loadfile -m "not browser and not guests" $(MEASURED) --cov --cov-report=term:skip-covered
	BPFSCOPE_COMPILED=0 $(VENV) -m pytest -n auto --dist loadfile -m "not browser and not guests" $(MEASURED:%=--ignore=%)
	$(VENV) -m pytest -m browser

# The verifier once more, as machine code: the same tests, for compiled code could differ.
compiled:
	@if $(VENV) tools/native.py --need; \
	then BPFSCOPE_COMPILED=1 $(VENV) -m pytest -n auto --dist loadfile $(VERIFIER_TESTS); \
	else echo "bpfscope: the verifier's tests are not repeated with compiled code, for the reason above"; fi

VERIFIER_TESTS := tests/vm/verifier tests/vm/trace tests/vm/explain tests/vm/kernel tests/vm/cli tests/vm/test_native.py tests/golden tests/playground/present

# Compile the verifier now, and wait for it. `make run` does so in the background.
native: check-python
	@$(PYTHON) tools/setup.py run
	@$(VENV) tools/native.py --need

bench: check-python
	@$(PYTHON) tools/setup.py run
	@$(VENV) tools/native.py
	$(VENV) -m bench

# What hostile and many clients do to a server, on loopback (docs/operating.md).
load: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m bench.load

# The services of docker-compose.yml as plain processes: each is killed beside 50 clients (docs/operating.md).
services-test: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) -m bench.composition

# docker-compose.yml itself: its images are built and started, a browser uses them, each container is killed.
compose-test: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) tools/images.py
	$(VENV) -m bench.composition --containers

# Random programs through the emulation and, where KERNEL_DIR has one, a real kernel (docs/fuzzing.md).
KERNEL_DIR ?= $(HOME)/.cache/bpf-kernel
fuzz: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m fuzz --seconds 600 --seed $(or $(SEED),1) $(if $(wildcard $(KERNEL_DIR)/vmlinuz),--load fuzz/guest/load)

# What the emulation knows of a kernel, from KERNEL=DIR with its vmlinuz (or vmlinux) and config (docs/kernel-facts.md).
# Without KERNEL, only the modules of offsets are written again. OUT=DIR: where the data goes, vm/kernel/data/VERSION otherwise. EMULATE=1: make it the kernel that is emulated.
facts: check-python
	@$(PYTHON) tools/setup.py test
	@$(VENV) -m scripts.facts $(if $(KERNEL),"$(KERNEL)") $(if $(OUT),--out "$(OUT)") $(if $(EMULATE),--emulate)

# The explanations that the page shows on hover, from vm/reference.
reference: check-python
	$(PYTHON) -m vm.reference

# The index of the gallery of verifier errors; programs that changed are given to the kernels in KERNEL_DIR (docs/gallery.md).
gallery: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m scripts.gallery

# The tables of docs/protocol.md and the page's types, from playground/messages.
protocol: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m playground.messages docs

# Real kernels for guests, from Debian's packages, into BPFSCOPE_KERNELS (docs/kernels.md). VERSIONS="6.1 6.12": only these.
kernels: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m tools.kernels $(VERSIONS)

# Other versions of clang for the matrix, from wheels of ziglang, into BPFSCOPE_COMPILERS. MAJORS="15 18": only these.
compilers: check-python
	@$(PYTHON) tools/setup.py run
	$(VENV) -m tools.compilers $(MAJORS)

# What needs real kernels; skipped, with the reason, where QEMU or a kernel is missing.
test-guests: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) -m pytest -m guests -rs tests/vm/guests tests/vm/compile/test_others.py tests/playground/test_guest_worker.py

screenshots: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) -m tools.screenshots

# Write the lock files again, from what requirements/*.in and package.json ask for.
LOCK := $(VENV) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
lock: setup
	$(LOCK) -o requirements/run.txt requirements/run.in
	$(LOCK) -o requirements/build.txt requirements/build.in
	$(LOCK) -o requirements/services.txt requirements/services.in
	$(LOCK) -o requirements/dev.txt requirements/dev.in

clean:
	rm -rf .venv node_modules .coverage static/dist vm/.native .mypy_cache .pytest_cache .ruff_cache .hypothesis
