"""What a program or callback returns: the allowed range, what the values mean, and what is known."""

from __future__ import annotations

from typing import Final

from vm.explain.facts import Advice, Facts
from vm.explain.in_source import only_return, return_of, returns_only
from vm.explain.lineage import value_before, wide_origin
from vm.explain.program_types import type_name
from vm.explain.words import bounds, number
from vm.kernel import types as k
from vm.trace.root_cause import CauseKind, SourceCheck
from vm.trace.snapshots import slot_index
from vm.verifier.domain.scalar import U32_MAX
from vm.verifier.report.need import span

_VERDICT: Final = "0 refuses, 1 allows"

MEANING: Final[dict[int, str]] = {
    k.BPF_PROG_TYPE_CGROUP_SKB: "0 drops the packet, 1 lets it pass",
    k.BPF_PROG_TYPE_CGROUP_SOCK: _VERDICT,
    k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR: _VERDICT,
    k.BPF_PROG_TYPE_CGROUP_DEVICE: _VERDICT,
    k.BPF_PROG_TYPE_CGROUP_SYSCTL: _VERDICT,
    k.BPF_PROG_TYPE_CGROUP_SOCKOPT: _VERDICT,
    k.BPF_PROG_TYPE_SOCK_OPS: "a reply is written to ctx->reply, not returned",
    k.BPF_PROG_TYPE_SK_LOOKUP: "0 is SK_DROP, 1 is SK_PASS",
    k.BPF_PROG_TYPE_NETFILTER: "0 is NF_DROP, 1 is NF_ACCEPT",
    k.BPF_PROG_TYPE_LSM: "0 allows, a negative errno value denies",
    k.BPF_PROG_TYPE_KPROBE: "0 runs the return probe, 1 skips it",
    k.BPF_PROG_TYPE_RAW_TRACEPOINT: "the result is not used",
}
"""What the allowed values mean, by program type."""

TRACING: Final[dict[int, str]] = {
    k.BPF_TRACE_FENTRY: "the result is not used: an fentry program cannot change what the function does",
    k.BPF_TRACE_FEXIT: "the result is not used: an fexit program cannot change what the function returned",
    k.BPF_TRACE_ITER: "0 continues with the next object, 1 repeats the same one",
}

_LSM_CGROUP: Final = "1 allows, 0 denies with EPERM (bpf_set_retval() gives another error)"


def result(facts: Facts) -> Advice:
    """Why the value may not be returned."""
    program = facts.env.program
    reg = facts.reg
    known = bounds(reg.scalar) if reg is not None else ""
    low, high = facts.value("minval"), facts.value("maxval")
    if "minval" not in facts.rejected.values:
        return Advice(f"The value that is returned in {facts.name} is not a number with known bounds.")
    kind = type_name(program.prog_type, program.expected_attach_type)
    who, meaning = f"{kind} programs have", _meaning(program.prog_type, program.expected_attach_type, low, high)
    if _in_callback(facts):
        who, meaning = "This callback has", "0 continues the loop, 1 ends it" if (low, high) == (0, 1) else ""
    allowed = f"{low}" if low == high else f"{low} or {high}" if high - low == 1 else f"a value {span(low, high)}"
    what = f"{who} to return {allowed}{f' ({meaning})' if meaning else ''}"
    what += f"; here it is {known or 'an unknown number'}"
    if reg is not None and reg.scalar.var_off.mask and returns_only(facts, low, high):
        return Advice(
            f"{what}. The source returns only allowed numbers, but the compiler computes the result from a comparison, "
            "with arithmetic of which the verifier does not know the range.",
            f"{allowed} on every path, each set in a branch of its own",
            CauseKind.LOST_IN_COMPILATION,
            _set_at(facts),
        )
    if reg is not None and reg.scalar.var_off.mask == 0 and 1 << 31 <= reg.scalar.umin <= U32_MAX:
        what += f", which is {number(reg.scalar.umin - (1 << 32))} as an int"
    return Advice(f"{what}.", f"{allowed} on every path", CauseKind.WRONG_RESULT, _set_at(facts), _statement(facts))


def _set_at(facts: Facts) -> int | None:
    """The step that gave the value that is returned."""
    if not facts.name:
        return None
    frame, idx = slot_index(facts.name)
    made = wide_origin(facts.recorder, value_before(facts.recorder, facts.at, frame, idx))
    return made.step if made.step >= 0 else None


def _statement(facts: Facts) -> SourceCheck | None:
    """The return statement in the source: the one with that number, or the only one with no allowed constant."""
    reg = facts.reg
    if reg is None:
        return None
    if reg.scalar.var_off.mask:
        return only_return(facts, facts.value("minval"), facts.value("maxval"))
    value = reg.scalar.umin & U32_MAX
    signed = value - (1 << 32) if value >> 31 else value
    return return_of(facts, frozenset({str(value), str(signed), hex(value)}))


def _in_callback(facts: Facts) -> bool:
    """Whether the value is returned by a callback."""
    frames = facts.env.cur_state.frame
    return frames[-1].in_callback_fn or frames[-1].in_async_callback_fn


def _meaning(prog_type: int, attach: int, low: int, high: int) -> str:
    if prog_type == k.BPF_PROG_TYPE_TRACING:
        return TRACING.get(attach, "")
    if prog_type == k.BPF_PROG_TYPE_LSM and attach == k.BPF_LSM_CGROUP:
        return _LSM_CGROUP if low != high else "the hook has no return value"
    if prog_type == k.BPF_PROG_TYPE_LSM and low == 0:
        return "the hook returns a boolean"
    if prog_type == k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR and low == high == 1:
        return "this hook cannot deny anything"
    return MEANING.get(prog_type, "")
