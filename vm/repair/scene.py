"""What a rejection looks like from the source: the state and path of the verifier, and the C at the refused place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from vm.csource.tree import CTree
from vm.isa.insn import Insn
from vm.program import LineInfo, MapSpec, Program
from vm.trace.records import Cause, Failure, Holding
from vm.trace.snapshots import FrameSnapshot
from vm.verifier.rules.rule import Rule
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Scene:
    """One rejection.

    rule, values -- why, and what the message was filled with; insn_idx -- the refused instruction
    frames -- the state before it; () where the program was refused before or after its walk
    path -- instructions walked before it, the last first
    held -- what its path still had to give back
    also -- a register that matters beside the one at fault: the size of the memory
    warnings -- lines of the compiler's warnings, with the option that names each ("-Wuninitialized")
    file -- what `tree` is: a header of the user's, or "" for the source itself
    """

    tree: CTree
    program: Program
    maps: tuple[MapSpec, ...]
    failure: Failure
    rule: Rule
    values: Mapping[str, object]
    insn_idx: int
    frames: tuple[FrameSnapshot, ...] = field(default=(), repr=False)
    path: tuple[int, ...] = field(default=(), repr=False)
    held: tuple[Holding, ...] = ()
    also: int = -1
    regno: int = -1
    warnings: tuple[tuple[int, str], ...] = ()
    file: str = ""

    @property
    def insn(self) -> Insn:
        """The refused instruction."""
        return self.program.insns[self.insn_idx]

    @property
    def reg(self) -> RegState | None:
        """The register at fault as it was, None where there is none."""
        if self.regno < 0 or not self.frames:
            return None
        return self.frames[-1].regs[self.regno]

    def value(self, name: str) -> int:
        """A number of the message; 0 if it has no such field."""
        found = self.values.get(name, 0)
        return found if isinstance(found, int) else 0

    def own_place(self, insn_idx: int) -> LineInfo | None:
        """Where in the file that is edited an instruction comes from."""
        info = self._info(insn_idx)
        own = info is not None and info.column > 0 and self.program.file_of(info) == self.file
        return info if own else None

    def _info(self, insn_idx: int) -> LineInfo | None:
        return self.program.place_of(insn_idx)

    def node_of(self, insn_idx: int) -> Node | None:
        """The part of the source that an instruction comes from; None where that is a macro's body or a header."""
        info = self.own_place(insn_idx)
        node = self.tree.at(info.line, info.column) if info is not None else None
        return None if node is None or self.tree.in_macro(node) else node

    @cached_property
    def node(self) -> Node | None:
        """The part of the source at fault: of the refused instruction, or of the nearest one before it."""
        for insn_idx in (self.insn_idx, *self.path[:64]):
            node = self.node_of(insn_idx)
            if node is not None and self.tree.function(node) is not None:
                return node
        return None

    @cached_property
    def statement(self) -> Node | None:
        """The statement at fault."""
        return self.tree.statement(self.node) if self.node is not None else None

    @cached_property
    def function(self) -> Node | None:
        """The C function at fault: the one whose text it is, also where clang inlined it."""
        return self.tree.function(self.node) if self.node is not None else None

    @cached_property
    def path_nodes(self) -> tuple[Node, ...]:
        """Parts of the source along the path, the last first, each place once."""
        found: dict[tuple[int, int], Node] = {}
        for insn_idx in self.path[:1024]:
            node = self.node_of(insn_idx)
            if node is not None:
                found.setdefault((node.start_byte, node.end_byte), node)
        return tuple(found.values())

    def causes(self, *kinds: str) -> Iterator[Cause]:
        """The causes of these kinds, the last first."""
        return (cause for cause in reversed(self.failure.causes) if cause.kind in kinds)

    def is_program(self, function: Node) -> bool:
        """Whether a function is a program's main function."""
        return self.tree.function_name(function) == self.program.name
