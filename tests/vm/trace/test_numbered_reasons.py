"""Records of a walk that are kept as numbers: the same as those of the recorder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vm import pipeline
from vm.trace.blocks import InMemory
from vm.trace.reasons import Reasons, as_numbers
from vm.trace.recorder import Recorder

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"
MOST = 1 << 30
DYNPTRS = """
.type xdp
.map ring ringbuf 0 0 4096
r6 = *(u32 *)(r1 + 16)
r1 = map[ring] ll
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r7 = 1
if r6 > 9 goto give
r7 = 2
give:
r3 = 0
r4 = 0
r1 = r10
r1 += -16
r2 = 0
call bpf_ringbuf_discard_dynptr
r0 = 2
exit
"""


def walked(program: pipeline.Source | Path, name: str = "") -> tuple[Recorder, Reasons]:
    """The recorder of a walk, and what is read from its numbers without any block."""
    obj = pipeline.load_elf(program) if isinstance(program, Path) else pipeline.load(program, pipeline.BuildOptions())
    chosen = pipeline.choose(obj, name)
    made = pipeline.walk(chosen, log_level=0)
    for _ in made.advance():
        pass
    recorder = made.recorder
    assert recorder is not None
    numbers = json.loads(json.dumps(as_numbers(recorder, MOST, MOST, MOST)))
    return recorder, Reasons(numbers, pipeline.stored_trace(chosen, InMemory()))


def check(recorder: Recorder, read: Reasons) -> dict[str, int]:
    """Compares all records; how many there are of each kind."""
    assert list(read.paths()) == list(recorder.paths)
    assert list(read.prunings()) == list(recorder.prunings)
    assert list(read.arrivals()) == list(recorder.first_arrivals(MOST))
    assert list(read.precision()) == list(recorder.precision)
    assert list(read.holdings()) == list(recorder.holdings)
    return {"paths": len(recorder.paths), **recorder.totals()}


def programs() -> list[tuple[str, str]]:
    found = []
    for path in sorted(OBJECTS.glob("*.o")):
        found += [(path.name, program.name) for program in pipeline.load_elf(path).programs]
    return found


@pytest.mark.parametrize("name", sorted({name for name, _ in programs()}))
def test_records_of_programs_are_read_back(name: str) -> None:
    for each, program in programs():
        if each == name:
            check(*walked(OBJECTS / name, program))


def test_a_dynptr_is_told_with_both_of_its_slots() -> None:
    recorder, read = walked(pipeline.Source("asm", DYNPTRS.encode()))
    assert check(recorder, read)["prunings"]
    told = {name: text for pruning in read.prunings() for name, text, _, _ in pruning.compared}
    assert told["fp-8"] == told["fp-16"] == "dynptr_ringbuf(id=1,ref_id=2,dynptr_id=1)"


def test_less_is_kept_where_less_is_wanted() -> None:
    recorder, _ = walked(pipeline.Source("asm", DYNPTRS.encode()))
    numbers = as_numbers(recorder, 1, 0, 0)
    assert len(numbers["paths"]) == 1
    assert not numbers["prunings"] and not numbers["arrivals"] and not numbers["precision"] and not numbers["starts"]
