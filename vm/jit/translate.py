"""A rewritten program to its image: every function translated on its own, the code laid end to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vm.errors import InternalError
from vm.isa import opcodes as bpf
from vm.jit import function
from vm.jit.image import Image, ImageReloc, Probed
from vm.jit.piece import Piece
from vm.jit.relax import Laid, relax
from vm.rewritten import AddressRef, Rewritten

USER_ARENA_SHIFT: Final = 32


def translate(rewritten: Rewritten) -> Image:
    """x86-64 code as the kernel with mitigations off emits it on a CPU with BMI2 and five-level page tables.

    NotEmulated if it holds an instruction the JIT does not know, or jumps that do not settle in its passes.
    """
    starts = (*rewritten.func_starts, len(rewritten.insns))
    laid: list[tuple[Laid, list[Piece], int]] = []
    for i in range(len(rewritten.func_starts)):
        frame = _frame(rewritten, i, starts[i], starts[i + 1])
        pieces = function.lower(frame)
        opening, arena_at = function.prologue(frame)
        laid.append((relax(pieces, opening, function.epilogue(frame)), pieces, arena_at))
    return _assemble(rewritten, laid)


def _frame(rewritten: Rewritten, number: int, start: int, end: int) -> function.Frame:
    flags: Mapping[int, frozenset[str]] = dict(enumerate(rewritten.func_flags))
    own = flags.get(number, frozenset())
    refs: dict[int, AddressRef] = {slot - start: ref for slot, ref in rewritten.refs.items() if start <= slot < end}
    return function.Frame(
        insns=rewritten.insns[start:end],
        refs=refs,
        stack_depth=rewritten.stack_depths[number],
        is_subprog=number > 0,
        tail_call_reachable="tail_call_reachable" in own,
        exception_cb="exception_cb" in own,
        boundary="exception_boundary" in own,
        arena="arena" in own,
        populated=frozenset(
            f"{idx}:{key}" for idx, spec in enumerate(rewritten.program.maps) for key, _ in spec.init_slots
        ),
    )


def _assemble(rewritten: Rewritten, laid: list[tuple[Laid, list[Piece], int]]) -> Image:
    entries = [0]
    for one, _, _ in laid:
        entries.append(entries[-1] + len(one.code))
    code = bytearray(b"".join(one.code for one, _, _ in laid))
    insn_offsets: list[int] = []
    relocs: list[ImageReloc] = []
    probed: list[Probed] = []
    for number, (one, pieces, arena_at) in enumerate(laid):
        base = entries[number]
        if arena_at >= 0:
            relocs.append(ImageReloc(base + arena_at, 8, "arena", "kern_vm_start"))
        slot = 0
        for piece in pieces:
            at = base + one.addrs[slot]
            for reloc in piece.relocs:
                relocs.append(_reloc(rewritten, rewritten.func_starts[number] + slot, at, reloc.offset, reloc.size))
            if piece.probe is not None:
                offset, length, clears = piece.probe
                probed.append(Probed(at + offset, length, -1 if clears is None else int(clears)))
            if piece.callee >= 0:
                field = at + len(piece.code) - 4
                code[field : field + 4] = _distance(entries[piece.callee] - field - 4)
                relocs.append(ImageReloc(field, 4, "subprog", str(piece.callee)))
            insn_offsets += [at] * piece.slots
            slot += piece.slots
    return Image(
        code=bytes(code),
        func_lens=tuple(len(one.code) for one, _, _ in laid),
        insn_offsets=tuple(insn_offsets),
        orig_idx=rewritten.orig_idx,
        relocs=tuple(relocs),
        probed=tuple(probed),
    )


def _reloc(rewritten: Rewritten, slot: int, at: int, offset: int, size: int) -> ImageReloc:
    ref = rewritten.refs.get(slot)
    if ref is None:
        if function.is_cast_user(rewritten.insns[slot]):
            return ImageReloc(at + offset, size, "arena", "user_vm_start", USER_ARENA_SHIFT)
        raise InternalError(f"the address at slot {slot} names nothing")
    if rewritten.insns[slot].code == bpf.JMP | bpf.CALL:
        return ImageReloc(at + offset, size, ref.kind, ref.name)
    return ImageReloc(at + offset, size, ref.kind, ref.name, ref.addend)


def _distance(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")
