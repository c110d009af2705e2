"""A verifier's log of any length, for what has to read one: a loop that is walked until the verifier gives up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

HEAD: Final = """\
func#0 @0
0: R1=ctx() R10=fp0
; int long_walk(struct pt_regs *ctx) @ long.bpf.c:6
0: (b7) r0 = 0                        ; R0_w=0
1: (b7) r4 = 0                        ; R4_w=0
"""
BYTE: Final = "scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))"
TURN: Final = f"""\
; seen = i; @ long.bpf.c:11
2: (7b) *(u64 *)(r10 -8) = r0         ; R0_w={{n}} R10=fp0 fp-8_w={{n}}
; sum += ctx->r15 & 255; @ long.bpf.c:12
3: (79) r3 = *(u64 *)(r1 +0)          ; R1=ctx() R3_w=scalar()
4: (57) r3 &= 255                     ; R3_w={BYTE}
5: (0f) r4 += r3                      ; R3_w={BYTE} R4_w=scalar()
6: (57) r4 &= 255                     ; R4_w={BYTE}
; for (i = 0; i < LIMIT; i++) {{{{ @ long.bpf.c:10
7: (07) r0 += 1                       ; R0_w={{next}}
8: (a5) if r0 < 0x7fffffff goto pc-7  ; R0_w={{next}}
"""
LAST_INSN: Final = "if r0 < 0x7fffffff goto pc-7"
END: Final = """\
BPF program is too large. Processed {0} insn
processed {0} insns (limit 1000000) max_states_per_insn 4 total_states 9 peak_states 9 mark_read 1
"""


def lines(size: int) -> Iterator[str]:
    """Pieces of a log of at least `size` bytes, as Linux 6.9 and later print it at level 2."""
    yield HEAD
    length, n = len(HEAD) + len(END), 0
    while length < size:
        turn = TURN.format(n=n, next=n + 1)
        yield turn
        length, n = length + len(turn), n + 1
    # The state after an instruction is printed with the next one; the one over the limit is counted, and not printed.
    yield TURN.format(n=n, next=n + 1).rpartition(";")[0].rstrip() + "\n"
    yield END.format(2 + 7 * (n + 1) + 1)


def write(file: Path, size: int) -> None:
    """Write the log to a file."""
    with file.open("w") as out:
        out.writelines(lines(size))
