"""The machine's steps against those of a processor that ran the same code in Linux 6.12, program by program and packet
by packet: the same instructions, numbers, addresses (as offsets from where what they point to begins) and results.
"""

from __future__ import annotations

import base64
import itertools
import json
import lzma
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fuzz import elf, generate
from vm import pipeline
from vm.elf import load_object
from vm.errors import NotEmulated
from vm.guests.kernel import GuestKernel
from vm.guests.machine import Machine
from vm.guests.packets import OnPacket, on_packets
from vm.guests.states import State
from vm.isa import opcodes as o
from vm.kernel import types
from vm.kernel.helpers import helper
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Check, Source
from vm.program import Object, Program
from vm.recorded.values import RecordedCode, Recording
from vm.runner.execution import STORED, Execution, RunStep
from vm.runner.follow import known_states, walk_paths
from vm.runner.inputs import PacketInput, RunLimits
from vm.runner.replay import EXACT
from vm.runner.sockets import TEST_RUN
from vm.verifier.state import reg_types as t

ROOT = Path(__file__).parents[3]
PACKETS = 12
# Addresses that are read from the kernel's own structures are numbers for the verifier.
ARRAYS = frozenset({types.BPF_MAP_TYPE_ARRAY, types.BPF_MAP_TYPE_PERCPU_ARRAY})
KERNEL_HALF = range(0xFF00, 0x10000)
# Its programs read what a kernel has at the moment: the clock, a counter.
OWN_DATA = frozenset({"addresses"})


# The order in which a hash map's elements are visited depends on a random number of the kernel's.
BY_CHANCE = frozenset({"callbacks"})


OBJECTS, IN_OBJECT = int(os.environ.get("AGREEMENT_OBJECTS", "2")), 20
FIRST_SEED = int(os.environ.get("AGREEMENT_SEED", "1"))
TAKES_PACKETS = ("xdp", "tc")
CALL = o.JMP | o.CALL
# What these return is the kernel's own: random numbers, clocks.
OWN_HELPERS = frozenset({"bpf_get_prandom_u32", "bpf_ktime_get_ns", "bpf_ktime_get_boot_ns", "bpf_jiffies64"})


class Case(NamedTuple):
    """A program, and packets that it is run on. there -- its object, relocated for the guest's kernel"""

    obj: Object
    there: Object
    program: Program
    packets: tuple[bytes, ...]


def varied(packet: bytes, count: int) -> tuple[bytes, ...]:
    """The packet, and packets like it: cut, with other protocols and ports, with random bytes."""
    source = random.Random(len(packet))
    out = [packet]
    while len(out) < count:
        data = bytearray(packet)
        for _ in range(source.choice((1, 1, 2, 8))):
            data[source.choice((12, 13, 14, 23, source.randrange(len(data))))] = source.choice(
                (0, 6, 8, 17, source.randrange(256))
            )
        if source.random() < 0.3:
            del data[source.randrange(14, max(15, len(data))) :]
        if len(data) >= 14:
            out.append(bytes(data))
    return tuple(out)


def examples(kernel: GuestKernel) -> Iterator[Case]:
    for entry in json.loads((ROOT / "examples" / "index.json").read_text()):
        if "packet" not in entry or "Accepted" not in entry["description"]:
            continue
        source = Source("c", (ROOT / "examples" / entry["file"]).read_bytes(), entry["name"])
        _, build = pipeline.built(source, BuildOptions())
        assert build is not None
        obj = pipeline.load(build.source, build.options, build.compiled)
        there = pipeline.load(build.source, build.options, build.compiled, kernel)
        yield Case(obj, there, obj.programs[0], varied(bytes.fromhex(entry["packet"]), PACKETS))


def golden(kernel: GuestKernel) -> Iterator[Case]:
    for path in sorted((ROOT / "tests" / "golden" / "run").glob("*.json")):
        if path.stem in OWN_DATA:
            continue
        said = json.loads(path.read_text())
        data = lzma.decompress(base64.b85decode(said["object"]))
        obj, there = load_object(data, path.stem), load_object(data, path.stem, kernel=kernel)
        for program in (each for each in obj.programs if each.name not in BY_CHANCE):
            yield Case(obj, there, program, (bytes.fromhex(said["packet"]),))


def generated(kernel: GuestKernel) -> Iterator[Case]:
    """Random programs that the verifier accepts, several in an object."""
    seeds = itertools.count(FIRST_SEED)
    packet = bytes.fromhex("0200000000010200000000020800450000280001000040060000") + bytes(range(38))
    for _ in range(OBJECTS):
        made = [(f"p{n}", each) for n, each in enumerate(itertools.islice(accepted(seeds), IN_OBJECT))]
        data = elf.write(made)
        obj, there = load_object(data, "made"), load_object(data, "made", kernel=kernel)
        for program in obj.programs:
            yield Case(obj, there, program, varied(packet, 3))


def repeats(made: generate.Made) -> bool:
    """Whether the program calls nothing whose result is the kernel's own."""
    called = (helper(insn.imm) for insn in made.insns if insn.code == CALL and not insn.src_reg)
    return not any(each is not None and each.name in OWN_HELPERS for each in called)


def accepted(seeds: Iterator[int]) -> Iterator[generate.Made]:
    for seed in seeds:
        made = generate.make(seed, 0.0)
        if made.section not in TAKES_PACKETS or not repeats(made):
            continue
        obj = load_object(elf.write([("p", made)]), "made")
        check = Check(obj, obj.programs[0], log_level=0)
        for _ in check.advance():
            pass
        if check.result().accepted:
            yield made


@pytest.fixture(scope="module")
def state() -> State:
    found = pipeline.saved_guests()
    states = [state for state in found.states if state.name == VERSION]
    if not states:
        pytest.skip(found.missing or f"there is no saved guest of {VERSION}")
    return states[0]


@pytest.mark.guests
@pytest.mark.parametrize("cases", [examples, golden, generated])
def test_the_machine_steps_as_the_processor_did(state: State, cases: Any) -> None:
    compared = steps = 0
    skipped, different = [], []
    found = list(cases(GuestKernel(state)))
    for obj in {id(case.there): case.there for case in found}.values():
        with state.restore(120, debug=True) as machine:
            for case in (case for case in found if case.there is obj):
                try:
                    ours = Ours(case)
                except NotEmulated as error:
                    skipped.append(f"{case.program.name}: {error.message}")
                    continue
                for packet, mine, one in zip(case.packets, ours.runs, recorded(machine, state, case), strict=True):
                    said = difference(ours, mine, one, ours.replayed(one))
                    compared += 1
                    steps += len(mine.steps)
                    if said:
                        different.append(f"{case.program.name}: {said}; on {packet.hex()[:80]}")
    print(f"{compared} runs, {steps} steps compared, {len(skipped)} programs not emulated")
    assert not different, "\n".join(different[:30])
    assert compared >= 8 and not skipped


class One(NamedTuple):
    code: RecordedCode
    taken: OnPacket


class Ours:
    """The program here: verified, translated, run on all packets."""

    def __init__(self, case: Case) -> None:
        check = Check(case.obj, case.program, log_level=0)
        for _ in check.advance():
            pass
        verdict = check.result()
        assert verdict.accepted and verdict.env is not None and check.recorder is not None
        self.trace = check.recorder
        self.rewritten = pipeline.rewrite(verdict.env)
        self.image = pipeline.translate(self.rewritten)
        self.paths = walk_paths(verdict.env, self.trace, self.rewritten)
        inputs = [PacketInput(packet, socket=TEST_RUN) for packet in case.packets]
        self.runs = pipeline.execute(self.rewritten, self.image, inputs, RunLimits(), obj=case.obj, alone=True)

    def replayed(self, one: One) -> Execution:
        recording = Recording("6.12", "6.12", {}, "", (one.code,), (one.taken.event,))
        replay = pipeline.replayed(recording, self.rewritten, self.image, 100_000)
        assert replay.matched.how == EXACT
        ((run, _, _),) = replay.events()
        return run


def recorded(machine: Machine, state: State, case: Case) -> list[One]:
    program = pipeline.choose(case.there, case.program.name)
    code, taken = on_packets(machine, GuestKernel(state), case.there, program, case.packets)
    return [One(code, each) for each in taken]


def difference(ours: Ours, mine: Execution, one: One, theirs: Execution) -> str:
    """The first difference of two runs, "" for none."""
    if mine.fault is not None:
        return f"fault: {mine.fault.message}"
    if [s.insn_idx for s in mine.steps] != [s.insn_idx for s in theirs.steps]:
        at = next(
            (i for i, (a, b) in enumerate(zip(mine.steps, theirs.steps, strict=False)) if a.insn_idx != b.insn_idx), -1
        )
        return f"other instructions from step {at} on ({len(mine.steps)} and {len(theirs.steps)} steps)"
    known = list(known_states([ours.paths], mine))
    # Behind a checkpoint the verifier may tell of a register that this run has not written, and does not read.
    written = {1, ours.rewritten.program.insns[mine.steps[0].insn_idx].dst_reg} if mine.steps else set()
    bases: dict[Any, tuple[int, int]] = {}
    for i, (a, b) in enumerate(zip(mine.steps, theirs.steps, strict=True)):
        about = known[i]
        if about is None:
            return f"step {i} is not followed"
        frames = ours.trace.raw_before(about.step) if about.before else ours.trace.raw(about.step)
        if i:
            before, there = mine.steps[i - 1].regs, theirs.steps[i - 1].regs
            written |= {n for n in range(10) if a.regs[n] != before[n] or b.regs[n] != there[n]}
        for n, reg in enumerate(frames[-1].regs[:10]):
            if n not in written:
                continue
            base = reg.type & t.BPF_BASE_TYPE_MASK
            x, y = a.regs[n], b.regs[n]
            if base == t.NOT_INIT or x == y or f"r{n}" in about.outside:
                continue
            if base == t.SCALAR_VALUE:
                if addresses(mine, x, y):
                    continue
                return f"step {i}, insn {a.insn_idx}: r{n} is {x:#x} here and {y:#x} there"
            # Which element of a hash map or trie is free next is nothing that a program may rely on.
            placed = base in (t.PTR_TO_MAP_KEY, t.PTR_TO_MAP_VALUE) and (
                ours.rewritten.program.maps[reg.map_ptr].map_type not in ARRAYS
            )
            if placed and x and y:
                continue
            if base == t.PTR_TO_FUNC:  # a kernel places each function of a program by itself
                offset = one.code.offset(y)
                if offset is None:
                    return f"step {i}, insn {a.insn_idx}: r{n} is no function of the program there"
                y = offset
            key = (base, reg.frameno, reg.map_ptr)
            if base == t.PTR_TO_STACK and reg.frameno == frames[-1].frameno:
                bases[key] = (a.regs[10], b.regs[10])
            first = bases.setdefault(key, (x, y))
            if bool(x) != bool(y) or x - first[0] != y - first[1]:
                return f"step {i}, insn {a.insn_idx}: r{n} is {x - first[0]:+#x} here and {y - first[1]:+#x} there"
        found = stored(a, b)
        if found:
            return f"step {i}, insn {a.insn_idx}: {found}"
    if mine.r0 & 0xFFFFFFFF != one.taken.returned:
        return f"returns {mine.r0:#x} here and {one.taken.returned:#x} there"
    if mine.packet_out != one.taken.packet:
        return f"another packet: {(mine.packet_out or b'').hex()} here and {one.taken.packet.hex()} there"
    return ""


def addresses(run: Execution, x: int, y: int) -> bool:
    """Whether two numbers are addresses, or the low halves of addresses, that were read from the kernel's memory."""
    if x >> 32 or y >> 32:
        return x >> 48 == 0xFFFF and y >> 48 in KERNEL_HALF
    return any(0 <= x - (region.address & 0xFFFFFFFF) < region.size for region in run.regions)


def stored(a: RunStep, b: RunStep) -> str:
    """What two steps stored, if it differs; stored addresses are not compared."""
    there = [write for write in b.writes if write.by == STORED]
    if len(a.writes) != len(there) and there:
        return f"{len(a.writes)} stores here and {len(there)} there"
    for mine, theirs in zip(a.writes, there, strict=False):
        pointers = len(mine.data) == 8 and theirs.data[-2:] == b"\xff\xff"
        if mine.data != theirs.data and not pointers and theirs.data[-1:] != b"\xff":
            return f"{mine.name} = {mine.data.hex()} here and {theirs.name} = {theirs.data.hex()} there"
    return ""
