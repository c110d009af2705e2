"""A run on a real kernel: all programs of an object attached in a guest while a workload runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vm.errors import InputError, LimitError
from vm.pipeline.kernel_matrix import Build
from vm.pipeline.objects import load

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.guests.running import Content, Event
    from vm.guests.states import State
    from vm.program import Object

DEFAULT_SECONDS: Final = 5.0
MAX_SECONDS: Final = 60.0
_SPARE: Final = 25.0  # seconds for loading, attaching and reading maps


def workloads() -> tuple[str, ...]:
    """Names of the workloads."""
    from vm.guests.running import WORKLOADS

    return tuple(WORKLOADS)


def real(
    build: Build, state: State, *, workload: str = "shell", shell: str = "", seconds: float = DEFAULT_SECONDS
) -> Iterator[dict[str, Any]]:
    """What happens, as it happens, a dictionary each: `what` is attached, printk, record, map or end.

    shell -- a line for busybox's shell, instead of a workload
    InputError if the object cannot be loaded, LimitError if the guest was lost.
    """
    from vm.guests.kernel import GuestKernel
    from vm.guests.running import WORKLOADS, run
    from vm.guests.wire import GuestError

    kernel = GuestKernel(state)
    obj = load(build.source, build.options, build.compiled, kernel)
    for name, why in obj.errors:
        yield {"what": "attached", "program": name, "ok": False, "why": why}
    tell = _Teller(obj)
    try:
        with state.restore(min(seconds, MAX_SECONDS) + _SPARE) as machine:
            for event in run(machine, kernel, obj, shell or WORKLOADS[workload], min(seconds, MAX_SECONDS)):
                yield tell(event)
    except GuestError as error:
        raise LimitError(error.message, "time" if error.kind == "time" else "memory") from None


class _Teller:
    """Events as JSON, decoded through the object's BTF."""

    def __init__(self, obj: Object) -> None:
        from vm.btf.format import RecordText
        from vm.kernel.btf import is_kernel_type

        self.btf: Btf | None = obj.btf
        self.records = RecordText(obj.btf, is_kernel_type)
        self.buffers = {spec.full_name for spec in obj.maps}

    def __call__(self, event: Event) -> dict[str, Any]:
        from vm.guests.running import Attached, Content, Printed, Record

        if isinstance(event, Attached):
            return {"what": "attached", "program": event.program, "ok": event.ok, "why": event.why}
        if isinstance(event, Printed):
            return {"what": "printk", "text": event.text}
        if isinstance(event, Record):
            binary = event.map in self.buffers
            text = self.records.text(event.data) if binary else event.data.decode("utf-8", "replace")
            return {"what": "record", "map": event.map, "decoded": text, "bytes": event.data.hex()}
        if isinstance(event, Content):
            return self._content(event)
        return {"what": "end", "lost": event.lost, "status": event.status}

    def _content(self, content: Content) -> dict[str, Any]:
        from vm.btf.format import format_value

        spec, btf = content.spec, self.btf

        def text(type_id: int, data: bytes) -> str:
            return format_value(btf, type_id, data) if btf is not None and type_id else ""

        entries = [
            {
                "key": key.hex(), "value": value.hex(),
                "key_text": text(spec.btf_key_type_id, key), "value_text": text(spec.btf_value_type_id, value),
            }
            for key, value in content.entries
        ]  # fmt: skip
        return {"what": "map", "map": spec.full_name or spec.name, "entries": entries, "whole": content.whole}


def chosen(states: list[State], name: str) -> State:
    """The saved guest of a kernel; InputError names those that are there."""
    for state in states:
        if state.name == name:
            return state
    raise InputError(f"There is no kernel {name}; there are: {', '.join(state.name for state in states)}.")
