"""python -m fuzz.soundness FILE.o...: runs accepted programs, follows each run through its walk (docs/fuzzing.md).

Inputs are random: packets, their marks, the content of maps, what helpers draw, and stack nobody wrote.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.inside import Follower, Proof, Unsound, prove
from vm import pipeline
from vm.errors import InputError, NotEmulated
from vm.kernel import types as k
from vm.program import MapSpec, Object, Program
from vm.runner.engine import Interpreter
from vm.runner.inputs import NoInput, PacketInput, RunInput, RunLimits
from vm.runner.maps import Map
from vm.runner.world import World
from vm.verifier.prepass.record import map_record

MOST_WALKED = 30_000
MOST_STEPS = 4_000
PACKET_TYPES = frozenset({
    k.BPF_PROG_TYPE_SOCKET_FILTER, k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_PROG_TYPE_SCHED_ACT, k.BPF_PROG_TYPE_XDP,
    k.BPF_PROG_TYPE_CGROUP_SKB, k.BPF_PROG_TYPE_LWT_IN, k.BPF_PROG_TYPE_LWT_OUT, k.BPF_PROG_TYPE_LWT_XMIT,
    k.BPF_PROG_TYPE_LWT_SEG6LOCAL,
})  # fmt: skip
FILLED = frozenset({
    k.BPF_MAP_TYPE_HASH, k.BPF_MAP_TYPE_ARRAY, k.BPF_MAP_TYPE_PERCPU_HASH, k.BPF_MAP_TYPE_PERCPU_ARRAY,
    k.BPF_MAP_TYPE_LRU_HASH, k.BPF_MAP_TYPE_LRU_PERCPU_HASH,
})  # fmt: skip
ODD_BYTES = (0, 0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF)
ADDRESSES = 0xFFFF_0000_0000_0000
STACK_IN_USE = 9 * 1024
ETHERTYPES = (b"\x08\x00\x45", b"\x86\xdd\x60", b"\x81\x00\x00", b"\x08\x06\x00")


class Watched(Interpreter):
    """Tells its follower of each instruction about to be executed."""

    follower: Follower

    def _tick(self) -> None:
        super()._tick()
        self.follower.arrive(self)


def odd_bytes(rng: random.Random, size: int) -> bytes:
    """Random, often small or extreme; at most 256 different ones, repeated."""
    some = bytes(rng.choice(ODD_BYTES) if rng.random() < 0.5 else rng.randrange(256) for _ in range(min(size, 256)))
    return (some * (size // max(len(some), 1) + 1))[:size]


def inputs(program: Program, rng: random.Random, count: int) -> Iterator[RunInput]:
    """Packets for programs that see some, an empty context for others."""
    for _ in range(count):
        if program.prog_type not in PACKET_TYPES:
            yield NoInput()
            continue
        data = bytearray(odd_bytes(rng, rng.choice((14, 15, 34, 54, 64, 300, 1400))))
        if rng.random() < 0.7:
            data[12:15] = rng.choice(ETHERTYPES)
        if len(data) > 24 and rng.random() < 0.7:
            data[23] = rng.choice((1, 6, 17))
        yield PacketInput(bytes(data), mark=rng.choice((0, 1, 0xFFFFFFFF)), priority=rng.randrange(1 << 32))


def fill(program: Program, world: World, rng: random.Random) -> None:
    """Puts random values into maps that user space could have written: neither frozen nor with special fields."""
    for each in world.maps:
        spec: MapSpec = each.spec
        if spec.map_type not in FILLED or spec.frozen or map_record(program, spec).mask or rng.random() < 0.3:
            continue
        for number in range(min(spec.max_entries, 4)):
            key = number.to_bytes(4, "little") if spec.key_size == 4 else odd_bytes(rng, spec.key_size)
            _put(each, key, odd_bytes(rng, spec.value_size))


def _put(each: Map, key: bytes, value: bytes) -> None:
    try:
        each.update(key, value, 0)
    except (InputError, NotEmulated, ValueError):
        return  # a map of maps, or one that user space cannot fill either


@dataclass
class Found:
    """What following one program's runs brought."""

    broken: str = ""
    runs: int = 0
    steps: int = 0
    loose: int = 0
    held: int = 0
    stopped: Counter[str] = field(default_factory=Counter)


def walked(program: Program) -> Proof | None:
    """The walk of an accepted program; None for others, and for walks too long to follow."""
    return prove(pipeline.walk(program, log_level=0), MOST_WALKED)


def follow(proof: Proof, rng: random.Random, count: int, maps: tuple[MapSpec, ...] = ()) -> Found:
    """Runs a program `count` times, every value held against its state; stops at the first that is not inside."""
    found = Found()
    program = proof.program
    for given in inputs(program, rng, count):
        limits = RunLimits(steps=0, insns=MOST_STEPS, seconds=5, seed=rng.randrange(1 << 30))
        follower = Follower(proof)
        try:
            with pipeline.laid_out(program, limits, maps) as (world, codes):
                fill(program, world, rng)
                world.begin(given)
                world.stack.view[-STACK_IN_USE:] = rng.randbytes(STACK_IN_USE)
                engine = Watched(codes, world, limits, 0)
                engine.follower = follower
                fault = engine.run()
        except InputError as error:
            found.stopped[error.message[:60]] += 1
            continue
        except Unsound as unsound:
            found.broken = str(unsound)
            return found
        finally:
            found.runs += 1
            found.steps += follower.steps
            found.loose += follower.loose
            found.held += follower.held
        if fault is not None:
            found.stopped[fault.kind] += 1
            # Without an event the context of a tracing program is shorter than a real one's.
            if fault.kind == "memory" and program.prog_type in PACKET_TYPES:
                found.broken = f"the run of an accepted program stopped: {fault.message} (instruction {fault.insn_idx})"
                return found
    return found


def check(program: Program, rng: random.Random, count: int = 3, maps: tuple[MapSpec, ...] = ()) -> Found | None:
    """follow() of a program; None if it is not accepted or its walk is not emulated."""
    try:
        proof = walked(program)
    except InputError:
        return None
    return None if proof is None else follow(proof, rng, count, maps)


def agrees(proof: Proof, rng: random.Random, count: int, obj: Object) -> str:
    """What the interpreter and the machine code make of the same inputs: "" if the same, or what differs."""
    try:
        rewritten = pipeline.rewrite(proof.walk.env)
        image = pipeline.translate(rewritten)
        given = list(inputs(proof.program, rng, count))
        limits = RunLimits(steps=0, insns=MOST_STEPS * count, seconds=5, seed=rng.randrange(1 << 30))
        plain = pipeline.execute(rewritten, None, given, limits, record=False, obj=obj)
        machine = pipeline.execute(rewritten, image, given, limits, record=False, obj=obj)
    except InputError:
        return ""
    for number, (a, b) in enumerate(zip(plain, machine, strict=True)):
        if a.fault is not None or b.fault is not None:
            kinds = [run.fault.kind if run.fault is not None else "none" for run in (a, b)]
            if kinds[0] != kinds[1] and not {"insns", "time", "helper"} & set(kinds):
                return f"run {number}: fault {kinds[0]} in the interpreter, {kinds[1]} on the machine"
            return ""
        for name in ("r0", "packet_out", "maps"):
            if name == "r0" and min(a.r0, b.r0) >= ADDRESSES:
                continue  # each engine has its own stack
            if getattr(a, name) != getattr(b, name):
                said = [f"{getattr(run, name)!r:.80}" for run in (a, b)]
                return f"run {number}: {name} is {said[0]} interpreted, {said[1]} as machine code"
    return ""


def objects(paths: list[Path]) -> Iterator[tuple[Path, Object]]:
    for path in paths:
        try:
            yield path, pipeline.load_elf(path)
        except InputError:
            continue


def main() -> int:
    a = argparse.ArgumentParser(prog="python -m fuzz.soundness", description="Is what runs what was proven?")
    a.add_argument("files", nargs="+", type=Path, help="objects, or folders of them")
    a.add_argument("--runs", type=int, default=4, help="of each program")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--match", default="", help="only files with this in their name")
    a.add_argument("--sample", type=int, default=0, help="this many files, chosen by the seed")
    a.add_argument("--machine", action="store_true", help="compare the interpreter with the machine code too")
    a.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    a.add_argument("--verbose", action="store_true", help="say what stopped runs")
    options = a.parse_args()
    paths = sorted(p for f in options.files for p in (f.glob("*.o") if f.is_dir() else [f]) if options.match in p.name)
    if options.sample:
        paths = sorted(random.Random(options.seed).sample(paths, min(options.sample, len(paths))))
    total, stopped, broken, programs, began = Found(), Counter[str](), 0, 0, time.monotonic()
    for path, loaded in objects(paths):
        for program in loaded.programs:
            found = check(
                program, random.Random(f"{options.seed} {path.name} {program.name}"), options.runs, loaded.maps
            )
            if found is None:
                continue
            programs += 1
            if options.machine and not found.broken and (proof := walked(program)) is not None:
                found.broken = agrees(proof, random.Random(options.seed), 2, loaded)
            stopped += found.stopped
            for name in ("runs", "steps", "loose", "held"):
                setattr(total, name, getattr(total, name) + getattr(found, name))
            if found.broken:
                broken += 1
                print(f"{path.name}:{program.name}: {found.broken}", flush=True)
    print(
        f"{programs} programs, {total.runs} runs, {total.steps:,} instructions ({total.loose:,} only loosely), "
        f"{total.held:,} values inside, {broken} programs not, {time.monotonic() - began:.0f} s"
    )
    if options.verbose:
        print("\n".join(f"{count:6} {why}" for why, count in stopped.most_common(30)))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
