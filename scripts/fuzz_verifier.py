"""Holds the emulated verifier against a real Linux 6.12 on random programs: verdicts and level-2 logs, byte for byte.

    python scripts/fuzz_verifier.py LOAD [--seed N] [--rounds N]

LOAD takes OUT.jsonl FILE.o..., loads every program of every object into a kernel and writes one JSON line a program
(see record_goldens.py). A round is one boot: ROUND_OBJECTS objects of PROGRAMS programs each. Prints each disagreement
with the program, and how many programs agreed; exits with 1 if any did not.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = 50
ROUND_OBJECTS = 6

CONSTANTS = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 255, 256, 0x7FFF, 0xFFFF, 0x7FFFFFFF,
             -1, -2, -4, -8, -16, -128, -1000, -0x80000000)  # fmt: skip
SMALL = (1, 4, 8, 14, 20)
COMPARE = ("==", "!=", "<", "<=", ">", ">=", "s<", "s<=", "s>", "s>=", "&")
NUMBERS = (6, 7)  # registers that hold numbers; r8 is the pointer to memory, r9 the packet's end

SUBPROGRAMS = (
    "r0 = r1; if r0 > 7 goto .Lf0; r0 += 1; exit; .Lf0: r0 = 3; exit;",
    "r6 = r1; r6 &= 15; *(u64 *)(r10 - 8) = r6; r7 = *(u64 *)(r10 - 8); r0 = r7; r0 += r6; exit;",
    "r0 = 0; if r1 == 0 goto .Lf2; r1 = 1; r0 = r1; .Lf2: exit;",
    "r6 = r1; call f0; r0 += r6; r0 &= 31; exit;",
)

HEADER = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64[8]);
} values SEC(".maps");
void *keep = &values;
char _license[] SEC("license") = "GPL";
"""


@dataclass
class Writer:
    """One random program, written from front to back. Labels that were jumped to are placed later."""

    rng: random.Random
    number: int
    xdp: bool
    lines: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    labels: int = 0

    def put(self, *lines: str) -> None:
        self.lines += [line.replace("+ -", "- ") for line in lines]

    def const(self) -> int:
        return self.rng.choice(CONSTANTS)

    def label(self) -> str:
        self.labels += 1
        return f".L{self.number}_{self.labels}"

    def target(self) -> str:
        """A label ahead: one that waits to be placed, or a new one."""
        if self.waiting and self.rng.random() < 0.4:
            return self.rng.choice(self.waiting)
        self.waiting.append(self.label())
        return self.waiting[-1]

    def place(self, chance: float) -> None:
        for label in list(self.waiting):
            if self.rng.random() < chance:
                self.put(f"{label}:")
                self.waiting.remove(label)

    # -- what a program is made of -------------------------------------------

    def arithmetic(self) -> None:
        rng, w = self.rng, self.rng.choice("rrw")
        d, s = rng.choice(NUMBERS), rng.choice(NUMBERS)
        kind = rng.random()
        if kind < 0.4:
            self.put(f"{w}{d} {rng.choice('+-*&|^')}= {self.const()}")
        elif kind < 0.55:
            self.put(f"{w}{d} {rng.choice('+-*&|^/%')}= {w}{s}")
        elif kind < 0.67:
            self.put(f"{w}{d} {rng.choice(('<<', '>>', 's>>'))}= {rng.randint(0, 31)}")
        elif kind < 0.72:
            self.put(f"r{d} <<= 32", f"r{d} s>>= 32")
        elif kind < 0.8:
            self.put(f"{w}{d} = (s{rng.choice((8, 16))}){w}{s}")
        elif kind < 0.85:
            self.put(f"r{d} = {rng.choice(('be16', 'be32', 'le16', 'bswap32', 'bswap64'))} r{d}")
        elif kind < 0.95:
            self.put(f"{w}{d} = {w}{s}")
        else:
            self.put(f"r{d} = {self.const()}")

    def branch(self) -> None:
        rng, w = self.rng, self.rng.choice("rrrw")
        right = f"{w}{rng.choice(NUMBERS)}" if rng.random() < 0.4 else str(self.const())
        self.put(f"if {w}{rng.choice(NUMBERS)} {rng.choice(COMPARE)} {right} goto {self.target()}")

    def stack(self) -> None:
        rng, off = self.rng, self.rng.choice((-8, -16, -24, -32))
        size = rng.choice(("u64", "u64", "u64", "u32", "u16", "u8"))
        if rng.random() < 0.2:
            self.put(f"*(u64 *)(r10 + {off}) = r8", f"r3 = *(u64 *)(r10 + {off})")
            return
        self.put(f"*({size} *)(r10 + {off}) = r{rng.choice(NUMBERS)}")
        if rng.random() < 0.7:
            self.put(f"r{rng.choice(NUMBERS)} = *({rng.choice(('u64', 'u64', 'u32', 'u8'))} *)(r10 + {off})")

    def memory(self) -> None:
        rng, number = self.rng, self.rng.choice(NUMBERS)
        if not self.xdp:
            if rng.random() < 0.8:
                self.put(f"if r{number} > {rng.choice((8, 31, 40, 63))} goto .Lout{self.number}")
            self.put("r3 = r8", f"r3 {rng.choice('+++-')}= r{number}")
            self.put(f"r4 = *({rng.choice(('u8', 'u16', 'u32'))} *)(r3 + {rng.choice((0, 0, 4, 8, -1))})")
            return
        self.put("r3 = r8")
        if rng.random() < 0.5:
            self.put(f"r3 += r{number}")
        self.put(f"r3 += {rng.choice(SMALL)}", f"if r3 {rng.choice(('>', '>=', '<', '<='))} r9 goto {self.target()}")
        self.put(f"r4 = *(u8 *)(r{rng.choice((8, 8, 3))} + {rng.choice((0, 0, 1, 3, 7, -1, -4))})")

    def call(self) -> None:
        rng = self.rng
        self.put(f"r1 = r{rng.choice(NUMBERS)}", f"r2 = {rng.choice(('r10', 'r8', 'r7', '4'))}")
        self.put(f"call f{rng.randrange(len(SUBPROGRAMS))}")
        if rng.random() < 0.7:
            self.put("r6 = r0")

    def loop(self) -> None:
        rng, top = self.rng, self.label()
        self.put(f"r5 = {rng.randint(0, 3)}", f"{top}: r5 += 1")
        self.put(f"r6 += {rng.choice((1, 2, 8))}" if rng.random() < 0.5 else "r7 ^= 1")
        self.put(f"if r5 < {rng.randint(3, 12)} goto {top}")

    def distance(self) -> None:
        self.put("r3 = r6", f"r3 += {self.const()}")
        self.put(f"if r6 {self.rng.choice(('<', '>', 's<'))} {self.const()} goto .Lout{self.number}", "r7 = r3")

    # -- the whole -------------------------------------------------------------

    def write(self) -> str:
        """The program as assembly text."""
        rng = self.rng
        if self.xdp:
            self.put("r8 = *(u32 *)(r1 + 0)", "r9 = *(u32 *)(r1 + 4)")
        else:
            self.put("r1 = 0", "*(u32 *)(r10 - 4) = r1", "r2 = r10", "r2 += -4", "r1 = values ll", "call 1")
            self.put(f"if r0 == 0 goto .Lout{self.number}", "r8 = r0")
        self.put("call 7", "r6 = r0", "call 5", "r7 = r0")
        if rng.random() < 0.5:
            self.put(f"r6 &= {rng.choice((3, 7, 15, 31, 63))}")
        parts = (self.arithmetic, self.branch, self.stack, self.memory, self.call, self.loop, self.distance)
        for part in rng.choices(parts, (8, 6, 3, 4, 2, 1, 1), k=rng.randint(6, 20)):
            self.place(0.3)
            part()
        self.place(1)
        if rng.random() < 0.5:
            mask = 7 if rng.random() < 0.7 else 31
            self.put("r3 = r10", f"r6 &= {mask}", "r3 += r6", "r3 += -16", "r1 = 1", "*(u8 *)(r3 + 0) = r1")
        self.put(f".Lout{self.number}: r0 = 0", "exit")
        return "\n".join(self.lines)


def source(rng: random.Random, count: int) -> str:
    """A C source of `count` random programs, p0 … and the functions they call."""
    text = '.section .text,"ax",@progbits\n'
    for i, code in enumerate(SUBPROGRAMS):
        text += f".type f{i},@function\nf{i}:\n{code}\n.size f{i}, .-f{i}\n"
    for number in range(count):
        xdp = rng.random() < 0.4
        code = Writer(rng, number, xdp).write()
        text += f'.section {"xdp" if xdp else "socket"},"ax",@progbits\n.globl p{number}\n.type p{number},@function\n'
        text += f"p{number}:\n{code}\n.size p{number}, .-p{number}\n"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{HEADER}asm("{escaped}");\n'


def build(rng: random.Random, count: int = PROGRAMS) -> bytes:
    """An object with `count` random programs."""
    from vm.compile import CompileOptions, compile_c

    result = compile_c(source(rng, count), CompileOptions(mcpu="v4"))
    if result.object is None:
        raise SystemExit("; ".join(d.message for d in result.diagnostics))
    return result.object


def tidy(log: str) -> list[str]:
    """Lines without kernel addresses."""
    return [line.rstrip() for line in re.sub(r"0xf[0-9a-f]{15}\b", "0xADDRESS", log).strip().split("\n")]


def disagreement(data: bytes, said: dict[str, str]) -> str:
    """How the emulation differs from what the kernel said of one program; "" if it does not."""
    from vm.elf import load_object
    from vm.errors import InputError
    from vm.verifier.check import verify
    from vm.verifier.env import VerifyOptions

    program = next(p for p in load_object(data, said["file"]).programs if p.name == said["prog"])
    try:
        ours = verify(program, VerifyOptions(2, record=False))
    except InputError as e:
        return e.message
    theirs, mine = tidy(said.get("log2", ours.log)), tidy(ours.log)
    if ours.verdict == said["verdict"] and theirs == mine:
        return ""
    diff = difflib.unified_diff(theirs, mine, f"kernel: {said['verdict']}", f"emulation: {ours.verdict}", lineterm="")
    return "\n".join(list(diff)[:40])


def main() -> int:
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    tried = wrong = 0
    for seed in range(options.seed, options.seed + options.rounds):
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory() as tmp:
            objects = {f"fuzz{i}.o": build(rng) for i in range(ROUND_OBJECTS)}
            for name, data in objects.items():
                Path(tmp, name).write_bytes(data)
            out = Path(tmp, "out.jsonl")
            subprocess.run([options.load, str(out), *(str(Path(tmp, name)) for name in objects)], check=True)
            for line in out.read_text().splitlines():
                said = json.loads(line)
                if "prog" not in said:
                    continue
                tried += 1
                found = disagreement(objects[said["file"]], said)
                if found:
                    wrong += 1
                    print(f"seed {seed} {said['file']}:{said['prog']}\n{found}\n")
        print(f"seed {seed}: {tried} programs tried, {wrong} disagreements", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
