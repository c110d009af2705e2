"""What tests of hooks share: sources whose programs print their name when they fire, and running them in guests."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from elftools.elf.elffile import ELFFile

from vm import pipeline
from vm.guests.images import busybox, missing
from vm.guests.states import State
from vm.pipeline import BuildOptions, Source

KERNELS = ("5.10", "6.1", "6.12", "7.3")
_HEAD = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#define SAY(name) bpf_printk("HOOK " #name)
"""
_LACKING = missing() or ("" if busybox() else "there is no busybox for workloads")


_Test = TypeVar("_Test", bound=Callable[..., None])


def on_guests(test: _Test) -> _Test:
    """Marks a test that runs programs in guests."""
    skipped: _Test = pytest.mark.skipif(bool(_LACKING), reason=_LACKING)(test)
    marked: _Test = pytest.mark.guests(skipped)
    return marked


def says(text: str) -> str:
    """A whole source: SAY(name) in a program prints a name."""
    return f'{_HEAD}{text}\nchar LICENSE[] SEC("license") = "GPL";\n'


def fires(context: str, result: int, **sections: str) -> str:
    """Programs that say their name and return a number, of hooks with the same context. sections -- by name"""
    return "".join(
        f'SEC("{section}") int {name}({context} *c) {{ SAY({name}); return {result}; }}\n'
        for name, section in sections.items()
    )


def entry() -> str:
    """Where busybox begins, as an offset in its file: a position-independent or a fixed executable."""
    shell = busybox()
    assert shell is not None
    with shell.open("rb") as file:
        elf: Any = ELFFile(file)
        address = elf.header["e_entry"]
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_LOAD" and 0 <= address - segment["p_vaddr"] < segment["p_filesz"]:
                return hex(address - segment["p_vaddr"] + segment["p_offset"])
    raise AssertionError("busybox has no code")


def ran(
    text: str, state: State, shell: str = "", workload: str = "shell", entries: tuple[tuple[str, str, str], ...] = ()
) -> tuple[dict[str, bool], set[str]]:
    """Which programs were attached, and which printed their name. shell -- a line, instead of a workload"""
    attached, said = told(text, state, shell, workload, entries)
    return {program: not why for program, why in attached.items()}, said


def told(
    text: str, state: State, shell: str = "", workload: str = "shell", entries: tuple[tuple[str, str, str], ...] = ()
) -> tuple[dict[str, str], set[str]]:
    """Why each program was not attached ("": it was), and which printed their name."""
    (build,) = pipeline.builds(Source("c", text.encode()), BuildOptions())
    assert not build.failed
    setup = pipeline.Setup(entries=entries)
    events = [
        event
        for some in pipeline.real(build, state, workload=workload, shell=shell, seconds=20, setup=setup)
        for event in some
    ]
    attached = {event["program"]: event["why"] for event in events if event["what"] == "attached"}
    said = {found[1] for event in events if (found := re.search(r"HOOK (\w+)", event.get("text", "")))}
    return attached, said
