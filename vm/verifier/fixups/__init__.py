"""From a verified program to what the kernel would run. passes.py lists the passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vm.rewritten import Rewritten
    from vm.verifier.env import VerifierEnv


def rewrite(env: VerifierEnv) -> Rewritten:
    """See vm.verifier.fixups.passes.rewrite (imported when first called: a verdict seldom needs it)."""
    from vm.verifier.fixups.passes import rewrite as run

    return run(env)
