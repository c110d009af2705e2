"""Options and exit statuses: 0 done, 1 rejected by the verifier or by clang, 2 bad input, 3 a limit was hit."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from vm.cli import commands, facts
from vm.cli.report import BAD_INPUT, Reporter
from vm.kernel.release import LINUX


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m vm", description="Compile, verify, translate and run eBPF programs.")
    verbs = p.add_subparsers(dest="verb", required=True, metavar="compile|disasm|verify|jit|run|facts")

    def verb(name: str, text: str, many: bool = True) -> argparse.ArgumentParser:
        v = verbs.add_parser(name, help=text, description=text)
        v.add_argument(
            "files", metavar="FILE", nargs="+" if many else 1, help="C, .o, .s/.asm (assembly), .hex or .bin"
        )
        v.add_argument("--json", action="store_true", help="one line of JSON a program (or run)")
        v.add_argument("--opt", choices=["O0", "O1", "O2"], default="O2", help="clang's optimisation level")
        v.add_argument("--mcpu", choices=["v1", "v2", "v3", "v4"], default="v3", help="BPF instruction set version")
        v.add_argument("--fix-includes", action="store_true", help="add what a C source needs and does not say")
        v.add_argument("--prog-type", default="xdp", metavar="SECTION", help="type of assembly and raw programs (xdp)")
        v.add_argument(
            "--untyped",
            default="socket",
            metavar="SECTION",
            help="type of functions in sections libbpf does not know (socket)",
        )
        return v

    def choosing(v: argparse.ArgumentParser) -> argparse.ArgumentParser:
        v.add_argument("--program", default="", metavar="NAME", help="only this program")
        who = v.add_mutually_exclusive_group()
        who.add_argument("--unprivileged", action="store_true", help="as for a user without capabilities")
        who.add_argument("--caps", metavar="NAMES", help="as for a user with these: bpf, perfmon, net_admin, or none")
        return v

    c = verb("compile", "compile C to a BPF object", many=False)
    c.add_argument("-o", dest="output", metavar="FILE.o", help="where the object goes")
    verb("disasm", "print instructions")
    v = choosing(verb("verify", f"say what {LINUX}'s verifier says"))
    v.add_argument("--whole", action="store_true", help="load the object's programs together, not each alone")
    v.add_argument("--trace", metavar="FILE.jsonl", help="write what the walk did, step by step (docs/trace.md)")
    v.add_argument("--log-level", type=int, choices=[0, 1, 2], default=1)
    choosing(verb("jit", "translate verified programs to x86-64"))
    r = choosing(verb("run", "run programs on a packet or an event"))
    what = r.add_mutually_exclusive_group()
    what.add_argument("--packet", metavar="X.pcap|X.bin|HEX", help="the packet(s)")
    what.add_argument("--event", metavar="NAME,k=v...", help="an event and its values")
    what.add_argument(
        "--memory", metavar="HEX", help="raw instructions: r1 = address of these bytes, r2 = their number"
    )
    r.add_argument("--engine", choices=["jit", "interpreter"], default=None)
    r.add_argument("--repeat", type=int, default=1, metavar="N", help="run N times, maps kept")
    r.add_argument("--unverified", action="store_true", help="run what the verifier refuses, or would")
    f = verbs.add_parser("facts", help="say what is known of a kernel, or what differs between two")
    facts.add_options(f)
    return p


def main(argv: Sequence[str]) -> int:
    """The exit status; whatever goes wrong is a sentence on standard error."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as e:
        return BAD_INPUT if e.code else 0
    # A walk makes millions of values and hardly a cycle: looking for cycles seldom saves a third of its time.
    gc.set_threshold(1_000_000, 10, 10)
    out = Reporter(options.json)
    try:
        return commands.VERBS[options.verb](options, out)
    except BrokenPipeError:
        # The reader went away: what it wanted, it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
