"""Running programs: memory as the kernel lays it out, maps, helpers, the machine and the plain interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vm.jit.image import Image
    from vm.program import MapSpec
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution
    from vm.runner.inputs import RunInput, RunLimits


def run(
    rewritten: Rewritten,
    image: Image,
    given: RunInput,
    limits: RunLimits,
    *,
    record: bool = True,
    siblings: Sequence[tuple[Rewritten, Image]] = (),
    maps: Sequence[MapSpec] = (),
) -> Execution:
    """One run on the machine; see vm.runner.machine.run_all."""
    from vm.runner.machine import run as on_machine

    return on_machine(rewritten, image, given, limits, record=record, siblings=siblings, maps=maps)


def warm() -> None:
    """Import in advance what the first run needs: the machine, the library for packet forms, the kernel's types."""
    import unicorn.x86_const  # noqa: F401

    from vm.kernel.btf import kernel_btf
    from vm.runner import interp, machine, packets  # noqa: F401

    kernel_btf()
    packets.from_form({"ip": {}, "udp": {}})
