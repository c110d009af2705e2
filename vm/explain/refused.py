"""What may not be done with memory or a call at all, whatever the numbers are: each rule by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.explain.facts import Advice, Facts
from vm.explain.program_types import sleepable_form, type_name
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.kernel.helpers import helper
from vm.trace.records import Cause
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import FrameSnapshot
from vm.verifier.mem.btf_ptr import in_rcu_cs
from vm.verifier.prepass.kfunc_meta import kfunc_name
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

_READS: Final = "bpf_probe_read_kernel()"
_WRITABLE_TWIN: Final = {"bpf_dynptr_slice": "bpf_dynptr_slice_rdwr"}


def _struct(reg: RegState | None) -> str:
    """ "struct file" of a pointer to an object of the kernel, "" of others."""
    btf = reg.btf if reg is not None and t.base_type(reg.type) == t.PTR_TO_BTF_ID else None
    name = btf.type(reg.btf_id).name if btf is not None and reg is not None else ""
    return f"struct {name}" if name else ""


def kernel_struct(facts: Facts) -> Advice:
    """A write to an object of the kernel."""
    struct = _struct(facts.reg)
    if not struct:
        return Advice()
    return Advice(
        f"{facts.name} points to a {struct} of the kernel. A program may read such objects, but not write them.",
        "a read; or a helper or kernel function that makes the change",
    )


def congestion_control(facts: Facts) -> Advice:
    """A write to a member of a socket that no congestion control writes."""
    return Advice(
        f"{facts.name} points to a socket of the kernel. A congestion control may write a few members of it, which "
        "hold its own state, the window and the pacing rate, and no others.",
        "a write to one of those members, such as snd_cwnd or snd_ssthresh of struct tcp_sock; other members can only "
        "be read",
    )


def read_only(facts: Facts) -> Advice:
    """A write to memory that a call gave for reading."""
    made = next((c for c in reversed(facts.causes) if c.kind == "call" and c.step >= 0), None)
    callee = facts.recorder.called(made.insn_idx) if made is not None else ""
    if made is None or not callee:
        return Advice()
    twin = _WRITABLE_TWIN.get(callee)
    return Advice(
        f"{facts.name} is what {callee}() in {facts.where(made.insn_idx)} returned: memory that may be read, but not "
        "written.",
        f"{twin}(), whose memory may be written" if twin else "",
    )


def variable_member(facts: Facts) -> Advice:
    """A member of an object of the kernel at an offset that is not constant."""
    struct = _struct(facts.reg)
    if not struct:
        return Advice()
    return Advice(
        f"The access is at an offset of the {struct} that is not known when the program is loaded. The verifier looks "
        "up which member an access is of, and can do that for constant offsets only.",
        f"{_READS} for an element at a variable index",
    )


def moved_context(facts: Facts) -> Advice:
    """The context with something added to it."""
    reg = facts.reg
    if reg is None or t.base_type(reg.type) != t.PTR_TO_CTX:
        return Advice()
    tracepoint = facts.env.program.prog_type == k.BPF_PROG_TYPE_TRACEPOINT
    helped = f"; or {_READS} from that address, for the record of a tracepoint is memory" if tracepoint else ""
    if not reg.scalar.var_off.mask:
        return Advice(
            f"{facts.name} is the context with {reg.off + reg.scalar.smin} added to it. The kernel turns each access "
            "of a field into others, and needs the context itself as the base for that.",
            f"an access of ctx itself with a constant offset, as ctx->field gives{helped}",
        )
    return Advice(
        f"{facts.name} is the context with a number added to it that is not known when the program is loaded. The "
        "kernel turns each access of a field into others, and has to know then which field it is.",
        f"a constant offset: a field by its name, or an array's element by a constant index{helped}",
    )


def packet_argument(facts: Facts) -> Advice:
    """A pointer into the packet for a helper that takes none."""
    known = helper(facts.insn.imm)
    if known is None:
        return Advice()
    return Advice(
        f"{known.name}() takes no pointer into the packet: {facts.name} is one.",
        f"what {known.name}() takes instead: the context where that is asked for, or a copy of the bytes on the stack "
        "or in a map value",
        CauseKind.WRONG_ARGUMENT,
    )


def _taken(facts: Facts, kind: str) -> Cause | None:
    """The call that took a lock, or began a section, which this path has not ended."""
    path = facts.recorder.path_at(facts.at)
    for each in reversed(facts.recorder.holdings):
        if each.kind == kind and path in each.still_held and each.step < facts.at:
            return Cause(each.step, each.insn_idx, "", "acquired", each.by)
    return None


def under_lock(facts: Facts) -> Advice:
    """A call while a lock is held."""
    taken = _taken(facts, "lock")
    if taken is None:
        return Advice()
    callee = facts.recorder.called(facts.env.insn_idx) or "the function"
    there = facts.where(taken.insn_idx)
    if callee == taken.why:
        return Advice(
            f"{callee}() in {there} took a lock that is still held here, and a program may hold one lock at a time.",
            "bpf_spin_unlock() of the first lock before the second is taken",
            CauseKind.FORBIDDEN_HERE,
        )
    return Advice(
        f"{taken.why}() in {there} took a lock that is still held where {callee}() is called. A CPU that waits for the "
        "lock does nothing else, so that only short operations on the locked data may come between.",
        f"the call of {callee}() before the lock is taken, or after it is given back",
    )


def no_lock(facts: Facts) -> Advice:
    """A change of a list or tree without its lock."""
    name = kfunc_name(facts.insn)
    if not name:
        return Advice()
    other = _taken(facts, "lock")
    if other is not None:
        return Advice(
            f"{name.removesuffix('_impl')}() changes what other CPUs may change at the same time, and the lock that "
            f"{facts.where(other.insn_idx)} took is not the one for it: that is in the same map value, object or "
            "section as the list or tree.",
            "bpf_spin_lock() of the lock beside the list or tree, through the same pointer where both are in a value",
        )
    return Advice(
        f"{name.removesuffix('_impl')}() changes what other CPUs may change at the same time, and no lock is held "
        "here.",
        "bpf_spin_lock() before the call and bpf_spin_unlock() after it, of the lock that lies in the same map value, "
        "object or section as the list or tree",
    )


def not_trusted(facts: Facts) -> Advice:
    """A pointer to an object that may be freed at any time."""
    struct, name = _struct(facts.reg), kfunc_name(facts.insn)
    made = next((c for c in reversed(facts.causes) if c.kind == "load" and c.step >= 0), None)
    if not struct or not name or made is None:
        return Advice()
    return Advice(
        f"{facts.name} points to a {struct} that {facts.where(made.insn_idx)} read from another object. Nothing keeps "
        f"it from being freed meanwhile, and {name}() takes only what the program holds a reference of, or what the "
        "kernel passed to it.",
    )


def not_rcu(facts: Facts) -> Advice:
    """A pointer whose object RCU does not keep, where a section of RCU is open or not needed."""
    struct, name = _struct(facts.reg), kfunc_name(facts.insn)
    made = next((c for c in reversed(facts.causes) if c.kind == "load" and c.step >= 0), None)
    if not struct or not name or made is None or not in_rcu_cs(facts.env):
        return Advice()
    return Advice(
        f"{facts.name} points to a {struct} that {facts.where(made.insn_idx)} read from another object. RCU does not "
        f"keep what that member points to from being freed, and {name}() takes only what is kept.",
        "an object that the kernel passed to the program, one that it holds a reference of, or one that is read from a "
        "member under RCU, such as real_parent of struct task_struct",
    )


def kfunc_struct(facts: Facts) -> Advice:
    """A pointer to another struct than the kernel function takes."""
    values, struct, name = facts.rejected.values, _struct(facts.reg), kfunc_name(facts.insn)
    if not struct or not name or "wanted" not in values:
        return Advice()
    wanted = f"struct {values['wanted']}"
    return Advice(
        f"{name}() takes a pointer to a {wanted}, and {facts.name} points to a {struct}. The verifier goes by the type "
        "that the kernel gave the object; a cast in the source does not change it.",
        f"a {wanted} of the kernel: from an argument of the hook, a member, or a function that returns one",
    )


def may_sleep(facts: Facts) -> Advice:
    """A kernel function that waits, in a program that must not."""
    name = kfunc_name(facts.insn)
    if not name:
        return Advice()
    return Advice(f"{name}() may sleep, and this program may not.", sleepable_form(facts.env.program.section))


def not_sleepable_hook(facts: Facts) -> Advice:
    """A program that may sleep at a hook where the kernel must not."""
    section = facts.env.program.section
    kind, _, hook = section.partition("/")
    if not hook or not kind.endswith(".s"):
        return Advice()
    plain = f'SEC("{kind.removesuffix(".s")}/{hook}")'
    return Advice(
        f"{hook} is no place at which the kernel may sleep, and the section says that the program may.",
        f"{plain}, for a program that does not sleep; or another hook",
    )


def kernel_memory(facts: Facts) -> Advice:
    """Memory and its length for a kernel function."""
    before = facts.recorder.raw_before(facts.at)
    regno, name = facts.rejected.regno, kfunc_name(facts.insn)
    if not before or not name or not 1 <= regno <= 4:
        return Advice()
    memory, length = _pair(before, regno)
    if memory is None or length is None:
        return Advice()
    return Advice(
        f"{name}() may touch {length} bytes from {memory} on, as its length argument says, and not all of them are "
        "memory that the program may use so.",
    )


def _pair(before: tuple[FrameSnapshot, ...], regno: int) -> tuple[str | None, str | None]:
    """(register of the memory, its length in words) of a call's pair of arguments, by the register of either."""
    regs = before[-1].regs
    at = regno if regs[regno].type != t.SCALAR_VALUE else regno - 1
    if at < 1 or regs[at + 1].type != t.SCALAR_VALUE:
        return None, None
    s = regs[at + 1].scalar
    return f"r{at}", f"{s.umax:,}" if not s.var_off.mask else f"up to {s.umax:,}"


def other_timers_map(facts: Facts) -> Advice:
    """bpf_timer_init() with another map than the one whose value holds the timer."""
    before, maps = facts.recorder.raw_before(facts.at), facts.env.program.maps
    if not before or facts.insn.code != o.JMP | o.CALL:
        return Advice()
    value, given = before[-1].regs[1], before[-1].regs[2]
    if not (0 <= value.map_ptr < len(maps) and 0 <= given.map_ptr < len(maps)):
        return Advice()
    first, second = (maps[each.map_ptr].full_name or maps[each.map_ptr].name for each in (value, given))
    what = f"r1 points into a value of the map {first}"
    if first == second:
        return Advice(f"{what}, and r2 is the map {second}: not the same inner map.")
    return Advice(f"{what}, and r2 is the map {second}.", f"the map in which it lies: &{first}")


def fields_of_tracing(facts: Facts) -> Advice:
    """Locks, timers and the like in programs that interrupt the kernel anywhere."""
    return Advice(
        "kprobe, tracepoint, raw tracepoint and perf event programs may run anywhere in the kernel, also in the middle "
        "of an operation on the same lock, timer, list or tree. Maps with these are not for them.",
        "a map without that field, with atomic operations or one value for each CPU; or an fentry, fexit, tp_btf or "
        "LSM program, which may use the map",
    )


def socket_field(facts: Facts) -> Advice:
    """A field that what is known of a socket does not have."""
    reg = facts.reg
    if reg is None or t.base_type(reg.type) != t.PTR_TO_SOCK_COMMON:
        return Advice()
    return Advice(
        f"{facts.name} may point to any kind of socket, also to one of a connection that is being opened or is closed. "
        "Only the fields that all of them have may be read, such as family, state, addresses and ports.",
        "the socket as bpf_sk_fullsock() returns it, compared with NULL",
        CauseKind.WRONG_ARGUMENT,
    )


def packet_write(facts: Facts) -> Advice:
    """A write to the packet in a program that may read it only."""
    kind = type_name(facts.env.program.prog_type, facts.env.program.expected_attach_type)
    return Advice(
        f"{kind} programs may read the packet, but not write to it.", "a read; or a program of a type that may write"
    )


def not_modifiable(facts: Facts) -> Advice:
    """fmod_ret for a function whose result programs may not change."""
    name = facts.env.program.attach_btf_name
    return Advice(
        f"The result of {name}() is not for programs to change: the kernel allows that for functions that "
        "are marked for the injection of errors, and for the hooks of security modules.",
        "fentry or fexit for this function; or fmod_ret for such a function, as security_file_open()",
    )


REFUSED: Final[dict[str, Callable[[Facts], Advice]]] = {
    "struct-read-only": kernel_struct,
    "tcp-sock-write-not-a-field": congestion_control,
    "write-to-read-only": read_only,
    "struct-offset-variable": variable_member,
    "pointer-offset-variable": moved_context,
    "pointer-modified": moved_context,
    "helper-packet-access": packet_argument,
    "call-under-lock": under_lock,
    "second-lock": under_lock,
    "graph-lock-not-held": no_lock,
    "argument-not-trusted": not_trusted,
    "argument-not-rcu": not_rcu,
    "kfunc-argument-struct": kfunc_struct,
    "kfunc-sleepable-in-program": may_sleep,
    "sleepable-attach-target": not_sleepable_hook,
    "kfunc-memory-length": kernel_memory,
    "timer-map-mismatch": other_timers_map,
    "tracing-special-field": fields_of_tracing,
    "socket-access": socket_field,
    "packet-read-only": packet_write,
    "packet-write-not-allowed": packet_write,
    "attach-target-not-modifiable": not_modifiable,
}
"""What explains a rule, by its name."""
