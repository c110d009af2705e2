"""An emulation of the kernel's verifier. vm/pipeline/bpf_check.py has the sequence of passes; loop.py is the walk."""

from __future__ import annotations

from vm import native

native.use()
