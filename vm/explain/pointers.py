"""Accesses through what is no pointer, or may be NULL, and accesses that leave the stack frame."""

from __future__ import annotations

from typing import Final

from vm.explain.facts import Advice, Facts
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.trace.records import Cause
from vm.trace.snapshots import slot_index
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_CARRIES: Final = ("branch", "move", "fill", "spill")
_PACKETS: Final = (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META)
_TRACES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_PERF_EVENT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_TRACING,
    }
)  # fmt: skip
_READS: Final = (
    "bpf_probe_read_kernel() or BPF_CORE_READ() for memory of the kernel, bpf_probe_read_user() for that of a process"
)


def pointer(facts: Facts) -> Advice:
    """An access through a register that may not be accessed through."""
    reg = facts.reg
    if reg is None:
        return Advice()
    if reg.type & t.PTR_MAYBE_NULL:
        return _may_be_null(facts, reg)
    made = next((cause for cause in reversed(facts.causes) if cause.kind not in _CARRIES), None)
    if reg.type != t.SCALAR_VALUE or made is None or made.step < 0:
        return Advice()
    return _number(facts, made)


def _may_be_null(facts: Facts, reg: RegState) -> Advice:
    source = next((cause for cause in reversed(facts.causes) if cause.kind in ("call", "load")), None)
    given = ""
    if source is not None and source.step >= 0:
        callee = facts.recorder.called(source.insn_idx)
        given = f", as {callee}() in {facts.where(source.insn_idx)} gave it" if callee else ""
    other = _checked_instead(facts, reg)
    return Advice(f"{facts.name} may be NULL{given}{other or ', and nothing on this path compares it with 0'}.")


def _checked_instead(facts: Facts, reg: RegState) -> str:
    """The comparison of another pointer with NULL, if there is one."""
    for branch in facts.branches():
        was = branch.before[-1].regs[branch.insn.dst_reg]
        if o.src(branch.insn.code) != o.X and not branch.insn.imm and was.type & t.PTR_MAYBE_NULL and was.id != reg.id:
            return f"; the comparison with 0 in {facts.where(branch.insn_idx)} is of another pointer"
    return ""


def _number(facts: Facts, made: Cause) -> Advice:
    """Of a number: where it became one."""
    recorder, there = facts.recorder, facts.where(made.insn_idx)
    insn = recorder.insns[made.insn_idx]
    before = recorder.raw_before(made.step)
    if made.kind == "clobbered":
        frame, idx = slot_index(made.name)
        callee = recorder.called(made.insn_idx) or "the call"
        if idx < 11 and frame < len(before) and before[frame].regs[idx].type in _PACKETS:
            return Advice(
                f"{callee}() in {there} may move the packet: {made.name} was a pointer into it, and is none any more.",
                "the packet pointers loaded from the context again after the call, and compared with data_end again",
            )
        return Advice()
    if made.kind == "load" and insn.code & 0x07 == o.LDX and before:
        base = t.base_type(before[-1].regs[insn.src_reg].type)
        if base == t.PTR_TO_CTX and facts.env.program.prog_type in _TRACES:
            return Advice(
                f"{facts.name} is what {there} loads from the context: an address, but a number to the verifier.",
                f"a call that reads memory wherever it is: {_READS}",
            )
        if base == t.PTR_TO_MAP_VALUE:
            return Advice(
                f"{facts.name} is what {there} loads from a map value: a pointer stored there is a number when it is "
                "loaded again.",
                "what the pointer leads to, looked up or read again; or a field of the map value that is a kptr",
            )
    if made.kind == "arithmetic":
        return Advice(f"{facts.name} is what is computed in {there}, and that is a number.")
    if made.kind == "value":
        return Advice(f"{facts.name} is a constant, set in {there}.")
    return Advice()


def stack(facts: Facts) -> Advice:
    """An access that leaves the stack frame."""
    off, size = facts.value("off"), facts.value("size")
    if "var_off" in facts.rejected.values or size <= 0:
        return Advice()
    if off >= 0:
        return Advice(f"fp+{off} lies above the frame: a program's stack are the bytes from fp-512 to fp-1.")
    if off < -512:
        return Advice(f"fp{off} lies below the frame: a program's stack are the bytes from fp-512 to fp-1.")
    if off + size > 0:
        who = facts.size_words or f"The access takes {size} bytes from fp{off} on"
        return Advice(f"{who}, and from fp{off} to the top of the frame there are {-off} bytes.")
    return Advice()
