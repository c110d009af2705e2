"""Records the walk as it happens, cheaply enough to be always on.

Values are shared, so a step costs one snapshot of lists: a frame whose lists hold the same
objects as at the step before is not copied again.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

from vm.verifier.events import SlotSnapshot
from vm.verifier.report.state_text import TypeNames, reg_text, slot_text, slot_types_text
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState
from vm.verifier.state.vstate import VerifierState
from vm.verifier.trace import Path, RegView, ScalarView, Step

KINDS = {
    t.SCALAR_VALUE: "number", t.PTR_TO_CTX: "ctx", t.CONST_PTR_TO_MAP: "map", t.PTR_TO_MAP_VALUE: "map_value",
    t.PTR_TO_MAP_KEY: "map_value", t.PTR_TO_STACK: "stack", t.PTR_TO_PACKET_META: "packet_meta",
    t.PTR_TO_PACKET: "packet", t.PTR_TO_PACKET_END: "packet_end", t.PTR_TO_FLOW_KEYS: "kernel",
    t.PTR_TO_SOCKET: "kernel", t.PTR_TO_SOCK_COMMON: "kernel", t.PTR_TO_TCP_SOCK: "kernel",
    t.PTR_TO_TP_BUFFER: "memory", t.PTR_TO_XDP_SOCK: "kernel", t.PTR_TO_BTF_ID: "kernel", t.PTR_TO_MEM: "memory",
    t.PTR_TO_ARENA: "memory", t.PTR_TO_BUF: "memory", t.PTR_TO_FUNC: "func", t.CONST_PTR_TO_DYNPTR: "memory",
}  # fmt: skip


class FrameSnapshot(NamedTuple):
    """One frame after a step; the lists are never changed."""

    frameno: int
    regs: list[RegState]
    stack: list[StackSlot]


@final
class Recorder:
    """Collects steps; also the finished Trace (random access, no text is made before it is asked for)."""

    def __init__(self, names: TypeNames) -> None:
        self._names = names
        self._insn = array("i")
        self._path = array("i")
        self._last: tuple[FrameSnapshot, ...] = ()
        self._entry: tuple[FrameSnapshot, ...] = ()
        self._snaps: list[tuple[FrameSnapshot, ...]] = []
        self._paths: list[Path] = []
        self._open = (0, -1, -1, 0)  # id, parent, push_step, first_step
        self._next_path = 1
        self._log_steps: Sequence[tuple[int, int]] = ()

    # -- while walking -------------------------------------------------------

    @property
    def path(self) -> int:
        """The path being walked."""
        return self._open[0]

    def begin_function(self, state: VerifierState) -> None:
        """The walk of a function starts (main, or a global function on its own)."""
        if self._paths:
            self.begin_path(-1, -1, state)
        else:
            self._last = ()
            self._entry = self._snapshot(state)

    def add(self, insn_idx: int, state: VerifierState) -> None:
        """A step is over: instruction insn_idx was visited, `state` is what holds now."""
        self._insn.append(insn_idx)
        self._path.append(self._open[0])
        self._snaps.append(self._snapshot(state))

    def add_failed(self, insn_idx: int) -> None:
        """The walk stopped at insn_idx: its step shows what held before, for the check may have stopped half way."""
        self._insn.append(insn_idx)
        self._path.append(self._open[0])
        self._snaps.append(self._last)

    def end_path(self, end: str, pruned_by: int = -1) -> None:
        """The path being walked is over: exit, safe, reject or limit."""
        pid, parent, push_step, first = self._open
        self._paths.append(Path(pid, parent, push_step, first, len(self._insn) - 1, end, pruned_by))

    def begin_path(self, parent: int, push_step: int, state: VerifierState) -> None:
        """A branch pushed at push_step of path `parent` is taken up."""
        self._open = (self._next_path, parent, push_step, len(self._insn))
        self._next_path += 1
        self._last = self._snapshot(state)

    def _snapshot(self, state: VerifierState) -> tuple[FrameSnapshot, ...]:
        last = self._last
        frames = state.frame
        same = len(last) == len(frames)
        out = []
        for i, f in enumerate(frames):
            if i < len(last):
                snap = last[i]
                # Equality of these lists is identity of their members: neither class defines __eq__.
                if snap.regs == f.regs and snap.stack == f.stack:
                    out.append(snap)
                    continue
                regs = snap.regs if snap.regs == f.regs else f.regs[:]
                stack = snap.stack if snap.stack == f.stack else f.stack[:]
                out.append(FrameSnapshot(f.frameno, regs, stack))
            else:
                out.append(FrameSnapshot(f.frameno, f.regs[:], f.stack[:]))
            same = False
        if same:
            return last
        self._last = tuple(out)
        return self._last

    # -- afterwards: the Trace protocol --------------------------------------

    def __len__(self) -> int:
        return len(self._insn)

    def set_log_steps(self, line_steps: Sequence[tuple[int, int]]) -> None:
        self._log_steps = line_steps

    @property
    def log_steps(self) -> Sequence[tuple[int, int]]:
        return self._log_steps

    @property
    def paths(self) -> Sequence[Path]:
        return self._paths

    def insn_idx(self, i: int) -> int:
        return self._insn[i]

    def path_of(self, i: int) -> int:
        return self._path[i]

    def before(self, i: int) -> int:
        """The step whose state held before step i (-1: the entry state): on the same path or where it forked."""
        path = self._path[i]
        if i > 0 and self._path[i - 1] == path:
            return i - 1
        for p in self._paths:
            if p.id == path:
                return p.push_step
        return self._open[2] if self._open[0] == path else -1

    def raw(self, i: int) -> tuple[FrameSnapshot, ...]:
        """The frames after step i, innermost last; i = -1 is the entry state."""
        return self._entry if i < 0 else self._snaps[i]

    def changes(self, i: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(names that got a new value at step i, names that went away)."""
        old, new = self.raw(self.before(i)), self.raw(i)
        if old is new:
            return (), ()
        was, now = _slots(old, new), _slots(new, old)
        wrote = tuple(n for n, v in now.items() if was.get(n) is not v)
        return wrote, tuple(n for n in was if n not in now)

    def step(self, i: int) -> Step:
        writes, _ = self.changes(i)
        snap = self.raw(i)
        return Step(self._insn[i], snap[-1].frameno if snap else 0, self._path[i], writes, ())

    def state(self, i: int) -> Mapping[str, RegView]:
        snap = self.raw(i)
        return {name: self.view(value, snap, name) for name, value in _slots(snap, ()).items()}

    def slots(self, i: int) -> Mapping[str, RegState | StackSlot]:
        """Values of every live slot after step i by name, untold."""
        return _slots(self.raw(i), ())

    def view(self, value: RegState | StackSlot, snap: tuple[FrameSnapshot, ...], name: str) -> RegView:
        """A slot's value in words."""
        frameno = int(name.split(":")[0]) if ":" in name else 0
        if isinstance(value, RegState):
            return self._reg_view(value, frameno)
        kind = value.slot_type[7]
        if kind == t.STACK_SPILL:
            view = self._reg_view(value.spilled_ptr, frameno)
            prefix = slot_types_text(value.slot_type)[: value.slot_type.index(t.STACK_SPILL)]
            return view._replace(text=prefix + view.text)
        second = None
        idx = 10 - int(name.rsplit("fp", 1)[1]) // 8
        if kind == t.STACK_DYNPTR:
            below = snap[frameno].stack[idx - 10 :][:1]
            second = SlotSnapshot(idx + 1, 0, below[0].slot_type, below[0].spilled_ptr) if below else None
        s = SlotSnapshot(idx, 0, value.slot_type, value.spilled_ptr)
        text = slot_text(s, second, frameno, self._names) or slot_types_text(value.slot_type)
        return RegView("memory" if kind in (t.STACK_DYNPTR, t.STACK_ITER) else "number", text)

    def _reg_view(self, reg: RegState, frameno: int) -> RegView:
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
            text=reg_text(reg, frameno, self._names),
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


def _slots(snap: tuple[FrameSnapshot, ...], other: tuple[FrameSnapshot, ...]) -> dict[str, RegState | StackSlot]:
    """Live slots by name; frames and lists that `other` shares are left out."""
    out: dict[str, RegState | StackSlot] = {}
    for i, f in enumerate(snap):
        if i < len(other) and other[i] is f:
            continue
        prefix = f"{f.frameno}:" if f.frameno else ""
        if not (i < len(other) and other[i].regs is f.regs):
            for regno, reg in enumerate(f.regs):
                if reg.type != t.NOT_INIT:
                    out[f"{prefix}r{regno}"] = reg
        if not (i < len(other) and other[i].stack is f.stack):
            for spi, slot in enumerate(f.stack):
                if any(slot.slot_type):
                    out[f"{prefix}fp{-8 * (spi + 1)}"] = slot
    return out
