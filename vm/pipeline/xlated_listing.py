"""The listing of a rewritten program, with the original instruction of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from vm.isa.insn import Insn
from vm.isa.opcodes import CALL, JMP, JMP32, LD_IMM64
from vm.isa.text import insn_text
from vm.listing import listing
from vm.rewritten import AddressRef, Rewritten
from vm.verifier.fixups.dump import xlated

_PREFIXES: Final = {"map": "map", "map_value": "value of map", "func": "function"}


class RewrittenInsn(NamedTuple):
    """idx, orig_idx -- slots in the rewritten and in the loaded program; `text` without the opcode.

    changed -- whether the verifier wrote another instruction than the program had there
    """

    idx: int
    orig_idx: int
    text: str
    changed: bool


def rewritten_listing(rewritten: Rewritten) -> tuple[RewrittenInsn, ...]:
    """Every instruction as `bpftool prog dump xlated` shows it; a 64-bit load is one row; without hidden functions."""
    before = {row.idx: row.text for row in listing(rewritten.program)}
    insns = xlated(rewritten)
    hidden = [
        start for start, flags in zip(rewritten.func_starts, rewritten.func_flags, strict=False) if "hidden" in flags
    ]
    out: list[RewrittenInsn] = []
    idx, end = 0, min(hidden, default=len(insns))
    while idx < end:
        insn, ref, orig = insns[idx], rewritten.refs.get(idx), rewritten.orig_idx[idx]
        text = _text(rewritten, insns, idx, ref)
        same = text == before.get(orig) or _same(rewritten.program.insns[orig], insn)
        out.append(RewrittenInsn(idx, orig, text, not same))
        idx += 2 if insns[idx].code == LD_IMM64 else 1
    # Of several instructions that one became, all count as changed.
    count: dict[int, int] = {}
    for row in out:
        count[row.orig_idx] = count.get(row.orig_idx, 0) + 1
    return tuple(row._replace(changed=row.changed or count[row.orig_idx] > 1) for row in out)


def _same(before: Insn, after: Insn) -> bool:
    """Whether two instructions differ only in numbers that loading fills in: jump distances, addresses."""
    fills = after.code & 0x07 in (JMP, JMP32) or after.code == LD_IMM64
    return fills and (before.code, before.dst_reg) == (after.code, after.dst_reg)


def _text(rewritten: Rewritten, insns: Sequence[Insn], idx: int, ref: AddressRef | None) -> str:
    if ref is not None and insns[idx].code == JMP | CALL:
        return f"call {_name(rewritten, ref)}"

    def value(insn: Insn, imm: int) -> str:
        return _name(rewritten, ref) if ref is not None else f"{imm:#x}"

    return insn_text(insns, idx, imm_name=value).split(") ", 1)[-1]


def _name(rewritten: Rewritten, ref: AddressRef) -> str:
    """The name of the object that an address refers to."""
    name = ref.name
    if ref.kind in ("map", "map_value"):
        spec = rewritten.program.maps[int(ref.name)]
        name = spec.full_name or spec.name
    elif ref.kind == "func":
        start = rewritten.func_starts[int(ref.name)]
        orig = rewritten.orig_idx[start]
        name = next((f.name for f in rewritten.program.functions if f.insn_off == orig), f"at {start}")
    prefix = _PREFIXES.get(ref.kind, "")
    text = f"{prefix} {name}" if prefix else name
    return f"{text} +{ref.addend}" if ref.addend else text
