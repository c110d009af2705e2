"""Random programs of users without capabilities: python -m fuzz.users --seconds N --seed S --load COMMAND [--caps none]

What such users may do is little, and around it the verifier guards against speculation: sums of pointers and numbers in
every form, pointers on the stack, branches that never go one way. COMMAND is "python scripts/load_as.py --as none"
(or other capabilities, then also given as --caps); a Linux 6.12 has to be there. Differences go to --report.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fuzz import elf, mutate
from fuzz.compare import tidy, without
from fuzz.generate import CTX, JUMP_OPS, KINDS, MAPS, NUMBERS, OUT, SIZES, Made, Maker, add, call, mov, movr
from vm.caps import BPF, Caps, capable, parse
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import Program

PER_OBJECT = 20
SHORT = 3000
VALUE = 8  # register that holds a map value while a statement works with it


class UserMaker(Maker):
    """Numbers, branches and the stack as in Maker; no loops and functions, which take CAP_BPF."""

    def __init__(self, rng: random.Random, sloppy: float) -> None:
        super().__init__(rng, sloppy)
        self.section, self.prog_type, self.packet, self.fields = next(kind for kind in KINDS if kind[0] == "socket")
        self.statements = (
            (6, self.alu), (4, self.branch), (3, self.stack), (1, self.field), (2, self.number), (2, self.map_value),
            (1, self.atomic), (6, self.pointer_sum), (3, self.two_ways), (3, self.spilled), (2, self.one_way),
            (1, self.leak),
        )  # fmt: skip

    def lookup(self) -> tuple[list[Insn], int]:
        """VALUE = a value of a map, and how large it is."""
        index = self.rng.randrange(len(MAPS))
        out = [Insn(o.ST | o.MEM | o.W, 10, 0, -128, self.rng.randint(0, 4)), movr(2, 10), add(2, -128)]
        out += [Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD, 0, index), Insn(0), call(1)]
        self.called()
        if not self.slips():
            out += [Insn(o.JMP | o.JEQ | o.K, 0, 0, OUT, 0)]
        self.nums.discard(0)
        self.nums.discard(VALUE)
        return [*out, movr(VALUE, 0)], MAPS[index].value_size

    def bounded(self, reg: int, most: int) -> list[Insn]:
        """reg in 0..most, by a mask, a comparison, or as a constant."""
        rng = self.rng
        if self.slips():
            most *= 3
        pick = rng.choice((0, 1, 2, 3, 3, 3))
        if pick == 0:
            return [mov(reg, rng.randint(0, most))]
        if pick == 1:
            return [Insn(o.JMP | o.JGT | o.K, reg, 0, OUT, rng.randint(1, most))]
        if pick == 2:
            low = -rng.randint(0, 8)
            return [Insn(o.JMP | o.JSGT | o.K, reg, 0, OUT, rng.randint(low, most)),
                    Insn(o.JMP | o.JSLT | o.K, reg, 0, OUT, low)]  # fmt: skip
        return [Insn(rng.choice((o.ALU64, o.ALU)) | o.AND | o.K, reg, 0, 0, rng.choice((1, 3, 7, most)))]

    def access(self, reg: int, room: int) -> list[Insn]:
        size = self.rng.choice([s for s in SIZES if o.SIZE_BYTES[s] <= max(room, 1)])
        if self.rng.random() < 0.3:
            return [Insn(o.STX | o.MEM | size, reg, 7, 0)]
        return [Insn(o.LDX | o.MEM | size, 0, reg, 0)]

    def forget_value(self) -> list[Insn]:
        self.nums |= {8}
        return [mov(8, self.rng.choice(NUMBERS))]

    def sum(self, size: int) -> list[Insn]:
        """One sum of VALUE and a number, in one of its forms; the result is in VALUE or 5."""
        rng = self.rng
        reg = rng.choice((7, 9))
        half = size // 2
        out = self.bounded(reg, half - 1)
        pick = rng.randrange(6)
        if pick == 0:
            return [*out, movr(5, reg), Insn(o.ALU64 | o.ADD | o.X, 5, VALUE), movr(VALUE, 5)]
        if pick == 1:
            return [*out, add(VALUE, half), Insn(o.ALU64 | o.SUB | o.X, VALUE, reg)]
        if pick == 2:
            return [add(VALUE, rng.randint(-1 if self.slips() else 0, half))]
        if pick == 3:
            return [
                add(VALUE, 4),
                mov(5, rng.randint(-4, 4)),
                Insn(o.ALU64 | rng.choice((o.ADD, o.SUB)) | o.X, VALUE, 5),
            ]
        return [*out, Insn(o.ALU64 | o.ADD | o.X, VALUE, reg)]

    def pointer_sum(self, depth: int) -> list[Insn]:
        out, size = self.lookup()
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            out += self.sum(size)
        out += self.access(VALUE, size // 2)
        self.nums -= {0, 5}
        self.nums |= {7, 9}
        return [*out, *self.forget_value()]

    def two_ways(self, depth: int) -> list[Insn]:
        """A sum that two paths reach with other pointers or numbers."""
        rng = self.rng
        out, size = self.lookup()
        code = rng.choice((o.JMP, o.JMP32)) | rng.choice(JUMP_OPS) | o.K
        frame = [movr(VALUE, 10), add(VALUE, -16)]
        other = rng.choice(([add(VALUE, 4)], [mov(9, 2)], self.bounded(9, 3), [movr(9, 7)], frame))
        out += [*self.bounded(9, 3), Insn(code, 7, 0, len(other), rng.choice(NUMBERS)), *other]
        out += [Insn(o.ALU64 | o.ADD | o.X, VALUE, 9), *self.access(VALUE, 4)]
        self.nums -= {0}
        return [*out, *self.forget_value()]

    def spilled(self, depth: int) -> list[Insn]:
        """A pointer goes to the stack and comes back, whole if all goes well."""
        rng = self.rng
        pointer = rng.choice((CTX, 10))
        slot = -8 * rng.randint(1, 12)
        self.slots.discard(slot)
        out = [Insn(o.STX | o.MEM | o.DW, 10, pointer, slot)]
        if self.slips():
            size = rng.choice(SIZES)
            at = slot + rng.randrange(8 // o.SIZE_BYTES[size]) * o.SIZE_BYTES[size]
            out += [rng.choice((Insn(o.STX | o.MEM | size, 10, 7, at), Insn(o.LDX | o.MEM | size, 5, 10, at)))]
        out += [Insn(o.LDX | o.MEM | o.DW, 5, 10, slot)]
        if pointer == CTX:
            out += [Insn(o.LDX | o.MEM | o.W, 5, 5, rng.choice(self.fields))]
            self.nums.add(5)
        else:
            self.nums.discard(5)
        if rng.random() < 0.5:
            out += [Insn(o.ST | o.MEM | o.DW, 10, 0, slot, rng.choice(NUMBERS))]
            self.slots.add(slot)
        return out

    def one_way(self, depth: int) -> list[Insn]:
        """A branch that never goes one way: what is there, only speculation runs."""
        rng = self.rng
        value = rng.randint(0, 9)
        nums, slots = set(self.nums), set(self.slots)
        dead = self.block(rng.randint(1, 2), 3)
        self.nums, self.slots = nums & self.nums, slots & self.slots
        return [mov(7, value), Insn(o.JMP | rng.choice((o.JNE, o.JLT)) | o.K, 7, 0, 1, value),
                Insn(o.JMP | o.JA, 0, 0, len(dead)), *dead]  # fmt: skip

    def leak(self, depth: int) -> list[Insn]:
        """What is not allowed; seldom."""
        if not self.slips():
            return []
        return [
            self.rng.choice(
                (
                    Insn(o.STX | o.MEM | o.W, CTX, 10, 8),
                    Insn(o.ALU | o.MOV | o.X, 7, CTX),
                    Insn(o.ALU64 | o.SUB | o.X, 7, 10),
                    Insn(o.ALU64 | o.ADD | o.X, 7, 10),
                    Insn(o.JMP | o.JEQ | o.X, 10, CTX, 0),
                    movr(7, 10),
                    add(CTX, 4),
                )
            )
        ]


def batch(rng: random.Random, folder: Path, count: int, caps: Caps) -> list[Path]:
    """Objects of random programs; of every four programs one is changed.

    With CAP_BPF there are loops, which speculation can walk for a long time: such programs are left out.
    """
    paths = []
    for number in range(count):
        programs: list[tuple[str, Made]] = []
        while len(programs) < PER_OBJECT:
            maker = Maker if capable(caps, BPF) and rng.random() < 0.6 else UserMaker
            program = maker(rng, rng.choice((0.0, 0.0, 0.03, 0.15))).make()
            program = mutate.made_like(rng, program) if rng.random() < 0.25 else program
            if not capable(caps, BPF) or is_short(program.program(), caps):
                programs.append((f"p{len(programs)}", program))
        paths.append(folder / f"user{number}.o")
        paths[-1].write_bytes(elf.write(programs))
    return paths


def is_short(program: Program, caps: Caps) -> bool:
    """Whether the walk ends soon."""
    from vm import pipeline

    walk = pipeline.walk(program, log_level=0, record=False, caps=caps)
    return all(walk.env.insn_processed < SHORT for _ in walk.advance())


def differs(golden: dict[str, Any], path: Path, caps: Caps) -> str:
    """What differs first between the kernel's record and ours; "" if nothing."""
    from vm import pipeline
    from vm.errors import InputError

    try:
        program = pipeline.choose(pipeline.load_elf(path), golden["prog"])
        ours, env = pipeline.verify(program, record=False, caps=caps)
        if (ours.verdict, ours.errno) != (golden["verdict"], golden["err"]):
            return f"verdict: kernel {golden['verdict']} {golden['err']}, ours {ours.errno} {ours.message}"
        want, have = tidy(golden["log2"]), tidy(ours.log)
        if want != have:
            return next((f"log: {a!r} / {b!r}" for a, b in zip(want, have, strict=False) if a != b), "log: length")
        if ours.verdict != "accept":
            return ""
        rewritten = pipeline.rewrite(env)
        code = pipeline.code(rewritten, pipeline.translate(rewritten))
        for what, mine, addresses in (
            ("xlated", code.xlated, code.xlated_relocs),
            ("image", code.image, code.image_relocs),
        ):
            if without(mine, addresses) != without(bytes.fromhex(golden[what]), addresses):
                return what
        return ""
    except InputError as error:
        return f"not answered: {error.message}"
    except Exception as error:  # noqa: BLE001 -- finding these is what this is for
        return f"crash: {error!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load", required=True)
    parser.add_argument("--caps", default="none")
    parser.add_argument("--objects", type=int, default=20, help="objects a batch")
    parser.add_argument("--report", type=Path, default=Path("fuzz-report"))
    options = parser.parse_args()
    caps = parse(options.caps)
    options.report.mkdir(parents=True, exist_ok=True)
    rng, end, counts = random.Random(options.seed), time.monotonic() + options.seconds, Counter[str]()
    with tempfile.TemporaryDirectory() as tmp, (options.report / "users.txt").open("w") as report:
        while time.monotonic() < end:
            paths = {path.name: path for path in batch(rng, Path(tmp), options.objects, caps)}
            out = Path(tmp, "out.jsonl")
            subprocess.run([*shlex.split(options.load), str(out), *map(str, paths.values())], check=True)
            for line in out.read_text().splitlines():
                golden = json.loads(line)
                if "log2" not in golden:
                    continue
                found = differs(golden, paths[golden["file"]], caps)
                counts[golden["verdict"] if not found else found.split(":")[0]] += 1
                if found:
                    kept = options.report / f"{counts.total()}-{golden['file']}"
                    kept.write_bytes(paths[golden["file"]].read_bytes())
                    print(f"{kept.name} {golden['prog']}: {found}", file=report, flush=True)
            print(dict(counts), flush=True)


if __name__ == "__main__":
    main()
