"""A run on a real kernel: all programs of an object attached in a guest while a workload runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vm.errors import InputError, LimitError
from vm.kernel import types as t
from vm.pipeline.kernel_matrix import Build, guest_kernel
from vm.pipeline.kernel_setup import NOTHING, Setup, prepared
from vm.pipeline.running import execute
from vm.pipeline.translation import rewrite
from vm.pipeline.verdicts import check

if TYPE_CHECKING:
    from vm.btf.types import Btf
    from vm.guests.events import Content, Event
    from vm.guests.single_runs import Received
    from vm.guests.states import State
    from vm.program import Object
    from vm.runner.execution import Execution
    from vm.runner.inputs import PacketInput

DEFAULT_SECONDS: Final = 5.0
MAX_SECONDS: Final = 60.0
MAX_SHOWN: Final = 4096
"""Bytes of a record or packet that are told in hex, and characters of its text."""
PERF_PADDING: Final = 7
"""Bytes at most that the kernel adds to a sample of a perf buffer, so that it ends at a multiple of eight."""
_SPARE: Final = 25.0  # seconds for loading, attaching and reading maps


def workloads() -> tuple[str, ...]:
    """Names of the workloads."""
    from vm.guests.running import WORKLOADS

    return tuple(WORKLOADS)


def real(
    build: Build,
    state: State,
    *,
    workload: str = "shell",
    shell: str = "",
    seconds: float = DEFAULT_SECONDS,
    program: str = "",
    packets: Sequence[PacketInput] = (),
    setup: Setup = NOTHING,
) -> Iterator[list[dict[str, Any]]]:
    """What happens, as it happens: lists of dictionaries.

    Their `what` is packet, attached, printk, shell (a line that the workload wrote), record, map or end.

    shell   -- a line for busybox's shell, instead of a workload
    program -- which one gets the packets first, through BPF_PROG_TEST_RUN, with what the emulated machine makes of them
    setup   -- what is changed before
    InputError if the object cannot be loaded or so changed, LimitError if the guest was lost.
    """
    from vm.guests.running import MAX_SHELL, WORKLOADS, run
    from vm.guests.single_runs import Packets
    from vm.guests.wire import GuestError

    if len(shell) > MAX_SHELL:
        raise InputError(f"A line of shell may have {MAX_SHELL} characters.")
    if not shell and workload not in WORKLOADS:
        raise InputError(f"There is no workload {workload!r}; there are: {', '.join(WORKLOADS)}.")
    kernel = guest_kernel(state, attaches=True)
    obj, before = prepared(build, kernel, setup)
    yield [{"what": "attached", "program": name, "ok": False, "why": why, "device": ""} for name, why in obj.errors]
    chosen = next((each for each in obj.programs if each.name == program), None) if packets else None
    given = Packets(chosen, tuple(each.data for each in packets)) if chosen is not None else None
    tell = _Teller(obj, _emulated(build, program, packets, setup) if given is not None else [])
    limit = min(seconds, MAX_SECONDS)
    try:
        with state.restore(limit + _SPARE) as machine:
            for events in run(machine, kernel, obj, shell or WORKLOADS[workload], limit, given, before=before):
                if events:
                    yield [tell(event) for event in events]
    except GuestError as error:
        raise LimitError(error.message, "time" if error.kind == "time" else "memory") from None


def _emulated(build: Build, name: str, packets: Sequence[PacketInput], setup: Setup = NOTHING) -> list[Execution]:
    """What the emulated machine makes of the packets; nothing if it does not accept the program or cannot run it.

    Its maps are empty before: nothing either if the setup has entries.
    """
    from vm.runner.inputs import RunLimits

    try:
        obj, before = prepared(build, None, setup)
        program = next((each for each in obj.programs if each.name == name), None)
        verdict = check(obj, program, log_level=0) if program is not None else None
        if before.entries or verdict is None or not verdict.accepted or verdict.env is None:
            return []
        given = [replace(each, socket="test_run") for each in packets]
        return execute(rewrite(verdict.env), None, given, RunLimits(), record=False, obj=obj)
    except InputError:
        return []


class _Teller:
    """Events as JSON, decoded through the object's BTF."""

    def __init__(self, obj: Object, emulated: Sequence[Execution]) -> None:
        from vm.btf.format import RecordText
        from vm.kernel.btf import is_kernel_type

        self.btf: Btf | None = obj.btf
        self.records = RecordText(obj.btf, is_kernel_type)
        self.spare = {
            spec.full_name: PERF_PADDING if spec.map_type == t.BPF_MAP_TYPE_PERF_EVENT_ARRAY else 0 for spec in obj.maps
        }
        self.emulated = emulated

    def __call__(self, event: Event) -> dict[str, Any]:
        from vm.guests.events import Attached, Content, Ended, Printed, Record, Shell
        from vm.guests.single_runs import Received

        if isinstance(event, Received):
            return self._packet(event)
        if isinstance(event, Attached):
            return {
                "what": "attached",
                "program": event.program,
                "ok": event.ok,
                "why": event.why,
                "device": event.device,
            }
        if isinstance(event, Shell):
            return {"what": "shell", "text": event.text[:MAX_SHOWN]}
        if isinstance(event, Printed):
            return {"what": "printk", "text": event.text[:MAX_SHOWN]}
        if isinstance(event, Record):
            spare = self.spare.get(event.map)
            if spare is None:  # an iterator
                text, data = event.data.decode("utf-8", "replace"), ""
            else:
                text, data = self.records.text(event.data, spare)[:MAX_SHOWN], event.data[:MAX_SHOWN].hex()
            return {"what": "record", "map": event.map, "decoded": text, "bytes": data, "size": len(event.data)}
        if isinstance(event, Content):
            return self._content(event)
        assert isinstance(event, Ended)  # nothing is recorded here
        return {
            "what": "end",
            "lost": event.lost,
            "status": event.status,
            "left_out": list(event.left_out),
            "stopped": event.stopped,
        }

    def _packet(self, event: Received) -> dict[str, Any]:
        """A packet; `ours` is what the emulated machine made of it, null if it made nothing."""
        ours = None
        if event.number < len(self.emulated):
            found = self.emulated[event.number]
            out = found.packet_out or b""
            ours = {
                "retval": found.r0 & 0xFFFFFFFF, "out": out[:MAX_SHOWN].hex(),
                "fault": found.fault.message if found.fault is not None else "",
                "same": found.fault is None and not event.errno
                        and (found.r0 & 0xFFFFFFFF, out) == (event.retval, event.out),
            }  # fmt: skip
        return {
            "what": "packet", "number": event.number, "errno": event.errno, "retval": event.retval,
            "out": event.out[:MAX_SHOWN].hex(), "size": len(event.out), "ours": ours,
        }  # fmt: skip

    def _content(self, content: Content) -> dict[str, Any]:
        from vm.btf.format import format_value
        from vm.pipeline.histograms import bars

        spec, btf = content.spec, self.btf

        def text(type_id: int, data: bytes) -> str:
            return format_value(btf, type_id, data)[:MAX_SHOWN] if btf is not None and type_id else ""

        entries = [
            {
                "key": key.hex(), "value": value[:MAX_SHOWN].hex(),
                "key_text": text(spec.btf_key_type_id, key), "value_text": text(spec.btf_value_type_id, value),
            }
            for key, value in content.entries
        ]  # fmt: skip
        return {
            "what": "map", "map": spec.full_name or spec.name, "entries": entries, "whole": content.whole,
            "bars": bars(spec, btf, content.entries),
        }  # fmt: skip
