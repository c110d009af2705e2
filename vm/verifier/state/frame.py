"""Stack slots, liveness rows and one call frame (struct bpf_stack_state, bpf_func_state)."""

from __future__ import annotations

from typing import Final, final

from vm.isa.opcodes import MAX_BPF_REG, REG_FP
from vm.namedtuples import NamedTuple
from vm.native import mypyc_attr
from vm.verifier.state.reg import NOT_INIT_REG, RegState, frame_pointer
from vm.verifier.state.reg_types import STACK_SPILL

SlotTypes = tuple[int, ...]
"""Always eight. Written without its length, for compiled code would unpack a tuple of known length at each use."""

ALL_INVALID: Final[SlotTypes] = (0, 0, 0, 0, 0, 0, 0, 0)  # STACK_INVALID

BPF_MAIN_FUNC: Final = -1


@mypyc_attr(free_list_len=1)
@final
class StackSlot:
    """Eight bytes of stack. Never changed once stored: make a new one.

    slot_type[i] is about byte i counted as the kernel does (7 is the highest address); a spilled
    register has STACK_SPILL at least in slot_type[7].
    """

    __slots__ = ("slot_type", "spilled_ptr", "row")

    def __init__(self, slot_type: SlotTypes, spilled_ptr: RegState = NOT_INIT_REG) -> None:
        self.slot_type: SlotTypes = slot_type
        self.spilled_ptr: RegState = spilled_ptr
        self.row: int = 0  # as RegState.row

    def holds_anything(self) -> bool:
        """Whether any byte is more than STACK_INVALID."""
        types = self.slot_type
        return types is not ALL_INVALID and types != ALL_INVALID

    def is_spill(self) -> bool:
        """is_spilled_reg()."""
        return self.slot_type[7] == STACK_SPILL


INVALID_SLOT: Final = StackSlot(ALL_INVALID)


@final
class LiveRow:
    """Liveness marks of one frame: index 0-10 registers, 11 + spi stack slots.

    parents[i] is the row of the checkpoint whose slot i this one inherited from (None: none).
    A slot that was copied from another register (callback arguments) has its parent's
    index in `shifted`.
    `parents` is shared by states that were copied from one another: it is replaced, never changed.
    """

    __slots__ = ("marks", "parents", "shifted")

    def __init__(self, marks: list[int], parents: list[LiveRow | None], shifted: dict[int, int] | None = None) -> None:
        self.marks: list[int] = marks
        self.parents: list[LiveRow | None] = parents
        self.shifted: dict[int, int] | None = shifted

    def copy(self) -> LiveRow:
        return LiveRow(self.marks[:], self.parents, dict(self.shifted) if self.shifted else None)

    def parent_index(self, idx: int) -> int:
        """Index in parents[idx] that slot `idx` descends from."""
        if self.shifted is None:
            return idx
        return self.shifted.get(idx, idx)

    def adopt(self, idx: int, other: LiveRow, other_idx: int) -> None:
        """Slot idx becomes a copy of another row's slot, marks and parentage included (a C struct copy)."""
        self.marks[idx] = other.marks[other_idx]
        parents = self.parents[:]
        parents[idx] = other.parents[other_idx]
        self.parents = parents
        target = other.parent_index(other_idx)
        if target != idx:
            if self.shifted is None:
                self.shifted = {}
            self.shifted[idx] = target
        elif self.shifted is not None:
            self.shifted.pop(idx, None)


class Reference(NamedTuple):
    """struct bpf_reference_state."""

    id: int
    insn_idx: int
    callback_ref: int


class RetvalRange(NamedTuple):
    """struct bpf_retval_range."""

    minval: int
    maxval: int


NO_RANGE: Final = RetvalRange(0, 0)


@final
class FuncState:
    """One call frame. `regs` has 11 entries; stack[i] is fp-8*(i+1); `live` covers both.

    r0_exchanged -- 1 + slot of the 32-bit compare-and-exchange r0 is from, or 0 (the one use x86-64 has for
                    bpf_reg_state.subreg_def)
    Lists may be changed, the values in them not.
    """

    __slots__ = (
        "regs", "stack", "live", "callsite", "frameno", "subprogno", "async_entry_cnt", "callback_ret_range",
        "in_callback_fn", "in_async_callback_fn", "in_exception_callback_fn", "callback_depth", "refs", "r0_exchanged",
    )  # fmt: skip

    def __init__(self, callsite: int, frameno: int, subprogno: int, twin: FuncState | None = None) -> None:
        """init_func_state(); with `twin`, a frame that shares its values and has lists of its own."""
        if twin is None:
            self.regs: list[RegState] = [NOT_INIT_REG] * REG_FP + [frame_pointer(frameno)]
            self.stack: list[StackSlot] = []
            self.live: LiveRow = LiveRow([0] * MAX_BPF_REG, [None] * MAX_BPF_REG)
        else:
            self.regs = twin.regs[:]
            self.stack = twin.stack[:]
            self.live = twin.live.copy()
        self.callsite: int = callsite
        self.frameno: int = frameno
        self.subprogno: int = subprogno
        self.async_entry_cnt: int = 0
        self.callback_ret_range: RetvalRange = NO_RANGE
        self.in_callback_fn: bool = False
        self.in_async_callback_fn: bool = False
        self.in_exception_callback_fn: bool = False
        self.callback_depth: int = 0
        self.r0_exchanged: int = 0
        self.refs: tuple[Reference, ...] = ()

    def copy(self) -> FuncState:
        """copy_func_state(): values are shared, lists are not."""
        f = FuncState(self.callsite, self.frameno, self.subprogno, self)
        f.async_entry_cnt = self.async_entry_cnt
        f.callback_ret_range = self.callback_ret_range
        f.in_callback_fn = self.in_callback_fn
        f.in_async_callback_fn = self.in_async_callback_fn
        f.in_exception_callback_fn = self.in_exception_callback_fn
        f.callback_depth = self.callback_depth
        f.r0_exchanged = self.r0_exchanged
        f.refs = self.refs
        return f

    @property
    def allocated_stack(self) -> int:
        """Bytes of stack tracked so far."""
        return len(self.stack) * 8

    def grow_stack(self, size: int) -> None:
        """grow_stack_state(): room for `size` bytes; new slots have no parent."""
        missing = (size + 7) // 8 - len(self.stack)
        if missing > 0:
            self.stack.extend([INVALID_SLOT] * missing)
            self.live.marks.extend([0] * missing)
            self.live.parents = self.live.parents + [None] * missing
