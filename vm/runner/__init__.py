"""Running programs: memory as the kernel lays it out, maps, helpers, the machine and the plain interpreter."""

from __future__ import annotations
