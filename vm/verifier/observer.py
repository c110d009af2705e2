"""The events of the walk that a recorder receives. vm/trace/recorder.py implements it."""

from __future__ import annotations

from vm.native import i64, trait
from vm.verifier.state.vstate import VerifierState


@trait
class Observer:
    """Follows the walk. Paths are numbered in the order in which they are walked."""

    @property
    def path(self) -> int:
        """The path being walked."""
        raise NotImplementedError

    def begin_function(self, state: VerifierState) -> None:
        """The walk of a function starts: of the main program, or of a global function by itself."""
        raise NotImplementedError

    def begin_path(self, parent: int, push_step: int, state: VerifierState) -> None:
        """The walk continues with a branch that was pushed at step `push_step` of path `parent`."""
        raise NotImplementedError

    def add(self, insn_idx: i64, state: VerifierState, waiting: i64) -> None:
        """Instruction `insn_idx` was visited; `state` holds after it; `waiting` branches are pushed."""
        raise NotImplementedError

    def end_path(self, end: str, pruned_by: int = -1) -> None:
        """The path being walked ends: exit, safe or reject; pruned_by is the step of the checkpoint that covers it."""
        raise NotImplementedError
