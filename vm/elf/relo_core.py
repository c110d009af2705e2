"""CO-RE: how a local type's field, type or enumerator is found in the kernel's types.

The rules are those of libbpf 1.5 (tools/lib/bpf/relo_core.c); docs of the records are in
Documentation/bpf/llvm_reloc.rst.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.btf.ext import CoreRelo
from vm.btf.types import COMPOSITES, INT_SIGNED, MAX_DEPTH, Btf, Kind, Member, Type
from vm.errors import InputError
from vm.kernel import types as t

MAX_SPEC: Final = 64  # BPF_CORE_SPEC_MAX_LEN
_MAX_STEPS: Final = 200_000
_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})
_TYPE_KINDS: Final = frozenset(
    {
        t.BPF_CORE_TYPE_ID_LOCAL,
        t.BPF_CORE_TYPE_ID_TARGET,
        t.BPF_CORE_TYPE_EXISTS,
        t.BPF_CORE_TYPE_MATCHES,
        t.BPF_CORE_TYPE_SIZE,
    }
)
_ENUM_KINDS: Final = frozenset({t.BPF_CORE_ENUMVAL_EXISTS, t.BPF_CORE_ENUMVAL_VALUE})


class Accessor(NamedTuple):
    """One step of an access: a member (with its name) or an index of an array ("" for a name)."""

    type_id: int
    number: int
    name: str = ""


class Spec(NamedTuple):
    """An access from a root type on."""

    btf: Btf
    root: int
    steps: tuple[Accessor, ...]
    bit_off: int = 0


class Result(NamedTuple):
    """What an instruction held and shall hold. `poison`: there is no such thing in the kernel.

    orig_size, new_size -- bytes the field has, 0 where no access size follows from it
    """

    orig: int = 0
    new: int = 0
    poison: bool = False
    validate: bool = True
    orig_size: int = 0
    new_size: int = 0
    bad_resize: bool = False


class _Missing(Exception):
    """The value asked for needs a target, and there is none."""


def essential(name: str) -> str:
    """A name without its flavor: task_struct___old is task_struct."""
    at = len(name) - 5
    while at >= 0:
        if name[at] != "_" and name[at + 1 : at + 4] == "___" and name[at + 4] != "_":
            return name[: at + 1]
        at -= 1
    return name


class Resolver:
    """Resolves relocations of one object's BTF against the kernel's."""

    def __init__(self, local: Btf, target: Btf) -> None:
        self.local, self.target = local, target
        self._candidates: dict[int, list[Type]] = {}
        self._steps = 0

    def resolve(self, relo: CoreRelo) -> Result:
        """What the instruction of a record becomes; InputError if it cannot be told."""
        if not 0 <= relo.kind <= t.BPF_CORE_TYPE_MATCHES:
            raise _bad(f"there is no kind {relo.kind} of it")
        root = self.local.type(relo.type_id)
        spec = parse_spec(self.local, relo)
        if relo.kind == t.BPF_CORE_TYPE_ID_LOCAL:
            return Result(relo.type_id, relo.type_id, validate=False)
        if not root.name:
            raise _bad("it is about a type without a name")
        chosen: tuple[Spec, Result] | None = None
        matching = []
        for candidate in self._find(root):
            found = self._match(spec, candidate.id, relo.kind)
            if found is None:
                continue
            result = self._result(relo, spec, found)
            if chosen is None:
                chosen = (found, result)
            elif found.bit_off != chosen[0].bit_off:
                raise _bad(f"'{root.name}' has several definitions in the kernel, and the field is at different places")
            elif (result.poison, result.new) != (chosen[1].poison, chosen[1].new):
                raise _bad(f"'{root.name}' has several definitions in the kernel that answer differently")
            matching.append(candidate)
        if matching:
            self._candidates[root.id] = matching
        return chosen[1] if chosen else self._result(relo, spec, None)

    def _find(self, root: Type) -> list[Type]:
        found = self._candidates.get(root.id)
        if found is None:
            name = essential(root.name)
            ids = set(self.target.ids_of(name)) | set(self.target.ids_with_prefix(name + "___"))
            types = [self.target.type(i) for i in sorted(ids)]
            found = [c for c in types if _same_kind(root, c) and essential(c.name) == name]
            self._candidates[root.id] = found
        return found

    def _match(self, spec: Spec, target_id: int, kind: int) -> Spec | None:
        """The same access in a candidate, or None if it has no such thing (bpf_core_spec_match)."""
        target = self.target
        if kind in _TYPE_KINDS:
            self._steps = 0
            fits = self._types_match if kind == t.BPF_CORE_TYPE_MATCHES else self.compatible
            return Spec(target, target_id, ()) if fits(spec.root, target_id, MAX_DEPTH) else None
        if kind in _ENUM_KINDS:
            enum = target.skip_modifiers(target_id)
            wanted = essential(spec.steps[0].name)
            for index, entry in enumerate(enum.enumerators):
                if essential(entry.name) == wanted:
                    return Spec(target, target_id, (Accessor(enum.id, index, entry.name),))
            return None
        here, bits = target_id, 0
        steps: list[Accessor] = []
        for number, step in enumerate(spec.steps):
            found = target.skip_modifiers(here)
            if step.name:
                member = self._member(spec.btf, step, found, 0)
                if member is None:
                    return None
                place, at, index, owner = member
                steps.append(Accessor(owner, index, place.name))
                bits, here = bits + at, place.type_id
            else:
                if number:
                    if found.kind is not Kind.ARRAY:
                        return None
                    flexible = _flexible(target, steps[-1], found)
                    if not flexible and step.number >= found.nelems:
                        return None
                    here = found.type_id
                    found = target.skip_modifiers(here)
                steps.append(Accessor(found.id, step.number))
                bits += step.number * target.size_of(found.id) * 8
                here = found.id
        return Spec(target, target_id, tuple(steps), bits)

    def _member(self, local: Btf, step: Accessor, owner: Type, depth: int) -> tuple[Member, int, int, int] | None:
        """The member of that name: itself, its bit offset, its index and the struct it is in."""
        if owner.kind not in COMPOSITES or depth > MAX_DEPTH:
            return None
        wanted = local.type(step.type_id).members[step.number]
        for index, member in enumerate(owner.members):
            if not member.name:
                inner = self._member(local, step, self.target.skip_modifiers(member.type_id), depth + 1)
                if inner is not None:
                    return inner[0], inner[1] + member.bit_off, inner[2], inner[3]
            elif member.name == wanted.name:
                if self._fields_compatible(wanted.type_id, member.type_id):
                    return member, member.bit_off, index, owner.id
                return None
        return None

    def _fields_compatible(self, local_id: int, target_id: int) -> bool:
        for _ in range(MAX_DEPTH):
            one, other = self.local.skip_modifiers(local_id), self.target.skip_modifiers(target_id)
            if one.kind in COMPOSITES and other.kind in COMPOSITES:
                return True
            if not _same_kind(one, other):
                return False
            if one.kind is Kind.ARRAY:
                local_id, target_id = one.type_id, other.type_id
                continue
            if one.kind in (Kind.PTR, Kind.FLOAT):
                return True
            if one.kind is Kind.INT:
                return one.int_off == other.int_off == 0
            if one.kind is Kind.FWD or one.kind in _ENUMS:
                name, target_name = essential(one.name), essential(other.name)
                return not name or not target_name or name == target_name
            return False
        return False

    def _budget(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise _bad("the types are too large to be compared")

    def compatible(self, local_id: int, target_id: int, level: int) -> bool:
        """bpf_core_types_are_compat(): shallow, names were compared already."""
        one, other = self.local.type(local_id), self.target.type(target_id)
        if level <= 0:
            raise _bad("the types are nested too deeply")
        for first in range(MAX_DEPTH):
            self._budget()
            if not _same_kind(one, other):
                return False
            if first == 0 or one.kind in _NAMED_ONLY:
                one, other = self.local.skip_modifiers(one.id), self.target.skip_modifiers(other.id)
                if not _same_kind(one, other):
                    return False
            kind = one.kind
            if kind in (Kind.VOID, Kind.STRUCT, Kind.UNION, Kind.FWD) or kind in _ENUMS:
                return True
            if kind is Kind.INT:
                return one.int_off == other.int_off == 0
            if kind is Kind.FUNC_PROTO:
                if len(one.params) != len(other.params):
                    return False
                for a, b in zip(one.params, other.params, strict=True):
                    a_id, b_id = self.local.skip_modifiers(a.type_id).id, self.target.skip_modifiers(b.type_id).id
                    if not self.compatible(a_id, b_id, level - 1):
                        return False
            elif kind not in (Kind.PTR, Kind.ARRAY):
                return False
            one, other = self.local.skip_modifiers(one.type_id), self.target.skip_modifiers(other.type_id)
        raise _bad("the types are nested too deeply")

    def _types_match(self, local_id: int, target_id: int, level: int, behind_ptr: bool = False) -> bool:
        """bpf_core_types_match(): by names and members; behind a pointer by name and kind only."""
        if level <= 0:
            raise _bad("the types are nested too deeply")
        for _ in range(MAX_DEPTH):
            self._budget()
            one, other = self.local.skip_modifiers(local_id), self.target.skip_modifiers(target_id)
            if essential(one.name) != essential(other.name):
                return False
            kind, same = one.kind, one.kind is other.kind
            if kind is Kind.FWD:
                if same:
                    return one.flag == other.flag
                return behind_ptr and other.kind is (Kind.UNION if one.flag else Kind.STRUCT)
            if kind in _ENUMS:
                names = {essential(e.name) for e in other.enumerators}
                return (
                    other.kind in _ENUMS
                    and one.size == other.size
                    and len(one.enumerators) <= len(other.enumerators)
                    and all(essential(e.name) in names for e in one.enumerators)
                )
            if kind in COMPOSITES and behind_ptr:
                return same or (other.kind is Kind.FWD and (kind is Kind.UNION) == other.flag)
            if not same:
                return False
            if kind is Kind.VOID:
                return True
            if kind in COMPOSITES:
                return self._members_match(one, other, level)
            if kind is Kind.INT:
                return one.size == other.size and not (one.encoding ^ other.encoding) & INT_SIGNED
            if kind is Kind.ARRAY:
                if one.nelems != other.nelems:
                    return False
            elif kind is Kind.FUNC_PROTO:
                if len(one.params) != len(other.params):
                    return False
                for a, b in zip(one.params, other.params, strict=True):
                    if not self._types_match(a.type_id, b.type_id, level - 1, behind_ptr):
                        return False
            elif kind is Kind.PTR:
                behind_ptr = True
            else:
                return False
            local_id, target_id = one.type_id, other.type_id
        raise _bad("the types are nested too deeply")

    def _members_match(self, one: Type, other: Type, level: int) -> bool:
        if len(one.members) > len(other.members):
            return False
        for member in one.members:
            name = essential(member.name)
            if not any(
                essential(m.name) == name and self._types_match(member.type_id, m.type_id, level - 1)
                for m in other.members
            ):
                return False
        return True

    def _result(self, relo: CoreRelo, spec: Spec, found: Spec | None) -> Result:
        """bpf_core_calc_relo(): values for the local and the kernel's type."""
        try:
            if relo.kind in _TYPE_KINDS:
                validate = relo.kind != t.BPF_CORE_TYPE_ID_TARGET
                return Result(_type_value(relo.kind, spec), _type_value(relo.kind, found), validate=validate)
            if relo.kind in _ENUM_KINDS:
                return Result(_enum_value(relo.kind, spec), _enum_value(relo.kind, found))
            one, other = _field_value(relo.kind, spec), _field_value(relo.kind, found)
        except _Missing:
            return Result(poison=True)
        result = Result(one.value, other.value, False, one.validate, one.size, other.size)
        if one.size != other.size:
            first, second = self.local.type(one.type_id), self.target.type(other.type_id)
            resizable = first.kind is second.kind is Kind.PTR or (
                first.kind is second.kind is Kind.INT and first.encoding != INT_SIGNED and second.encoding != INT_SIGNED
            )
            result = result._replace(bad_resize=not resizable)
        return result


_NAMED_ONLY: Final = frozenset({Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG})


def _same_kind(one: Type, other: Type) -> bool:
    return one.kind is other.kind or (one.kind in _ENUMS and other.kind in _ENUMS)


def _flexible(btf: Btf, before: Accessor, array: Type) -> bool:
    """Whether an array is the open-ended last member of its struct."""
    return bool(before.name) and not array.nelems and before.number == len(btf.type(before.type_id).members) - 1


def parse_spec(btf: Btf, relo: CoreRelo) -> Spec:
    """The access a record describes, from "0:1:2" and its root type (bpf_core_parse_spec)."""
    try:
        numbers = [int(part) for part in relo.access.split(":")]
    except ValueError:
        raise _bad(f"its access string '{relo.access[:40]}' is none") from None
    if len(numbers) > MAX_SPEC or any(n < 0 for n in numbers):
        raise _bad(f"its access string '{relo.access[:40]}' is none")
    if relo.kind in _TYPE_KINDS:
        if numbers != [0]:
            raise _bad("it is about a type and has an access string")
        return Spec(btf, relo.type_id, ())
    found = btf.skip_modifiers(relo.type_id)
    if relo.kind in _ENUM_KINDS:
        if found.kind not in _ENUMS or len(numbers) != 1 or numbers[0] >= len(found.enumerators):
            raise _bad("it is about an enumerator there is not")
        name = found.enumerators[numbers[0]].name
        return Spec(btf, relo.type_id, (Accessor(found.id, numbers[0], name),))
    steps = [Accessor(found.id, numbers[0])]
    bits = numbers[0] * btf.size_of(found.id) * 8
    for number in numbers[1:]:
        if found.kind in COMPOSITES:
            if number >= len(found.members):
                raise _bad(f"'{found.name}' has no member number {number}")
            member = found.members[number]
            bits += member.bit_off
            if member.name:
                steps.append(Accessor(found.id, number, member.name))
            found = btf.skip_modifiers(member.type_id)
        elif found.kind is Kind.ARRAY:
            if number >= found.nelems and not _flexible(btf, steps[-1], found):
                raise _bad(f"it is about element {number} of an array of {found.nelems}")
            found = btf.skip_modifiers(found.type_id)
            steps.append(Accessor(found.id, number))
            bits += number * btf.size_of(found.id) * 8
        else:
            raise _bad("it goes into a type that has no members")
    return Spec(btf, relo.type_id, tuple(steps), bits)


_KIND_NAMES: Final = {
    t.BPF_CORE_FIELD_BYTE_OFFSET: "byte_off",
    t.BPF_CORE_FIELD_BYTE_SIZE: "byte_sz",
    t.BPF_CORE_FIELD_EXISTS: "field_exists",
    t.BPF_CORE_FIELD_SIGNED: "signed",
    t.BPF_CORE_FIELD_LSHIFT_U64: "lshift_u64",
    t.BPF_CORE_FIELD_RSHIFT_U64: "rshift_u64",
    t.BPF_CORE_TYPE_ID_LOCAL: "local_type_id",
    t.BPF_CORE_TYPE_ID_TARGET: "target_type_id",
    t.BPF_CORE_TYPE_EXISTS: "type_exists",
    t.BPF_CORE_TYPE_MATCHES: "type_matches",
    t.BPF_CORE_TYPE_SIZE: "type_size",
    t.BPF_CORE_ENUMVAL_EXISTS: "enumval_exists",
    t.BPF_CORE_ENUMVAL_VALUE: "enumval_value",
}


def format_relo(btf: Btf, relo: CoreRelo) -> str:
    """A record as libbpf prints it: "<byte_off> [5] struct task_struct.pid (0:1 @ offset 4)"."""
    spec, root = parse_spec(btf, relo), btf.type(relo.type_id)
    text = f"<{_KIND_NAMES[relo.kind]}> [{root.id}] {root.kind.name.lower()} {root.name or '<anon>'}"
    if relo.kind in _TYPE_KINDS:
        return text
    if relo.kind in _ENUM_KINDS:
        entry = btf.type(spec.steps[0].type_id).enumerators[spec.steps[0].number]
        return f"{text}::{entry.name} = {entry.value}"
    for index, step in enumerate(spec.steps):
        if step.name:
            text += f".{step.name}"
        elif index or step.number:
            text += f"[{step.number}]"
    bits = f".{spec.bit_off % 8}" if spec.bit_off % 8 else ""
    return f"{text} ({relo.access} @ offset {spec.bit_off // 8}{bits})"


def _type_value(kind: int, spec: Spec | None) -> int:
    if spec is None:
        return 0
    if kind == t.BPF_CORE_TYPE_ID_TARGET:
        return spec.root
    if kind == t.BPF_CORE_TYPE_SIZE:
        return spec.btf.size_of(spec.root)
    return 1


def _enum_value(kind: int, spec: Spec | None) -> int:
    if kind == t.BPF_CORE_ENUMVAL_EXISTS:
        return int(spec is not None)
    if spec is None:
        raise _Missing
    step = spec.steps[0]
    return spec.btf.type(step.type_id).enumerators[step.number].value


class _FieldValue(NamedTuple):
    value: int
    validate: bool = True
    size: int = 0
    type_id: int = 0


def _field_value(kind: int, spec: Spec | None) -> _FieldValue:
    """bpf_core_calc_field_relo()."""
    if kind == t.BPF_CORE_FIELD_EXISTS:
        return _FieldValue(int(spec is not None))
    if spec is None:
        raise _Missing
    btf, step = spec.btf, spec.steps[-1]
    if not step.name:
        size = btf.size_of(step.type_id)
        if kind == t.BPF_CORE_FIELD_BYTE_OFFSET:
            return _FieldValue(spec.bit_off // 8, True, size, step.type_id)
        if kind == t.BPF_CORE_FIELD_BYTE_SIZE:
            return _FieldValue(size)
        raise _bad("it asks for the signedness of an array element")
    member = btf.type(step.type_id).members[step.number]
    found = btf.skip_modifiers(member.type_id)
    bit_off, bits = spec.bit_off, member.bits
    if bits:
        size = found.size
        byte_off = bit_off // 8 // size * size
        while bit_off + bits - byte_off * 8 > size * 8:
            if size >= 8:
                raise _bad(f"the bit-field '{member.name}' is too wide")
            size *= 2
            byte_off = bit_off // 8 // size * size
    else:
        size = btf.size_of(found.id)
        byte_off, bits = bit_off // 8, size * 8
    exact = not member.bits
    if kind == t.BPF_CORE_FIELD_BYTE_OFFSET:
        return _FieldValue(byte_off, True, size, found.id) if exact else _FieldValue(byte_off, False)
    if kind == t.BPF_CORE_FIELD_BYTE_SIZE:
        return _FieldValue(size, exact)
    if kind == t.BPF_CORE_FIELD_SIGNED:
        signed = found.flag if found.kind in _ENUMS else found.kind is Kind.INT and found.encoding & INT_SIGNED
        return _FieldValue(int(bool(signed)))
    if kind == t.BPF_CORE_FIELD_LSHIFT_U64:
        return _FieldValue(64 - (bit_off + bits - byte_off * 8), exact)
    return _FieldValue(64 - bits)


def _bad(what: str) -> InputError:
    return InputError(f"a CO-RE relocation cannot be resolved: {what}")
