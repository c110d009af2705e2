"""The steps of a log as blocks of a trace, held against the walk of the same program here."""

from __future__ import annotations

from functools import cache

import pytest

from tests.vm.logs.recordings import GOLDEN, log_of, recorded, series
from vm import pipeline
from vm.logs import stored
from vm.logs.printed import view
from vm.logs.session import Session
from vm.pipeline import BuildOptions, Source
from vm.program import Object
from vm.trace.blocks import FIRST_BLOCK, InMemory, TraceError
from vm.trace.snapshots import slot_name

PROGRAMS = sorted(each["program"] for each in recorded() if series(each["kernel"]) == "6.12" and "level2" in each)


@cache
def compiled() -> Object:
    source = Source("c", (GOLDEN / "refused.c").read_bytes(), "program")
    compilation = pipeline.compile_source(source, BuildOptions())
    assert compilation.object is not None
    return pipeline.load(source, BuildOptions(), compilation.object)


def read(text: str, wanted: int = 0) -> tuple[Session, list[bytes]]:
    storage = InMemory()
    session = Session(storage, wanted)
    for _ in session.read([text]):
        pass
    return session, storage.parts


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_log_of_612_is_the_walk_of_the_emulation(name: str) -> None:
    session, parts = read(log_of(name, "6.12", "level2"))
    walk = pipeline.walk(pipeline.choose(compiled(), name))
    for _ in walk.advance():
        pass
    ours = walk.recorder
    assert ours is not None
    steps = [step for block in stored.blocks(parts) for step in stored.steps(block, 0, 1 << 30)]
    assert [step.insn_idx for step in steps] == [ours.insn_idx(i) for i in range(len(ours))]
    assert session.recording.steps == len(ours)
    paths = [path for path in ours.path_list() if path.last_step >= path.first_step]
    assert len({step.path for step in steps}) == len(paths)
    known = 0
    for step in steps:
        mine = ours.state(step.number)
        for place, (text, writer) in step.after.items():
            if not text:
                continue
            known += 1
            where = f"{slot_name(*place)} after step {step.number} (instruction {step.insn_idx})"
            assert slot_name(*place) in mine, where
            assert plain(text) == plain(mine[slot_name(*place)].text), where
            assert writer in (-1, mine[slot_name(*place)].written_at), where
        assert step.before == ours.before(step.number)
    assert known >= len(steps)


def plain(text: str) -> str:
    """A value without the mark of precision: it is given later, and printed where it is seen next."""
    return text.removeprefix("P")


@pytest.mark.parametrize("kernel", ["5.10", "6.1", "6.18", "7.0", "7.2", "7.3"])
def test_logs_of_other_kernels_say_nothing_else(kernel: str) -> None:
    """Numbers that other kernels print are those of the emulation, as far as both know them."""
    for each in recorded():
        if series(each["kernel"]) != kernel or "level2" not in each or each["level2"].count("\n") > 500:
            continue
        _, parts = read(each["level2"])
        for block in stored.blocks(parts):
            for step in stored.steps(block, 0, 1 << 30):
                for text, writer in step.after.values():
                    assert writer <= step.number
                    told = view(text) if text else None
                    if told is not None and told.scalar is not None:
                        s = told.scalar
                        assert s.umin <= s.umax and s.smin <= s.smax and s.u32_min <= s.u32_max, text
                        assert not s.value & s.mask, text


def test_a_number_as_old_kernels_print_it() -> None:
    def bounds(text: str) -> tuple[int, ...]:
        s = view(text).scalar
        assert s is not None
        return s.umin, s.umax, s.smin, s.smax, s.u32_max

    top = (1 << 64) - 1
    assert bounds("inv5") == bounds("5") == bounds("P5") == bounds("invP5") == bounds("imm5") == (5, 5, 5, 5, 5)
    assert bounds("-16")[2:4] == (-16, -16)
    assert bounds("0xffffffff")[:2] == (0xFFFFFFFF, 0xFFFFFFFF)
    assert bounds("inv(id=0)") == bounds("scalar()") == (0, top, -(1 << 63), (1 << 63) - 1, 0xFFFFFFFF)
    assert bounds("inv(id=0,umax_value=255,var_off=(0x0; 0xff))")[1] == 255
    assert bounds("scalar(smin=umin=smin32=umin32=14,smax=umax=smax32=umax32=74,var_off=(0x2; 0x7c))") == (
        14,
        74,
        14,
        74,
        74,
    )
    assert bounds("scalar(umax=255)")[4] == 255, "the lower half of a number that fits it"


@pytest.mark.parametrize(
    ("text", "kind", "field", "value"),
    [
        ("map_value_or_null(id=3,off=8,ks=4,vs=32,imm=0)", "map_value", "maybe_null", True),
        ("map_value(map=events,ks=4,vs=32)", "map_value", "map", "events"),
        ("map_value(map=events,ks=4,vs=32)", "map_value", "size", 32),
        ("pkt(id=0,off=14,r=34,imm=0)", "packet", "range", 34),
        ("pkt(off=14,r=34)", "packet", "off", 14),
        ("pkt_end(id=0,off=0,imm=0)", "packet_end", "off", 0),
        ("fp-16", "stack", "off", -16),
        ("fp[0]-40", "stack", "off", -40),
        ("ctx", "ctx", "off", 0),
        ("trusted_ptr_or_null_task_struct(id=2)", "kernel", "maybe_null", True),
        ("ringbuf_mem(ref_obj_id=2,sz=32)", "memory", "ref_obj_id", 2),
        ("mmmm????", "number", "scalar", None),
        ("invP(id=0,umax_value=4)", "number", "precise", True),
        ("something new(x=1)", "none", "id", 0),
    ],
)
def test_values_as_they_are_printed(text: str, kind: str, field: str, value: object) -> None:
    told = view(text)
    assert (told.kind, told.text, getattr(told, field)) == (kind, text, value)


def test_what_is_not_printed_is_not_known() -> None:
    text = "0: R1=ctx() R10=fp0\n0: (b7) r2 = 5\n1: (bf) r3 = r2\n2: (7b) *(u64 *)(r10 -8) = r3\n3: (95) exit\n"
    _, parts = read(text)
    (block,) = stored.blocks(parts)
    after = {step.number: step.after for step in stored.steps(block, 0, 9)}
    assert {place: value[0] for place, value in after[3].items() if value[0]} == {(0, 1): "ctx()", (0, 10): "fp0"}


def test_a_call_leaves_no_arguments() -> None:
    text = (
        "0: R1=ctx() R2_w=3 R10=fp0 fp-8=0\n0: (85) call bpf_ktime_get_ns#5         ; R0_w=scalar()\n"
        "1: (bf) r6 = r0                      ; R0_w=scalar(id=1) R6_w=scalar(id=1)\n"
    )
    _, parts = read(text)
    first, second = stored.steps(stored.blocks(parts)[0], 0, 9)
    assert {slot_name(*place) for place, value in first.after.items() if value[0]} == {"r0", "r10", "fp-8"}
    assert second.after[0, 0] == ("scalar(id=1)", 0), "told more of, not written"
    assert second.after[0, 6] == ("scalar(id=1)", 1)


def test_the_second_program_of_a_text() -> None:
    one, two = log_of("accepted_counter", "6.12", "level2"), log_of("map_value_index", "6.12", "level2")
    session, parts = read(one + two, 1)
    assert session.recorded is not None
    assert session.recorded.insn == 12
    (block,) = stored.blocks(parts)
    assert len(block.insn) == 12


def test_blocks_of_a_long_log_read_alone() -> None:
    text = "0: R1=ctx() R10=fp0\n" + "".join(
        f"{n}: (07) r1 += 1                      ; R1_w=scalar(umax={n})\n" for n in range(10_000)
    )
    _, parts = read(text)
    blocks = stored.blocks(parts)
    assert [len(block.insn) for block in blocks] == [FIRST_BLOCK, 4096, 4096, 10_000 - FIRST_BLOCK - 2 * 4096]
    for part in parts:
        (block,) = stored.blocks([part])
        for step in stored.steps(block, block.first, block.first + 2):
            assert step.after[0, 1] == (f"scalar(umax={step.number})", step.number)


def test_a_damaged_block_is_refused() -> None:
    _, parts = read(log_of("map_value_index", "6.12"))
    damaged = bytearray(parts[0])
    damaged[-3] ^= 1
    with pytest.raises(TraceError):
        stored.blocks([bytes(damaged)])
