"""The request to the search: the instructions of the rejected program, and the rejected path of the walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from vm.isa.insn import Insn
from vm.program import MapSpec, Program
from vm.runner.context import prog_type_name
from vm.trace.snapshots import FIRST_SLOT, value_at
from vm.verifier.state import reg_types as t
from vm.verifier.state.frame import StackSlot
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.trace.folded import Snapshot
    from vm.trace.stored import StoredTrace

MAX_STEPS: Final = 20_000
SOCKET_BYTES: Final = {
    t.PTR_TO_SOCKET: "sock", t.PTR_TO_SOCK_COMMON: "sock_common", t.PTR_TO_TCP_SOCK: "tcp_sock",
    t.PTR_TO_XDP_SOCK: "xdp_sock",
}  # fmt: skip


class Known(NamedTuple):
    """What the verifier knew about a register or spilled register. `size`: bytes of the memory it points to, or 0.

    The bounds are of a number, or of a pointer's variable offset.
    """

    type: int
    off: int
    umin: int
    umax: int
    smin: int
    smax: int
    value: int
    mask: int
    range: int
    map_ptr: int
    inner_map: bool
    size: int
    id: int


class PathStep(NamedTuple):
    """A step of the path. changed: (frame, index of register or slot) -> what the verifier knew after the step."""

    step: int
    insn_idx: int
    depth: int
    changed: dict[tuple[int, int], Known]


class Request(NamedTuple):
    """A question.

    kind   -- name of the program type; entry -- registers of the first frame at the start of the walk
    steps  -- the path; the last is the rejected instruction, before which `changed` held
    rule   -- name of the violated rule; regno -- the register at fault, -1 for none
    kernel_names -- of kernel functions that calls of the path call, by instruction
    """

    kind: str
    insns: tuple[Insn, ...]
    maps: tuple[MapSpec, ...]
    entry: dict[int, Known]
    steps: tuple[PathStep, ...]
    rule: str
    regno: int
    kernel_names: dict[int, str]
    prog_type: int
    attach_type: int
    attach_name: str
    check_stack: bool


class TooLongError(Exception):
    """The path has more steps than the search supports."""


def request_of(program: Program, trace: StoredTrace, rule: str, reg: str, *, check_stack: bool) -> Request:
    """The path that ended in the rejection of `program`. Raises TooLongError."""
    last = len(trace) - 1
    places = list(_path(trace, last))
    known = _Knower(program)
    first = places[0]
    start = trace.raw_before(first)
    entry = {}
    if start:
        entry = {idx: known.of(value) for idx, value in enumerate(start[0].regs) if value.type != t.NOT_INIT}
    steps = []
    before = start
    for at, step in enumerate(places):
        after = trace.raw_before(places[at + 1]) if at + 1 < len(places) else before
        steps.append(PathStep(step, trace.insn_idx(step), len(before), known.changes(before, after)))
        before = after
    names = {}
    for each in steps:
        if each.insn_idx not in names and (name := trace.called(each.insn_idx)):
            names[each.insn_idx] = name
    regno = int(reg.rpartition(":")[2][1:]) if reg.rpartition(":")[2][:1] == "r" else -1
    return Request(
        prog_type_name(program.prog_type), program.insns, program.maps, entry, tuple(steps), rule, regno, names,
        program.prog_type, program.expected_attach_type, program.attach_btf_name, check_stack,
    )  # fmt: skip


def _path(trace: StoredTrace, last: int) -> Iterator[int]:
    """Steps of the path that ends with step `last`, oldest first."""
    found: list[int] = []
    step = last
    while step >= 0:
        found.append(step)
        if len(found) > MAX_STEPS:
            raise TooLongError
        step = trace.before(step)
    return reversed(found)


class _Knower:
    """Converts RegStates to Known values, each object once."""

    def __init__(self, program: Program) -> None:
        self._maps = program.maps
        self._made: dict[int, tuple[RegState, Known]] = {}

    def changes(self, before: Snapshot, after: Snapshot) -> dict[tuple[int, int], Known]:
        """Registers and spilled registers that a step changed."""
        found: dict[tuple[int, int], Known] = {}
        if before is after:
            return found
        for number, frame in enumerate(after):
            old = before[number] if number < len(before) else None
            if old is frame:
                continue
            for idx, reg in enumerate(frame.regs):
                if reg.type != t.NOT_INIT and (old is None or old.regs[idx] is not reg):
                    found[number, idx] = self.of(reg)
            for spi, slot in enumerate(frame.stack):
                was = value_at(before, number, FIRST_SLOT + spi)
                if (
                    slot is not was
                    and slot.is_spill()
                    and not (isinstance(was, StackSlot) and was.spilled_ptr is slot.spilled_ptr)
                ):
                    found[number, FIRST_SLOT + spi] = self.of(slot.spilled_ptr)
        return found

    def of(self, reg: RegState) -> Known:
        """The Known value of a register, without the fields that only the verifier needs."""
        made = self._made.get(id(reg))
        if made is None:
            s = reg.scalar
            made = self._made[id(reg)] = reg, Known(
                reg.type, reg.off, s.umin, s.umax, s.smin, s.smax, s.var_off.value, s.var_off.mask, reg.range,
                reg.map_ptr, reg.inner_map, self._size(reg), reg.id & ~t.BPF_ADD_CONST,
            )  # fmt: skip
        return made[1]

    def _size(self, reg: RegState) -> int:
        base = reg.type & t.BPF_BASE_TYPE_MASK
        if base in (t.PTR_TO_MAP_VALUE, t.PTR_TO_MAP_KEY) and 0 <= reg.map_ptr < len(self._maps):
            spec = self._maps[reg.map_ptr]
            spec = spec.inner if reg.inner_map and spec.inner is not None else spec
            return spec.value_size if base == t.PTR_TO_MAP_VALUE else spec.key_size
        if base == t.PTR_TO_MEM:
            return reg.mem_size
        if base == t.PTR_TO_BTF_ID and reg.btf is not None:
            return reg.btf.type(reg.btf_id).size if 0 < reg.btf_id < len(reg.btf) else 0
        if base in SOCKET_BYTES:
            from vm.kernel.btf import kernel_btf

            found = kernel_btf().find(SOCKET_BYTES[base])
            return found.size if found is not None else 0
        return 0
