"""Calls: arguments of the wrong type, sizes without bounds, helpers that may not be called, what a call acquires."""

from __future__ import annotations

import re
from typing import Final

from vm.bits import S64_MAX, S64_MIN, U64
from vm.explain.words import number
from vm.isa import opcodes as o
from vm.logs.explain_value import became
from vm.logs.facts import Facts
from vm.logs.values import NO_REASON, Reason
from vm.logs.words import NUMBERS, OR_NULL, at, count, kind, kinds
from vm.trace.records import RegView

# What libbpf (src/libbpf.c, src/relo_core.c) and ebpf-go put in the place of what they could not resolve: a call of a
# helper with such a number. The two bases are followed by an index.
_POISON_RELOCATION: Final = 0xBAD2310
_POISON_MAP: Final = 2001000000
_POISON_KFUNC: Final = 2002000000
_POISONS: Final = 1000000

_RELOCATION: Final = re.compile(r"<\w{1,20}> \[\d{1,7}\] (.{1,200}?)(?: \(\d.*\))?$")
"""The name of a relocation as libbpf prints it (bpf_core_format_spec): kind, type, path, and where that was found."""


def _argument(facts: Facts) -> str:
    """ "Argument 2 of bpf_map_lookup_elem()"."""
    which = int(facts.reg[1:]) if facts.reg else 0
    return f"Argument {which} of {facts.called or 'the call'}"


_WANTED: Final = {
    "fp": "the address of a variable, &v, and not its value",
    "ctx": "the context as the program was given it, passed on unchanged: ctx itself, not what was read from it",
    "map_ptr": 'the map itself, &map, defined with SEC(".maps")',
    "ptr_": (
        "a pointer that the verifier follows: an argument of a program with types (BPF_PROG() in tp_btf, fentry or "
        "lsm), a member reached from one with ->, or bpf_get_current_task_btf(); not a copy of an address"
    ),
}
"""What is passed where a number was, by a type that the call takes: the first of these."""


def argument(facts: Facts) -> Reason:
    """An argument of another type than the function takes."""
    have, want = facts.word("type"), facts.word("expected")
    more = facts.word("more")
    want = f"{want}, {more}" if more else want
    has, takes = kind(have), kinds(want)
    if not facts.reg or not has or not takes:
        return NO_REASON
    what = f"{_argument(facts)} ({facts.reg}) is {has}; it has to be {takes}."
    if OR_NULL in have and kind(have.replace(OR_NULL, "")) in takes:
        return Reason(what, f"a comparison of {facts.reg} with NULL before the call, on every path")
    if have in NUMBERS:
        where, needed = became(facts)
        wanted = {each.strip() for each in want.split(",")}
        needed = next((words for name, words in _WANTED.items() if name in wanted), needed)
        return Reason(f"{what} {where}".strip(), needed)
    return Reason(what, takes)


def maybe_null(facts: Facts) -> Reason:
    """A pointer that may be NULL is passed where it may not."""
    return (
        Reason(
            f"{_argument(facts)} may be NULL: no comparison on this path proves that it is not.",
            "a comparison with NULL before the call: if (!p) return 0;",
        )
        if facts.reg
        else NO_REASON
    )


def _known(held: RegView | None) -> str:
    """The bounds of a number as they were printed, "" for none."""
    if held is None or held.kind != "number" or held.scalar is None:
        return ""
    s = held.scalar
    if s.smin == S64_MIN and s.smax < S64_MAX:
        return f" (the log shows no lower bound, and at most {number(s.smax)})"
    if s.smin > S64_MIN or s.smax < S64_MAX:
        return f" (the log shows {number(s.smin)} to {number(s.smax)})"
    return f" (the log shows 0 to {number(s.umax)})" if s.umax < U64 else " (the log shows no bounds of it)"


def _made(facts: Facts) -> str:
    """Where the value comes from, " It comes from instruction 3 (…)."; "" where the text does not tell."""
    step = facts.step_of(facts.origin) if facts.origin is not None else None
    return f" It comes from {at(step)} ({step.text})." if step is not None else ""


def size_negative(facts: Facts) -> Reason:
    """A size that may be negative."""
    if not facts.reg:
        return NO_REASON
    return Reason(
        f"{facts.reg} is the size that {facts.called or 'the call'} is given, and it may be "
        f"negative{_known(facts.held())}: as an unsigned number "
        f"that would be huge.{_made(facts)}",
        "an unsigned variable for the size, compared with the buffer's size before the call: if (len > sizeof(buf)) "
        "return 0;",
    )


def size_unbounded(facts: Facts) -> Reason:
    """A size without an upper bound."""
    if not facts.reg:
        return NO_REASON
    return Reason(
        f"{facts.reg} is the size that {facts.called or 'the call'} is given, and it has no upper bound on this "
        f"path{_known(facts.held())}.{_made(facts)}",
        "the same variable compared with the buffer's size before the call: if (len > sizeof(buf)) return 0; or len "
        "&= sizeof(buf) - 1 for a power of two",
    )


def size_zero(facts: Facts) -> Reason:
    """A size that may be 0."""
    low, high = facts.number("umin"), facts.number("umax")
    if not facts.reg or low is None or high is None:
        who = facts.called or "A call"
        return Reason(f"{who} is given a size that may be 0.", "a comparison of the size with 0 before the call")
    return Reason(
        f"{facts.reg} is the size that {facts.called or 'the call'} is given. It is {number(low)} to {number(high)} "
        "here, and may not be 0.",
        f"a comparison of the size with 0 before the call: if (len < 1 || len > {high}) return 0;"
        if high
        else "a size of at least 1",
    )


def unresolved(facts: Facts) -> Reason:
    """A place where the loader could not fill in what the running kernel has."""
    found = _RELOCATION.match(facts.word("name"))
    what = f"{found[1]}, as the program declares it" if found is not None else "what it asks for"
    return Reason(
        f"The loader asked the running kernel's types for {what}, and found nothing that fits (CO-RE). It put a call "
        "of a function that does not exist in the instruction's place: the program may not get there.",
        "a type, field or value that the running kernel has, under its name there; or bpf_core_field_exists() or its "
        "kin asked before, with an if",
    )


def _poisoned(number_: int) -> Reason:
    """What libbpf and ebpf-go mean by a helper's number that no kernel has; NO_REASON if it is another number."""
    if number_ == _POISON_RELOCATION:
        return Reason(
            "No helper is meant: the loader puts this number where a CO-RE relocation failed. The running kernel's "
            "types have no such type, field or value as the program declares it, and the program may not get there.",
            "a type, field or value that the running kernel has, under its name there; or bpf_core_field_exists() or "
            "its kin asked before, with an if",
        )
    if _POISON_MAP <= number_ < _POISON_KFUNC:
        return Reason(
            "No helper is meant: libbpf puts such a number where the program uses a map that was not created "
            "(bpf_map__set_autocreate()).",
            "the map created; or its use only behind a condition that is a constant when the program is loaded",
        )
    if _POISON_KFUNC <= number_ < _POISON_KFUNC + _POISONS:
        return Reason(
            "No helper is meant: libbpf puts such a number where the program calls a kernel function (kfunc) that "
            "the running kernel does not have.",
            "a kernel that has the function; or bpf_ksym_exists() asked before, with an if",
        )
    return NO_REASON


_READS: Final = "bpf_probe_read"


def helper(facts: Facts) -> Reason:
    """A helper that may not be called."""
    func = facts.word("func").partition("#")[0]
    if not func or func.lstrip("-").isdecimal() or func == "unknown":
        number_ = facts.word("func").rpartition("#")[2]
        poisoned = _poisoned(int(number_)) if number_.isdecimal() else NO_REASON
        if poisoned is not NO_REASON:
            return poisoned
        return Reason(
            f"This kernel has no helper number {number_}, or not for this type of program." if number_ else "",
            "a helper that this kernel has for this type of program; or a newer kernel",
        )
    if func.startswith(_READS):
        return Reason(
            f"{func}() may not be called by this type of program on this kernel. Helpers that read memory are missing "
            "where the kernel was built without tracing (CONFIG_BPF_EVENTS) or is locked down (confidentiality, as "
            "after a secure boot); bpf_probe_read() and bpf_probe_read_str() also on processors where kernel and "
            "processes share addresses.",
            "bpf_probe_read_kernel() or bpf_probe_read_user() in place of bpf_probe_read(); a kernel with "
            "CONFIG_BPF_EVENTS and without that lockdown; or a program type that may call it",
        )
    return Reason(
        f"{func}() may not be called by this type of program on this kernel.",
        "another helper, or another program type (section) that may call it; the glossary lists for each helper who "
        "may",
    )


def map_member(facts: Facts) -> Reason:
    """An access of another size than the member of a kernel object has; of a map where an element was meant."""
    if facts.word("struct") != "bpf_map":
        return NO_REASON
    return Reason(
        "The program reads the map itself where it means an element, or a global variable: the register holds the "
        "address of the map (struct bpf_map).",
        "bpf_map_lookup_elem() with a key, and a read through the pointer that it returns; for global variables a "
        "loader that knows them (libbpf)",
    )


def listed_helper(facts: Facts) -> Reason:
    """A helper that only programs at certain functions may call."""
    return Reason(
        f"{facts.called or 'This helper'} may be called only by programs that are attached to certain functions of the "
        "kernel, and the function that this program is attached to is none of them.",
        "one of the functions that the kernel's source lists for this helper; or another helper",
    )


def opcode(facts: Facts) -> Reason:
    """An instruction that the kernel does not know. Of what compilers emit this is the call through a register."""
    try:
        code = int(facts.word("code"), 16)
    except ValueError:
        return NO_REASON
    if code != o.JMP | o.CALL | o.X:
        return NO_REASON
    return Reason(
        "The program calls a function through a register (callx), as a function pointer is called. No kernel accepts "
        "this instruction.",
        "the function called by its name; with clang the option -O2, which resolves pointers to static functions; or "
        "a tail call or bpf_loop() with a function of the program",
    )


def deep(facts: Facts) -> Reason:
    """Functions that call each other with too much stack altogether."""
    frames, depth = facts.number("count"), facts.number("depth")
    if frames is None or depth is None:
        return NO_REASON
    calls = "a chain of calls of " if frames != 1 else ""
    return Reason(
        f"The local variables of {calls}{count(frames, 'function')} need {count(depth)} of stack at once. Each "
        "function's part is rounded up.",
        "smaller local variables, or larger ones in a map (a per-CPU array of one element); small functions marked "
        "__always_inline share their caller's frame",
    )


def packet_argument(facts: Facts) -> Reason:
    """A helper that takes no packet memory."""
    who = facts.called or "This helper"
    return Reason(
        f"{who} is given a pointer into the packet, which this helper may not access in this type of program.",
        "the bytes copied to the stack first (after a comparison with data_end), and the copy given to the helper",
    )


def licence(facts: Facts) -> Reason:
    """A helper for programs under the GPL."""
    return Reason(
        f"{facts.called or 'This helper'} is only for programs whose license is compatible with the GPL, and this "
        "program's is missing or another one.",
        'char LICENSE[] SEC("license") = "GPL"; in the source, if that is its license',
    )


def leak(facts: Facts) -> Reason:
    """Something was acquired and not given back."""
    insn, given = facts.number("insn"), facts.word("id")
    if insn is None:
        return NO_REASON
    acquired = next((each for each in facts.causes if each.kind == "acquired"), None)
    step = facts.step_of(acquired) if acquired is not None else None
    call = f" ({step.text})" if step is not None else ""
    return Reason(
        f"What instruction {insn}{call} acquired (reference {given}) is not released on the path that ends here.",
        "the release on every path, also before an early return: for example bpf_sk_release(), bpf_ringbuf_submit() "
        "or bpf_ringbuf_discard()",
    )
