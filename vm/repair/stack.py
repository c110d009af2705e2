"""Large local variables, moved from the stack to a per-CPU array map."""

from __future__ import annotations

from collections.abc import Iterator

from vm.csource.big_locals import in_a_map, large_locals
from vm.repair.candidate import Candidate
from vm.repair.cview import neutral
from vm.repair.scene import Scene


def off_the_stack(scene: Scene) -> Iterator[Candidate]:
    """The largest local variables moved to a per-CPU array map."""
    tree = scene.tree
    for large in large_locals(tree)[:3]:
        yield Candidate(
            f"Keep {tree.of(large.name)} in a map instead of on the stack",
            "All frames of a call chain have 512 bytes of stack together; a per-CPU array has room for large buffers.",
            in_a_map(tree, large, neutral(scene, large.function)[0]),
        )
