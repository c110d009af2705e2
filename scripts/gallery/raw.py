"""Programs that only an application gets to the kernel which calls bpf(2) itself: rules that have no page's program.

    python -m scripts.gallery.raw     asks Linux 6.12, prints what it and the emulation say, and records it

No section name and no assembly gives these program types, flags and hooks. tests/gallery/test_raw.py compares what was
recorded with what the emulation says.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts.gallery.content import ROOT
from scripts.gallery.kernels import RECORDED, VERSIONS, assembled, batch, run
from scripts.gallery.ours import instructions, tidy
from vm import pipeline
from vm.asm import assemble
from vm.kernel import types as k
from vm.program import Program

FILE: Final = RECORDED / "raw.jsonl"
STRICT_ALIGNMENT: Final = 1 << 0
SLEEPABLE: Final = 1 << 4
_LOG_LEVEL: Final = 1
_NOTHING: Final = "r0 = 0\nexit\n"
_PACKET: Final = """
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r4 = r2
r4 += 14
if r4 > r3 goto out
r5 = *(u32 *)(r2 + 3)
out:
r0 = 2
exit
"""


class Raw(NamedTuple):
    """A program as no loader makes it. hook -- the kernel's type that attach_btf_id names, "" for none."""

    prog_type: int
    attach: int = 0
    flags: int = 0
    hook: str = ""
    text: str = _NOTHING


RAW: Final[dict[str, Raw]] = {
    "sleepable-program-type": Raw(k.BPF_PROG_TYPE_XDP, flags=SLEEPABLE),
    "syscall-not-sleepable": Raw(k.BPF_PROG_TYPE_SYSCALL),
    "misaligned-packet-access": Raw(k.BPF_PROG_TYPE_XDP, flags=STRICT_ALIGNMENT, text=_PACKET),
    "attach-target-missing": Raw(k.BPF_PROG_TYPE_TRACING, k.BPF_TRACE_FENTRY),
    "tracing-attach-type": Raw(k.BPF_PROG_TYPE_TRACING, k.BPF_XDP, hook="vfs_read"),
    "replace-kernel-function": Raw(k.BPF_PROG_TYPE_EXT, hook="vfs_read"),
    "struct-ops-struct": Raw(k.BPF_PROG_TYPE_STRUCT_OPS, hook="task_struct"),
    "struct-ops-struct-missing": Raw(k.BPF_PROG_TYPE_STRUCT_OPS),
    "struct-ops-member-index": Raw(k.BPF_PROG_TYPE_STRUCT_OPS, 999, hook="tcp_congestion_ops"),
    "struct-ops-member-kind": Raw(k.BPF_PROG_TYPE_STRUCT_OPS, 12, hook="tcp_congestion_ops"),
}
"""The program of each rule."""


def program(raw: Raw) -> Program:
    """The program as the emulation takes it."""
    made = assemble(raw.text, name="raw", prog_type="xdp").programs[0]
    return replace(
        made, prog_type=raw.prog_type, expected_attach_type=raw.attach, prog_flags=raw.flags, attach_btf_name=raw.hook
    )


def ours(raw: Raw) -> dict[str, Any]:
    """What the emulation says: rule, errno, log."""
    found = pipeline.verify(program(raw), log_level=_LOG_LEVEL)[0]
    rule = found.failure.rule if found.failure is not None else ""
    return {"rule": rule, "errno": found.errno, "log": instructions(tidy(found.log))}


def ask() -> dict[str, dict[str, Any]]:
    """What Linux 6.12 says, by rule."""
    with tempfile.TemporaryDirectory() as name:
        given, out = Path(name) / "batch", Path(name) / "batch.jsonl"
        given.write_bytes(batch([program(raw) for raw in RAW.values()]))
        command = [str(ROOT / "fuzz" / "guest" / "batch"), str(out), str(given)]
        lines = run(command, assembled(VERSIONS[0], Path(name)), out, "mitigations=off")
    names = list(RAW)
    return {names[line["i"]]: {"errno": line["err"], "log": tidy(line["log"])} for line in lines if "log" in line}


def main() -> None:
    answers = ask()
    with FILE.open("w") as out:
        for rule, said in sorted(answers.items()):
            out.write(json.dumps({"rule": rule, **said}) + "\n")
            print(f"{rule}: Linux {said}\n    ours {ours(RAW[rule])}")


if __name__ == "__main__":
    main()
