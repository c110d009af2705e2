"""Converts a request of the run socket to values for the stages. Called in a worker only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from playground.present.inputs import GIVEN, from_base64
from vm.caps import NOBODY, ROOT, Caps
from vm.pipeline import BuildOptions, Source, SourceFile

Message: TypeAlias = dict[str, Any]
OBJECT: Final = "program"
"""Name of an object without a name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as values for the stages. `input` is not converted (docs/protocol.md, "Input"); None without one.

    more -- other fields of a question about the program
    """

    source: Source
    build: BuildOptions
    program: str
    verify: bool
    engine: str
    caps: Caps
    input: Message | None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unchecked(self) -> bool:
        """Whether the program runs as loaded, whatever the verdict is, because the input is a counterexample."""
        return self.input is not None and self.input.get("kind") == GIVEN


def read_request(request: Message) -> Asked:
    """Converts the fields of a request. InputError if the source does not have the stated kind."""
    options = request.get("options") or {}
    return Asked(
        source=read_source(request),
        build=read_build(options),
        program=options.get("program", ""),
        verify=bool(options.get("verify", True)),
        engine=options.get("engine", "jit"),
        caps=read_caps(options),
        input=request.get("input"),
    )


def read_source(request: Message) -> Source:
    """The source of a request, or of what stands beside a log."""
    files = tuple(SourceFile(name, text) for name, text in (request.get("files") or {}).items())
    return Source(request["kind"], _source_bytes(request), request.get("name") or OBJECT, files)


def read_build(options: Message) -> BuildOptions:
    """The options for compiling and loading."""
    return BuildOptions(
        opt=options.get("opt", "O2"),
        mcpu=options.get("mcpu", "v3"),
        fix_includes=bool(options.get("fix_includes")),
        prog_type=options.get("prog_type") or "xdp",
        guess=True,
    )


def read_caps(options: Message) -> Caps:
    """The user's capabilities."""
    return NOBODY if options.get("unprivileged") else ROOT


def _source_bytes(request: Message) -> bytes:
    source = request.get("source", "")
    if request["kind"] != "elf":
        return str(source).encode("utf-8", "surrogatepass")
    return from_base64(source, "The object")
