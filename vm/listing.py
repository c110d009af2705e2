"""A program's instructions as a person reads them: text, source line, jump target, function names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from vm.isa.insn import Insn
from vm.isa.opcodes import CALL, JMP, LD_IMM64, PSEUDO_CALL, PSEUDO_KFUNC_CALL, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE
from vm.isa.operands import target
from vm.isa.text import insn_text
from vm.kernel.helpers import helper
from vm.kernel.hooks import kfunc_by_id
from vm.program import LineInfo, Program


class ListedInsn(NamedTuple):
    """idx counts slots; `text` is the kernel's without the opcode; line is None where no line info covers it.

    call -- what a call calls: a helper, kernel function or function of the program; "" for other instructions
    """

    idx: int
    hex: str
    text: str
    line: LineInfo | None
    target: int | None
    func: str
    call: str = ""


def helper_name(insn: Insn) -> str | None:
    """Name of the helper a call calls, for insn_text."""
    if insn.src_reg == PSEUDO_KFUNC_CALL or insn.src_reg != 0:
        return None
    found = helper(insn.imm)
    return found.name if found is not None else None


def called(insn: Insn, idx: int, funcs: Mapping[int, str]) -> str:
    """Name of what an instruction calls, "" if it is no call. funcs: names of the program's functions by slot."""
    if insn.code != JMP | CALL:
        return ""
    if insn.src_reg == PSEUDO_CALL:
        return funcs.get(idx + 1 + insn.imm, "")
    if insn.src_reg == PSEUDO_KFUNC_CALL:
        known = kfunc_by_id(insn.imm)
        return known.name if known is not None else ""
    return helper_name(insn) or ""


def listing(program: Program) -> tuple[ListedInsn, ...]:
    """Every instruction of the program, 64-bit loads once."""

    def map_name(insn: Insn, imm: int) -> str:
        index = imm & 0xFFFFFFFF
        if insn.src_reg in (PSEUDO_MAP_FD, PSEUDO_MAP_VALUE) and index < len(program.maps):
            name = program.maps[index].full_name or program.maps[index].name
            return f"map[{name}]" if insn.src_reg == PSEUDO_MAP_FD else f"&{name}[0]+{imm >> 32}"
        return f"{imm:#x}"

    infos = program.lines
    starts = [info.insn_off for info in infos]
    funcs = {f.insn_off: f.name for f in program.functions}
    out = []
    idx = 0
    while idx < len(program.insns):
        insn = program.insns[idx]
        wide = insn.code == LD_IMM64 and idx + 1 < len(program.insns)
        at = bisect_right(starts, idx) - 1
        text = insn_text(program.insns, idx, call_name=helper_name, imm_name=map_name)
        out.append(
            ListedInsn(
                idx,
                insn.encode().hex() + (program.insns[idx + 1].encode().hex() if wide else ""),
                text.split(") ", 1)[-1],
                infos[at] if at >= 0 else None,
                target(insn, idx),
                funcs.get(idx, ""),
                called(insn, idx, funcs),
            )
        )
        idx += 2 if wide else 1
    return tuple(out)
