"""Registers and slots in the kernel's words. Expected lines are ones Linux 6.12 wrote."""

from __future__ import annotations

import pytest

from vm.btf.types import Kind
from vm.kernel.btf import kernel_btf
from vm.program import MapSpec
from vm.verifier.domain.scalar import UNKNOWN, Scalar, const
from vm.verifier.domain.tnum import Tnum
from vm.verifier.events import SlotSnapshot, StateSnapshot
from vm.verifier.report import state_text as text
from vm.verifier.report.state_text import TypeNames, reg_text
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import ALL_INVALID, Reference
from vm.verifier.state.reg import NOT_INIT_REG, RegState, frame_pointer, known_scalar, pointer, unknown_scalar

NAMES = TypeNames([MapSpec("counts", 2, 4, 8, 16)])
U32 = Scalar(Tnum(0, 0xFFFFFFFF), 0, 0xFFFFFFFF, 0, 0xFFFFFFFF, -(1 << 31), (1 << 31) - 1, 0, 0xFFFFFFFF)


def with_(reg: RegState, **fields: object) -> RegState:
    reg = reg.clone()
    for name, value in fields.items():
        setattr(reg, name, value)
    return reg


@pytest.mark.parametrize(
    ("reg", "expected"),
    [
        (known_scalar(0), "0"),
        (known_scalar(12), "12"),
        (known_scalar(0x12345), "0x12345"),
        (known_scalar((1 << 64) - 1), "-1"),
        (known_scalar((1 << 64) - 0x8001), "0xffffffffffff7fff"),
        (with_(known_scalar(3), precise=True), "P3"),
        (unknown_scalar(), "scalar()"),
        (with_(unknown_scalar(), id=2), "scalar(id=2)"),
        (with_(unknown_scalar(), id=2 | t.BPF_ADD_CONST, off=-4), "scalar(id=2-4)"),
        (RegState(t.SCALAR_VALUE, U32), "scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))"),
        (frame_pointer(0), "fp0"),
        (with_(frame_pointer(0), off=-8), "fp-8"),
        (with_(frame_pointer(1), off=-8), "fp[1]-8"),
        (pointer(t.PTR_TO_CTX), "ctx()"),
        (with_(pointer(t.PTR_TO_PACKET), off=14, range=34), "pkt(off=14,r=34)"),
        (with_(pointer(t.PTR_TO_PACKET), range=-1), "pkt(r=0xffffffffffffffff)"),
        (pointer(t.PTR_TO_PACKET_END), "pkt_end()"),
        (with_(pointer(t.PTR_TO_MAP_VALUE), map_ptr=0, off=4), "map_value(map=counts,ks=4,vs=8,off=4)"),
        (
            with_(pointer(t.PTR_TO_MAP_VALUE_OR_NULL), map_ptr=0, id=1),
            "map_value_or_null(id=1,map=counts,ks=4,vs=8)",
        ),
        (
            with_(pointer(t.PTR_TO_MEM | t.MEM_RINGBUF | t.PTR_MAYBE_NULL), id=2, ref_obj_id=2, mem_size=8),
            "ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=8)",
        ),
    ],
)
def test_a_register_reads_as_the_kernel_writes_it(reg: RegState, expected: str) -> None:
    assert reg_text(reg, 0, NAMES) == expected


def test_equal_bounds_are_named_together_but_not_across_signs() -> None:
    s = Scalar(Tnum(0, 0xFF), 0, 255, 0, 255, 0, 255, 0, 255)
    assert text.scalar_ranges(s) == ["smin=smin32=0", "smax=umax=smax32=umax32=255"]
    minus_one_32 = Scalar(UNKNOWN.var_off, -(1 << 63), -1, 0, (1 << 64) - 1, -(1 << 31), -1, 0, (1 << 32) - 1)
    assert text.scalar_ranges(minus_one_32) == ["smax=smax32=-1"]


def test_every_register_type_has_a_name() -> None:
    kernels = kernel_btf().find("bpf_reg_type", Kind.ENUM)
    assert kernels is not None
    number = {each.name: each.value for each in kernels.enumerators}
    assert set(text.REG_TYPE_STR) == set(range(number["__BPF_REG_TYPE_MAX"]))


def test_every_slot_type_has_a_letter() -> None:
    assert set(text.SLOT_TYPE_CHAR) == {
        t.STACK_INVALID, t.STACK_SPILL, t.STACK_MISC, t.STACK_ZERO, t.STACK_DYNPTR, t.STACK_ITER,
    }  # fmt: skip


def test_a_state_names_what_it_holds_with_liveness_and_references() -> None:
    spill = (0, 0, 0, 0, 1, 1, 1, 1)
    state = StateSnapshot(
        1,
        (
            SlotSnapshot(0, t.REG_LIVE_READ64 | t.REG_LIVE_WRITTEN, (), known_scalar(7)),
            SlotSnapshot(11, t.REG_LIVE_WRITTEN, spill, RegState(t.SCALAR_VALUE, const(5))),
            SlotSnapshot(12, 0, (2,) * 8, NOT_INIT_REG),
            SlotSnapshot(13, 0, ALL_INVALID, NOT_INIT_REG),
        ),
        (Reference(3, 9, 0), Reference(4, 11, 0)),
        True,
        False,
    )
    assert text.state_text(state, NAMES) == " frame1: R0_rw=7 fp-8_w=????5 fp-16=mmmmmmmm refs=3,4 cb"
