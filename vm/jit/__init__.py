"""Machine code: a rewritten program to the x86-64 bytes the kernel would run."""

from __future__ import annotations

from vm.jit.image import Image, ImageReloc
from vm.jit.listing import ListedInsn, listing
from vm.jit.translate import translate

__all__ = ["Image", "ImageReloc", "ListedInsn", "listing", "translate"]
