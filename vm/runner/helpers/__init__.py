"""What helpers do, by name. Both engines call `call_helper`; a helper that calls the program back is a generator."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from vm.bits import U64
from vm.errors import NotEmulated
from vm.kernel.func_ids import NAMES as HELPERS
from vm.kernel.release import LINUX
from vm.runner.helpers import maps, net, strings, system, trace, vlan, xdp
from vm.runner.helpers.base import Call, Helper, HelperResult
from vm.runner.helpers.kfuncs import KFUNCS
from vm.runner.helpers.names import NOT_EMULATED

if TYPE_CHECKING:
    from vm.runner.world import World

TABLE: Final[dict[str, Helper]] = {
    **maps.HELPERS,
    **trace.HELPERS,
    **system.HELPERS,
    **strings.HELPERS,
    **net.HELPERS,
    **vlan.HELPERS,
    **xdp.HELPERS,
}


def helper_name(number: int) -> str:
    """Name of helper `number` without bpf_; NotEmulated for one the kernel does not have."""
    if 0 < number < len(HELPERS):
        return HELPERS[number]
    raise NotEmulated(f"helper number {number}, which {LINUX} does not have", kind="helper", name=str(number))


def find_helper(name: str) -> Helper:
    """The function behind a helper, kfunc, or a map operation called directly ("htab_map_update_elem").

    A name of digits is a helper's number. Raises NotEmulated with the reason where there is one.
    """
    if name.isdigit():
        name = helper_name(int(name))
    plain = name.removeprefix("bpf_")
    found = TABLE.get(plain) or KFUNCS.get(name) or maps.direct(name)
    if found is not None:
        return found
    reason = NOT_EMULATED.get(plain)
    raise NotEmulated(f"bpf_{plain} ({reason})" if reason else name, kind="helper", name=f"bpf_{plain}")


def call_helper(helper: Helper, world: World, args: tuple[int, int, int, int, int]) -> int | Generator[Call, int, int]:
    """r0 as an unsigned 64-bit number, or the generator that will return it."""
    result = helper(world, *args)
    return result & U64 if isinstance(result, int) else result


__all__ = [
    "HELPERS", "NOT_EMULATED", "TABLE", "Call", "Helper", "HelperResult", "call_helper", "find_helper", "helper_name",
]  # fmt: skip
