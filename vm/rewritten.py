"""A verified program as the kernel would run it: after the fixups, before the JIT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vm.isa.insn import Insn
from vm.program import Program


class AddressRef(NamedTuple):
    """The slot's immediate is the run-time address of something (imm itself is 0 or an addend).

    kind -- map (struct bpf_map), map_value, helper, kfunc,
            map_helper (a map operation called directly, e.g. __htab_map_lookup_elem),
            func (a subprogram's code), ksym, tail_call (a tail call to a known slot of a known program array)
    name -- index of the map in Program.maps as text, "map:slot" of a tail call, the subprogram's number, or the
            symbol's name
    """

    kind: str
    name: str
    addend: int = 0


@dataclass(frozen=True, slots=True)
class Rewritten:
    """insns as `bpftool prog dump xlated` counts them.

    orig_idx     -- for each slot, the slot of Program.insns it stems from
    func_starts  -- first slot of each function, main first, in order
    stack_depths -- bytes of stack each function uses (bpf_subprog_info.stack_depth)
    refs         -- slot -> what its immediate (calls, 64-bit loads) refers to
    func_flags   -- for each function, a set of: tail_call_reachable, exception_cb,
                    exception_boundary (the main function of a program that can throw),
                    hidden (added by the verifier, not shown), arena (the program has one), changes_pkt_data,
                    is_async_cb
    plain        -- not rewritten at all: ctx is the UAPI one, calls and functions are as in the object
    zext         -- the verifier inserted explicit zero extensions (never on x86-64)
    """

    program: Program
    insns: tuple[Insn, ...]
    orig_idx: tuple[int, ...]
    func_starts: tuple[int, ...]
    stack_depths: tuple[int, ...]
    refs: dict[int, AddressRef]
    func_flags: tuple[frozenset[str], ...] = ()
    plain: bool = False
