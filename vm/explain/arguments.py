"""Arguments of calls: of which kind a helper takes them, which map it works on, and bytes that were never written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.btf.types import Btf, Kind, Type
from vm.csource.tree import CTree
from vm.explain.facts import Advice, Facts
from vm.explain.pointers import of_number
from vm.isa import opcodes as o
from vm.kernel import func_ids
from vm.kernel import types as k
from vm.kernel.helpers import helper, helper_proto
from vm.kernel.names import map_type_name
from vm.program import MapSpec
from vm.trace.root_cause import CauseKind
from vm.verifier.call.map_compat import MAPS_OF_FUNC
from vm.verifier.state import reg_types as t

_BASE: Final = 0xFF  # the bits of enum bpf_arg_type that are no flags (BPF_BASE_TYPE_BITS)
_FIFO: Final = frozenset({k.BPF_MAP_TYPE_QUEUE, k.BPF_MAP_TYPE_STACK})
_MEMORY: Final = "in memory that the program may read: a variable on its stack, a map value, the packet"

TAKES: Final[dict[int, str]] = {
    k.ARG_PTR_TO_MAP_KEY: f"the address of a key, {_MEMORY}",
    k.ARG_PTR_TO_MAP_VALUE: f"the address of a value, {_MEMORY}",
    k.ARG_PTR_TO_MEM: f"the address of bytes {_MEMORY}",
    k.ARG_PTR_TO_MEM | k.MEM_UNINIT: "the address of bytes that it may write: a variable on the stack, a map value",
    k.ARG_CONST_MAP_PTR: "a map: the address of its variable, &map",
    k.ARG_PTR_TO_CTX: "the program's context: the pointer that the program got as its first argument, unchanged",
    k.ARG_PTR_TO_SPIN_LOCK: "the address of a struct bpf_spin_lock in a map value; one on the stack guards nothing",
    k.ARG_PTR_TO_TIMER: "the address of a struct bpf_timer in a map value, which keeps it after the program has ended",
    k.ARG_PTR_TO_RINGBUF_MEM: "a record as bpf_ringbuf_reserve() returned it",
    k.ARG_PTR_TO_CONST_STR: "a string that cannot change: a const global variable or a string literal",
    k.ARG_PTR_TO_DYNPTR: "the address of a struct bpf_dynptr on the stack",
    k.ARG_PTR_TO_FUNC: "a function of the program",
    k.ARG_PTR_TO_SOCKET: "a full socket, as bpf_sk_lookup_tcp() or bpf_sk_fullsock() return it",
    k.ARG_PTR_TO_SOCK_COMMON: "a socket",
    k.ARG_PTR_TO_BTF_ID_SOCK_COMMON: "a socket",
}
"""What an argument of each kind has to be (enum bpf_arg_type), of memory also whether the call writes it."""


def argument_type(facts: Facts) -> Advice:
    """A value of a kind that the helper does not take."""
    number = of_number(facts)
    kind, flags, struct = _taken(facts)
    known = helper(facts.insn.imm)
    written = TAKES.get(kind | k.MEM_UNINIT) if flags & k.MEM_UNINIT else None
    what = (
        f"a pointer to a struct {struct} of the kernel, not to a copy of it" if struct else written or TAKES.get(kind)
    )
    if not what or known is None:
        return number or Advice()
    said = f"{known.name}() takes {what}."
    return number._replace(what=f"{said} {number.what}".strip()) if number is not None else Advice(said)


def _taken(facts: Facts) -> tuple[int, int, str]:
    """(enum bpf_arg_type without flags, its flags, kernel struct or "") of the helper's argument at fault.

    (0, 0, "") if unknown
    """
    program, regno = facts.env.program, facts.rejected.regno
    if facts.insn.code != o.JMP | o.CALL or facts.insn.src_reg or not 1 <= regno <= 5:
        return 0, 0, ""
    proto = helper_proto(
        program.prog_type, program.expected_attach_type, facts.insn.imm, sleepable=facts.env.sleepable,
        hook=program.attach_btf_name,
    )  # fmt: skip
    if proto is None:
        return 0, 0, ""
    kind, flags = proto.arg_types[regno - 1] & _BASE, proto.arg_types[regno - 1] & ~_BASE
    struct = proto.arg_btf_ids[regno - 1] if kind == k.ARG_PTR_TO_BTF_ID else ""
    return kind, flags, "" if struct == "*" else struct


def map_type(facts: Facts) -> Advice:
    """A map of a type that the helper does not work on."""
    spec, known = _map_of(facts), helper(facts.insn.imm)
    if spec is None or known is None:
        return Advice()
    said = f"{spec.full_name or spec.name} is a map of type {map_type_name(spec.map_type)}"
    fits = sorted(map_type_name(each) for each in MAPS_OF_FUNC.get(facts.insn.imm, ()))
    needed = f"a map of type {' or '.join(fits)}" if fits else ""
    works = (
        f"; {known.name}() works on maps of type {', '.join(fits)}" if fits else f"; {known.name}() does not work on it"
    )
    return Advice(f"{said}{works}.", needed, CauseKind.WRONG_MAP)


def misconfigured(facts: Facts) -> Advice:
    """A tail call through a map that is no program array: the kernel reports it as an inconsistency of its own."""
    spec = _map_of(facts)
    called = facts.insn.code == o.JMP | o.CALL and not facts.insn.src_reg and facts.insn.imm in MAPS_OF_FUNC
    if spec is None or not called or spec.map_type in MAPS_OF_FUNC[facts.insn.imm]:
        return Advice()
    return map_type(facts)


def empty_key(facts: Facts) -> Advice:
    """A key of no bytes: maps without keys take other helpers."""
    spec, (kind, *_) = _map_of(facts), _taken(facts)
    if spec is None or spec.key_size or kind != k.ARG_PTR_TO_MAP_KEY:
        return Advice()
    name = spec.full_name or spec.name
    calls = "bpf_map_push_elem() and bpf_map_peek_elem()"
    if spec.map_type in _FIFO:
        calls = "bpf_map_push_elem(), bpf_map_pop_elem() and bpf_map_peek_elem()"
    return Advice(
        f"{name} is a map of type {map_type_name(spec.map_type)}: its values have no keys, so that nothing can be "
        f"read as a key here. Such maps are used with {calls}.",
        f"{calls}, which take no key; or a map with keys, such as a hash",
        CauseKind.WRONG_MAP,
    )


def constant_string(facts: Facts) -> Advice:
    """A string that may change while the helper reads it."""
    said = TAKES[k.ARG_PTR_TO_CONST_STR]
    reg, maps = facts.reg, facts.env.program.maps
    where = ""
    if reg is not None and t.base_type(reg.type) == t.PTR_TO_MAP_VALUE and 0 <= reg.map_ptr < len(maps):
        name = maps[reg.map_ptr].full_name or maps[reg.map_ptr].name
        where = f" What {facts.name} points to is in map {name}, which may change."
    return Advice(f"The call takes {said}.{where}")


def _map_of(facts: Facts) -> MapSpec | None:
    """The map that a call was given; None where it was given none."""
    before = facts.recorder.raw_before(facts.at)
    maps = facts.env.program.maps
    for reg in before[-1].regs[1:6] if before else ():
        if t.base_type(reg.type) == t.CONST_PTR_TO_MAP and 0 <= reg.map_ptr < len(maps):
            spec = maps[reg.map_ptr]
            return spec.inner if reg.inner_map and spec.inner is not None else spec
    return None


def unwritten(facts: Facts) -> Advice:
    """Bytes of a local variable that a call reads and nothing wrote: a member, or padding between members."""
    first, found = facts.value("i"), _variable(facts)
    if found is None:
        return Advice("", "", CauseKind.UNINITIALISED)
    name, kind = found
    typed = facts.env.program.typed or facts.env.program
    struct = _struct(typed.btf, kind)
    if struct is None or typed.btf is None:
        return Advice(f"Byte {first} of {name} was never written on this path.", "", CauseKind.UNINITIALISED)
    for member in struct.members:
        start, size = member.bit_off // 8, typed.btf.size_of(member.type_id)
        if start <= first < start + size:
            which, part = member.name or "without a name", "it was" if start == first else "a part of it was"
            return Advice(
                f"{_bytes(start, size)} of {name} {'is' if size == 1 else 'are'} its member {which}: {part} never "
                "written on this path.",
                f"a value for every member before the call, or an initialiser: {kind} {name} = {{}};",
                CauseKind.UNINITIALISED,
            )
    after = [m.bit_off // 8 for m in struct.members if m.bit_off // 8 > first]
    size = min(after, default=struct.size) - first
    return Advice(
        f"{_bytes(first, size)} of {name} {'is' if size == 1 else 'are'} padding: {kind} has no member there, so that "
        "writing all of its members leaves these bytes as they were. The call reads them with the rest.",
        f"all of {name} set to zero before its members are written: __builtin_memset(&{name}, 0, sizeof({name})); or a "
        f"member that fills the gap",
        CauseKind.UNINITIALISED,
    )


def _bytes(first: int, count: int) -> str:
    return f"Byte {first}" if count == 1 else f"Bytes {first} to {first + count - 1}"


def _variable(facts: Facts) -> tuple[str, str] | None:
    """(name, type as written) of the local variable whose address the argument at fault is."""
    typed = facts.env.program.typed or facts.env.program
    info, regno = facts.line_info(facts.env.insn_idx), facts.rejected.regno
    if not typed.source or info is None or not info.column or not 1 <= regno <= 5:
        return None
    tree = CTree(typed.source)
    node = tree.at(info.line, info.column)
    call = tree.up(node, "call_expression") if node is not None else None
    given = call.child_by_field_name("arguments") if call is not None else None
    arguments = [each for each in given.named_children if each.type != "comment"] if given is not None else []
    if node is None or regno > len(arguments):
        return None
    inner = arguments[regno - 1]
    while inner.type in ("parenthesized_expression", "cast_expression") and inner.named_children:
        inner = inner.named_children[-1]
    if inner.type != "pointer_expression" or tree.source[inner.start_byte] != "&":
        return None
    target = inner.child_by_field_name("argument")
    function = tree.function(node)
    if target is None or target.type != "identifier" or function is None:
        return None
    name = tree.of(target)
    for declaration in tree.find(function, "declaration"):
        for child in declaration.children_by_field_name("declarator"):
            declared = tree.declared(child)
            if declared is not None and tree.of(declared) == name:
                return name, tree.type_of(declaration, declared)
    return None


def _struct(btf: Btf | None, kind: str) -> Type | None:
    """The struct of a type as written, where the program's BTF has it."""
    words = kind.split()
    if btf is None or not words or "*" in kind or "[" in kind:
        return None
    if words[0] == "struct" and len(words) == 2:
        return btf.find(words[1], Kind.STRUCT)
    named = btf.find(words[-1], Kind.TYPEDEF) if len(words) == 1 else None
    inner = btf.skip_modifiers(named.type_id) if named is not None else None
    return inner if inner is not None and inner.kind is Kind.STRUCT else None


def atomic(facts: Facts) -> Advice:
    """An atomic operation on memory that has none."""
    return Advice(
        "Atomic operations work on map values, the stack, arenas and memory that the program allocated.",
        "a plain read and write, where no other CPU changes the memory at the same time",
    )


def allocation_size(facts: Facts) -> Advice:
    """A reservation of a size that is not known when the program is loaded."""
    if facts.insn.code != o.JMP | o.CALL or facts.insn.src_reg or facts.insn.imm != func_ids.RINGBUF_RESERVE:
        return Advice()
    return Advice(
        "bpf_ringbuf_reserve() takes a size that is one constant on every path: the verifier checks accesses of the "
        "record against it.",
        "a constant size; for a size that is known at run time only, bpf_ringbuf_output() or "
        "bpf_ringbuf_reserve_dynptr()",
    )


ARGUMENTS: Final[dict[str, Callable[[Facts], Advice]]] = {
    "argument-type": argument_type,
    "map-type-not-for-helper": map_type,
    "zero-sized-read": empty_key,
    "string-not-read-only": constant_string,
    "stack-indirect-read-uninitialized": unwritten,
    "kernel-misconfigured": misconfigured,
    "atomic-on-memory-type": atomic,
    "allocation-size-not-constant": allocation_size,
}
"""What explains a rule about an argument, by the rule's name."""
