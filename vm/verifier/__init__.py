"""What the kernel's verifier says of a program. vm/pipeline/bpf_check.py lists the passes; loop.py is the walk."""

from __future__ import annotations

from vm import native

native.use()
