"""Converts the verifier's values to their readable form (records.RegView)."""

from __future__ import annotations

from typing import Final, final

from vm.trace.records import RegView, ScalarView
from vm.trace.snapshots import FrameSnapshot
from vm.verifier.events import SlotSnapshot
from vm.verifier.report.state_text import TypeNames, reg_text, slot_text, slot_types_text
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

MAX_KNOWN: Final = 50_000

KINDS = {
    t.SCALAR_VALUE: "number", t.PTR_TO_CTX: "ctx", t.CONST_PTR_TO_MAP: "map", t.PTR_TO_MAP_VALUE: "map_value",
    t.PTR_TO_MAP_KEY: "map_value", t.PTR_TO_STACK: "stack", t.PTR_TO_PACKET_META: "packet_meta",
    t.PTR_TO_PACKET: "packet", t.PTR_TO_PACKET_END: "packet_end", t.PTR_TO_FLOW_KEYS: "kernel",
    t.PTR_TO_SOCKET: "kernel", t.PTR_TO_SOCK_COMMON: "kernel", t.PTR_TO_TCP_SOCK: "kernel",
    t.PTR_TO_TP_BUFFER: "memory", t.PTR_TO_XDP_SOCK: "kernel", t.PTR_TO_BTF_ID: "kernel", t.PTR_TO_MEM: "memory",
    t.PTR_TO_ARENA: "memory", t.PTR_TO_BUF: "memory", t.PTR_TO_FUNC: "func", t.CONST_PTR_TO_DYNPTR: "memory",
}  # fmt: skip


@final
class Viewer:
    """Makes views; `names` knows the maps."""

    def __init__(self, names: TypeNames) -> None:
        self._names = names
        # Views of values by identity: values are never changed, and the trace that asks keeps them alive.
        self._known: dict[tuple[int, int], tuple[RegState | StackSlot, RegView]] = {}

    def view(self, value: RegState | StackSlot, snap: tuple[FrameSnapshot, ...], name: str) -> RegView:
        """The view of a slot's value."""
        frameno = int(name.split(":")[0]) if ":" in name else 0
        if isinstance(value, StackSlot) and value.slot_type[7] == t.STACK_DYNPTR:
            return self._told(value, snap, name, frameno)  # its text may depend on the slot below
        key = (id(value), frameno)
        known = self._known.get(key)
        if known is not None:
            return known[1]
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        view = self._told(value, snap, name, frameno)
        self._known[key] = (value, view)
        return view

    def _told(self, value: RegState | StackSlot, snap: tuple[FrameSnapshot, ...], name: str, frameno: int) -> RegView:
        if isinstance(value, RegState):
            return self.reg(value, frameno)
        kind = value.slot_type[7]
        if kind == t.STACK_SPILL:
            view = self.reg(value.spilled_ptr, frameno)
            prefix = slot_types_text(value.slot_type)[: value.slot_type.index(t.STACK_SPILL)]
            return view._replace(text=prefix + view.text)
        second = None
        idx = 10 - int(name.rsplit("fp", 1)[1]) // 8
        if kind == t.STACK_DYNPTR and not value.spilled_ptr.first_slot:
            below = snap[frameno].stack[idx - 10 :][:1] if frameno < len(snap) else []
            second = SlotSnapshot(idx + 1, 0, below[0].slot_type, below[0].spilled_ptr) if below else None
        s = SlotSnapshot(idx, 0, value.slot_type, value.spilled_ptr)
        text = slot_text(s, second, frameno, self._names) or slot_types_text(value.slot_type)
        return RegView("memory" if kind in (t.STACK_DYNPTR, t.STACK_ITER) else "number", text)

    def reg(self, reg: RegState, frameno: int) -> RegView:
        """The view of a register's value."""
        return self.facts(reg)._replace(text=reg_text(reg, frameno, self._names))

    def facts_of(self, value: RegState | StackSlot) -> RegView:
        """view() without the text."""
        if isinstance(value, RegState):
            return self.facts(value)
        kind = value.slot_type[7]
        if kind == t.STACK_SPILL:
            return self.facts(value.spilled_ptr)
        return RegView("memory" if kind in (t.STACK_DYNPTR, t.STACK_ITER) else "number", "")

    def facts(self, reg: RegState) -> RegView:
        """reg() without the text."""
        spec = self._names.map_of(reg) if t.type_is_map_ptr(reg.type) else None
        s = reg.scalar
        shown = reg.type == t.SCALAR_VALUE or s.var_off.mask != 0
        scalar = ScalarView(
            s.umin, s.umax, s.smin, s.smax, s.var_off.value, s.var_off.mask,
            s.u32_min, s.u32_max, s.s32_min, s.s32_max,
        )  # fmt: skip
        base = t.base_type(reg.type)
        size = spec.value_size if spec is not None else reg.mem_size if base == t.PTR_TO_MEM else 0
        return RegView(
            kind=KINDS.get(base, "none"),
            text="",
            maybe_null=bool(reg.type & t.PTR_MAYBE_NULL),
            precise=reg.type == t.SCALAR_VALUE and reg.precise,
            scalar=scalar if shown else None,
            off=reg.off,
            range=reg.range if t.type_is_pkt_pointer(reg.type) else 0,
            id=reg.id & ~t.BPF_ADD_CONST,
            ref_obj_id=reg.ref_obj_id,
            map=spec.name if spec is not None else "",
            size=size,
        )
