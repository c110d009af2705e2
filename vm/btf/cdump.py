"""Types as C text: names, declarations, and headers that clang lays out as the BTF says.

A header holds the types asked for and what their layout needs; what is only pointed at is
declared, not defined. Gaps are filled with unnamed bit-fields, structs whose members are not
where C would put them are marked packed (the approach of libbpf's btf_dump). A va_list keeps
the size it has in BPF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from vm.btf.types import COMPOSITES, INT_SIGNED, Btf, Kind, Member, Type
from vm.errors import InputError

MAX_TEXT: Final = 16 << 20
_MAX_DEPTH: Final = 128
_LONG_GAP: Final = 4096  # bits
_ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})
_QUALIFIERS: Final = {Kind.CONST: "const", Kind.VOLATILE: "volatile", Kind.RESTRICT: "restrict"}
# clang's own names for integers; others are named by the BTF.
_INTS: Final = {"_Bool": "_Bool", "__int128 unsigned": "unsigned __int128"}
# Typedefs clang has already.
_BUILTIN: Final = frozenset({"__builtin_va_list"})

PREFIX: Final = """#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

"""
SUFFIX: Final = """
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif
"""
END: Final = """
#endif /* __VMLINUX_H__ */
"""
# As bpftool writes them since Linux 6.11.
PROTOTYPES: Final = """
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef BPF_NO_KFUNC_PROTOTYPES
"""


def type_text(btf: Btf, type_id: int) -> str:
    """How C spells a type without a name to declare: "struct sock *", "int[4]"."""
    return _Writer(btf).declare(type_id, "", 0)


def declaration(btf: Btf, type_id: int, name: str) -> str:
    """C's declaration of a variable or member: "void (*callback)(int)"."""
    return _Writer(btf).declare(type_id, name, 0)


def c_header(
    btf: Btf,
    roots: Iterable[int],
    wanted: Callable[[str], bool] = lambda _: False,
    kfuncs: Iterable[int] = (),
) -> str:
    """A header that defines the types of `roots` and all they hold.

    wanted -- told a member's name, says whether what the member points at shall be defined as well
    kfuncs -- FUNCs of kernel functions to be declared; what they take and return is declared where it must be
    """
    writer = _Writer(btf, wanted)
    roots = list(roots)
    for type_id in roots:
        writer.reserve(type_id)
    for type_id in roots:
        writer.need(type_id, True, 0)
        writer.drain()
    for type_id in roots:
        writer.loose_enum(type_id)
    functions = [btf.type(type_id) for type_id in kfuncs]
    for function in functions:
        writer.need(function.type_id, False, 0)
    text = PREFIX + "".join(writer.out) + SUFFIX
    if functions:
        rows = [f"extern {writer.declare(f.type_id, f.name, 0)} __weak __ksym;\n" for f in functions]
        text += PROTOTYPES + "".join(rows) + "#endif\n"
    return text + END


class _Writer:
    def __init__(self, btf: Btf, wanted: Callable[[str], bool] = lambda _: False) -> None:
        self.btf, self.wanted = btf, wanted
        self.out: list[str] = []
        self._size = 0
        self._declared: set[int] = set()
        self._printed: set[int] = set()
        self._defined: set[int] = set()
        self._later: list[int] = []
        self._tags: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._aligns: dict[int, int] = {}
        self._packs: dict[int, bool] = {}

    # ---- what must be known before a type can be used

    def reserve(self, type_id: int) -> None:
        """Let a type have its plain name: of several that share one, the first that is asked for."""
        found = self.btf.type(type_id)
        if found.name and found.kind is Kind.TYPEDEF:
            self._name(found, self._words)
        elif found.name and (found.kind in COMPOSITES or found.kind in _ENUMS):
            self._name(found, self._tags)

    def drain(self) -> None:
        """Define what members that are wanted point at."""
        while self._later:
            self.need(self._later.pop(), True, 0)

    def loose_enum(self, type_id: int) -> None:
        """Print an enum without a name, unless a typedef or member has spelled it out."""
        found = self.btf.type(type_id)
        if found.kind in _ENUMS and not found.name and type_id not in self._printed:
            self._put(self._enum(found, 0) + ";\n\n")

    def need(self, type_id: int, complete: bool, depth: int) -> None:
        """Emit what a use of the type needs; `complete` if its size must be known."""
        if depth > _MAX_DEPTH:
            raise InputError(f"Type {type_id} of the BTF is nested too deeply to be printed.")
        found = self.btf.type(type_id)
        kind = found.kind
        if kind in COMPOSITES:
            self._need_struct(found, complete, depth)
        elif kind in _ENUMS:
            if type_id not in self._defined:
                self._defined.add(type_id)
                if found.name:
                    self._put(self._enum(found, 0) + ";\n\n")
        elif kind is Kind.FWD:
            self._forward(found)
        elif kind is Kind.TYPEDEF:
            self._need_typedef(found, complete, depth)
        elif kind is Kind.ARRAY:
            self.need(found.type_id, True, depth + 1)
        elif kind is Kind.PTR:
            self.need(found.type_id, False, depth + 1)
        elif kind is Kind.FUNC_PROTO:
            for param in found.params:
                self.need(param.type_id, False, depth + 1)
            self.need(found.type_id, False, depth + 1)
        elif found.type_id:
            self.need(found.type_id, complete, depth + 1)

    def _need_struct(self, found: Type, complete: bool, depth: int) -> None:
        if not complete and found.name:
            self._forward(found)
            return
        if found.id in self._defined:
            return
        self._defined.add(found.id)
        for member in found.members:
            self.need(member.type_id, True, depth + 1)
            if member.name and self.wanted(member.name):
                self._pointee(member.type_id)
        if found.name:
            text = self._struct(found, 0)
            self._printed.add(found.id)
            self._put(text + ";\n\n")

    def _pointee(self, type_id: int) -> None:
        found = self.btf.skip_modifiers(type_id)
        for _ in range(8):
            if found.kind not in (Kind.PTR, Kind.ARRAY):
                break
            found = self.btf.skip_modifiers(found.type_id)
        if found.kind in COMPOSITES and found.id not in self._defined:
            self._later.append(found.id)

    def _need_typedef(self, found: Type, complete: bool, depth: int) -> None:
        if found.id not in self._declared:
            self._declared.add(found.id)
            self.need(found.type_id, False, depth + 1)
            if found.name not in _BUILTIN:
                name = self._name(found, self._words)
                self._put(f"typedef {self.declare(found.type_id, name, 0)};\n\n")
        if complete:
            self.need(found.type_id, True, depth + 1)

    def _forward(self, found: Type) -> None:
        if found.id not in self._declared and found.id not in self._printed:
            self._declared.add(found.id)
            self._put(f"{self._tag(found)};\n\n")

    def _put(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise InputError("The BTF's types are too large to be printed.")
        self.out.append(text)

    # ---- names

    def _name(self, found: Type, space: dict[str, int]) -> str:
        """Its name, with ___2 and so on where other types have had it."""
        name = self._names.get(found.id)
        if name is None:
            count = space[found.name] = space.get(found.name, 0) + 1
            name = self._names[found.id] = found.name if count == 1 else f"{found.name}___{count}"
        return name

    def _tag(self, found: Type) -> str:
        """ "struct task_struct", "union sigval", "enum bpf_cmd"."""
        if found.kind is Kind.FWD:
            word = "union" if found.flag else "struct"
            return f"{word} {found.name}"
        word = "enum" if found.kind in _ENUMS else found.kind.name.lower()
        return f"{word} {self._name(found, self._tags)}" if found.name else word

    # ---- declarations

    def declare(self, type_id: int, name: str, indent: int) -> str:
        """C's declaration of `name` with a type; anonymous structs are spelled out."""
        words: list[str] = []
        inner = name
        for _ in range(4 * _MAX_DEPTH):
            found = self.btf.type(type_id)
            kind = found.kind
            if kind in _QUALIFIERS:
                target = self.btf.type(found.type_id)
                if target.kind is Kind.PTR:
                    # void *const p: the qualifier belongs behind the star
                    inner = f"*{_QUALIFIERS[kind]}{' ' if inner else ''}{inner}"
                    type_id = target.type_id
                    inner = self._bracket(type_id, inner)
                else:
                    words.append(_QUALIFIERS[kind])
                    type_id = found.type_id
            elif kind is Kind.TYPE_TAG:
                type_id = found.type_id
            elif kind is Kind.PTR:
                type_id = found.type_id
                inner = self._bracket(type_id, f"*{inner}")
            elif kind is Kind.ARRAY:
                inner += f"[{found.nelems}]"
                type_id = found.type_id
            elif kind is Kind.FUNC_PROTO:
                inner += f"({self._params(found, indent)})"
                type_id = found.type_id
            elif kind in (Kind.VAR, Kind.FUNC):
                type_id = found.type_id
            else:
                base = self._base(found, indent)
                text = " ".join([*dict.fromkeys(words), base])
                return f"{text} {inner}" if inner and not inner.startswith("[") else text + inner
        raise InputError(f"Type {type_id} of the BTF is nested too deeply to be printed.")

    def _bracket(self, type_id: int, inner: str) -> str:
        """A pointer to a function or array needs brackets."""
        found = self.btf.type(type_id)
        for _ in range(_MAX_DEPTH):
            if found.kind not in _QUALIFIERS and found.kind is not Kind.TYPE_TAG:
                break
            found = self.btf.type(found.type_id)
        return f"({inner})" if found.kind in (Kind.ARRAY, Kind.FUNC_PROTO) else inner

    def _params(self, proto: Type, indent: int) -> str:
        if not proto.params:
            return "void"
        out = []
        for param in proto.params:
            out.append(self.declare(param.type_id, "", indent + 1) if param.type_id else "...")
        return ", ".join(out)

    def _base(self, found: Type, indent: int) -> str:
        kind = found.kind
        if kind is Kind.VOID:
            return "void"
        if kind is Kind.INT:
            return _INTS.get(found.name, found.name)
        if kind is Kind.TYPEDEF:
            return found.name if found.name in _BUILTIN else self._name(found, self._words)
        if kind in COMPOSITES and not found.name:
            return self._struct(found, indent)
        if kind in _ENUMS and not found.name:
            return self._enum(found, indent)
        if kind in COMPOSITES or kind in _ENUMS or kind is Kind.FWD:
            return self._tag(found)
        return found.name

    # ---- definitions

    def _enum(self, found: Type, indent: int) -> str:
        tabs = "\t" * (indent + 1)
        self._printed.add(found.id)
        lines = [self._tag(found) + " {\n"]
        if not found.enumerators:
            lines.append(f"{tabs}__{found.name or 'anonymous'}_{found.id}_is_empty = 0,\n")
        for entry in found.enumerators:
            count = self._words[entry.name] = self._words.get(entry.name, 0) + 1
            name = entry.name if count == 1 else f"{entry.name}___{count}"
            suffix = ("LL" if found.flag else "ULL") if found.kind is Kind.ENUM64 else ""
            value = entry.value
            text = "-9223372036854775807LL - 1" if value == -(1 << 63) else f"{value}{suffix}"
            lines.append(f"{tabs}{name} = {text},\n")
        mode = {1: " __attribute__((mode(byte)))", 2: " __attribute__((mode(HI)))"}.get(found.size, "")
        return "".join(lines) + "\t" * indent + "}" + mode

    def align(self, type_id: int, depth: int = 0) -> int:
        """Alignment clang gives what is printed for a type."""
        known = self._aligns.get(type_id)
        if known is None:
            known = self._aligns[type_id] = self._find_align(type_id, depth)
        return known

    def _find_align(self, type_id: int, depth: int) -> int:
        found = self.btf.skip_modifiers(type_id)
        if depth > _MAX_DEPTH:
            raise InputError(f"Type {type_id} of the BTF is nested too deeply to be printed.")
        if found.kind is Kind.ARRAY:
            return self.align(found.type_id, depth + 1)
        if found.kind in COMPOSITES:
            if self._packed(found, depth):
                return 1
            return max([1, *(self.align(m.type_id, depth + 1) for m in found.members if m.name or not m.bits)])
        if found.kind is Kind.PTR:
            return 8
        return max(1, min(found.size, 16))

    def _packed(self, found: Type, depth: int = 0) -> bool:
        """Whether C needs "packed" to lay the members out as they are."""
        known = self._packs.get(found.id)
        if known is None:
            known = self._packs[found.id] = self._find_packed(found, depth)
        return known

    def _find_packed(self, found: Type, depth: int) -> bool:
        biggest = 1
        for member in found.members:
            align = self.align(member.type_id, depth + 1)
            biggest = max(biggest, align)
            if member.bits:
                size = 8 * self.btf.size_of(member.type_id)
                if size and member.bit_off // size != (member.bit_off + member.bits - 1) // size:
                    return True
            elif member.bit_off % (8 * align):
                return True
        return bool(found.size % biggest)

    def _struct(self, found: Type, indent: int) -> str:
        packed = self._packed(found)
        union = found.kind is Kind.UNION
        tabs = "\t" * (indent + 1)
        lines = [self._tag(found) + " {\n"]
        at = 0
        biggest = 1
        for member in found.members:
            align = 1 if packed else self.align(member.type_id)
            biggest = max(biggest, align)
            if not union:
                at = self._place(member, at, align, packed, tabs, lines)
            width = f": {member.bits}" if member.bits else ""
            lines.append(f"{tabs}{self.declare(member.type_id, member.name, indent + 1)}{width};\n")
            size = member.bits or 8 * self.btf.size_of(member.type_id)
            at = max(at, size) if union else member.bit_off + size
            if len(lines) > 100_000:
                raise InputError(f"Type {found.id} of the BTF is too large to be printed.")
        if not union or packed or not found.members:
            end = -(-at // (8 * biggest)) * 8 * biggest
            if end < 8 * found.size:
                _pad(at, 8 * found.size, tabs, lines)
        elif -(-at // (8 * biggest)) * biggest < found.size:
            lines.append(f"{tabs}char __size[{found.size}];\n")
        return "".join(lines) + "\t" * indent + "}" + (" __attribute__((packed))" if packed else "")

    def _place(self, member: Member, at: int, align: int, packed: bool, tabs: str, lines: list[str]) -> int:
        """Fill the gap before a member, if C would not leave it by itself."""
        natural = at
        if not member.bits:
            natural = -(-at // (8 * align)) * 8 * align
        elif not packed:
            size = 8 * self.btf.size_of(member.type_id)
            if size and at // size != (at + member.bits - 1) // size:
                natural = -(-at // size) * size
        if natural < member.bit_off:
            _pad(at, member.bit_off, tabs, lines)
        return member.bit_off


def _pad(at: int, end: int, tabs: str, lines: list[str]) -> None:
    """Unnamed bit-fields from one bit to another; a long gap becomes a member."""
    while at < end:
        if end - at > _LONG_GAP and at % 8 == 0:
            lines.append(f"{tabs}char __gap{at // 8}[{(end - at) // 8}];\n")
            at += (end - at) // 8 * 8
            continue
        for name, bits in (("long", 64), ("int", 32), ("short", 16), ("char", 8)):
            room = bits - at % bits
            if at % bits == 0 and end - at >= bits:
                lines.append(f"{tabs}{name}: {bits};\n")
                at += bits
                break
            if bits == 8:
                step = min(room, end - at)
                lines.append(f"{tabs}char: {step};\n")
                at += step
                break


def is_signed(found: Type) -> bool:
    """Whether an INT or ENUM holds negative numbers."""
    return found.flag if found.kind in _ENUMS else bool(found.encoding & INT_SIGNED)
