"""The programs of fuzz/matrix.py: one for each pair of things the verifier has a table or a switch for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from fuzz.generate import EXIT, add, call, mov, movr
from fuzz.insns import ldx, stx
from vm.elf.sections import section_def
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper_proto
from vm.kernel.hooks import kfunc, kfunc_sets
from vm.program import MapSpec


class Case(NamedTuple):
    """A program by its section and what it tries."""

    label: str
    section: str
    insns: tuple[Insn, ...]


SECTIONS: Final = (
    "socket", "kprobe/do_unlinkat", "kprobe.multi/do_unlinkat", "kprobe.session/do_unlinkat", "uprobe.s//bin/sh:main",
    "tc", "tcx/ingress", "action", "tp/sched/sched_switch", "xdp", "xdp/devmap", "perf_event", "cgroup_skb/ingress",
    "cgroup_skb/egress", "cgroup/sock_create", "cgroup/sock_release", "cgroup/post_bind4", "cgroup/post_bind6",
    "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local", "sockops", "sk_skb/stream_verdict", "sk_skb", "cgroup/dev",
    "sk_msg", "raw_tp/sched_switch", "raw_tp.w/bpf_test_finish", "cgroup/bind4", "cgroup/bind6", "cgroup/connect4",
    "cgroup/connect6", "cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/recvmsg4", "cgroup/recvmsg6",
    "cgroup/getpeername4", "cgroup/getsockname6", "cgroup/connect_unix", "cgroup/recvmsg_unix", "sk_reuseport",
    "sk_reuseport/migrate", "flow_dissector", "cgroup/sysctl", "cgroup/getsockopt", "cgroup/setsockopt",
    "tp_btf/sched_switch", "fentry/bpf_fentry_test1", "fexit/bpf_fentry_test1", "fmod_ret/bpf_modify_return_test",
    "fentry.s/bpf_fentry_test1", "iter/task", "iter/tcp", "iter/bpf_map_elem", "iter.s/task", "lsm/file_open",
    "lsm.s/file_open", "lsm_cgroup/socket_bind", "lsm_cgroup/socket_post_create", "sk_lookup", "syscall", "netfilter",
)  # fmt: skip


def _btf() -> bytes:
    """Two types local storage needs of its maps: int, and a struct of sixteen bytes."""
    strings = b"\0int\0value\0low\0high\0"
    number = struct.pack("<IIII", 1, 1 << 24, 4, 1 << 24 | 32)
    members = struct.pack("<IIIIII", 11, 3, 0, 15, 3, 64)
    long = struct.pack("<IIII", 1, 1 << 24, 8, 64)
    types = number + struct.pack("<III", 5, 4 << 24 | 2, 16) + members + long
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


BTF: Final = _btf()


def _maps() -> tuple[MapSpec, ...]:
    sizes = {
        k.BPF_MAP_TYPE_HASH: (4, 16, 4), k.BPF_MAP_TYPE_ARRAY: (4, 16, 1), k.BPF_MAP_TYPE_PROG_ARRAY: (4, 4, 4),
        k.BPF_MAP_TYPE_PERF_EVENT_ARRAY: (4, 4, 4), k.BPF_MAP_TYPE_PERCPU_HASH: (4, 16, 4),
        k.BPF_MAP_TYPE_PERCPU_ARRAY: (4, 16, 4), k.BPF_MAP_TYPE_STACK_TRACE: (4, 64, 4),
        k.BPF_MAP_TYPE_CGROUP_ARRAY: (4, 4, 4), k.BPF_MAP_TYPE_LRU_HASH: (4, 16, 4),
        k.BPF_MAP_TYPE_LRU_PERCPU_HASH: (4, 16, 4), k.BPF_MAP_TYPE_LPM_TRIE: (8, 16, 4),
        k.BPF_MAP_TYPE_DEVMAP: (4, 4, 4), k.BPF_MAP_TYPE_SOCKMAP: (4, 4, 4), k.BPF_MAP_TYPE_CPUMAP: (4, 4, 4),
        k.BPF_MAP_TYPE_XSKMAP: (4, 4, 4), k.BPF_MAP_TYPE_SOCKHASH: (4, 4, 4),
        k.BPF_MAP_TYPE_CGROUP_STORAGE: (16, 16, 0), k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: (4, 8, 4),
        k.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: (16, 16, 0), k.BPF_MAP_TYPE_QUEUE: (0, 16, 4),
        k.BPF_MAP_TYPE_STACK: (0, 16, 4), k.BPF_MAP_TYPE_DEVMAP_HASH: (4, 4, 4), k.BPF_MAP_TYPE_RINGBUF: (0, 0, 4096),
        k.BPF_MAP_TYPE_BLOOM_FILTER: (0, 16, 4), k.BPF_MAP_TYPE_USER_RINGBUF: (0, 0, 4096),
    }  # fmt: skip
    no_prealloc = {k.BPF_MAP_TYPE_LPM_TRIE: 1}
    made = [MapSpec("", kind, *size, no_prealloc.get(kind, 0)) for kind, size in sizes.items()]
    storage = ("SK", "INODE", "TASK", "CGRP")
    for name in storage:
        kind = getattr(k, f"BPF_MAP_TYPE_{name}_STORAGE")
        made.append(MapSpec("", kind, 4, 16, 0, 1, btf_key_type_id=1, btf_value_type_id=2))
    for kind in (k.BPF_MAP_TYPE_ARRAY_OF_MAPS, k.BPF_MAP_TYPE_HASH_OF_MAPS):
        made.append(MapSpec("", kind, 4, 4, 4, inner=made[1]))
    return tuple(made)


MAPS: Final = _maps()
NUMBER: Final = {spec.map_type: number for number, spec in enumerate(MAPS)}
HASH: Final = NUMBER[k.BPF_MAP_TYPE_HASH]
ARRAY: Final = NUMBER[k.BPF_MAP_TYPE_ARRAY]
RING: Final = NUMBER[k.BPF_MAP_TYPE_RINGBUF]
SIZES: Final = ((o.B, 1), (o.H, 2), (o.W, 4), (o.DW, 8))
OUT: Final = (mov(0, 0), EXIT)
ARG_NAMES: Final = {value: name for name, value in vars(k).items() if name.startswith("ARG_")}
# The map a helper wants; others get a hash.
MAP_OF_HELPER: Final = {
    **dict.fromkeys((22, 55, 25, 111), k.BPF_MAP_TYPE_PERF_EVENT_ARRAY), 12: k.BPF_MAP_TYPE_PROG_ARRAY,
    **dict.fromkeys((130, 131, 134, 198, 199, 200), k.BPF_MAP_TYPE_RINGBUF), 209: k.BPF_MAP_TYPE_USER_RINGBUF,
    27: k.BPF_MAP_TYPE_STACK_TRACE, 33: k.BPF_MAP_TYPE_CGROUP_ARRAY, 36: k.BPF_MAP_TYPE_CGROUP_ARRAY,
    51: k.BPF_MAP_TYPE_DEVMAP, **dict.fromkeys((52, 53, 60), k.BPF_MAP_TYPE_SOCKMAP),
    **dict.fromkeys((70, 71, 72), k.BPF_MAP_TYPE_SOCKHASH), 81: k.BPF_MAP_TYPE_CGROUP_STORAGE,
    82: k.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, **dict.fromkeys((87, 88, 89), k.BPF_MAP_TYPE_QUEUE),
    **dict.fromkeys((107, 108), k.BPF_MAP_TYPE_SK_STORAGE), **dict.fromkeys((145, 147), k.BPF_MAP_TYPE_INODE_STORAGE),
    **dict.fromkeys((156, 157), k.BPF_MAP_TYPE_TASK_STORAGE), **dict.fromkeys((210, 211), k.BPF_MAP_TYPE_CGRP_STORAGE),
    195: k.BPF_MAP_TYPE_PERCPU_ARRAY,
}  # fmt: skip


def load_map(dst: int, number: int) -> list[Insn]:
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_MAP_FD, 0, number), Insn(0)]


def load_value(dst: int, number: int, off: int = 0) -> list[Insn]:
    return [Insn(o.LD_IMM64, dst, o.PSEUDO_MAP_VALUE, 0, number), Insn(0, imm=off)]


def unless_null(reg: int) -> list[Insn]:
    """Leaves where the register is null."""
    return [Insn(o.JMP | o.JNE | o.K, reg, 0, 2, 0), *OUT]


def prototype(section: str, helper: int) -> FuncProto | None:
    found = section_def(section)
    assert found is not None
    sleepable = bool(found.prog_flags)
    hook = section.partition("/")[2]
    return helper_proto(found.prog_type, found.expected_attach_type, helper, sleepable=sleepable, hook=hook)


def _kind(arg: int) -> str:
    return ARG_NAMES.get(arg & 0xFF, "")


def arguments(proto: FuncProto, number: int) -> list[Insn]:
    """r1-r5 as the prototype wants them, as far as that is easy; the context in r6, 256 bytes of stack written."""
    out = [movr(6, 1), mov(2, 0), *(stx(o.DW, 10, 2, -8 * i) for i in range(1, 33))]
    for r, arg in enumerate(proto.arg_types, 1):
        kind = _kind(arg)
        if not arg:
            break
        if kind == "ARG_CONST_MAP_PTR":
            out += load_map(r, number)
        elif kind in ("ARG_PTR_TO_MAP_KEY", "ARG_PTR_TO_MAP_VALUE"):
            out += [movr(r, 10), add(r, -64)]
        elif kind in ("ARG_PTR_TO_MEM", "ARG_PTR_TO_STACK"):
            out += [movr(r, 10), add(r, -128 - 16 * r)]
        elif kind == "ARG_PTR_TO_DYNPTR":
            out += [movr(r, 10), add(r, -256)]
        elif kind == "ARG_PTR_TO_CONST_STR":
            out += load_value(r, ARRAY)
        elif kind == "ARG_ANYTHING":
            out.append(mov(r, 0))
        elif "SIZE" in kind:
            out.append(mov(r, 8))
        else:
            out.append(movr(r, 6))
    return out


def _map_for(helper: int) -> int:
    return NUMBER[MAP_OF_HELPER.get(helper, k.BPF_MAP_TYPE_HASH)]


def helpers() -> Iterator[Case]:
    """Program type x helper."""
    for section in SECTIONS:
        for helper in range(MAX_BPF_FUNC + 1):
            proto = prototype(section, helper)
            first = arguments(proto, _map_for(helper)) if proto is not None else []
            if helper != 12:  # a program array belongs to the type of program that used it first
                yield Case(f"{section} calls {helper}", section, (*first, call(helper), *OUT))


REGISTERS: Final[dict[str, Callable[[int], list[Insn]]]] = {
    "nothing": lambda r: [],
    "1": lambda r: [mov(r, 1)],
    "0": lambda r: [mov(r, 0)],
    "-1": lambda r: [mov(r, -1)],
    "large": lambda r: [mov(r, 1 << 30)],
    "unknown": lambda r: [movr(r, 8)],
    "ctx": lambda r: [movr(r, 6)],
    "ctx+8": lambda r: [movr(r, 6), add(r, 8)],
    "fp": lambda r: [movr(r, 10)],
    "fp-8": lambda r: [movr(r, 10), add(r, -8)],
    "fp-264": lambda r: [movr(r, 10), add(r, -264)],
    "fp-300": lambda r: [movr(r, 10), add(r, -300)],
    "fp-520": lambda r: [movr(r, 10), add(r, -520)],
    "fp-64+x": lambda r: [movr(r, 10), add(r, -64), Insn(o.ALU64 | o.ADD | o.X, r, 9)],
    "map": lambda r: load_map(r, ARRAY),
    "value+4": lambda r: load_value(r, ARRAY, 4),
    "value+12": lambda r: load_value(r, ARRAY, 12),
    "value or null": lambda r: [movr(r, 7)],
}


def _some_registers() -> list[Insn]:
    """A value or null in r7, an unknown number in r8, 0 or 8 in r9."""
    found = [movr(6, 1), mov(1, 0), stx(o.W, 10, 1, -4), *load_map(1, HASH), movr(2, 10), add(2, -4), call(1)]
    number = [*load_value(8, ARRAY), ldx(o.DW, 8, 8, 0), movr(9, 8), Insn(o.ALU64 | o.AND | o.K, 9, 0, 0, 8)]
    return [*found, movr(7, 0), *number, movr(1, 6)]


def helper_arguments() -> Iterator[Case]:
    """Helper x argument x kind of register."""
    for helper in range(1, MAX_BPF_FUNC):
        seen = set()
        for section in SECTIONS:
            proto = prototype(section, helper)
            if proto is None or proto.symbol in seen or helper == 12:
                continue
            seen.add(proto.symbol)
            first = [*_some_registers(), *arguments(proto, _map_for(helper))]
            for r, arg in enumerate(proto.arg_types, 1):
                for name, make in REGISTERS.items() if arg else ():
                    yield Case(f"{section} {helper} r{r}={name}", section, (*first, *make(r), call(helper), *OUT))


def maps() -> Iterator[Case]:
    """Map type x helper, x program type, x what is done with its address."""
    for helper in range(1, MAX_BPF_FUNC):
        seen = set()
        for section in SECTIONS:
            proto = prototype(section, helper)
            if proto is None or "ARG_CONST_MAP_PTR" not in map(_kind, proto.arg_types) or helper == 12:
                continue
            key = proto.symbol, section if helper in (2, 3, 51, 53) else ""
            if key in seen:
                continue
            seen.add(key)
            for number, spec in enumerate(MAPS):
                insns = (*arguments(proto, number), call(helper), *OUT)
                yield Case(f"{section} {helper} with map type {spec.map_type}", section, insns)
    for section in SECTIONS:
        for number, spec in enumerate(MAPS):
            yield Case(f"{section} uses map type {spec.map_type}", section, (*load_map(1, number), *OUT))
            yield Case(f"{section} value of map type {spec.map_type}", section, (*load_value(1, number), *OUT))
            for off in (0, 4, 8, 16, 24, 40, 100) if section in ("tc", "iter.s/task") else ():
                for size in (o.W, o.DW):
                    insns = (*load_map(1, number), ldx(size, 2, 1, off), *OUT)
                    yield Case(f"{section} reads struct of map type {spec.map_type}+{off}", section, insns)


def contexts() -> Iterator[Case]:
    """Offset of the context x size x read, write, sign-extending read."""
    for section in SECTIONS:
        for off in sorted({*range(-8, 296, 4), *range(1, 40, 3), *range(40, 296, 7)}):
            for code, size in SIZES:
                yield Case(f"{section} read {size}@{off}", section, (ldx(code, 2, 1, off), *OUT))
                yield Case(f"{section} write {size}@{off}", section, (mov(2, 0), stx(code, 1, 2, off), *OUT))
                if size < 8 and off % 4 == 0:
                    insn = Insn(o.LDX | o.MEMSX | code, 2, 1, off)
                    yield Case(f"{section} signed read {size}@{off}", section, (insn, *OUT))


FIELDS: Final = (
    (1, 0, 0, 0), (1, 2, 0, 0), (1, 0, 0, 1), (1, 2, 0, 1), (1, 0, 1, 0), (1, 2, 1, 0), (1, 0, 1, 16), (1, 0, 0, 64),
    (1, 0, 0, 32), (1, 0, 0, -1), (1, 2, 8, 0), (1, 2, 16, 0), (1, 2, 32, 0), (1, 2, -1, 0), (10, 0, 0, 0),
    (10, 2, 0, 0), (11, 0, 0, 0), (1, 11, 0, 0), (15, 15, 0, 0), (3, 2, 0, 0), (1, 3, 0, 0), (0, 0, 0, 0),
    (0, 1, 0, 1), (0, 2, 0, 1), (0, 0, -1, 0), (0, 0, 1, 1), (1, 2, -8, 0), (10, 2, -8, 0), (1, 10, -8, 0),
    (10, 2, -8, 1), (10, 2, -8, 0xF1), (10, 2, -8, 0xE1), (10, 2, -8, 0x50), (10, 2, -4, 0x51), (0, 1, 1, 0),
)  # fmt: skip


def encodings() -> Iterator[Case]:
    """Opcode x fields, reserved ones among them."""
    for code in range(256):
        for fields in FIELDS:
            second = Insn(0) if code == o.LD_IMM64 else mov(0, 0)
            first = (mov(1, 5), mov(2, 7), mov(0, 0), stx(o.DW, 10, 2, -8))
            yield Case(f"opcode {code:#04x} {fields}", "tc", (*first, Insn(code, *fields), second, *OUT))


def _lookup() -> list[Insn]:
    return [*load_map(1, HASH), movr(2, 10), add(2, -4), call(1)]


def _socket(helper: int, checked: bool) -> list[Insn]:
    """The socket of a packet as bpf_sk_fullsock or bpf_tcp_sock give it."""
    rest = unless_null(0) if checked else []
    return [ldx(o.DW, 1, 6, 168), *unless_null(1), call(helper), *rest, movr(7, 0)]


_RESERVED: Final = (*load_map(1, RING), mov(2, 8), mov(3, 0), call(131), movr(9, 0))
_FOUND: Final = (movr(1, 6), movr(2, 10), add(2, -16), mov(3, 12), mov(4, 0), mov(5, 0), call(84), movr(9, 0))
KINDS: Final[dict[str, tuple[str, Sequence[Insn]]]] = {
    "nothing": ("tc", ()),
    "number": ("tc", [mov(7, 8)]),
    "unknown": ("tc", [ldx(o.W, 7, 6, 0)]),
    "ctx": ("tc", [movr(7, 6)]),
    "fp": ("tc", [movr(7, 10)]),
    "fp-16": ("tc", [movr(7, 10), add(7, -16)]),
    "map": ("tc", load_map(7, HASH)),
    "value": ("tc", load_value(7, ARRAY)),
    "value or null": ("tc", [*_lookup(), movr(7, 0)]),
    "value looked up": ("tc", [*_lookup(), *unless_null(0), movr(7, 0)]),
    "packet": ("tc", [ldx(o.W, 7, 6, 76)]),
    "packet end": ("tc", [ldx(o.W, 7, 6, 80)]),
    "packet meta": ("tc", [ldx(o.W, 7, 6, 140)]),
    "packet, 16 bytes": (
        "tc",
        [ldx(o.W, 7, 6, 76), ldx(o.W, 8, 6, 80), movr(2, 7), add(2, 16), Insn(o.JMP | o.JLE | o.X, 2, 8, 2), *OUT],
    ),
    "socket or null": ("tc", [ldx(o.DW, 7, 6, 168)]),
    "common socket": ("tc", [ldx(o.DW, 7, 6, 168), *unless_null(7)]),
    "full socket": ("tc", _socket(95, True)),
    "tcp socket or null": ("tc", _socket(96, False)),
    "tcp socket": ("tc", _socket(96, True)),
    "held socket": ("tc", [*_FOUND, *unless_null(0), movr(7, 0)]),
    "record or null": ("tc", [*_RESERVED, movr(7, 0)]),
    "record": ("tc", [*_RESERVED, *unless_null(0), movr(7, 0)]),
    "flow keys": ("flow_dissector", [ldx(o.DW, 7, 6, 144)]),
    "task": ("tp_btf/sched_switch", [ldx(o.DW, 7, 6, 8)]),
    "current task": ("kprobe/do_unlinkat", [call(158), movr(7, 0)]),
    "untrusted task": ("fentry/wake_up_new_task", [ldx(o.DW, 7, 6, 0)]),
    "file": ("lsm/file_open", [ldx(o.DW, 7, 6, 0)]),
    "field of a task": ("tp_btf/sched_switch", [ldx(o.DW, 7, 6, 8), ldx(o.DW, 7, 7, 2400)]),
    "iterated task": ("iter/task", [ldx(o.DW, 7, 6, 8)]),
    "iterated value": ("iter/bpf_map_elem", [ldx(o.DW, 7, 6, 24)]),
    "iterated key": ("iter/bpf_map_elem", [ldx(o.DW, 7, 6, 16)]),
    "buffer": ("raw_tp.w/bpf_test_finish", [ldx(o.DW, 7, 6, 0)]),
    "option": ("cgroup/getsockopt", [ldx(o.DW, 7, 6, 8)]),
    "message": ("sk_msg", [ldx(o.DW, 7, 6, 0)]),
    "looked up socket": ("sk_lookup", [ldx(o.DW, 7, 6, 0)]),
    "reuseport socket": ("sk_reuseport", [ldx(o.DW, 7, 6, 40)]),
    "sockops socket": ("sockops", [ldx(o.DW, 7, 6, 184)]),
}


def operations() -> Iterator[tuple[str, list[Insn]]]:
    """What can be done with r7: r6 is the context, fp-16 holds zero."""
    for code, size in SIZES:
        for off in (-8, -1, 0, 1, 3, 4, 8, 12, 15, 16, 24, 100, 512, 4096, 32767):
            yield f"read {size}@{off}", [ldx(code, 3, 7, off)]
        for off in (-8, 0, 1, 4, 8, 12, 16):
            yield f"write {size}@{off}", [mov(3, 0), stx(code, 7, 3, off)]
    for op in (o.ADD, o.ADD | o.FETCH, o.XCHG, o.CMPXCHG):
        yield f"atomic {op:#x}", [mov(3, 1), mov(0, 1), Insn(o.STX | o.ATOMIC | o.DW, 7, 3, 0, op)]
    yield "spill", [stx(o.DW, 10, 7, -16), ldx(o.DW, 3, 10, -16)]
    yield "spill half", [stx(o.W, 10, 7, -16), ldx(o.W, 3, 10, -16)]
    yield "store in a map", [*load_value(3, ARRAY), stx(o.DW, 3, 7, 0)]
    yield "store in the context", [stx(o.DW, 6, 7, 0)]
    yield "return", [movr(0, 7), EXIT]
    for op in (o.ADD, o.SUB, o.MUL, o.DIV, o.OR, o.AND, o.LSH, o.RSH, o.NEG, o.MOD, o.XOR, o.MOV, o.ARSH):
        for cls in (o.ALU, o.ALU64):
            name = f"alu{cls} {op:#x}"
            yield f"{name} number", [Insn(cls | op | o.K, 7, 0, 0, 0 if op == o.NEG else 8)]
            if op != o.NEG:
                yield f"{name} unknown", [ldx(o.W, 3, 10, -16), Insn(cls | op | o.X, 7, 3)]
                yield f"{name} of a number", [mov(3, 4), Insn(cls | op | o.X, 3, 7)]
                yield f"{name} itself", [movr(3, 7), Insn(cls | op | o.X, 3, 7)]
    yield "far", [add(7, 1 << 29), ldx(o.B, 3, 7, 0)]
    yield "far back", [add(7, -(1 << 29) - 1)]
    yield "sign extension", [Insn(o.ALU64 | o.MOV | o.X, 7, 7, 8)]
    for op in (o.JEQ, o.JNE, o.JGT, o.JGE, o.JLT, o.JLE, o.JSGT, o.JSET):
        for cls in (o.JMP, o.JMP32):
            name = f"jump{cls} {op:#x}"
            yield f"{name} 0", [Insn(cls | op | o.K, 7, 0, 1, 0), mov(3, 0)]
            yield f"{name} 5", [Insn(cls | op | o.K, 7, 0, 1, 5), mov(3, 0)]
            yield f"{name} context", [Insn(cls | op | o.X, 7, 6, 1), mov(3, 0)]
            yield f"{name} number", [mov(3, 0), Insn(cls | op | o.X, 7, 3, 1), mov(3, 0)]
    for helper in (1, 2, 6, 25, 28, 26, 84, 86, 95, 96, 132, 133, 93, 113, 175, 164):
        for r in range(1, 6):
            first = [movr(1, 6), movr(2, 10), add(2, -16), mov(3, 8), mov(4, 8), mov(5, 0)]
            yield f"helper {helper} r{r}", [*first, movr(r, 7), call(helper)]


def registers() -> Iterator[Case]:
    """Kind of register x operation."""
    first = (movr(6, 1), mov(1, 0), stx(o.DW, 10, 1, -8), stx(o.DW, 10, 1, -16))
    for kind, (section, make) in KINDS.items():
        for name, rest in operations():
            yield Case(f"{kind}: {name}", section, (*first, *make, *rest, *(OUT if rest[-1] != EXIT else ())))


def kfuncs() -> Iterator[Case]:
    """Kernel function x program type; every argument is the context."""
    names = sorted({name for kset in kfunc_sets() for name in kset.kfuncs if kfunc(name) is not None})
    for name in names:
        if name.startswith("bpf_wq_"):
            continue  # at some arguments of these the kernel's verifier itself crashes
        found = kfunc(name)
        assert found is not None
        target = Insn(o.JMP | o.CALL, 0, o.PSEUDO_KFUNC_CALL, 0, found.id)
        for section in SECTIONS:
            first = (movr(6, 1), mov(0, 0), *(movr(r, 1) for r in range(2, 6)))
            yield Case(f"{section} calls {name}", section, (*first, target, *OUT))


RETURNED: Final[dict[str, Sequence[Insn]]] = {
    "nothing": (),
    **{str(n): (mov(0, n),) for n in (-4096, -4095, -1, 0, 1, 2, 3, 4, 5, 6, 7, 10, 0x7FFFFFFF)},
    "the context": (movr(0, 1),),
    "a stack address": (movr(0, 10),),
    "unknown": (call(5),),
    "0 or 1": (call(5), Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 1)),
    "up to 3": (call(5), Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 3)),
    "an errno": (call(5), Insn(o.ALU64 | o.AND | o.K, 0, 0, 0, 4095), Insn(o.ALU64 | o.NEG, 0)),
    "32 bits": (call(5), Insn(o.ALU | o.MOV | o.X, 0, 0)),
    "a map": load_map(0, ARRAY),
}
HOOKS: Final = (
    *SECTIONS,
    "lsm/vm_enough_memory", "lsm/inode_xattr_skipcap", "lsm/task_free", "lsm/audit_rule_known",
    "lsm/bprm_committed_creds", "lsm_cgroup/inet_csk_clone", "fmod_ret/security_file_open", "netkit/primary",
    "xdp/cpumap", "sk_skb/stream_parser", "sk_skb/verdict", "cgroup/skb", "iter/sockmap", "tp_btf/kfree_skb",
)  # fmt: skip


def returns() -> Iterator[Case]:
    """Hook x return value."""
    for section in HOOKS:
        for name, insns in RETURNED.items():
            yield Case(f"{section} returns {name}", section, (*insns, EXIT))


def targets() -> Iterator[Case]:
    """Hooks and functions programs may or may not be attached to."""
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    names = sorted({found.name for found in kernel_btf().of_kind(Kind.FUNC)})
    hooks = sorted({found.name for found in kernel_btf().of_kind(Kind.TYPEDEF) if found.name.startswith("btf_trace_")})
    for name in names:
        for prefix, kinds in (("bpf_lsm_", ("lsm", "lsm.s", "lsm_cgroup")), ("bpf_iter_", ("iter", "iter.s"))):
            for kind in kinds if name.startswith(prefix) else ():
                section = f"{kind}/{name.removeprefix(prefix)}"
                yield Case(section, section, OUT)
    for name in hooks:
        section = f"tp_btf/{name.removeprefix('btf_trace_')}"
        yield Case(section, section, OUT)
    for kind in ("fentry", "fexit", "fmod_ret", "fentry.s"):
        for name in names[::40]:
            yield Case(f"{kind}/{name}", f"{kind}/{name}", OUT)


GROUPS: Final[dict[str, Callable[[], Iterator[Case]]]] = {
    "helpers": helpers,
    "helper_arguments": helper_arguments,
    "maps": maps,
    "contexts": contexts,
    "encodings": encodings,
    "registers": registers,
    "kfuncs": kfuncs,
    "returns": returns,
    "targets": targets,
}
