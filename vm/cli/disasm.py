"""`disasm FILE...`: the instructions of each program."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from vm.cli.options import add_build, add_files, add_program
from vm.cli.report import Reporter
from vm.cli.sources import chosen, objects

HELP: Final = "print instructions"


def arguments(p: ArgumentParser) -> None:
    add_files(p)
    add_build(p)
    add_program(p)


def run(options: Namespace, out: Reporter) -> int:
    from vm.isa.opcodes import LD_IMM64
    from vm.isa.text import insn_text

    for path, obj in objects(options, out, {}):
        for p in chosen(path, obj, options, out):
            lines = []
            idx = 0
            while idx < len(p.insns):
                lines.append(f"{idx:4}: {insn_text(p.insns, idx)}")
                idx += 2 if p.insns[idx].code == LD_IMM64 else 1
            record = {"file": path, "program": p.name, "section": p.section, "insns": [s.strip() for s in lines]}
            out.line(record, f"{p.name} ({p.section}):\n" + "\n".join(lines))
    return out.status
