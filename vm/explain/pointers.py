"""Accesses through what is no pointer, or may be NULL, and accesses that leave the stack frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.explain.causes import branch_text
from vm.explain.facts import Advice, Branch, Facts
from vm.explain.in_source import checks_at, shown, subject
from vm.explain.lineage import origin, read_of, value_before
from vm.explain.related import argument, loop_bound, size_at_fault, too_wide
from vm.explain.source_nulls import null_at_use, null_check, pointer_given
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.trace.records import Cause
from vm.trace.root_cause import CauseKind
from vm.trace.snapshots import FIRST_SLOT, slot_index, value_at
from vm.verifier.rules.helper_args import ARGUMENT_TYPE
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

_CARRIES: Final = ("branch", "move", "fill", "spill")
_PACKETS: Final = (t.PTR_TO_PACKET, t.PTR_TO_PACKET_META)
_SOCKETS: Final = (t.PTR_TO_SOCKET, t.PTR_TO_SOCK_COMMON, t.PTR_TO_TCP_SOCK, t.PTR_TO_XDP_SOCK)
_TRACES: Final = frozenset(
    {
        k.BPF_PROG_TYPE_KPROBE, k.BPF_PROG_TYPE_TRACEPOINT, k.BPF_PROG_TYPE_PERF_EVENT,
        k.BPF_PROG_TYPE_RAW_TRACEPOINT, k.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, k.BPF_PROG_TYPE_TRACING,
    }
)  # fmt: skip
_READS: Final = (
    "bpf_probe_read_kernel() or BPF_CORE_READ() for memory of the kernel, bpf_probe_read_user() for that of a process"
)


_KEEPERS: Final = ("bpf_list_push_", "bpf_rbtree_add")
"""Beginnings of the names of kernel functions that keep an object that they are given."""

_NULLABLE: Final = frozenset(
    {
        "pointer-arithmetic-before-null-check", "helper-argument-may-be-null", "kfunc-argument-may-be-null",
        "argument-may-be-null", "invalid-memory-access",
    }
)  # fmt: skip


def may_be_null(facts: Facts) -> Advice | None:
    """What is refused because a pointer may be NULL, whatever the rule; None of everything else."""
    reg = facts.reg
    if reg is None or not reg.type & t.PTR_MAYBE_NULL:
        return None
    if facts.rejected.rule.name in _NULLABLE or facts.rejected.only_null or _is_inner_map(facts, reg):
        return _may_be_null(facts, reg)
    return None


def _is_inner_map(facts: Facts, reg: RegState) -> bool:
    """Whether a value of a map of maps is passed where a map is taken: behind a comparison with NULL it is a map."""
    maps = facts.env.program.maps
    known = t.base_type(reg.type) == t.PTR_TO_MAP_VALUE and 0 <= reg.map_ptr < len(maps)
    return known and maps[reg.map_ptr].inner is not None and facts.rejected.rule is ARGUMENT_TYPE and facts.name == "r1"


def _joined_checks(facts: Facts) -> Advice:
    """Two comparisons with NULL that the compiler made one of: `!a && !b` as `(a | b) == 0`."""
    insn, before = facts.insn, facts.recorder.raw_before(facts.at)
    if (
        insn.code & 0x07 not in (o.ALU, o.ALU64)
        or o.op(insn.code) not in (o.OR, o.AND)
        or o.src(insn.code) != o.X
        or not before
    ):
        return Advice()
    sides = [before[-1].regs[idx] for idx in (insn.dst_reg, insn.src_reg)]
    checks = [check for check in checks_at(facts, facts.env.insn_idx) if len(check.comparisons) > 1]
    if not checks or not all(each.type & t.PTR_MAYBE_NULL for each in sides):
        return Advice()
    check = checks[0]
    sign = "|" if o.op(insn.code) == o.OR else "&"
    return Advice(
        f"The compiler made one comparison of those in line {check.line} ({check.text}): it computes "
        f"r{insn.dst_reg} {sign} r{insn.src_reg} and compares that with 0. Both are pointers, and the verifier lets no "
        "program compute with the bits of a pointer.",
        "an if statement of its own for each pointer, with another branch or statement between them; or "
        "barrier_var() of one of them in between",
        CauseKind.LOST_IN_COMPILATION,
        check=shown(check),
    )


def _of_its_kind(facts: Facts) -> Advice:
    """A computation with a pointer of a kind that takes none."""
    reg, insn, before = facts.reg, facts.insn, facts.recorder.raw_before(facts.at)
    if reg is None or insn.code & 0x07 not in (o.ALU, o.ALU64) or not before:
        return Advice()
    sides = [before[-1].regs[insn.dst_reg]] + [before[-1].regs[insn.src_reg]] * (o.src(insn.code) == o.X)
    kinds = [t.base_type(each.type) for each in sides]
    if t.PTR_TO_PACKET_END in kinds:
        return Advice(
            f"{facts.name} is the end of the packet, with which the verifier lets no program compute: it is a limit to "
            "compare with.",
            "the number on the other side of the comparison: if (data + length > data_end) instead of "
            "if (data > data_end - length)",
        )
    if any(kind in _SOCKETS for kind in kinds):
        return Advice(
            f"{facts.name} points to a socket, with which the verifier lets no program compute: the kernel turns each "
            "access of a field into others, and has to know which field it is.",
            "accesses of the fields by their names, each at an offset that is the same on every path",
        )
    return Advice()


ARITHMETIC: Final[dict[str, Callable[[Facts], Advice]]] = {
    "pointer-pair-arithmetic": _joined_checks,
    "pointer-operator": _joined_checks,
    "pointer-bitwise": _joined_checks,
    "pointer-arithmetic-on-type": _of_its_kind,
}
"""What explains a rule about a computation with pointers, by the rule's name."""


def pointer(facts: Facts) -> Advice:
    """An access through a register that may not be accessed through."""
    reg = facts.reg
    if reg is None:
        return Advice()
    if reg.type != t.SCALAR_VALUE:
        return Advice()
    return of_number(facts) or Advice()


def of_number(facts: Facts) -> Advice | None:
    """A number where a pointer is needed: what it was before, and where it became one."""
    made = next((cause for cause in reversed(facts.causes) if cause.kind not in _CARRIES), None)
    reg = facts.reg
    if reg is None or reg.type != t.SCALAR_VALUE:
        return None
    lost = _lost_at_call(facts)
    if lost is not None:
        return lost
    null = null_at_use(facts, argument(facts))
    if null is not None:
        return null._replace(what=f"{facts.name} is computed from NULL on this path. {null.what}")
    if _may_be_zero(facts, reg):
        drained = _drained(facts, made)
        if drained is not None:
            return drained
        branch = _became_null(facts)
        if branch is not None:
            text = branch_text(facts.recorder.insns, branch.insn_idx)
            return Advice(
                f"{facts.name} is NULL on this path: the comparison in {facts.where(branch.insn_idx)} ({text}) leads "
                "here.",
                "the use on the other side of the comparison",
                CauseKind.WRONG_BRANCH,
                branch.step,
            )
    if made is None or made.step < 0:
        return None
    return _number(facts, made)


def _may_be_zero(facts: Facts, reg: RegState) -> bool:
    """Whether a number is NULL, or so small that it is an offset from NULL."""
    return reg.is_const() and 0 <= reg.scalar.umin < 1 << 16


def _drained(facts: Facts, made: Cause | None) -> Advice | None:
    """NULL from an iterator that has no further element: the verifier walks that case as a path of its own."""
    if made is None or made.kind != "call" or made.step < 0 or not facts.env.aux[made.insn_idx].is_iter_next:
        return None
    callee = facts.recorder.called(made.insn_idx)
    return Advice(
        f"{facts.name} is NULL on this path: {callee}() in {facts.where(made.insn_idx)} returns NULL when there is no "
        "further element, and nothing compares its result with 0.",
        f"a check that {facts.name} is not NULL before this access",
        CauseKind.MISSING_CHECK,
    )


def _became_null(facts: Facts) -> Branch | None:
    """The comparison that made a pointer which may be NULL the number 0."""
    for branch in facts.branches():
        here = len(branch.before) - 1
        if here >= len(branch.after):
            continue
        was, now = branch.before[here].regs[branch.insn.dst_reg], branch.after[here].regs[branch.insn.dst_reg]
        if was.type & t.PTR_MAYBE_NULL and now.type == t.SCALAR_VALUE:
            return branch
    return None


def _lost_at_call(facts: Facts) -> Advice | None:
    """The call that made a number of the pointer that this one was, or was computed from."""
    recorder, unlocked = facts.recorder, None
    for cause in reversed(facts.causes):
        before = recorder.raw_before(cause.step) if cause.kind == "clobbered" and cause.step >= 0 else ()
        frame, idx = slot_index(cause.name) if cause.name else (0, FIRST_SLOT)
        was = value_at(before, frame, idx)
        reg = was.spilled_ptr if isinstance(was, StackSlot) else was
        if reg is None:
            continue
        there, callee = facts.where(cause.insn_idx), recorder.called(cause.insn_idx) or "the call"
        if reg.type in _PACKETS:
            return Advice(
                f"{callee}() in {there} may move the packet: {cause.name} was a pointer into it, and is none any more.",
                "the packet pointers loaded from the context again after the call, and compared with data_end again",
                CauseKind.LOST_AT_CALL,
                cause.step,
            )
        if t.base_type(reg.type) == t.PTR_TO_MEM and reg.dynptr_id and not reg.ref_obj_id:
            return Advice(
                f"{callee}() in {there} may move the packet: {cause.name} was a slice of its dynptr, and is none any "
                "more.",
                "the slice made again after the call, and compared with NULL again",
                CauseKind.LOST_AT_CALL,
                cause.step,
            )
        if t.type_is_non_owning_ref(reg.type):
            unlocked = unlocked or Advice(
                f"{callee}() in {there} gives the lock back: {cause.name} was an object of a list or tree, which may "
                "be followed only while the lock is held.",
                "all uses of the object before the lock is given back; or the object taken out by bpf_rbtree_remove() "
                "or bpf_list_pop_front()",
                CauseKind.USED_AFTER_RELEASE,
                cause.step,
            )
            continue  # what put it into the list or tree says more
        if reg.ref_obj_id and callee.startswith(_KEEPERS):
            return Advice(
                f"{callee.removesuffix('_impl')}() in {there} gives the object to the list or tree, which owns it from "
                f"then on: {cause.name} may be followed only until the lock is given back.",
                "all uses of the object before the lock is given back, or a second reference by bpf_refcount_acquire()",
                CauseKind.USED_AFTER_RELEASE,
                cause.step,
            )
        if reg.ref_obj_id:
            return Advice(
                f"{callee}() in {there} gives the object back: {cause.name} was a pointer to it, and is none any more.",
                "all uses of the object before it is given back, and one call that gives it back",
                CauseKind.USED_AFTER_RELEASE,
                cause.step,
            )
    return unlocked


def _may_be_null(facts: Facts, reg: RegState) -> Advice:
    source = next((cause for cause in reversed(facts.causes) if cause.kind in ("call", "load")), None)
    given = ""
    if source is not None and source.step >= 0:
        callee = facts.recorder.called(source.insn_idx)
        there = facts.where(source.insn_idx)
        given = f", as {callee}() in {there} gave it" if callee else _of_the_context(facts, source, there)
    again = _read_again(facts)
    if again is not None:
        return again._replace(what=f"{facts.name} may be NULL{given}. {again.what}")
    found = null_check(facts, argument(facts), source.insn_idx if source is not None else -1)
    if found is not None:
        return found._replace(what=f"{facts.name} may be NULL{given}. {found.what}")
    other = _checked_instead(facts, reg)
    if other is None:
        what = f"{facts.name} may be NULL{given}, and nothing on this path compares it with 0."
        return Advice(what, kind=CauseKind.MISSING_CHECK)
    there = facts.where(other.insn_idx)
    what = f"{facts.name} may be NULL{given}; the comparison with 0 in {there} is of another pointer."
    missing = subject(facts, argument(facts)) is not None or _used_after(facts, other)
    if missing:
        return Advice(what, "", CauseKind.MISSING_CHECK)
    return Advice(what, "", CauseKind.CHECK_OF_ANOTHER_VALUE, other.step)


def _read_again(facts: Facts) -> Advice | None:
    """A comparison with NULL of what was read earlier from the place that the pointer is read from."""
    recorder = facts.recorder
    if not facts.name:
        return None
    mine = origin(recorder, value_before(recorder, facts.at, *slot_index(facts.name)))
    read = read_of(recorder, mine)
    if read is None:
        return None
    for branch in facts.branches():
        here, insn = len(branch.before) - 1, branch.insn
        if o.src(insn.code) == o.X or insn.imm or not branch.before[here].regs[insn.dst_reg].type & t.PTR_MAYBE_NULL:
            continue
        theirs = origin(recorder, value_before(recorder, branch.step, here, insn.dst_reg))
        if theirs.step < mine.step and theirs != mine and read_of(recorder, theirs) == read:
            return Advice(
                f"The comparison in {facts.where(branch.insn_idx)} ({branch_text(recorder.insns, branch.insn_idx)}) is "
                f"of what {facts.where(recorder.insn_idx(theirs.step))} read from the same place before: each time it "
                "is read the verifier takes it for another pointer.",
                "the pointer read once into a variable, which is compared and then used",
                CauseKind.READ_AGAIN,
                branch.step,
            )
    return None


def _of_the_context(facts: Facts, source: Cause, there: str) -> str:
    """The words for a pointer that was loaded from the context; "" for one from elsewhere."""
    insn, before = facts.recorder.insns[source.insn_idx], facts.recorder.raw_before(source.step)
    if insn.code & 0x07 != o.LDX or not before:
        return ""
    of_context = t.base_type(before[-1].regs[insn.src_reg].type) == t.PTR_TO_CTX
    return f", as {there} loaded it from the context" if of_context else ""


def _checked_instead(facts: Facts, reg: RegState) -> Branch | None:
    """The comparison of another pointer with NULL, if there is one."""
    for branch in facts.branches():
        was = branch.before[-1].regs[branch.insn.dst_reg]
        if o.src(branch.insn.code) != o.X and not branch.insn.imm and was.type & t.PTR_MAYBE_NULL and was.id != reg.id:
            return branch
    return None


def _used_after(facts: Facts, branch: Branch) -> bool:
    """Whether the pointer that a branch compares is accessed through afterwards: then it was compared for that."""
    recorder = facts.recorder
    was = branch.before[-1].regs[branch.insn.dst_reg]
    for step in facts.steps_back():
        if step <= branch.step:
            return False
        insn = recorder.insns[recorder.insn_idx(step)]
        cls = insn.code & 0x07
        if cls not in (o.LDX, o.ST, o.STX):
            continue
        base = recorder.raw_before(step)[-1].regs[insn.src_reg if cls == o.LDX else insn.dst_reg]
        if base.type & ~t.PTR_MAYBE_NULL == was.type & ~t.PTR_MAYBE_NULL and base.map_ptr == was.map_ptr:
            return True
    return False


def _number(facts: Facts, made: Cause) -> Advice:
    """Of a number: where it became one."""
    recorder, there = facts.recorder, facts.where(made.insn_idx)
    if made.kind == "clobbered":
        return Advice()
    insn = recorder.insns[made.insn_idx]
    before = recorder.raw_before(made.step)
    if made.kind == "load" and insn.code & 0x07 == o.LDX and before:
        base = t.base_type(before[-1].regs[insn.src_reg].type)
        if base == t.PTR_TO_CTX and facts.env.program.prog_type in _TRACES:
            return Advice(
                f"{facts.name} is what {there} loads from the context: an address, but a number to the verifier.",
                f"a call that reads memory wherever it is: {_READS}",
                CauseKind.NOT_A_POINTER,
                made.step,
            )
        if base == t.PTR_TO_BTF_ID:
            return Advice(
                f"{facts.name} is what {there} loads from a kernel object: the verifier follows pointers to structs "
                "there; anything else, such as the address of a text, is a number to it.",
                f"a call that reads memory wherever it is: {_READS}",
                CauseKind.NOT_A_POINTER,
                made.step,
            )
        if base == t.PTR_TO_MAP_VALUE:
            return Advice(
                f"{facts.name} is what {there} loads from a map value: a pointer stored there is a number when it is "
                "loaded again.",
                "what the pointer leads to, looked up or read again; or a field of the map value that is a kptr",
                CauseKind.NOT_A_POINTER,
                made.step,
            )
    if made.kind == "arithmetic":
        said = f"{facts.name} is what is computed in {there}, and that is a number."
        return Advice(said, "", CauseKind.NOT_A_POINTER, made.step, pointer_given(facts, argument(facts)))
    if made.kind == "value":
        return Advice(f"{facts.name} is a constant, set in {there}.", "", CauseKind.NOT_A_POINTER, made.step)
    given = pointer_given(facts, argument(facts))
    callee = recorder.called(made.insn_idx) if made.kind == "call" else ""
    if not callee:
        return Advice("", "", CauseKind.NOT_A_POINTER, made.step, given)
    said = f"{facts.name} is what {callee}() in {there} returned: a number to the verifier, whatever it stands for."
    needed = f"a call that reads memory wherever it is: {_READS}" if facts.env.program.prog_type in _TRACES else ""
    if callee == "bpf_get_current_task":
        needed = "bpf_get_current_task_btf(), whose result may be followed; or BPF_CORE_READ() for what it leads to"
    return Advice(said, needed, CauseKind.NOT_A_POINTER, made.step, given)


def stack(facts: Facts) -> Advice:
    """An access that leaves the stack frame."""
    said = _stack(facts)
    reg = facts.reg
    if size_at_fault(facts) or (reg is not None and reg.type == t.PTR_TO_STACK and reg.scalar.var_off.mask):
        return too_wide(facts, said.what)
    return loop_bound(facts, said.what) or said


def _stack(facts: Facts) -> Advice:
    off, size, reg = facts.value("off"), facts.value("size"), facts.reg
    if "var_off" in facts.rejected.values and reg is not None and reg.type == t.PTR_TO_STACK and size > 0:
        low, high = (f"fp{off + each:+d}" for each in (reg.scalar.smin, reg.scalar.smax))
        return Advice(f"The bounds of {facts.name} allow {size} bytes from {low} up to {high} on.")
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
