"""Logs of real kernels, 5.10 to 7.3, in every wrapper: message, instruction, register."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.vm.logs.recordings import expected, log_of, recorded, series
from tests.vm.logs.wrapping import WRAPPINGS, as_it_is, libbpf, unknown_prefix
from vm.logs.answer import read_log
from vm.logs.told import record
from vm.logs.values import Format, Verdict


def test_every_refused_program_has_an_expectation() -> None:
    refused = {
        (series(each["kernel"]), each["program"])
        for each in recorded()
        if each["verdict"] == "reject" and "level1" in each
    }
    assert refused == set(expected())
    assert len({kernel for kernel, _ in refused}) == 7


@pytest.mark.parametrize("level", ["level1", "level2"])
@pytest.mark.parametrize(("wrap", "wrapper"), WRAPPINGS, ids=[wrap.__name__ for wrap, _ in WRAPPINGS])
def test_refused_programs(wrap: Callable[[str], str], wrapper: str, level: str) -> None:
    for each in recorded():
        want = expected().get((series(each["kernel"]), each["program"]))
        if want is None or level not in each:
            continue
        if wrap is unknown_prefix and each[level].count(": (") < 3:
            continue  # a prefix is learnt from two instructions
        report = read_log([wrap(each[level])])
        found = record("x", report)
        name = f"{each['program']} of {each['kernel']}"
        assert found["verdict"] == "reject", name
        assert (found["message"], found["insn"], found["reg"] or "") == (want["message"], want["insn"], want["reg"]), (
            name
        )
        assert report.wrapper == wrapper, name
        assert not found["cut"], name
        assert report.program.message is not None
        assert report.program.message.rules, name
        assert found["category"], name


def test_accepted_programs() -> None:
    for each in recorded():
        if each["verdict"] != "accept":
            continue
        assert read_log([each["level2"]]).program.verdict is Verdict.ACCEPT
        # At level 1 a summary is all that is left: between its loader's lines it is a whole log, alone perhaps not.
        assert read_log([each["level1"]]).program.verdict is Verdict.UNKNOWN
        whole = f"libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n{each['level1']}-- END PROG LOAD LOG --\n"
        assert read_log([whole]).program.verdict is Verdict.ACCEPT


def test_the_format_is_that_of_the_kernel() -> None:
    want = {"5.10": Format.INV, "7.3": Format.DIAGNOSIS}
    for kernel in ("5.10", "6.1", "6.12", "6.18", "7.0", "7.2", "7.3"):
        told = read_log([log_of("map_value_unbounded", kernel)])
        assert told.program.format is want.get(kernel, Format.SCALAR)
        version = tuple(int(part) for part in kernel.split("."))
        assert told.era.first is None or told.era.first <= version
        assert told.era.last is None or version <= told.era.last


def test_the_diagnosis_of_73_is_kept() -> None:
    program = read_log([log_of("signed_index", "7.3")]).program
    assert program.diagnosis[0].startswith("Verification failed: ")
    assert any("Clamp or bounds-check" in line for line in program.diagnosis)
    assert not read_log([log_of("signed_index", "7.2")]).program.diagnosis


def test_the_program_of_a_level_2_log_is_carried() -> None:
    program = read_log([log_of("fault_in_callee", "7.3", "level2")]).program
    assert dict(program.insns)[10] == "(61) r0 = *(u32 *)(r1 +0)"
    assert 9 in dict(program.insns), "an instruction that was never visited is listed before the walk"


def test_causes_are_told_with_the_values_that_were_printed() -> None:
    causes = read_log([log_of("map_value_unbounded", "6.12")]).program.causes
    told = [(each.insn_idx, each.name, each.kind) for each in causes]
    assert told[-1] == (12, "r1", "failed")
    assert (11, "r1", "arithmetic") in told
    assert (10, "r2", "load") in told
    assert next(each for each in causes if each.insn_idx == 10).why.startswith("r2 = *(u32 *)(r1 +4): r2 is scalar(")


def test_causes_go_through_calls() -> None:
    causes = read_log([log_of("fault_in_callee", "6.12")]).program.causes
    assert [(each.insn_idx, each.name, each.kind) for each in causes] == [(6, "r0", "call"), (10, "1:r1", "failed")]


def test_what_the_loader_says_of_several_programs() -> None:
    text = libbpf(log_of("accepted_counter", "6.12", "level2")).replace(
        "BPF program load failed: Permission denied", "loaded"
    ).replace("failed to load: -13", "fine") + libbpf(log_of("zero_size", "6.12"))
    report = read_log([text])
    assert [each.verdict for each in report.programs] == [Verdict.ACCEPT, Verdict.REJECT]
    assert report.program.insn == 17


@pytest.mark.parametrize("wrap", [as_it_is, libbpf])
def test_a_log_without_its_beginning(wrap: Callable[[str], str]) -> None:
    lines = log_of("map_value_index", "6.12").splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(("9:", "10:")))
    program = read_log([wrap("".join(lines[start:]))]).program
    assert program.cut == ("start",)
    assert (program.insn, program.reg) == (12, "R0")


def test_a_log_without_its_end_has_no_answer() -> None:
    lines = log_of("map_value_index", "6.12").splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if line.startswith("invalid access"))
    program = read_log(["".join(lines[:end])]).program
    assert (program.verdict, program.message, program.insn, program.reg) == (Verdict.UNKNOWN, None, None, "")
    assert program.cut == ("end",)


def test_a_log_without_its_middle_says_no_line_or_instruction() -> None:
    lines = log_of("map_value_index", "6.12").splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith("invalid access"))
    program = read_log(["\n".join([*lines[:4], "...", *lines[end:]])]).program
    assert program.cut == ("middle",)
    assert program.reg == "R0"
    assert (program.insn, program.source) == (None, None)


def test_the_summary_of_ebpf_go_alone() -> None:
    text = (
        "loading eBPF collection into the kernel: program tail_x: load program: permission denied: "
        "1074: (71) r1 = *(u8 *)(r2 +23): R2 invalid mem access 'inv' (666 line(s) omitted)\n"
    )
    report = read_log([text])
    program = report.program
    assert (report.wrapper, program.name, program.insn, program.reg) == ("ebpf-go", "tail_x", 1074, "R2")
    assert program.message is not None
    assert program.message.text == "R2 invalid mem access 'inv'"
    assert program.cut == ("omitted",)


def test_argument_list_too_long_is_what_the_summary_says() -> None:
    text = (
        "program p: load program: argument list too long: \n"
        "processed 1000001 insns (limit 1000000) max_states_per_insn 34 total_states 9 peak_states 9 mark_read 3\n"
    )
    program = read_log([text]).program
    assert (program.verdict, program.message, program.stats.processed) == (Verdict.REJECT, None, 1000001)


def test_a_log_of_the_btf_checker_is_no_programs() -> None:
    text = (
        "libbpf: Error loading BTF: Invalid argument(22)\nlibbpf: magic: 0xeb9f\nversion: 1\nflags: 0x0\nhdr_len: 24\n"
        "type_off: 0\ntype_len: 400\nstr_off: 400\nstr_len: 300\nbtf_total_size: 724\n"
        "[1] PTR (anon) type_id=2\n[2] STRUCT xdp_md size=24 vlen=6\n[3] FUNC main type_id=2 vlen != 0\n"
    )
    program = read_log([text]).program
    assert (program.format, program.verdict, program.message) == (Format.BTF, Verdict.UNKNOWN, None)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "hello", "int main(void) { return 0; }", "R", "0:", ";", "...", "\0" * 50]
)
def test_no_log_is_no_answer(text: str) -> None:
    program = read_log([text]).program
    assert (program.verdict, program.message, program.insn) == (Verdict.UNKNOWN, None, None)


def test_a_sentence_of_a_kernel_in_prose_needs_its_place() -> None:
    text = log_of("accepted_loop", "6.12", "level2") + "\nIt worked until 5.4, which said:\nnot this: R1 !read_ok?\n"
    assert read_log([text]).program.verdict is Verdict.ACCEPT
