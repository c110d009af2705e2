"""Rewriting of an accepted program into the instructions that the JIT gets. passes.py lists the passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vm.rewritten import Rewritten
    from vm.verifier.env import VerifierEnv


def rewrite(env: VerifierEnv) -> Rewritten:
    """See vm.verifier.fixups.passes.rewrite (imported when first called: a verdict seldom needs it)."""
    from vm.verifier.fixups.passes import rewrite as run

    return run(env)
