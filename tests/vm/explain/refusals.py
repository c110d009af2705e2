"""Programs that the verifier refuses, for the tests of this folder."""

from __future__ import annotations

from vm.asm import assemble
from vm.caps import Caps
from vm.pipeline import BuildOptions, Source, compile_source, load
from vm.pipeline.bpf_check import verify
from vm.trace.records import Failure
from vm.verifier.env import VerifyOptions

HEAD = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
LICENCE = '\nchar LICENSE[] SEC("license") = "GPL";\n'
MAP = (
    "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int);"
    ' __type(value, char[64]); } m SEC(".maps");\n'
)


def refused_c(text: str, licence: str = LICENCE, head: str = HEAD) -> Failure:
    options = BuildOptions()
    source = Source("c", (head + text + licence).encode(), "t")
    compiled = compile_source(source, options)
    assert compiled.ok, compiled.diagnostics
    (program,) = load(source, options, compiled.object).programs
    failure = verify(program).failure
    assert failure is not None
    return failure


def refused(text: str, prog_type: str = "xdp", caps: Caps | None = None) -> Failure:
    (program,) = assemble(f".type {prog_type}\n{text}", name="t").programs
    failure = verify(program, VerifyOptions(0, caps=caps)).failure
    assert failure is not None
    return failure
