"""The fuzzer without a kernel: programs that decode and are answered, changes that keep an object one, shrinking."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from fuzz import compare, elf, generate, minimise, mutate, wide
from fuzz.compare import Said, disagreement, emulate
from fuzz.minimise import Shrinkable, shrink
from fuzz.objects import Object
from fuzz.world import KFUNCS, WIDE_KINDS, WIDE_MAPS
from vm.elf import load_object
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.helpers import all_helpers

OBJECTS = sorted((Path(__file__).parents[1] / "golden" / "objects").glob("*.o"))
ANSWERS = {"accept", "reject", "not emulated", "long"}


def wide_object(seeds: Sequence[int]) -> bytes:
    return elf.write([(f"p{n}", wide.make(seed)) for n, seed in enumerate(seeds)], WIDE_MAPS)


def test_the_same_seed_gives_the_same_object() -> None:
    assert wide_object(range(5)) == wide_object(range(5))


def test_made_programs_are_answered_and_about_half_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "wide.o"
    path.write_bytes(wide_object(range(40)))
    said = emulate(path)
    assert len(said) == 40
    verdicts = Counter(s.verdict for s in said.values())
    assert set(verdicts) <= ANSWERS, [s for s in said.values() if s.verdict not in ANSWERS]
    assert 10 <= verdicts["accept"] <= 30
    assert all(s.image and s.xlated for s in said.values() if s.verdict == "accept")


def test_made_programs_cover_what_the_emulation_has() -> None:
    programs = [wide.make(seed) for seed in range(300)]
    insns = [insn for made in programs for f in (made.insns, *(g.insns for g in made.functions)) for insn in f]
    assert {made.section for made in programs} == {kind.section for kind in WIDE_KINDS}
    helpers = {i.imm for i in insns if i.code == o.JMP | o.CALL and i.src_reg == 0}
    assert len(helpers & {h.id for h in all_helpers()}) > 80
    kfuncs = {KFUNCS[i.imm].name for i in insns if i.code == o.JMP | o.CALL and i.src_reg == o.PSEUDO_KFUNC_CALL}
    assert {"bpf_iter_num_next", "bpf_rcu_read_lock", "bpf_task_from_pid"} <= kfuncs
    maps = {WIDE_MAPS[i.imm].name for i in insns if i.code == o.LD_IMM64 and i.src_reg == o.PSEUDO_MAP_FD}
    assert len(maps) > 14
    assert any(made.functions and made.functions[0].exported for made in programs)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda p: p.name)
def test_changed_objects_stay_objects(path: Path, tmp_path: Path) -> None:
    data, rng = path.read_bytes(), random.Random(7)
    for n in range(3):
        changed = tmp_path / f"{n}.o"
        changed.write_bytes(mutate.object_like(rng, data, 2, Object(data).insns(Object(data).programs[0])))
        said = emulate(changed)
        # Operations of one struct stay together.
        assert 1 <= len(said) <= (len(Object(data).programs) if Object(data).has(".struct_ops") else 2)
        assert {s.verdict for s in said.values()} <= ANSWERS | {"not loaded"}
        assert changed.read_bytes() != data


def test_a_program_can_be_left_alone() -> None:
    data = wide_object(range(4))
    alone = Object(data)
    alone.keep({"p2"})
    assert [p.name for p in load_object(bytes(alone.data), "x.o").programs] == ["p2"]
    assert [p.name for p in load_object(data, "x.o").programs] != ["p2"]


def test_a_section_renamed_is_another_type() -> None:
    made = generate.Made("xdp", 6, (generate.mov(0, 0), generate.EXIT), 2)
    changed = Object(elf.write([("p", made)], WIDE_MAPS))
    changed.rename(changed.programs[0].section, "cgroup/dev")
    assert load_object(bytes(changed.data), "x.o").programs[0].section == "cgroup/dev"


@pytest.mark.parametrize("needed", [{0}, {3, 17}, {0, 31, 32, 63}, set(range(20, 30)), {99}])
def test_shrinking_finds_what_is_needed(needed: set[int]) -> None:
    asked = []

    def holds(variants: Sequence[frozenset[int]]) -> list[bool]:
        asked.append(len(variants))
        return [needed <= v for v in variants]

    left = shrink(frozenset(range(100)), holds, rounds=40)
    assert needed <= left
    assert len(left) <= len(needed) + 12
    assert max(asked) <= minimise.MOST_TRIES
    assert len(asked) <= 40


def test_shrinking_never_leaves_what_it_looks_for() -> None:
    def holds(variants: Sequence[frozenset[int]]) -> list[bool]:
        return [len(v) % 2 == 0 and 5 in v for v in variants]

    left = shrink(frozenset(range(40)), holds)
    assert holds([left]) == [True]


def test_shrinking_a_program_keeps_its_message(tmp_path: Path) -> None:
    """A read of nothing amid much else: what is left is the read."""
    noise = [Insn(o.ALU64 | o.ADD | o.K, 3, 0, 0, n) for n in range(10)]
    lookup = [Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD, 0, 0), Insn(0)]
    insns = (generate.mov(3, 0), *noise, *lookup, Insn(o.LDX | o.MEM | o.DW, 0, 9, 0), *noise, generate.EXIT)
    case = Shrinkable(elf.write([("p", generate.Made("xdp", 6, insns, len(insns)))], WIDE_MAPS), "p")

    def holds(variants: Sequence[frozenset[int]]) -> list[bool]:
        path, found = tmp_path / "v.o", []
        for kept in variants:
            path.write_bytes(case.variant(kept))
            found.append("R9 !read_ok" in emulate(path)["p"].log2)
        return found

    left = shrink(case.units, holds)
    assert len(left) == 1
    assert "r0 = *(u64 *)(r9 +0)" in case.listing(left)
    assert "numbers" not in case.listing(left)


RECORD = {"file": "a.o", "prog": "p", "verdict": "reject", "err": -22, "log1": "no\n", "log2": "0: x\nno\n"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said("reject", -22, "no\n", "0: x\nno\n"), ""),
        (Said("accept", 0, "", ""), "wrong accept"),
        (Said("reject", -13, "no\n", "0: x\nno\n"), "reason"),
        (Said("reject", -22, "no\n", "0: x\nwhy\n"), "reason"),
        (Said("reject", -22, "no\n", "0: y\nno\n"), "level 2"),
        (Said("reject", -22, "but\nno\n", "0: x\nno\n"), "level 1"),
        (Said("crash", 0, "", "Traceback"), "crash"),
        (Said("not emulated", 0, "", "not emulated: x"), "not emulated"),
        (Said("long"), ""),
    ],
)
def test_what_differs_is_named(said: Said, kind: str) -> None:
    found = disagreement(RECORD, said)
    assert (found.kind if found else "") == kind


def test_disagreements_that_look_alike_are_one() -> None:
    one = compare.Disagreement("reason", "a.o", "p", "-22 R1 invalid mem access 'scalar'", "-22 R1 is bad")
    other = compare.Disagreement("reason", "b.o", "q", "-22 R7 invalid mem access 'scalar'", "-22 R7 is bad")
    third = compare.Disagreement("reason", "b.o", "q", "-22 R7 invalid mem access 'fp'", "-22 R7 is bad")
    assert one.signature == other.signature
    assert one.signature != third.signature


def test_code_is_compared_but_for_addresses(tmp_path: Path) -> None:
    """A record made of the emulation's own words agrees; with a bit of code changed it does not."""
    lookup = [Insn(o.LD_IMM64, 1, o.PSEUDO_MAP_FD, 0, 0), Insn(0)]
    insns = (*lookup, generate.mov(0, 1), generate.EXIT)
    path = tmp_path / "a.o"
    path.write_bytes(elf.write([("p", generate.Made("xdp", 6, insns, len(insns)))], WIDE_MAPS))
    said = emulate(path)["p"]
    record = {
        "file": "a.o", "prog": "p", "verdict": "accept", "err": 0, "log1": said.log1, "log2": said.log2,
        "xlated": said.xlated.hex(), "image": said.image.hex(),
    }  # fmt: skip

    def changed(what: str, at: int) -> str:
        code = bytearray.fromhex(str(record[what]))
        code[at] ^= 1
        found = disagreement({**record, what: code.hex()}, said)
        return found.kind if found else ""

    assert disagreement(record, said) is None
    assert changed("xlated", 4) == ""  # the map's address
    assert changed("xlated", 16) == "rewritten"
    assert changed("image", said.image_addresses[0][0]) == ""
    assert changed("image", len(said.image) - 1) == "image"


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("libbpf: map 'm': failed to create: -22", "unrefused"),
        ("libbpf: failed to open system Kconfig", ""),
        ("libbpf: prog 'other': BPF program load failed", ""),
    ],
)
def test_what_never_reaches_the_verifier_must_be_refused_here_too(complaint: str, kind: str) -> None:
    record = {"file": "a.o", "prog": "p", "verdict": "error", "err": -22, "libbpf": complaint}
    found = disagreement(record, Said("accept"))
    assert (found.kind if found else "") == kind
    assert disagreement(record, Said("not loaded")) is None
