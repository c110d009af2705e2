"""Accesses of the context: the field at that offset, its size, and what this program may do with it."""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.btf.types import COMPOSITES, Btf, Kind
from vm.explain.facts import Advice, Facts
from vm.explain.program_types import type_name
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.kernel.btf import kernel_btf
from vm.verifier.call.func_args import CTX_NAMES
from vm.verifier.mem.ctx_rules import NO, CtxRules, ctx_rules

_WIDEST: Final = 8  # bytes of an access


class _Field(NamedTuple):
    """A member of a struct: bytes [start, start + size)."""

    name: str
    start: int
    size: int
    type: str
    elements: int  # of an array, else 1


def context_field(facts: Facts) -> Advice:
    """Why the access of the context is refused."""
    program = facts.env.program
    rules = ctx_rules(program.prog_type, program.expected_attach_type)
    struct = CTX_NAMES.get(program.prog_type, "")
    if rules is not None and not struct:
        return _record(facts, rules)
    if rules is None or not struct:
        return _arguments(facts)
    off, size = facts.value("off"), facts.value("size")
    write = facts.insn.code & 0x07 in (o.ST, o.STX)
    kind = type_name(program.prog_type)
    end = rules.size
    if off < 0 or off >= end:
        return Advice(
            f"struct {struct}, the context of {kind} programs, has {end} bytes; the access is at offset {off}.",
            f"an offset within struct {struct}",
        )
    field = field_at(struct, off, program.btf)
    named = f"{struct}.{field.name}" if field is not None else f"offset {off} of struct {struct}"
    if off % size:
        return Advice(
            f"{size} bytes at offset {off} of struct {struct} are not aligned to their size.", "an aligned access"
        )
    rule = rules.find(off)
    if rule.attach and program.expected_attach_type not in rule.attach:
        return Advice(
            f"{named} is not available at this hook: {kind} programs may use it only at other hooks.",
            "another field, or a hook that has this one",
        )
    if rule.capable and not facts.env.bpf_capable:
        return Advice(f"{named} requires CAP_BPF.", "CAP_BPF for the user who loads the program")
    if write and rule.write == NO:
        if rule.read == NO:
            return Advice(f"{kind} programs may neither read nor write {named}.", "a field that this program type has")
        return Advice(
            f"{named} may be read by {kind} programs, but not written.",
            _writable(struct, program.prog_type, program.expected_attach_type, program.btf),
        )
    if not write and rule.read == NO:
        return Advice(f"{kind} programs may not read {named}.", "a field that this program type has")
    if field is not None and (off, size) != (field.start, field.size):
        first_byte = off - field.start
        part = f"bytes {first_byte} to {first_byte + size - 1}" if size > 1 else f"byte {first_byte}"
        verb = "written" if write else "read"
        beyond = off + size > field.start + field.size
        about = f"{size} bytes at offset {off} reach beyond it" if beyond else f"{part} of it cannot be {verb} alone"
        if field.elements > 1 and not beyond:
            width = field.size // field.elements
            first = off - (off - field.start) % width
            return Advice(
                f"{named} has {field.size} bytes ({field.type}); {about}.",
                f"an access of {width} bytes at offset {first}: one element of the array",
            )
        inside = _inside(field, off) if field.size > _WIDEST else None
        if inside is not None and inside.size <= _WIDEST and not beyond:
            return Advice(
                f"{named}.{inside.name} has {inside.size} bytes; {size} of them cannot be {verb} alone.",
                f"an access of {inside.size} bytes at offset {field.start + inside.start}: the whole field",
            )
        return Advice(
            f"{named} has {field.size} bytes ({field.type}); {about}.",
            f"an access of {field.size} bytes at offset {field.start}: the whole field",
        )
    return Advice(f"{named} cannot be {'written' if write else 'read'} this way.")


def _writable(struct: str, prog_type: int, attach: int, btf: Btf | None) -> str:
    rules = ctx_rules(prog_type, attach)
    assert rules is not None
    names = []
    for rule in rules.fields:
        if rule.write != NO and (not rule.attach or attach in rule.attach):
            at = rule.lo
            while at < rule.hi:
                found = field_at(struct, at, btf, rule.hi - rule.lo)
                if found is None:
                    break
                names.append(found.name)
                at = found.start + found.size
    if not names:
        return f"a field that may be written: this program type has none in struct {struct}"
    return f"a field that may be written: {', '.join(dict.fromkeys(names))}"


def field_at(struct: str, off: int, own: Btf | None = None, size: int = 0) -> _Field | None:
    """The member of a struct that holds byte `off`, by the program's own BTF or the kernel's.

    size -- bytes of the member that is looked for where a union has several, 0 for the first
    """
    for btf in (kernel_btf(), own):
        found = btf.find(struct, Kind.STRUCT) if btf is not None else None
        if btf is None or found is None:
            continue
        for member in found.members:
            start, width = member.bit_off // 8, btf.size_of(member.type_id)
            if not start <= off < start + width:
                continue
            inner = btf.skip_modifiers(member.type_id)
            if not member.name and inner.kind in COMPOSITES:
                named = [
                    _field(btf, each.name, start + each.bit_off // 8, each.type_id)
                    for each in inner.members
                    if each.name and start + each.bit_off // 8 <= off
                ]
                exact = next((each for each in named if (each.start, each.size) == (off, size)), None)
                if named:
                    return exact or named[0]
            return _field(btf, member.name, start, member.type_id)
    return None


def _inside(field: _Field, off: int) -> _Field | None:
    """The member that holds byte `off` of the context, of a field that is a struct itself: a register of pt_regs."""
    btf = kernel_btf()
    found = btf.find(field.type, Kind.TYPEDEF)
    struct = btf.skip_modifiers(found.id).name if found is not None else field.type
    return field_at(struct, off - field.start)


def _field(btf: Btf, name: str, start: int, type_id: int) -> _Field:
    found = btf.skip_modifiers(type_id)
    elements = found.nelems if found.kind is Kind.ARRAY else 1
    return _Field(name, start, btf.size_of(type_id), _spelled(btf, type_id), elements)


def _spelled(btf: Btf, type_id: int) -> str:
    """A type's name, of an array its element's."""
    found = btf.type(type_id)
    if found.kind is Kind.ARRAY:
        return f"{_spelled(btf, found.type_id)}[{found.nelems}]"
    if found.kind is Kind.PTR:
        return "a pointer"
    return found.name or btf.skip_modifiers(type_id).kind.name.lower()


def _record(facts: Facts, rules: CtxRules) -> Advice:
    """Contexts without a struct of their own: a tracepoint's record, a number, the arguments of BPF_PROG_TEST_RUN."""
    off, size = facts.value("off"), facts.value("size")
    kind, write = type_name(facts.env.program.prog_type), facts.insn.code & 0x07 in (o.ST, o.STX)
    if write and all(field.write == NO for field in rules.fields):
        return Advice(f"The context of {kind} programs may be read, but not written.", "a read")
    if off >= 0 and size > 0 and off % size:
        return Advice(
            f"{size} bytes at offset {off:,} of the context are not aligned to their size.", "an aligned access"
        )
    low = min((field.lo for field in rules.fields if field.lo >= 0 and field.read != NO), default=0)
    where = f"bytes {low:,} to {rules.size - 1:,} of their context"
    return Advice(f"{kind} programs may access {where}; the access is {size} bytes at offset {off:,}.", where)


def _arguments(facts: Facts) -> Advice:
    """Contexts that are the arguments of a hook."""
    missing = _missing_argument(facts)
    if missing is not None:
        return missing
    if facts.rejected.partners:
        return Advice()  # the kernel says itself what is wrong with the argument
    off, size = facts.value("off"), facts.value("size")
    if facts.insn.code & 0x07 in (o.ST, o.STX):
        return Advice("The arguments of the hook may be read, but not written.", "a read")
    if size and off % size:
        return Advice(
            f"{size} bytes at offset {off} of the hook's arguments are not aligned to their size.", "an aligned access"
        )
    if facts.env.program.prog_type == k.BPF_PROG_TYPE_NETFILTER:
        return Advice(
            "The context of netfilter programs is two pointers: state at offset 0 and skb at offset 8.",
            "a read of ctx->state or ctx->skb with its full size",
        )
    return Advice(f"The hook has no argument at offset {off}.", "one of the hook's arguments, 8 bytes each")


def _missing_argument(facts: Facts) -> Advice | None:
    """An argument that the hook does not have."""
    program, off = facts.env.program, facts.value("off")
    hook = program.attach_btf_name
    if not hook or off < 0 or off % 8 or program.prog_type not in (k.BPF_PROG_TYPE_TRACING, k.BPF_PROG_TYPE_LSM):
        return None
    if program.prog_type == k.BPF_PROG_TYPE_LSM or program.expected_attach_type == k.BPF_TRACE_RAW_TP:
        return _missing_of_hook(hook, off, lsm=program.prog_type == k.BPF_PROG_TYPE_LSM)
    btf = kernel_btf()
    found = btf.find(hook, Kind.FUNC)
    proto = btf.type(found.type_id) if found is not None else None
    if proto is None:
        return None
    count = len(proto.params)
    fexit = program.expected_attach_type in (k.BPF_TRACE_FEXIT, k.BPF_MODIFY_RETURN)
    if off // 8 < count + fexit:
        return None
    last = f"; its result follows them, at offset {count * 8}" if fexit else ""
    return Advice(
        f"{program.attach_btf_name}() has {count} argument{'s' * (count != 1)}, 8 bytes of the context each{last}: "
        f"there is no argument {off // 8 + 1}.",
        f"at most {count} arguments after the name in BPF_PROG(), of the types that {program.attach_btf_name}() has",
    )


def _missing_of_hook(hook: str, off: int, *, lsm: bool) -> Advice | None:
    """An argument that a tracepoint or LSM hook does not have."""
    btf = kernel_btf()
    if lsm:
        found = btf.find(f"bpf_lsm_{hook.removeprefix('bpf_lsm_')}", Kind.FUNC)
        count = len(btf.type(found.type_id).params) if found is not None else 0
    else:
        found = btf.find(f"btf_trace_{hook}", Kind.TYPEDEF)
        # What the typedef's functions take first is for the kernel.
        count = len(btf.type(btf.type(found.type_id).type_id).params) - 1 if found is not None else 0
    what = f"The LSM hook {hook.removeprefix('bpf_lsm_')}" if lsm else f"The tracepoint {hook}"
    result = "; the result of the programs before this one follows them" if lsm else ""
    if found is None or off // 8 < count + lsm:
        return None
    return Advice(
        f"{what} has {count} argument{'s' * (count != 1)}, 8 bytes of the context each{result}: there is none at "
        f"offset {off}.",
        f"at most {count} arguments after the name in BPF_PROG(), of the types that the hook has",
    )
