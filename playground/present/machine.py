"""Converts runs to protocol messages: results, steps, maps and output."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from playground.present.seek import outline_messages
from vm.btf.format import RecordText, format_value
from vm.btf.types import Kind
from vm.btf.variables import variables
from vm.errors import InputError
from vm.kernel.btf import is_kernel_type
from vm.kernel.names import map_type_name
from vm.program import MapSpec, Program
from vm.runner.execution import X86_REGS, Execution, MemoryWrite, RunStep
from vm.runner.stored import RECENT, StoredSteps, blocks, read_block, visits
from vm.seek.outline import Outliner

if TYPE_CHECKING:
    from vm.runner.follow import Known

CHUNK: Final = 256
FIRST_STEPS: Final = 128
"""Steps that are sent without a request."""
MAX_ENTRIES: Final = 256
MAX_EVENTS: Final = 2000
MAX_VALUE_NODES: Final = 64
_TOLD_KEYS: Final = (Kind.STRUCT, Kind.UNION, Kind.ARRAY)


def run_blocks(run: int, execution: Execution, known: Iterable[Known | None] | None = None) -> Iterator[dict[str, Any]]:
    """The steps of one run as `block` and `outline` messages; for run 0 also the first chunk, sent without request.

    known -- what the verifier knew after each step
    """
    total = len(execution.steps)
    outliner = Outliner()
    for steps, data in blocks(execution.steps, iter(known if known is not None else ())):
        yield {"type": "block", "stage": "run", "run": run, "from": steps.start, "to": steps.stop, "data": data}
        if run == 0 and steps.start == 0:
            yield chunk(run, read_block(data), 0, total, FIRST_STEPS)
        insns, frames = visits(data)
        outliner.add_steps(insns, [frame + 1 for frame in frames])
        yield from outline_messages(outliner, "run", run)
    yield from outline_messages(outliner, "run", run, last=True)


def run_window(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks that hold the steps [from, to) of the blocks given. BlockError."""
    for text in request["blocks"]:
        part = read_block(base64.b64decode(text))
        first = max(request["from"] // CHUNK * CHUNK, part.first)
        for start in range(first, min(request["to"], part.first + len(part.steps)), CHUNK):
            yield chunk(request["run"], part, start, request["total"])


def chunk(run: int, part: StoredSteps, start: int, total: int, most: int = CHUNK) -> dict[str, Any]:
    """The `steps` message with up to `most` steps of a block from step `start` on. total: steps of the run."""
    at = start - part.first
    before = part.steps[at - 1] if at else part.before
    steps = []
    for step, known in zip(part.steps[at : at + most], part.known[at : at + most], strict=True):
        steps.append({**_step(step, before), **_known(known)})
        before = step
    return {
        "type": "steps", "stage": "run", "run": run, "from": start, "total": total,
        "keyframe": _keyframe(part, start), "steps": steps,
    }  # fmt: skip


def _keyframe(part: StoredSteps, start: int) -> dict[str, Any]:
    at = start - part.first
    before = part.steps[at - 1] if at else part.before
    if before is None:
        return {"regs": {}, "x": {}, "mem": []}
    memory: dict[int, dict[str, Any]] = {}
    for i, w in part.stores:
        if start - RECENT <= i < start:
            memory[w.address] = _memory(w)
    return {
        "regs": {f"r{i}": f"{v:#x}" for i, v in enumerate(before.regs)},
        "x": {name: f"{v:#x}" for name, v in zip(X86_REGS, before.x86, strict=False)},
        "mem": list(memory.values())[-256:],
    }


def _memory(write: MemoryWrite) -> dict[str, Any]:
    told: dict[str, Any] = {"addr": f"{write.address:#x}", "hex": write.data.hex(), "name": write.name}
    if write.by:
        told["by"] = write.by
    if write.missing:
        told["missing"] = write.missing
    return told


def _step(step: RunStep, before: RunStep | None) -> dict[str, Any]:
    old = before.regs if before is not None else ()
    old_x = before.x86 if before is not None else ()
    out: dict[str, Any] = {
        "insn": step.insn_idx,
        "x86": step.x86_off,
        "regs": {f"r{i}": f"{v:#x}" for i, v in enumerate(step.regs) if i >= len(old) or old[i] != v},
    }
    if step.x86:
        out["x"] = {
            name: f"{v:#x}"
            for i, (name, v) in enumerate(zip(X86_REGS, step.x86, strict=False))
            if i >= len(old_x) or old_x[i] != v
        }
    if step.writes:
        out["mem"] = [_memory(w) for w in step.writes]
    if step.event >= 0:
        out["event"] = step.event
    if step.frameno:
        out["frame"] = step.frameno
    return out


def _known(known: Known | None) -> dict[str, Any]:
    if known is None:
        return {}
    out: dict[str, Any] = {"walk_step": known.step}
    if known.before:
        out["walk_before"] = True
    if known.wrong:
        out["walk_wrong"] = True
    if known.frame:
        out["walk_frame"] = known.frame
    if known.outside:
        out["walk_outside"] = list(known.outside)
    return out


def runs_json(program: Program, runs: Sequence[Execution]) -> dict[str, Any]:
    """The fields of the `run` stage message, with the maps after the last run."""
    last = runs[-1]
    records = RecordText(program.btf, is_kernel_type)
    return {
        "engine": last.engine,
        "runs": [
            {
                "r0": f"{x.r0:#x}",
                "result": x.result,
                "packet_out": x.packet_out.hex() if x.packet_out is not None else None,
                "insns": x.insns,
                "steps": len(x.steps),
                "steps_cut": x.steps_cut,
                "fault": x.fault._asdict() if x.fault is not None else None,
            }
            for x in runs
        ],
        # The maps of a run begin with those of the program, in the same order.
        "maps": {
            name: _map_json(program, spec, entries)
            for spec, (name, entries) in zip(program.maps, last.maps.items(), strict=False)
        },
        "events": [
            {
                "run": n,
                "step": e.step,
                "kind": e.kind,
                "text": e.text,
                "hex": e.data[:4096].hex(),
                "decoded": records.text(e.data[:4096]) if e.data else "",
            }
            for n, x in enumerate(runs)
            for e in list(x.events)[:MAX_EVENTS]
        ][:MAX_EVENTS],
        "memory": [{"name": r.name, "address": f"{r.address:#x}", "size": r.size} for r in last.regions],
    }


def _map_json(program: Program, spec: MapSpec, entries: Sequence[tuple[bytes, bytes]]) -> dict[str, Any]:
    found = variables(program.btf, spec.btf_value_type_id, entries[0][1]) if entries else ()
    return {
        "type": map_type_name(spec.map_type),
        "entries": [
            [k.hex(), v[:4096].hex(), _text(program, spec.btf_value_type_id, v) if any(v) else ""]
            for k, v in entries[:MAX_ENTRIES]
        ],
        "cut": max(0, len(entries) - MAX_ENTRIES),
        **_keys_json(program, spec, entries),
        **({"variables": [variable._asdict() for variable in found]} if found else {}),
    }


def _keys_json(program: Program, spec: MapSpec, entries: Sequence[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The field `keys`, for keys that are no numbers."""
    if program.btf is None or not spec.btf_key_type_id or not entries:
        return {}
    try:
        if program.btf.skip_modifiers(spec.btf_key_type_id).kind not in _TOLD_KEYS:
            return {}
    except InputError:
        return {}
    return {"keys": [_text(program, spec.btf_key_type_id, key) for key, _ in entries[:MAX_ENTRIES]]}


def _text(program: Program, type_id: int, data: bytes) -> str:
    """Bytes in C notation; "" if their type is unknown."""
    if program.btf is None or not type_id:
        return ""
    try:
        return format_value(program.btf, type_id, data, MAX_VALUE_NODES)
    except InputError:
        return ""
