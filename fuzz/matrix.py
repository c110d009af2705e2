"""python -m fuzz.matrix --load fuzz/guest/batch [--group G] [--sample N] [--record FILE]: the tables, by trial.

Small programs try every pair of things the verifier has a table or a switch for (fuzz/matrix_cases.py), here and in a
real kernel; verdict, errno and the level-2 log must be the same. --record writes what the kernel said.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fuzz.matrix_cases import BTF, GROUPS, MAPS, Case
from vm import pipeline
from vm.elf.sections import section_def
from vm.errors import InputError, NotEmulated
from vm.isa.insn import encode
from vm.kernel.attach import attach_target
from vm.kernel.errno import EINVAL
from vm.program import Program


class Words(NamedTuple):
    """What one side said: errno (0 accepted; NotEmulated: 1) and the log's lines without kernel addresses."""

    errno: int
    log: tuple[str, ...]

    @property
    def last(self) -> str:
        """The line before "processed …"."""
        return self.log[-2] if len(self.log) > 1 else "".join(self.log)

    @property
    def checksum(self) -> int:
        return zlib.crc32("\n".join(self.log).encode())


def words(errno: int, log: str) -> Words:
    log = re.sub(r"0x[f][0-9a-f]{15}\b", "0xPTR", log)
    lines = [line.rstrip() for line in log.strip().split("\n")]
    return Words(errno, tuple(line for line in lines if not line.startswith(("verification time", "stack depth"))))


def program(case: Case) -> Program:
    """As a loader would give it."""
    found = section_def(case.section)
    assert found is not None, case.section
    return Program(
        "p",
        case.section,
        found.prog_type,
        case.insns,
        maps=MAPS,
        expected_attach_type=found.expected_attach_type,
        prog_flags=found.prog_flags,
        attach_btf_name=case.section.partition("/")[2] if found.attaches_by_btf else "",
    )


def ours(case: Case) -> Words:
    """What the emulation says."""
    try:
        said = pipeline.verify(program(case), record=False)[0]
    except NotEmulated as error:
        return Words(1, (f"not emulated: {error.message}",))
    except InputError as error:
        return Words(1, (error.message,))
    return words(said.errno, said.log)


def batch(cases: Sequence[Case]) -> bytes:
    """The file fuzz/guest/batch.c reads."""
    out = bytearray(struct.pack("<I", len(BTF)) + BTF + bytes(-len(BTF) % 4) + struct.pack("<I", len(MAPS)))
    for spec in MAPS:
        inner = MAPS.index(spec.inner) + 1 if spec.inner is not None else 0
        facts = (spec.map_type, spec.key_size, spec.value_size, spec.max_entries, spec.map_flags)
        out += struct.pack("<8I16x", *facts, inner, spec.btf_key_type_id, spec.btf_value_type_id)
    out += struct.pack("<I", len(cases))
    for case in cases:
        p = program(case)
        name = p.attach_btf_name
        target = attach_target(p.prog_type, p.expected_attach_type, name) if name else None
        facts = (p.prog_type, p.expected_attach_type, p.prog_flags, target.id if target is not None else 0, 2)
        out += struct.pack("<6I", *facts, len(p.insns)) + encode(p.insns)
    return bytes(out)


def ask(command: str, cases: Sequence[Case]) -> list[Words | None]:
    """What a kernel says; None where it did not answer."""
    said: list[Words | None] = [None] * len(cases)
    with tempfile.TemporaryDirectory() as name:
        given, out = Path(name, "batch"), Path(name, "out.jsonl")
        given.write_bytes(batch(cases))
        done = subprocess.run([*shlex.split(command), str(out), str(given)], capture_output=True, text=True)
        if done.returncode:
            print(f"the kernel did not finish: {(done.stdout + done.stderr).strip()[-300:]}", file=sys.stderr)
        for line in out.read_text(errors="replace").splitlines() if out.exists() else []:
            answer: dict[str, Any] = json.loads(line)
            if "log" in answer:
                said[answer["i"]] = words(answer["err"], answer["log"])
            elif "done" not in answer:
                print(line, file=sys.stderr)
    return said


def difference(kernel: Words, mine: Words) -> str:
    """What differs first, or nothing."""
    if kernel == mine:
        return ""
    if kernel.errno != mine.errno:
        kind = "wrong accept" if mine.errno == 0 else "wrong reject" if kernel.errno == 0 else "errno"
        return f"{kind}\n  kernel {kernel.errno} {kernel.last}\n  ours   {mine.errno} {mine.last}"
    pairs = zip((*kernel.log, "(end)"), (*mine.log, "(end)"), strict=False)
    a, b = next((a, b) for a, b in pairs if a != b)
    return f"log\n  kernel {a}\n  ours   {b}"


def chosen(groups: Sequence[str], sample: int, seed: int) -> list[tuple[str, Case]]:
    """The groups' programs, or so many of each."""
    found: list[tuple[str, Case]] = []
    for group in groups:
        cases = list(GROUPS[group]())
        if sample:
            cases = random.Random(f"{seed} {group}").sample(cases, min(sample, len(cases)))
        found += [(group, case) for case in cases]
    return found


def main() -> int:
    a = argparse.ArgumentParser(prog="python -m fuzz.matrix", description="The verifier's tables, by trial.")
    a.add_argument("--load", required=True, help="command that takes OUT.jsonl BATCH and asks a kernel")
    a.add_argument("--group", action="append", choices=sorted(GROUPS), help="default: all, which takes an hour")
    a.add_argument("--sample", type=int, default=0, help="this many programs of each group")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--record", type=Path, help="write section, instructions and the kernel's answers (.json.xz)")
    options = a.parse_args()
    counts, recorded = Counter[str](), []
    cases = chosen(options.group or list(GROUPS), options.sample, options.seed)
    for (group, case), kernel in zip(cases, ask(options.load, [case for _, case in cases]), strict=True):
        if kernel is None:
            counts["silent"] += 1
            continue
        mine = ours(case)
        if kernel.errno == -EINVAL and mine.errno == 0 and kernel.log == mine.log:
            counts["refused after the walk"] += 1  # a map of programs belongs to the type that used it first
            continue
        what = difference(kernel, mine)
        counts[what.split("\n")[0] or "same"] += 1
        if what:
            print(f"{group}: {case.label}: {what}", flush=True)
        recorded.append(
            (group, case.label, case.section, encode(case.insns).hex(), kernel.errno, kernel.last, kernel.checksum)
        )
    if options.record:
        options.record.write_bytes(lzma.compress(json.dumps(recorded).encode(), preset=9))
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    return 1 if set(counts) - {"same", "silent", "refused after the walk"} else 0


if __name__ == "__main__":
    sys.exit(main())
