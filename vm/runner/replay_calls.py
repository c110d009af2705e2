"""Calls in a recorded event: helpers and kernel functions with arguments and results; names of what they returned."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import TYPE_CHECKING, Final

from vm.btf.cdump import type_text
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.kernel.btf import kernel_btf
from vm.kernel.helper_facts import Helper, Param
from vm.kernel.helpers import helper as helper_by_id
from vm.kernel.hooks import kfunc_by_id
from vm.recorded.values import SNAPSHOT
from vm.runner.execution import RunEvent
from vm.runner.recording import BPF_REGS, Recording

if TYPE_CHECKING:
    from vm.rewritten import Rewritten
    from vm.runner.place_names import RecordedNames

KIND: Final = "call"
_CALL: Final = o.JMP | o.CALL
_LOOKUPS: Final = frozenset({"bpf_map_lookup_elem", "bpf_map_lookup_percpu_elem"})
_TAIL_CALL: Final = "bpf_tail_call"
"""Is declared with a result and leaves none: where it comes back, R0 is not written."""
_ARGUMENTS: Final = 5
_FRAME: Final = 512
MAX_RECORD: Final = 1 << 20


def calls(raw: Recording, rewritten: Rewritten, names: RecordedNames) -> Iterator[RunEvent]:
    """The calls of helpers and kernel functions of an event's steps, in order.

    A map value that a lookup returned, and a record of a ring buffer, get their names in `names`.
    """
    insns = rewritten.program.insns
    sizes = {(spec.full_name or spec.name): spec.value_size for spec in rewritten.program.maps}
    heads = [k for k, i in enumerate(raw.ids) if raw.points[i].head]
    for step, k in enumerate(heads):
        insn = insns[raw.points[raw.ids[k]].orig]
        if insn.code != _CALL or insn.src_reg not in (0, o.PSEUDO_KFUNC_CALL):
            continue
        helper = _kfunc(insn.imm) if insn.src_reg else helper_by_id(insn.imm)
        if helper is None:
            continue
        after = heads[step + 1] if step + 1 < len(heads) else len(raw.ids)
        before = _registers(raw, k)
        result = _registers(raw, after)[0]
        if helper.name in _LOOKUPS and result:
            name = names.maps.get(before[1])
            if name is not None:
                names.add_value(name, f"value of {name}", result, sizes[name])
        elif helper.name == "bpf_ringbuf_reserve" and result:
            ring = names.maps.get(before[1], "a ring buffer")
            names.add_record(f"record of {ring}", result, min(before[2], MAX_RECORD))
        told = ", ".join(
            _argument(param, before[n], before[10], names)
            for n, param in enumerate(helper.params[:_ARGUMENTS], 1)
            if param.type != "..."
        )
        returns = helper.ret != "void" and helper.name != _TAIL_CALL
        gave = f" = {_result(helper.ret, result, before[10], names)}" if returns else ""
        yield RunEvent(step, KIND, f"{helper.name}({told}){gave}")


def _kfunc(btf_id: int) -> Helper | None:
    """A kernel function as a helper is declared; None if there is none of that id."""
    known, btf = kfunc_by_id(btf_id), kernel_btf()
    if known is None:
        return None
    try:
        proto = btf.type(btf.type(btf_id).type_id)
        params = tuple(Param(type_text(btf, each.type_id), each.name or "argument") for each in proto.params)
        return Helper(btf_id, known.name, type_text(btf, proto.type_id), params)
    except InputError:
        return Helper(btf_id, known.name, "long", ())


def _registers(raw: Recording, k: int) -> tuple[int, ...]:
    x86 = unpack_from("<16Q", raw.snapshots, SNAPSHOT * k)
    return tuple(x86[r] for r in BPF_REGS)


def _argument(param: Param, value: int, fp: int, names: RecordedNames) -> str:
    return f"{param.name}: {_result(param.type, value, fp, names)}"


def _result(kind: str, value: int, fp: int, names: RecordedNames) -> str:
    """A value of a C type: a number, or an address by its name."""
    if "*" not in kind:
        signed = value - (1 << 64) if value >> 63 and not kind.startswith(("__u", "u")) else value
        return str(signed)
    if not value:
        return "NULL"
    if value in names.maps:
        return f"&{names.maps[value]}"
    return f"fp-{fp - value}" if fp - _FRAME <= value < fp else names.name_of(value)
