"""Helpers and kernel functions that a program may not call: which, why not, and what there is instead."""

from __future__ import annotations

from typing import Final

from vm.explain.facts import Advice, Facts
from vm.explain.program_types import hooks_with, sleepable_form, type_name, types_with
from vm.kernel import types as k
from vm.kernel.func_ids import MAX_BPF_FUNC
from vm.kernel.helpers import helper, helper_by_name, helper_proto
from vm.kernel.release import LINUX
from vm.verifier.prepass.kfunc_meta import kfunc_name
from vm.verifier.rules.context import HELPER_MIGHT_SLEEP
from vm.verifier.rules.policy import (
    HELPER_GPL_ONLY,
    HELPER_NOT_ALLOWED_IN_PROBE,
    HELPER_ONLY_FOR_TRAMPOLINES,
    HELPER_UNKNOWN,
    KFUNC_DEVICE_BOUND,
    KFUNC_LICENCE,
)

_MOST_NAMED: Final = 6

_SKB: Final = frozenset(
    {
        k.BPF_PROG_TYPE_SOCKET_FILTER, k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT,
        k.BPF_PROG_TYPE_CGROUP_SKB, k.BPF_PROG_TYPE_LWT_IN, k.BPF_PROG_TYPE_LWT_OUT, k.BPF_PROG_TYPE_LWT_XMIT,
        k.BPF_PROG_TYPE_SK_SKB,
    }
)  # fmt: skip
_XDP: Final = frozenset({k.BPF_PROG_TYPE_XDP})
_PACKETS: Final = _SKB | _XDP

_XDP_READS: Final = "packet bytes are read directly after a comparison with data_end, or with bpf_xdp_load_bytes()"
_SKB_READS: Final = "packet bytes are read with bpf_skb_load_bytes(), or directly where the program type has data_end"
_NO_TASK: Final = "packets are handled in an unrelated task: no process is known; use a cgroup, socket or tracing hook"

_PROBE_READS: Final = ("bpf_probe_read", "bpf_probe_read_str")
_OF_A_TASK: Final = ("bpf_get_current_uid_gid", "bpf_get_current_comm")

INSTEAD: Final[tuple[tuple[frozenset[int], tuple[str, ...], str], ...]] = (
    (_XDP, _PROBE_READS, _XDP_READS),
    (_SKB, _PROBE_READS, _SKB_READS),
    (_PACKETS, _OF_A_TASK, _NO_TASK),
    (_XDP, ("bpf_skb_load_bytes", "bpf_skb_load_bytes_relative", "bpf_skb_pull_data"), _XDP_READS),
    (_XDP, ("bpf_skb_store_bytes",), "packet bytes are written directly, or with bpf_xdp_store_bytes()"),
    (_XDP, ("bpf_clone_redirect",), "bpf_redirect() or bpf_redirect_map(): XDP has no skb to clone"),
    (_XDP, ("bpf_skb_adjust_room", "bpf_skb_change_head"), "bpf_xdp_adjust_head() makes room in front of the packet"),
    (_XDP, ("bpf_skb_change_tail",), "bpf_xdp_adjust_tail() changes the packet's length"),
    (_SKB, ("bpf_xdp_load_bytes",), "bpf_skb_load_bytes()"),
    (_SKB, ("bpf_xdp_store_bytes",), "bpf_skb_store_bytes()"),
    (_SKB, ("bpf_xdp_adjust_head",), "bpf_skb_adjust_room() or bpf_skb_change_head()"),
    (_SKB, ("bpf_xdp_adjust_tail",), "bpf_skb_change_tail()"),
)
"""What programs of some types use in the place of a helper they do not have."""


def call(facts: Facts) -> Advice:
    """Why the helper may not be called."""
    program, rule = facts.env.program, facts.rejected.rule
    known = helper(facts.insn.imm)
    if rule is HELPER_UNKNOWN or known is None:
        return Advice(
            f"There is no helper number {facts.insn.imm}: {LINUX} has the helpers 1 to {MAX_BPF_FUNC - 1}.",
            "a helper that this kernel has",
        )
    name, kind = known.name, type_name(program.prog_type, program.expected_attach_type)
    if rule is HELPER_GPL_ONLY:
        return Advice(
            f"{name}() is for GPL-compatible programs only; the license of this program is {program.license!r}.",
        )
    if rule is HELPER_MIGHT_SLEEP:
        return Advice(
            f"{name}() may sleep, and this program may not.",
            f"{sleepable_form(program.section)}; or a helper that does not sleep",
        )
    if rule is HELPER_NOT_ALLOWED_IN_PROBE:
        return Advice(f"{name}() is not allowed for the function this program is attached to.")
    if rule is HELPER_ONLY_FOR_TRAMPOLINES:
        return Advice(f"{name}() works in fentry, fexit and fmod_ret programs only; this is one of type {kind}.")
    if not facts.env.bpf_capable or not facts.env.allow_ptr_leaks:
        attach = program.expected_attach_type
        if helper_proto(program.prog_type, attach, known.id, sleepable=facts.env.sleepable) is not None:
            caps = "CAP_BPF" if facts.env.allow_ptr_leaks else "CAP_BPF and CAP_PERFMON"
            return Advice(f"{name}() requires {caps} in {kind} programs.", f"{caps} for the user who loads the program")
    if program.prog_type in types_with(known.id) and program.prog_type != k.BPF_PROG_TYPE_TRACING:
        hooks = ", ".join(hooks_with(program.prog_type, known.id)[:_MOST_NAMED])
        there = f": {hooks}" if hooks else ""
        return Advice(
            f"{kind} programs can call {name}() at some hooks only, and this is none of them.",
            f"a hook at which the helper can be called{there}",
        )
    return Advice(f"{kind} programs cannot call {name}(); {_who(known.id)}.", _instead(program.prog_type, name))


def _who(func_id: int) -> str:
    """Which program types have a helper."""
    having = types_with(func_id)
    if not having:
        return "no program type can call it in this kernel"
    names = [type_name(each) for each in having]
    if len(names) <= _MOST_NAMED:
        return f"program types that can: {', '.join(names)}"
    return f"program types that can: {', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more types"


def _instead(prog_type: int, name: str) -> str:
    for types, names, text in INSTEAD:
        if prog_type in types and name in names:
            return f"another way: {text}"
    return "a helper that this program type has, or a program of a type that has this one"


def kfunc(facts: Facts) -> Advice:
    """Why the kernel function may not be called."""
    program, rule = facts.env.program, facts.rejected.rule
    if rule in (KFUNC_LICENCE, KFUNC_DEVICE_BOUND):
        return Advice()
    name = kfunc_name(facts.insn)
    kind = type_name(program.prog_type, program.expected_attach_type)
    same = helper_by_name(name)
    other = f", or the helper {same.name}()" if same is not None else ""
    return Advice(
        f"{name}() is not registered for {kind} programs: the kernel lists which of its functions each type may call.",
        f"a kernel function that is registered for this program type{other}",
    )
