"""Reads the facts of a kernel from its image and configuration: `make facts KERNEL=DIR` (docs/kernel-facts.md)."""

from __future__ import annotations
