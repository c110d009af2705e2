"""Calls of any helper a program type has, with arguments that its prototype would take, or nearly."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Final

from fuzz.generate import CTX, NUMBERS, OUT, SIZES, call, mov, movr
from fuzz.insns import BUFFER, SLOT, address, ldx, load_map, skip, stx
from fuzz.world import BY_NAME, VALUES, WIDE_MAPS
from vm.elf.sections import section_def
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper, helper_proto
from vm.program import Program

if TYPE_CHECKING:
    from fuzz.pieces import Pieces

BASE: Final = 0xFF
# Which maps a helper's name asks for; others take a map with plain values.
MAPS_FOR: Final = (
    ("ringbuf", "ring"), ("perf_event", "events"), ("user_ringbuf", "user_ring"), ("tail_call", "programs"),
    ("get_stackid", "traces"), ("cgroup", "groups"), ("sk_redirect_map", "socks"), ("sk_redirect_hash", "sock_table"),
    ("msg_redirect_map", "socks"), ("msg_redirect_hash", "sock_table"), ("sock_map", "socks"),
    ("sock_hash", "sock_table"), ("sk_select_reuseport", "reuse"), ("redirect_map", "devices cpus xsks"),
    ("map_push", "queue stack bloom"), ("map_pop", "queue stack"), ("map_peek", "stack queue bloom"),
)  # fmt: skip
RELEASES: Final = {"bpf_sk_lookup_tcp", "bpf_sk_lookup_udp", "bpf_skc_lookup_tcp"}
# Helpers a statement of its own is about, or whose every call would be refused.
ELSEWHERE: Final = frozenset((12, 93, 94, 131, 132, 133, 164, 169, 170, 171, 181, 198, 199, 200))


@cache
def _allowed(section: str) -> tuple[int, ...]:
    known = section_def(section)
    assert known is not None
    ids = range(1, MAX_BPF_FUNC)
    return tuple(n for n in ids if n not in ELSEWHERE and _proto(section, n) is not None)


def _proto(section: str, number: int) -> FuncProto | None:
    known = section_def(section)
    assert known is not None
    sleepable = bool(known.prog_flags & 16)
    hook = section.partition("/")[2]
    return helper_proto(known.prog_type, known.expected_attach_type, number, sleepable=sleepable, hook=hook)


@cache
def sources(section: str) -> tuple[int, ...]:
    """Helpers without arguments that return a number, of those a program type has."""
    return tuple(n for n in (5, 7, 8, 14, 15, 125) if _proto(section, n) is not None)


def attach_type(section: str) -> int:
    """expected_attach_type of a section's programs."""
    known = section_def(section)
    return known.expected_attach_type if known else 0


@cache
def readable(section: str, ctx: int) -> tuple[tuple[int, int], ...]:
    """(size, offset) of the context's fields that the emulation lets a program of this type read."""
    from vm import pipeline
    from vm.errors import InputError

    known = section_def(section)
    assert known is not None
    hook = section.partition("/")[2] if known.attaches_by_btf else ""
    found = []
    for size in SIZES:
        for off in range(0, ctx, o.SIZE_BYTES[size]):
            insns = (Insn(o.LDX | o.MEM | size, 2, 1, off), mov(0, 0), Insn(o.JMP | o.EXIT))
            program = Program(
                "p", section, known.prog_type, insns, (), known.expected_attach_type, known.prog_flags, "GPL", hook
            )
            try:
                if pipeline.verify(program, log_level=1, record=False)[0].verdict == "accept":
                    found.append((size, off))
            except InputError:
                continue
    # Reads of whole fields come first and most often.
    return tuple(found)


def helper_map(name: str, rng: random.Random) -> int:
    """A map for a helper, seldom a wrong one."""
    if rng.random() < 0.06:
        return rng.randrange(len(WIDE_MAPS))
    for part, wanted in MAPS_FOR:
        if part in name:
            return BY_NAME[rng.choice(wanted.split())]
    return rng.choice(VALUES)


def any_call(maker: Pieces, rng: random.Random) -> list[Insn]:
    """A call of a random helper; what it returns is tested, looked into and given back."""
    allowed = _allowed(maker.section)
    number = rng.choice(allowed) if allowed and rng.random() < 0.95 else rng.randrange(MAX_BPF_FUNC)
    proto, name = _proto(maker.section, number), _name(number)
    if proto is None:
        return [mov(r, 0) for r in range(1, 6)] + [call(number)]
    out = maker.buffer()
    chosen = helper_map(name, rng)
    for at, kind in enumerate(proto.arg_types):
        if kind:
            out += _argument(maker, rng, proto, at, chosen)
    out += [call(number)]
    returned = proto.ret_type
    if returned & BASE in (k.RET_INTEGER, k.RET_VOID):
        if returned & BASE == k.RET_INTEGER and rng.random() < 0.5:
            out += [movr(maker.kept(), 0)]
        return out
    look = [ldx(rng.choice(SIZES), 2, 0, rng.randrange(0, 24, 4))] if rng.random() < 0.6 else []
    if name in RELEASES and not maker.slips():
        look += [movr(1, 0), call(86)]
    if returned & k.PTR_MAYBE_NULL and not maker.slips():
        return [*out, *skip(o.JEQ, 0, 0, look)] if look else out
    return [*out, *look]


def _name(number: int) -> str:
    found = helper(number)
    return found.name if found else ""


def _argument(maker: Pieces, rng: random.Random, proto: FuncProto, at: int, chosen: int) -> list[Insn]:
    """Register at + 1 for this prototype's argument."""
    reg, kind = at + 1, proto.arg_types[at] & BASE
    stack = [movr(reg, 10), Insn(o.ALU64 | o.ADD | o.K, reg, 0, 0, BUFFER)]
    if rng.random() < 0.03:
        return [rng.choice((mov(reg, 0), movr(reg, 10), movr(reg, CTX), movr(reg, maker.kept())))]
    if proto.arg_types[at] & k.PTR_MAYBE_NULL and rng.random() < 0.3:
        return [mov(reg, 0)]
    if kind == k.ARG_CONST_MAP_PTR:
        return load_map(reg, chosen)
    if kind in (k.ARG_PTR_TO_CTX,):
        return [movr(reg, CTX)]
    if kind in (k.ARG_CONST_SIZE, k.ARG_CONST_SIZE_OR_ZERO, k.ARG_CONST_ALLOC_SIZE_OR_ZERO):
        size = rng.choice((1, 4, 8, 16, 32, 64)) if rng.random() < 0.95 else rng.choice((0, 65, -1, 512))
        if rng.random() < 0.3:
            number = maker.kept()
            return [
                Insn(o.ALU64 | o.AND | o.K, number, 0, 0, 31),
                movr(reg, number),
                Insn(o.ALU64 | o.ADD | o.K, reg, 0, 0, 1),
            ]
        return [mov(reg, size)]
    if kind in (k.ARG_ANYTHING, k.ARG_SCALAR):
        return [mov(reg, rng.choice((0, 0, 0, 1, *NUMBERS)))] if rng.random() < 0.6 else [movr(reg, maker.kept())]
    if kind == k.ARG_PTR_TO_FUNC:
        from fuzz.generate import EXIT, Function

        return address(reg, maker.add_function(Function((mov(0, 0), EXIT))))
    if kind == k.ARG_PTR_TO_CONST_STR:
        return [Insn(o.LD_IMM64, reg, o.PSEUDO_MAP_VALUE, 48, 0), Insn(0)]
    if kind in (k.ARG_PTR_TO_SOCK_COMMON, k.ARG_PTR_TO_BTF_ID_SOCK_COMMON, k.ARG_PTR_TO_SOCKET, k.ARG_PTR_TO_BTF_ID):
        pointers = [off for size, off in maker.dependable if size == o.DW]
        off = rng.choice(pointers) if pointers else 0
        load = Insn(o.LDX | o.MEM | o.DW, reg, CTX, off)
        return [load, Insn(o.JMP | o.JEQ | o.K, reg, 0, OUT, 0)] if rng.random() < 0.8 else [load]
    if kind in (k.ARG_PTR_TO_DYNPTR, k.ARG_PTR_TO_TIMER, k.ARG_PTR_TO_SPIN_LOCK):
        maker.slots.discard(SLOT)
        return [stx(o.DW, 10, maker.kept(), SLOT), movr(reg, 10), Insn(o.ALU64 | o.ADD | o.K, reg, 0, 0, SLOT - 8)]
    if rng.random() < 0.06:
        return [movr(reg, 10), Insn(o.ALU64 | o.ADD | o.K, reg, 0, 0, rng.choice((-4, -24, -512, BUFFER + 60)))]
    return stack
