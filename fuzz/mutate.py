"""Small changes of programs: other numbers, registers, operations, jumps, targets; instructions left out, doubled,
moved, or taken from elsewhere.

What a relocation is about and the halves of 64-bit loads mostly stay as they are, so that the object remains one.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from typing import Final

from fuzz.generate import ALU_OPS, JUMP_OPS, NUMBERS, SIZES, Made
from fuzz.objects import Function, Object
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.func_ids import NAMES

ARRAY, STRUCT = 3, 4  # kinds of BTF types
NOTHING: Final = Insn(o.JMP | o.JA)
MEMORY: Final = (o.LDX, o.ST, o.STX)
FLIPPED: Final = {
    o.JEQ: o.JNE, o.JNE: o.JEQ, o.JGT: o.JLE, o.JLE: o.JGT, o.JGE: o.JLT, o.JLT: o.JGE,
    o.JSGT: o.JSLE, o.JSLE: o.JSGT, o.JSGE: o.JSLT, o.JSLT: o.JSGE, o.JSET: o.JNE,
}  # fmt: skip
ATOMICS: Final = (
    o.ADD, o.OR, o.AND, o.XOR, o.ADD | o.FETCH, o.OR | o.FETCH, o.AND | o.FETCH, o.XOR | o.FETCH, o.XCHG, o.CMPXCHG, 2,
)  # fmt: skip
HELPERS: Final = len(NAMES) - 1
# Program types a program may be tried as, in place of its own.
SECTIONS: Final = (
    "xdp", "tc", "socket", "cgroup_skb/egress", "cgroup/sock_create", "cgroup/connect4", "cgroup/sysctl",
    "cgroup/setsockopt", "cgroup/dev", "sockops", "sk_skb/stream_verdict", "sk_msg", "sk_reuseport", "sk_lookup",
    "lwt_in", "lwt_xmit", "flow_dissector", "kprobe", "tracepoint", "raw_tp", "raw_tp.w", "perf_event", "syscall",
    "fentry/bpf_fentry_test1", "fexit/bpf_fentry_test1", "fmod_ret/bpf_modify_return_test", "tp_btf/sched_switch",
    "lsm/file_open", "lsm.s/bpf", "lsm_cgroup/socket_bind", "iter/task", "iter/bpf_map_elem", "netfilter", "lirc_mode2",
    "xdp.frags", "uprobe.s", "fentry.s/bpf_fentry_test1", "kprobe.multi", "action",
)  # fmt: skip


def _clamp(value: int, bits: int) -> int:
    return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))


def _register(rng: random.Random) -> int:
    return rng.randrange(11) if rng.random() < 0.97 else rng.randrange(16)


def _opcode(rng: random.Random, insn: Insn) -> Insn:
    """Another operation of the same kind, or a neighbour: the other width, the other source."""
    cls = insn.code & 7
    jumps = cls in (o.JMP, o.JMP32) and insn.code & 0xF0 in JUMP_OPS
    if cls in (o.ALU, o.ALU64):
        pick = rng.randrange(4)
        if pick == 0:
            return insn._replace(code=insn.code ^ (o.ALU ^ o.ALU64))
        if pick == 1:
            return insn._replace(code=insn.code ^ o.X)
        if pick == 2:
            return insn._replace(off=rng.choice((0, 1, 8, 16, 32)))
        return insn._replace(code=insn.code & 0x0F | rng.choice((*ALU_OPS, o.NEG, o.END)))
    if jumps:
        pick = rng.randrange(4)
        if pick == 0:
            return insn._replace(code=insn.code ^ (o.JMP ^ o.JMP32))
        if pick == 1:
            return insn._replace(code=insn.code & 0x0F | FLIPPED[insn.code & 0xF0])
        if pick == 2:
            return insn._replace(code=insn.code ^ o.X)
        return insn._replace(code=insn.code & 0x0F | rng.choice(JUMP_OPS))
    if cls in MEMORY and insn.code & 0xE0 == o.ATOMIC:
        return insn._replace(imm=rng.choice(ATOMICS))
    if cls in MEMORY:
        pick = rng.randrange(4)
        if pick == 0 and cls == o.LDX:
            return insn._replace(code=insn.code ^ (o.MEM ^ o.MEMSX))
        if pick == 1:
            return insn._replace(code=insn.code & 0xF8 | rng.choice(MEMORY))
        if pick == 2 and cls == o.STX and rng.random() < 0.5:
            return insn._replace(code=insn.code & 0x18 | o.STX | o.ATOMIC, imm=rng.choice(ATOMICS))
        return insn._replace(code=insn.code & 0xE7 | rng.choice(SIZES))
    return insn._replace(code=rng.randrange(256))


def insn_like(rng: random.Random, insn: Insn) -> Insn:
    """One change of one instruction."""
    cls = insn.code & 7
    choice = rng.randrange(9)
    if choice == 0:
        return NOTHING
    if choice == 1 or (choice == 2 and cls not in (o.ALU, o.ALU64, o.STX, o.LDX)):
        return insn._replace(dst_reg=_register(rng))
    if choice == 2:
        return insn._replace(src_reg=_register(rng))
    if choice in (3, 4):
        return _opcode(rng, insn)
    if choice == 5 and (cls in MEMORY or cls in (o.JMP, o.JMP32)):
        return insn._replace(off=_clamp(insn.off + rng.choice((-16, -8, -4, -2, -1, 1, 2, 4, 8, 16)), 16))
    if insn.code == o.JMP | o.CALL and insn.src_reg == 0:
        return insn._replace(imm=rng.choice((rng.randrange(HELPERS), insn.imm + 1, insn.imm - 1)))
    if choice in (5, 6):
        return insn._replace(imm=rng.choice(NUMBERS))
    if rng.random() < 0.02:
        return insn._replace(code=rng.randrange(256))
    return insn._replace(imm=_clamp(insn.imm + rng.choice((-8, -4, -1, 1, 4, 8)), 32))


def made_like(rng: random.Random, made: Made) -> Made:
    """The program with one to three changes."""
    insns = list(made.insns)
    free = [at for at, insn in enumerate(insns) if not _kept(insns, at)]
    for at in rng.sample(free, min(len(free), rng.randint(1, 3))):
        new = insn_like(rng, insns[at])
        insns[at] = insns[at] if new.code in (o.JMP | o.CALL, o.LD_IMM64) and new.src_reg else new
    return Made(made.section, made.prog_type, tuple(insns), made.main, made.functions)


def _kept(insns: Sequence[Insn], at: int) -> bool:
    insn = insns[at]
    return (
        insn.code in (o.LD_IMM64, 0)
        or (at > 0 and insns[at - 1].code == o.LD_IMM64)
        or (insn.code == o.JMP | o.CALL and insn.src_reg != 0)
    )


def body_like(rng: random.Random, insns: list[Insn], fixed: set[int], strange: Sequence[Insn]) -> list[Insn]:
    """A function's slots with one to four changes; `strange` are instructions of another function."""
    insns = list(insns)
    free = [at for at in range(len(insns)) if at not in fixed and not _kept(insns, at)]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4)) if free else 0):
        at, kind = rng.choice(free), rng.randrange(12)
        if kind == 0 and at + 1 in free:
            insns[at], insns[at + 1] = insns[at + 1], insns[at]
        elif kind == 1 and at + 1 in free:
            insns[at + 1] = insns[at]
        elif kind == 2 and strange:
            start = rng.randrange(len(strange))
            for n, insn in enumerate(strange[start : start + rng.randint(1, 6)]):
                if at + n in free and not _kept(strange, start + n):
                    insns[at + n] = insn
        elif kind == 3:
            other = rng.choice(free)
            insns[at] = insns[other]
        else:
            insns[at] = insn_like(rng, insns[at])
    return insns


def object_like(rng: random.Random, data: bytes, most: int = 1 << 30, strange: Sequence[Insn] = ()) -> bytes:
    """A recorded object with at most so many of its programs, each function changed in place."""
    changed = Object(data)
    if len(changed.programs) > most and not changed.has(".struct_ops"):
        changed.keep({f.name for f in rng.sample(changed.programs, most)})
    if rng.random() < 0.06:
        changed.rename(rng.choice(changed.programs).section, rng.choice(SECTIONS))
    if rng.random() < 0.1:
        _other_data(rng, changed)
    if rng.random() < 0.12:
        _other_type(rng, changed)
    for function in changed.functions:
        if function.entry or rng.random() < 0.3:
            fixed = changed.relocated(function) if rng.random() < 0.9 else set()
            changed.put(function, body_like(rng, changed.insns(function), fixed, strange))
        if function.entry and rng.random() < 0.08:
            _other_target(rng, changed, function)
    return bytes(changed.data)


def _other_data(rng: random.Random, changed: Object) -> None:
    """Other bytes in a section of data: constants the verifier knows, if it is .rodata."""
    found = [s for s in changed.sections if s.name.startswith((".rodata", ".data")) and s.kind == 1 and s.size]
    if found:
        section = rng.choice(found)
        at = section.offset + rng.randrange(section.size)
        changed.data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, changed.data[at] ^ 1 << rng.randrange(8)))


def _other_type(rng: random.Random, changed: Object) -> None:
    """Another length of an array (what maps are described with), type, size or number of members; or a record."""
    types = changed.types()
    arrays = [at for at, kind, _ in types if kind == ARRAY]
    if arrays and rng.random() < 0.8:
        at = rng.choice(arrays) + 20
        (count,) = struct.unpack_from("<I", changed.data, at)
        new = rng.choice((0, 1, 2, 4, 8, 16, count + 1, count + 8, max(0, count - 1), rng.randrange(34)))
        struct.pack_into("<I", changed.data, at, new)
        return
    ext = changed.section(".BTF.ext")
    if ext is not None and ext.size > 64 and rng.random() < 0.2:
        at = ext.offset + rng.randrange(32, ext.size - 4, 4)
    elif types:
        at, kind, vlen = rng.choice(types)
        words = 3 + (vlen * (3 if kind in (STRUCT, 5, 15, 19) else 2) if kind in (STRUCT, 5, 6, 13, 15, 19) else 0)
        at += 4 * rng.randrange(1, max(2, words))
    else:
        return
    (word,) = struct.unpack_from("<I", changed.data, at)
    word = rng.choice((word + 1, word - 1, word ^ 1 << rng.randrange(32), rng.randrange(1, len(types) + 2)))
    struct.pack_into("<I", changed.data, at, word & 0xFFFFFFFF)


def _other_target(rng: random.Random, changed: Object, function: Function) -> None:
    """Another map, or another function, where a relocation says one."""
    entries = changed.relocations(function.section)
    mine = [at for at, offset in entries if function.start <= offset < function.start + function.size]
    if mine:
        changed.swap_target(rng.choice(mine), rng.choice(entries)[0])
