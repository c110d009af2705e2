"""Contexts as tables: every program type has rules, and they refuse what the kernel refuses."""

from __future__ import annotations

import pytest

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel import types as k
from vm.pipeline.bpf_check import verify
from vm.program import MapSpec, Program
from vm.verifier.mem.ctx_rules import SKB, SKB_SIZE, CtxRules, ctx_rules, field_size
from vm.verifier.state import reg_types as t

# Described by kernel BTF, or (EXT) by the program they replace.
BY_BTF = {
    k.BPF_PROG_TYPE_TRACING,
    k.BPF_PROG_TYPE_LSM,
    k.BPF_PROG_TYPE_STRUCT_OPS,
    k.BPF_PROG_TYPE_EXT,
    k.BPF_PROG_TYPE_NETFILTER,
}


def rules_of(prog_type: int, attach: int = 0) -> CtxRules:
    rules = ctx_rules(prog_type, attach)
    assert rules is not None
    return rules


def allows(rules: CtxRules, off: int, size: int, *, write: bool = False) -> int:
    if off >= rules.size or off % size:
        return -1
    field = rules.find(off)
    return field_size(field.write if write else field.read, field, off, size)


@pytest.mark.parametrize("prog_type", range(1, 33))
def test_no_program_type_is_forgotten(prog_type: int) -> None:
    assert (ctx_rules(prog_type, 0) is None) == (prog_type in BY_BTF)


def test_the_layout_is_the_one_of_the_uapi_header() -> None:
    assert SKB["cb"] == (48, 68)
    assert SKB["data"] == (76, 80)
    assert SKB["data_meta"] == (140, 144)
    assert SKB["sk"] == (168, 176)
    assert SKB["hwtstamp"] == (184, SKB_SIZE)


def test_xdp() -> None:
    xdp = rules_of(k.BPF_PROG_TYPE_XDP)
    assert [xdp.find(off).reg_type for off in (0, 4, 8, 12)] == [
        t.PTR_TO_PACKET,
        t.PTR_TO_PACKET_END,
        t.PTR_TO_PACKET_META,
        t.SCALAR_VALUE,
    ]
    assert allows(xdp, 0, 4) == 0
    assert allows(xdp, 0, 8) == allows(xdp, 12, 2) == allows(xdp, 12, 4, write=True) == -1
    assert xdp.find(20).attach == {k.BPF_XDP_DEVMAP}


def test_narrow_reads_of_skb_fields_are_loaded_whole() -> None:
    tc = rules_of(k.BPF_PROG_TYPE_SCHED_CLS)
    assert [allows(tc, SKB["mark"][0], size) for size in (1, 2, 4, 8)] == [4, 4, 4, -1]
    assert allows(tc, SKB["mark"][0] + 3, 1) == 4
    assert allows(tc, SKB["mark"][0], 4, write=True) == 0
    assert allows(tc, SKB["mark"][0], 2, write=True) == -1


def test_what_each_kind_of_skb_program_may_touch() -> None:
    tc, sock = rules_of(k.BPF_PROG_TYPE_SCHED_CLS), rules_of(k.BPF_PROG_TYPE_SOCKET_FILTER)
    cg, lwt = rules_of(k.BPF_PROG_TYPE_CGROUP_SKB), rules_of(k.BPF_PROG_TYPE_LWT_IN)
    data, cb, mark, tstamp = (SKB[name][0] for name in ("data", "cb", "mark", "tstamp"))
    assert [allows(r, data, 4) for r in (tc, sock, cg, lwt)] == [0, -1, 0, 0]
    assert [allows(r, mark, 4, write=True) for r in (tc, sock, cg, lwt)] == [0, -1, 0, 0]
    assert [allows(r, cb, 8, write=True) for r in (tc, sock, cg, lwt)] == [0, 0, 0, 0]
    assert [allows(r, tstamp, 8) for r in (tc, sock, cg, lwt)] == [0, -1, 0, -1]
    assert allows(tc, SKB["tstamp_type"][0], 1) == 0
    assert allows(cg, SKB["tstamp_type"][0], 1) == -1
    assert allows(tc, cb + 16, 8) == -1, "the last word of cb has no eight bytes"
    assert cg.find(data).capable == 1


def test_tracing_contexts() -> None:
    kprobe, tp = rules_of(k.BPF_PROG_TYPE_KPROBE), rules_of(k.BPF_PROG_TYPE_TRACEPOINT)
    assert allows(kprobe, 160, 8) == 0
    assert allows(kprobe, 168, 8) == allows(kprobe, 0, 8, write=True) == -1
    assert allows(tp, 0, 8) == -1, "the first eight bytes are the kernel's"
    assert allows(tp, 8, 8) == 0
    assert allows(tp, 8192, 8) == -1


def test_addresses_only_of_the_family_that_is_attached_to() -> None:
    rules = rules_of(k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR)
    assert k.BPF_CGROUP_INET4_CONNECT in rules.find(4).attach
    assert k.BPF_CGROUP_INET6_CONNECT not in rules.find(4).attach
    assert allows(rules, 8, 8) == 4
    assert allows(rules, 8, 8, write=True) == 0
    assert allows(rules, 4, 8) == -1


def test_sockopt_depends_on_the_direction() -> None:
    get = rules_of(k.BPF_PROG_TYPE_CGROUP_SOCKOPT, k.BPF_CGROUP_GETSOCKOPT)
    set_ = rules_of(k.BPF_PROG_TYPE_CGROUP_SOCKOPT, k.BPF_CGROUP_SETSOCKOPT)
    assert (allows(get, 36, 4), allows(set_, 36, 4)) == (0, -1)
    assert (allows(get, 24, 4, write=True), allows(set_, 24, 4, write=True)) == (-1, 0)


def test_a_tracepoint_may_read_before_its_record() -> None:
    """What 6.12 lets through: it compares the offset with the size of a pointer as unsigned numbers."""
    for code, off, errno in ((o.B, -1, 0), (o.H, -8, 0), (o.DW, -8, 0), (o.W, -2, -13), (o.B, 0, -13), (o.DW, 8, 0)):
        insns = (Insn(o.LDX | o.MEM | code, 0, 1, off), Insn(o.ALU64 | o.MOV | o.K, 0), Insn(o.JMP | o.EXIT))
        assert verify(Program("p", "tp/sched/sched_switch", k.BPF_PROG_TYPE_TRACEPOINT, insns)).errno == errno, off


@pytest.mark.parametrize("map_type", [k.BPF_MAP_TYPE_DEVMAP, k.BPF_MAP_TYPE_DEVMAP_HASH])
def test_nothing_is_written_into_device_maps(map_type: int) -> None:
    lookup = (
        Insn(o.ST | o.MEM | o.W, 10, 0, -4, 0),
        Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD),
        Insn(0),
        Insn(o.ALU64 | o.MOV | o.X, 2, 10),
        Insn(o.ALU64 | o.ADD | o.K, 2, 0, 0, -4),
        Insn(o.JMP | o.CALL, 0, 0, 0, 1),
        Insn(o.JMP | o.JEQ | o.K, 0, 0, 1, 0),
    )
    rest = (Insn(o.ALU64 | o.MOV | o.K, 0), Insn(o.JMP | o.EXIT))
    for touch, message in (
        (Insn(o.LDX | o.MEM | o.W, 1, 0), ""),
        (Insn(o.ST | o.MEM | o.W, 0), "write into map forbidden, value_size=4 off=0 size=4"),
    ):
        insns = (*lookup, touch, *rest)
        said = verify(Program("p", "xdp", k.BPF_PROG_TYPE_XDP, insns, maps=(MapSpec("m", map_type, 4, 4, 4),)))
        assert said.errno == (-13 if message else 0)
        assert not message or said.message == message
