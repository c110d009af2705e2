# Two commands are enough: `make run` and `make test`. Both set up what is missing and skip what is there.
# It takes Python 3.11 or newer; clang, node and the rest come as pinned, hashed packages into .venv.

PYTHON := $(shell for p in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv/bin/python
NODE := $(VENV) -m tools.node

.PHONY: kernels compilers test-guests run test setup check-python lint types imports page copy unit browser corpora plain coverage native bench load services-test compose-test fuzz facts gallery protocol reference lock screenshots clean
.DEFAULT_GOAL := run
# Without stored bytecode every process that a test starts compiles some 300 modules anew.
unexport PYTHONDONTWRITEBYTECODE

check-python:
	@test -n "$(PYTHON)" || { echo "bpfscope needs Python 3.11 or newer, and found none as python3." >&2; exit 1; }

run: check-python
	@$(PYTHON) tools/setup.py run
	@exec $(VENV) -m playground

test: check-python
	@$(PYTHON) tools/setup.py test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types imports page copy
	@$(MAKE) --no-print-directory unit browser

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

# The page's scripts without a browser, by node's own runner; prints what of them was run.
page:
	$(NODE) npm run --silent test

# A machine code copy of the verifier, if it can be made here; its tests run four times as fast.
copy:
	@$(VENV) tools/native.py

# Three processes on two cores, for many tests wait for a server.
PARALLEL := -n $(shell expr $$(nproc) + 1) --dist loadfile

unit:
	@if $(VENV) tools/native.py --need; then export BPFSCOPE_COMPILED=1; else export BPFSCOPE_COMPILED=0; fi; \
	$(VENV) -m pytest $(PARALLEL) -m "not browser and not guests and not corpus"

browser:
	$(VENV) -m pytest -n auto --dist loadfile -m "not corpus" tests/browser

# The programs and texts of the corpora of which `make test` takes some; what axe says of narrow windows.
corpora: check-python
	@$(PYTHON) tools/setup.py test
	@$(VENV) tools/native.py
	$(VENV) -m pytest -n auto --dist worksteal -m corpus

# The verifier once more as plain Python, for compiled code could differ: `make test` tests the copy where there is one.
plain: check-python
	@$(PYTHON) tools/setup.py test
	BPFSCOPE_COMPILED=0 $(VENV) -m pytest -n auto --dist loadfile $(VERIFIER_TESTS)

VERIFIER_TESTS := tests/vm/verifier tests/vm/trace tests/vm/explain tests/vm/kernel tests/vm/cli tests/vm/test_native.py tests/golden tests/playground/present

# What the tests run of playground and of the packages of vm that read programs; measuring doubles their time.
MEASURED := tests/playground tests/vm/asm tests/vm/btf tests/vm/csource tests/vm/elf tests/vm/isa
coverage: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) -m pytest $(PARALLEL) -m "not browser and not guests" $(MEASURED) --cov --cov-report=term:skip-covered

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

# What needs real kernels; skipped, with the reason, where QEMU or a kernel is missing. First what has an event loop of its own: Playwright keeps one.
test-guests: check-python
	@$(PYTHON) tools/setup.py test
	$(VENV) -m pytest -m guests -rs tests/playground/test_guest_worker.py tests/vm/compile/test_others.py tests/vm/guests

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
