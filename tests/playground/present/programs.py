"""Programs that several tests of this folder run."""

from __future__ import annotations

LOOP = """.type xdp
    r6 = r1
    r7 = 0
loop:
    call 7
    *(u64 *)(r10 - 8) = r0
    if r0 > 100 goto skip
    r7 += 1
skip:
    r3 = *(u64 *)(r10 - 8)
    r7 += 1
    if r7 < 1000 goto loop
    r0 = 0
    exit
"""
"""A thousand rounds, with a branch in each and a slot of the stack that is written and read."""
