"""What differs between the facts of two kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from vm.btf.cdump import declaration
from vm.btf.types import Kind
from vm.kernel.facts import KernelFacts
from vm.kernel.helper_facts import FuncProto
from vm.kernel.kfuncs import flag_names

# Structs programs reach from their context and whose fields the kernel translates likewise.
SOCKETS: Final = ("bpf_sock", "bpf_tcp_sock", "bpf_xdp_sock", "bpf_flow_keys", "bpf_nf_ctx", "bpf_sk_lookup")
WAYS: Final = ("read", "write", "sign-extending read")
TYPE_BITS: Final = 8  # BPF_BASE_TYPE_BITS: flags are above


class Change(NamedTuple):
    """One difference. `before` is None for what is new, `after` for what is gone.

    part -- a key of PARTS
    name -- of what differs; parts of parts are written "struct.field", "set: member"
    """

    part: str
    name: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """added, removed or changed"""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def differences(old: KernelFacts, new: KernelFacts) -> list[Change]:
    """All differences, in the order of PARTS and of names."""
    found = []
    for part, read in PARTS.items():
        before, after = read(old), read(new)
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                found.append(Change(part, name, before.get(name), after.get(name)))
    return found


def counts(facts: KernelFacts) -> dict[str, int]:
    """How many facts of each part there are."""
    return {part: len(read(facts)) for part, read in PARTS.items()}


def _enum(name: str) -> Callable[[KernelFacts], Mapping[str, Any]]:
    return lambda facts: {key: value for key, value in facts.enum(name).items() if not key.startswith("__")}


def _typed(facts: KernelFacts, enum: str, value: int) -> str:
    """A type with flags by the kernel's names, for numbers change: "ARG_PTR_TO_MEM | MEM_RDONLY"."""
    names = {number: name for name, number in reversed(list(facts.enum(enum).items()))}
    known = {
        n: name for name, n in facts.enum("bpf_type_flag").items() if not name.startswith("__") and not n & (n - 1)
    }
    base = value & (1 << TYPE_BITS) - 1
    flags = [known.get(1 << bit, f"bit {bit}") for bit in range(TYPE_BITS, 32) if value >> bit & 1]
    return " | ".join([names.get(base, str(base)), *flags])


def _proto(facts: KernelFacts, proto: FuncProto) -> dict[str, Any]:
    """The types of a prototype, and what else differs from its default."""
    named = ("symbol", "ret_type", "arg_types", "func")
    out: dict[str, Any] = {
        "func": proto.func,
        "ret_type": _typed(facts, "bpf_return_type", proto.ret_type),
        "arg_types": [_typed(facts, "bpf_arg_type", arg) for arg in proto.arg_types if arg],
    }
    for name, value in proto._asdict().items():
        if name not in named and value != proto._field_defaults.get(name):
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def _case(facts: KernelFacts, key: str) -> str:
    """A key of the tables by names: "BPF_PROG_TYPE_XDP/BPF_XDP_DEVMAP/sleepable" of "6/33/sleepable"."""
    prog_type, *rest = key.split("/")
    names = {value: name for name, value in reversed(list(facts.prog_types.items()))}
    out = [names.get(int(prog_type), prog_type)]
    if rest:
        attach = {value: name for name, value in reversed(list(facts.enum("bpf_attach_type").items()))}
        out.append(attach.get(int(rest[0]), rest[0]) if rest[0] != "0" else "")
    return "/".join([*out, *rest[1:]])


def _helper_access(facts: KernelFacts) -> dict[str, Any]:
    out = {}
    tables: dict[int, list[tuple[str, str]]] = {}
    for key, index in facts.helpers.access.items():
        if index not in tables:
            row = enumerate(facts.helpers.table(index))
            tables[index] = [
                (facts.helpers.by_id[func_id].name, facts.helpers.proto(proto - 1).symbol)
                for func_id, proto in row
                if proto and func_id in facts.helpers.by_id
            ]
        case = _case(facts, key)
        out.update({f"{case}: {name}": symbol for name, symbol in tables[index]})
    return out


def _callers(facts: KernelFacts) -> dict[str, list[str]]:
    """Kfunc -> the sets it is in, as program type and filter."""
    names = {value: name for name, value in reversed(list(facts.prog_types.items()))}
    out: dict[str, set[str]] = {}
    for kset in facts.hooks.kfunc_sets:
        for kind in kset.prog_types:
            if isinstance(kind, str):
                continue
            text = "any" if kind == 0 else names.get(kind, str(kind))
            for name in kset.kfuncs:
                out.setdefault(name, set()).add(f"{text} ({kset.filter})" if kset.filter else text)
    return {name: sorted(callers) for name, callers in out.items()}


def _kfuncs(facts: KernelFacts) -> dict[str, Any]:
    callers = _callers(facts)
    out = {}
    for name, kfunc in facts.hooks.kfuncs.items():
        if name not in callers:
            continue  # functions that fmod_ret programs may attach to are a part of their own
        found = facts.btf.find(name, Kind.FUNC)
        text = declaration(facts.btf, found.type_id, name) if found is not None else ""
        out[name] = {"prototype": text, "flags": flag_names(kfunc.flags), "callers": callers[name]}
    return out


def _ctx_fields(facts: KernelFacts) -> dict[str, Any]:
    out = {}
    for struct in dict.fromkeys((*facts.contexts, *SOCKETS)):
        for name, (offset, bits, text) in facts.fields(struct).items():
            out[f"{struct}.{name}"] = {"bit_offset": offset, "bits": bits, "type": text}
    return out


def _ctx_access(facts: KernelFacts) -> dict[str, Any]:
    """Kind of program and of access -> the offsets at which it is allowed, with the type that is read there."""
    names = {number: name for name, number in reversed(list(facts.enum("bpf_reg_type").items()))}
    out: dict[str, Any] = {}
    for key, accesses in facts.ctx_access.items():
        case = _case(facts, key) if "/" in key else key
        found: dict[tuple[int, int, int], list[int]] = {}
        for offset, size, how, reg_type, _field in accesses:
            found.setdefault((size, how, reg_type if how != 1 else 0), []).append(offset)
        for (size, how, reg_type), offsets in found.items():
            what = f" of {names.get(reg_type, _typed(facts, 'bpf_reg_type', reg_type))}" if reg_type > 1 else ""
            out[f"{case}: {WAYS[how]} {size} bytes{what}"] = _runs(offsets)
    return out


def _runs(offsets: list[int]) -> str:
    """Ascending numbers as text, equal distances together: "0..164 by 4, 200"."""
    out = []
    start = 0
    while start < len(offsets):
        step = offsets[start + 1] - offsets[start] if start + 1 < len(offsets) else 0
        end = start
        while end + 1 < len(offsets) and offsets[end + 1] - offsets[end] == step:
            end += 1
        if end - start > 1:
            out.append(f"{offsets[start]}..{offsets[end]}" + (f" by {step}" if step > 1 else ""))
        else:
            end = start
            out.append(str(offsets[start]))
        start = end + 1
    return ", ".join(out)


def _members(sets: Mapping[str, Any]) -> Iterator[str]:
    for name, members in sets.items():
        yield from (f"{name}: {member}" for member in members)


def _struct_ops(facts: KernelFacts) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, ops in facts.hooks.struct_ops.items():
        out[name] = {"written": ops.written, "writable": [list(part) for part in ops.writable]}
        for member, operation in ops.operations.items():
            out[f"{name}.{member}"] = {"nullable": list(operation.nullable), "sleepable": operation.sleepable}
    return out


def _map_structs(facts: KernelFacts) -> dict[str, Any]:
    names = {value: name for name, value in reversed(list(facts.map_types.items()))}
    return {names.get(number, str(number)): struct for number, struct in facts.hooks.map_structs.items()}


PARTS: Final[dict[str, Callable[[KernelFacts], Mapping[str, Any]]]] = {
    "program types": lambda facts: facts.prog_types,
    "attach types": _enum("bpf_attach_type"),
    "map types": lambda facts: facts.map_types,
    "map structs": _map_structs,
    "helpers": lambda facts: {
        helper.name: {"id": helper.id, "ret": helper.ret, "params": [list(param) for param in helper.params]}
        for helper in facts.helpers.by_id.values()
    },
    "helper prototypes": lambda facts: {proto.symbol: _proto(facts, proto) for proto in facts.helpers.protos},
    "helper access": _helper_access,
    "kfuncs": _kfuncs,
    "kptr destructors": lambda facts: facts.hooks.destructors,
    "ctx fields": _ctx_fields,
    "ctx access": _ctx_access,
    "id sets": lambda facts: dict.fromkeys(_members(facts.hooks.id_sets), True),
    "fmod_ret functions": lambda facts: {
        name: True for kset in facts.hooks.kfunc_sets if "fmod_ret" in kset.prog_types for name in kset.kfuncs
    },
    "iterators": lambda facts: {name: [list(arg) for arg in args] for name, args in facts.hooks.iterators.items()},
    "raw tracepoints": lambda facts: {name: list(found) for name, found in facts.hooks.raw_tracepoints.items()},
    "struct_ops": _struct_ops,
    "error numbers": lambda facts: facts.errnos,
    "options": lambda facts: facts.config,
}
