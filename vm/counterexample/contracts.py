"""Common parts of the models of calls: maps, sizes of memory arguments, and ranges of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import z3

from vm.bits import S32_MAX, U32
from vm.counterexample.request import Known, PathStep
from vm.counterexample.state import Call
from vm.counterexample.values import Number, Pointer, Value, arithmetic
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.func_ids import NAMES
from vm.kernel.helper_facts import FuncProto
from vm.kernel.helpers import helper_proto
from vm.program import MapSpec
from vm.runner.proto_args import Shape, fixed_size
from vm.verifier.state import reg_types as t

if TYPE_CHECKING:
    from vm.counterexample.execute import Execution

MAX_ERRNO: Final = 4095
MOV64: Final = o.ALU64 | o.MOV | o.X
# Helpers that return 0 or a negative error.
ZERO_OR_ERROR: Final = frozenset({
    "probe_read", "probe_read_kernel", "probe_read_user", "copy_from_user", "get_current_comm", "perf_event_output",
    "ringbuf_output", "map_update_elem", "map_delete_elem", "map_push_elem", "map_pop_elem", "map_peek_elem",
    "skb_load_bytes", "skb_load_bytes_relative", "skb_store_bytes", "xdp_adjust_head", "xdp_adjust_tail",
    "xdp_adjust_meta", "skb_pull_data", "skb_change_tail", "skb_change_head", "skb_change_proto", "skb_change_type",
    "skb_adjust_room", "skb_vlan_push", "skb_vlan_pop", "l3_csum_replace", "l4_csum_replace", "xdp_load_bytes",
    "xdp_store_bytes", "dynptr_from_mem", "dynptr_read", "dynptr_write",
})  # fmt: skip
_UNSIGNED: Final = frozenset({"__u32", "u32", "unsigned int"})
_SIGNED: Final = frozenset({"long", "int"})


def helper_of(insn: Insn) -> str:
    """Name of the helper a call instruction calls, without bpf_."""
    return NAMES[insn.imm] if insn.src_reg == 0 and 0 < insn.imm < len(NAMES) else ""


def proto_of(run: Execution, insn: Insn) -> FuncProto | None:
    """The helper's prototype for the program."""
    request = run.request
    if insn.src_reg:
        return None
    return helper_proto(request.prog_type, request.attach_type, insn.imm, hook=request.attach_name)


def map_spec(value: Value | None) -> MapSpec | None:
    """The map whose address a register holds."""
    if isinstance(value, Pointer) and value.obj.kind == "map":
        spec: MapSpec = value.obj.details["spec"]
        return spec
    return None


def map_sizes(run: Execution) -> tuple[int, int]:
    """Sizes of key and value of the map a call is about."""
    for regno in (1, 2):
        spec = map_spec(run.state.regs[regno])
        if spec is not None:
            return spec.key_size, spec.value_size
    return 0, 0


def size_of(run: Execution, shape: Shape) -> Number:
    """Number of bytes that a helper accesses through a memory argument."""
    if not shape.size_reg:
        return fixed_size(shape, map_sizes(run))
    size = run.number(shape.size_reg)
    return arithmetic(o.ALU | o.MOV | o.X, 0, 0, size, 0) if shape.narrow else size


def result_of(run: Execution, name: str, ret: str, known: Known | None, what: str) -> Value:
    """A new number for the result of a call."""
    state = run.state
    value = state.fresh(f"result of {what}")
    if known is not None and known.type == t.SCALAR_VALUE:
        state.ranged(value, known)
    if name in ZERO_OR_ERROR:
        state.require(z3.Or(value == 0, z3.And(value < 0, value >= -MAX_ERRNO)))
    elif ret in _UNSIGNED:
        state.require(z3.ULE(value, U32))
    elif ret in _SIGNED:
        state.require(z3.And(value >= -MAX_ERRNO, value <= S32_MAX))
    return value


def natural(run: Execution, here: PathStep, result: Value = 0, *, may_fail: bool = False) -> None:
    run.state.calls.append(Call(here.insn_idx, result=result, natural=True, may_fail=may_fail))
