"""Damaged, cut and mixed texts: no crash, time linear in the text, memory bounded."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.vm.logs.recordings import log_of, recorded
from tests.vm.logs.wrapping import WRAPPINGS
from vm.logs.answer import read_log
from vm.logs.told import record, text
from vm.logs.values import LogReport

ROUNDS = 400


def logs() -> list[str]:
    return [each[level] for each in recorded() for level in ("level1", "level2") if level in each]


def look_at(report: LogReport) -> None:
    """Everything of a report can be told, and it is consistent."""
    record("x", report)
    text("x", report)
    for program in report.programs:
        assert program.first_line <= program.last_line
        assert program.steps >= 0
        assert list(program.causes) == sorted(program.causes, key=lambda each: each.step)


def damaged(log: str, chance: random.Random) -> str:
    """A log with a few bytes changed, lines dropped, doubled or swapped, or pieces of it taken out."""
    lines = log.split("\n")
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            del lines[at]
            lines = lines or [""]
        elif kind == 1:
            lines.insert(chance.randrange(len(lines)), lines[at])
        elif kind == 2:
            line = lines[at]
            cut = chance.randrange(len(line) + 1)
            lines[at] = (
                line[:cut] + chance.choice(["", "\0", "\\n", "9" * 30, "(", "=", ": (", "\x1b[31m"]) + line[cut:]
            )
        elif kind == 3:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
        elif kind == 4:
            lines = lines[at:] or [""]
        else:
            lines[at] = " ".join(lines[at : at + 2])
    return "\n".join(lines)


def test_damaged_logs() -> None:
    chance = random.Random(4)
    all_logs = logs()
    for _ in range(ROUNDS):
        log = damaged(chance.choice(all_logs), chance)
        look_at(read_log([chance.choice(WRAPPINGS)[0](log)]))


def test_two_logs_mixed_line_by_line() -> None:
    chance = random.Random(5)
    all_logs = logs()
    for _ in range(ROUNDS // 4):
        one, other = (chance.choice(all_logs).split("\n") for _ in range(2))
        lines = sorted([*enumerate(one), *enumerate(other)], key=lambda each: each[0] + chance.random())
        look_at(read_log(["\n".join(line for _, line in lines)]))


def test_bytes_that_are_no_text() -> None:
    chance = random.Random(6)
    for _ in range(100):
        look_at(read_log([bytes(chance.randrange(256) for _ in range(300))]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_how_a_text_is_cut_into_pieces_does_not_matter(size: int) -> None:
    for kernel in ("5.10", "7.3"):
        log = log_of("reference_kept", kernel).encode()
        pieces = [log[at : at + size] for at in range(0, len(log), size)]
        assert read_log(pieces) == read_log([log])


HOSTILE = {
    "spaces": " " * 60_000,
    "one line of spaces behind an instruction": "0: (b7) r1 = 0" + " " * 60_000 + "x",
    "escaped newlines": "\\n" * 30_000,
    "escaped tabs": "0: (b7) r1 = 0\\n" + "\\t" * 30_000,
    "backslashes": "\\" * 60_000 + '"',
    "quotes": '"' * 60_000,
    "digits": "1" * 60_000,
    "colons": ": " * 30_000,
    "an insn of colons": "0: (b7) r1" + ": " * 30_000,
    "states": "0: " + "R1=" * 20_000,
    "parentheses": "0: R1=" + "(" * 60_000,
    "semicolons": "0: (b7) r1 = 0" + " ; " * 20_000,
    "at signs": "; " + " @ a:1" * 10_000,
    "open tags": "<p " * 20_000,
    "entities": "&#" * 30_000,
    "dots": "." * 60_000,
    "quoting": "> " * 30_000,
    "dates": "2025-01-10T17:54:26 " * 3_000,
    "brackets": "[" * 60_000,
    "a message of nothing but its fields": "invalid access to " + "=" * 60_000,
    "off": "R1 invalid variable buffer offset: off=" + ", var_off=" * 6_000,
    "precision": "mark_precise: " + ": R1" * 15_000,
    "omitted": "load program: " + "a" * 60_000,
    "words": "foo " * 15_000,
    "braces": "{" * 60_000,
    "words with dashes": "a-" * 30_000,
    "kernels": "Linux " * 10_000,
    "processed": "processed 1 insns" + " (limit" * 8_000,
    "fields of logfmt": "level=x " + 'msg="' * 12_000,
    "fields of logfmt that end nowhere": 'level=x msg="' + "\\\\" * 30_000,
    "fields of JSON": "{" + '"log":"' * 8_000,
    "levels": "level= " * 8_000,
    "emphasis": "*" * 60_000,
    "arrows": "R1 !read_ok" + " <-" * 20_000,
    "stack depth": "stack depth " + "1+" * 30_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_takes_time_in_proportion(name: str) -> None:
    line = HOSTILE[name]
    start = time.process_time()
    look_at(read_log([line + "\n", line + "\n" + line]))
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", HOSTILE)
def test_many_hostile_lines_in_the_middle_of_a_walk(name: str) -> None:
    line = HOSTILE[name][:300]
    text_of = log_of("map_value_index", "6.12") + (line + "\n") * 1000 + log_of("zero_size", "5.10")
    start = time.process_time()
    look_at(read_log([text_of]))
    assert time.process_time() - start < 2


def long_log(megabytes: int) -> Iterator[bytes]:
    """A walk of that size: a loop printed again and again, then a refusal."""
    yield b"func#0 @0\n0: R1=ctx() R10=fp0\n"
    lines = b"".join(
        b"; sum += data[i]; @ program.c:%d\n%d: (0f) r1 += r2                      ; R1_w=scalar(umin=%d) R2_w=%d\n"
        b"%d: (26) if w2 > 0x3 goto pc-1          ; R2=scalar(umax=3)\n\nfrom %d to %d: R1=scalar() R2=%d R10=fp0\n"
        % (n, 2 * n, n, n, 2 * n + 1, 2 * n + 1, 2 * n, n)
        for n in range(2000)
    )
    for _ in range(megabytes * 1_000_000 // len(lines)):
        yield lines
    yield b"9: (95) exit\nR0 !read_ok\nprocessed 100 insns (limit 1000000) max_states_per_insn 1 total_states 1"
    yield b" peak_states 1 mark_read 1\n"


def test_memory_does_not_grow_with_the_text() -> None:
    def peak(megabytes: int) -> int:
        tracemalloc.start()
        report = read_log(long_log(megabytes))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.program.insn == 9
        assert report.program.steps > megabytes * 6000
        return size

    small, large = peak(1), peak(3)
    assert large < 60_000_000
    assert large < small * 1.2


def test_a_line_without_end_is_read_in_pieces() -> None:
    start = time.process_time()
    look_at(read_log(b"x" * 65536 for _ in range(100)))
    assert time.process_time() - start < 5
