"""What the kernel's verifier says of a program. Read check.py first."""

from __future__ import annotations

from vm import native

native.use()
