"""Changes of a C source that may make the verifier accept a rejected program.

candidates(scene) -- proposals that follow from what was refused and from the text around it, the likeliest first

Nothing here compiles or verifies: vm.pipeline.repair tries each proposal and offers those that hold.
"""

from __future__ import annotations

from vm.repair.candidate import Candidate
from vm.repair.scene import Scene
from vm.repair.table import candidates

__all__ = ["Candidate", "Scene", "candidates"]
