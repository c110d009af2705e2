"""Which checkpoints still have open branches, and which belong to a loop.

get_loop_entry() and its comment in kernel/bpf/verifier.c describe the algorithm: a depth first walk
that gives each state of a loop the topmost state through which the loop was entered.
"""

from __future__ import annotations

from vm.verifier.env import VerifierEnv
from vm.verifier.state.vstate import VerifierState


def get_loop_entry(st: VerifierState) -> VerifierState | None:
    """The topmost known loop entry of `st`; shortens the chain of loop entries to it."""
    topmost = st.loop_entry
    while topmost is not None and topmost.loop_entry is not None and topmost is not topmost.loop_entry:
        topmost = topmost.loop_entry
    at: VerifierState | None = st
    while at is not None and at.loop_entry is not topmost:
        old = at.loop_entry
        at.loop_entry = topmost
        at = old
    return topmost


def update_loop_entry(cur: VerifierState, hdr: VerifierState) -> None:
    """`hdr` was reached from `cur`: if its loop is not finished, cur is part of the loop."""
    cur1 = get_loop_entry(cur) or cur
    hdr1 = get_loop_entry(hdr) or hdr
    if hdr1.branches and hdr1.dfs_depth <= cur1.dfs_depth:
        cur.loop_entry = hdr
        hdr.used_as_loop_entry = True


def update_branch_counts(env: VerifierEnv, st: VerifierState) -> None:
    """A path ends: states whose last branch it was are finished too."""
    at: VerifierState | None = st
    while at is not None:
        at.branches -= 1
        if at.branches == 0 and at.parent is not None and at.loop_entry is not None:
            update_loop_entry(at.parent, at.loop_entry)
        if at.branches:
            break
        at = at.parent
