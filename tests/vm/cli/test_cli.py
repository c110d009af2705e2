"""`python -m vm`: exit statuses, and the fields of the JSON lines that programs depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vm import pipeline
from vm.cli.main import parser
from vm.program import Edit, Fix, Remark

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "examples" / "count_drop.c")
REJECTED = str(ROOT / "examples" / "missing_bounds_check.c")
OBJECT = str(ROOT / "tests" / "golden" / "objects" / "xdp.o")
PACKET = "02000000000102000000000208004500002400010000401166c60a0000010a0000023039003500101ea562706673636f7065"


def test_compile_writes_an_object(said: Any, tmp_path: Path) -> None:
    status, [record], _ = said("compile", "--json", EXAMPLE, "-o", str(tmp_path / "x.o"))
    assert status == 0
    assert record == {
        "file": EXAMPLE, "ok": True, "object": str(tmp_path / "x.o"), "diagnostics": [], "added": [], "limit": None,
    }  # fmt: skip
    assert (tmp_path / "x.o").read_bytes()[:4] == b"\x7fELF"


def test_what_does_not_compile_is_status_1_with_its_place(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int f(void) {\n  return nowhere;\n}\n")
    status, [record], _ = said("compile", "--json", str(source))
    assert status == 1
    assert [(d["line"], d["severity"]) for d in record["diagnostics"]] == [(2, "error")]


def test_verify_says_the_kernels_words(said: Any) -> None:
    status, [record], _ = said("verify", "--json", "--log-level", "2", REJECTED)
    assert status == 1
    assert set(record) == {
        "file", "program", "section", "verdict", "errno", "insns_processed", "log", "message", "failure", "remarks",
    }  # fmt: skip
    assert (record["verdict"], record["errno"]) == ("reject", -13)
    assert "R1 offset is outside of the packet" in record["log"]
    assert record["message"] == "R1 offset is outside of the packet"


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_a_rejection_is_explained_whatever_the_log_level(said: Any, level: str) -> None:
    _, [record], _ = said("verify", "--json", "--log-level", level, REJECTED)
    failure = record["failure"]
    assert set(failure) == {
        "rule", "category", "message", "explanation", "insn", "line", "reg", "proven", "needed", "causes",
        "cause",
        "fixes",
    }  # fmt: skip
    assert set(failure["cause"]) == {"kind", "step", "insn", "line", "source_check", "insns"}
    assert failure["cause"]["kind"] == "missing-check"
    assert failure["message"] == "R1 offset is outside of the packet"
    assert (failure["category"], failure["reg"]) == ("Memory Safety", "r1")
    assert failure["proven"] and failure["needed"] and failure["line"] is not None
    assert set(failure["causes"][-1]) == {"step", "insn", "line", "name", "kind", "why"}
    assert failure["causes"][-1]["insn"] == failure["insn"]
    _, [record], _ = said("verify", "--json", "--log-level", level, EXAMPLE)
    assert (record["message"], record["failure"], record["remarks"]) == ("", None, [])


FILLED = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int second(struct xdp_md *ctx);
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __type(key, int);
  __array(values, int(struct xdp_md *));
} chain SEC(".maps") = {.values = {[1] = (void *)&second}};
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &chain, 1); return 2; }
SEC("xdp") int second(struct xdp_md *ctx) { return 1; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_an_object_is_loaded_whole(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(FILLED)
    status, records, _ = said("verify", "--json", str(source))
    assert status == 0
    assert [(r["verdict"], r["errno"], r["message"], r["remarks"]) for r in records] == [("accept", 0, "", [])] * 2


def test_every_program_has_its_line_after_one_was_refused(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(
        FILLED.replace("{ return 1; }", "{ return *(int *)0; }")
        + """
SEC("xdp") int third(struct xdp_md *ctx) { return *(volatile char *)1; }
SEC("xdp") int fourth(struct xdp_md *ctx) { return 0; }
"""
    )
    status, records, text = said("verify", "--json", str(source))
    verdicts = {r["program"]: r["verdict"] for r in records}
    assert status == 1
    assert verdicts == {"first": "accept", "second": "reject", "third": "reject", "fourth": "accept"}
    told = [r["program"] for r in records if r["remarks"]]
    assert told == ["second"] and "libbpf gives up the object at this program" in text


def test_a_slot_of_a_program_that_is_not_loaded_by_default_fails(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(FILLED.replace('SEC("xdp") int second', 'SEC("?xdp") int second'))
    status, records, _ = said("verify", "--json", str(source))
    first, second = sorted(records, key=lambda r: str(r["program"]))
    assert status == 1
    assert (first["verdict"], first["errno"]) == ("reject", -9)
    assert "slot [1] to prog 'second' (EBADF)" in first["message"]
    # Asked for, it is loaded with the others.
    assert (second["verdict"], second["message"]) == ("accept", "")
    assert [r["program"] for r in second["remarks"]] == ["second"]
    assert "only if the application asks" in second["remarks"][0]["message"]


def test_programs_of_two_kinds_cannot_share_a_program_array(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    tc = 'SEC("tc") int third(struct __sk_buff *ctx) { bpf_tail_call(ctx, &chain, 1); return 0; }\n'
    source.write_text(FILLED + tc)
    status, records, _ = said("verify", "--json", str(source))
    said_of = {r["program"]: (r["verdict"], r["errno"]) for r in records}
    assert (status, said_of) == (1, {"first": ("accept", 0), "second": ("accept", 0), "third": ("reject", -22)})
    message = next(r["message"] for r in records if r["program"] == "third")
    assert message == "map 'chain' belongs to programs of the kind of 'first': 'third' has another program type."


def test_a_slot_takes_programs_of_the_kind_of_the_arrays_owner(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(FILLED.replace('SEC("xdp") int second', 'SEC("tc") int second'))
    status, records, _ = said("verify", "--json", str(source))
    assert status == 1 and [(r["verdict"], r["errno"]) for r in records] == [("reject", -22)] * 2
    assert "slot [1] to prog 'second' (EINVAL)" in records[0]["message"]


def test_remarks_are_said_once_and_stand_in_the_lines(
    said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix = Fix('Write SEC("xdp")', (Edit(1, 2, 1, 5, "x"),))
    load = pipeline.load
    remark = Remark("The section is misspelt.", line=1, fix=fix)
    monkeypatch.setattr(pipeline, "load", lambda *given: replace(load(*given), remarks=(remark,)))
    source = tmp_path / "p.s"
    source.write_text("r0 = 0\nexit\n")
    status, [record], text = said("verify", "--json", str(source))
    assert status == 0
    assert text.count('p.s:1: The section is misspelt. (Write SEC("xdp"))') == 1
    edit = {"line": 1, "column": 2, "end_line": 1, "end_column": 5, "text": "x"}
    assert record["remarks"] == [
        {
            "program": "", "message": "The section is misspelt.", "line": 1,
            "fix": {"title": 'Write SEC("xdp")', "edits": [edit]},
            "kind": "",
        }
    ]  # fmt: skip


def test_a_source_too_long_is_a_limit(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "long.c"
    source.write_text("/" * 65_537)
    status, [record], _ = said("verify", "--json", str(source))
    assert (status, record["verdict"]) == (3, "error") and "65,537 bytes" in record["message"]


UNUSED_MAP = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1);
  __uint(key_size, 8);
  __uint(value_size, 4);
} trie SEC(".maps");
SEC("xdp") int f(struct xdp_md *ctx) { return 2; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("verb", ["verify", "jit", "run"])
@pytest.mark.parametrize("how", [(), ("--alone",)])
def test_a_map_that_cannot_be_created_fails_the_object_used_or_not(
    said: Any, tmp_path: Path, verb: str, how: tuple[str, ...]
) -> None:
    source = tmp_path / "trie.c"
    source.write_text(UNUSED_MAP)
    status, records, text = said(verb, "--json", *how, str(source))
    assert status == 2
    assert "would not create the object's map 'trie': an LPM trie must have the flag BPF_F_NO_PREALLOC" in text
    assert [(r["program"], r["verdict"]) for r in records] == ([("f", "error")] if verb == "verify" else [])


def test_alone_a_program_cannot_fill_a_program_array_with_another(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(FILLED)
    status, records, _ = said("verify", "--json", "--alone", str(source))
    first, second = sorted(records, key=lambda r: str(r["program"]))
    assert status == 1
    assert (first["verdict"], first["errno"]) == ("reject", -9) and first["log"].startswith("processed")
    assert "slot [1] to prog 'second' (EBADF)" in first["message"]
    assert second["verdict"] == "accept"


def test_alone_a_program_runs_without_the_others(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "chain.c"
    source.write_text(FILLED)
    status, [record], _ = said("run", "--json", "--program", "first", "--packet", PACKET, str(source))
    assert (status, record["result"]) == (0, "XDP_DROP")
    status, records, text = said("run", "--json", "--alone", "--program", "first", "--packet", PACKET, str(source))
    assert (status, records) == (1, []) and "slot [1] to prog 'second' (EBADF)" in text
    status, records, _ = said("jit", "--json", "--alone", str(source))
    assert status == 0 and {r["program"] for r in records} == {"first", "second"}
    assert said("jit", "--json", str(source))[1] == records


def test_a_verb_has_the_options_of_its_kind() -> None:
    build = {"opt", "mcpu", "fix_includes", "prog_type", "untyped", "json", "files"}
    loading = build | {"program", "unprivileged", "caps", "alone"}
    wanted = {"compile": build, "disasm": build | {"program"}, "verify": loading, "jit": loading, "run": loading}
    for verb, options in wanted.items():
        assert options <= set(vars(parser().parse_args([verb, "x.c"]))), verb


def test_a_refused_section_is_loaded_as_what_was_meant_unless_alone(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "drop.c"
    source.write_text(
        "#include <linux/bpf.h>\n"
        '__attribute__((section("xdp_drop"))) int f(struct xdp_md *ctx)\n'
        "{ char *p = (void *)(long)ctx->data; return p + 1 > (char *)(long)ctx->data_end ? 1 : *p & 1; }\n"
    )
    status, _, text = said("verify", str(source))
    assert status == 0 and 'SEC("xdp")' in text
    for option in ("--alone", "--untyped=socket"):
        status, _, text = said("verify", option, str(source))
        assert status == 1 and "it counts as 'socket'" in text


def test_a_section_nobody_knows_counts_as_a_socket_filter(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "mine.c"
    source.write_text('__attribute__((section("mine"))) int f(void *ctx) { return 0; }\n')
    status, _, text = said("verify", str(source))
    assert status == 0 and "knows no section name 'mine'" in text and 'SEC("socket")' in text
    status, _, text = said("verify", "--alone", str(source))
    assert status == 0 and "libbpf knows no section 'mine'; it counts as 'socket'" in text


def test_verify_takes_several_files_and_several_programs(said: Any) -> None:
    _, records, _ = said("verify", "--json", OBJECT, EXAMPLE)
    assert len(records) == 9
    assert [r["program"] for r in records if r["verdict"] == "accept" and r["file"] == EXAMPLE] == ["count_drop"]


def test_jit_gives_code_and_where_addresses_stand_in_it(said: Any) -> None:
    status, [record], _ = said("jit", "--json", EXAMPLE)
    assert status == 0
    image = bytes.fromhex(record["image"])
    assert sum(record["func_lens"]) == len(image)
    assert all(at >= 0 and at + size <= len(image) for at, size in record["image_relocs"])
    assert record["xlated_relocs"]


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_run_returns_what_the_program_did(said: Any, engine: str) -> None:
    status, [record], _ = said("run", "--json", "--engine", engine, "--packet", PACKET, EXAMPLE)
    assert status == 0
    assert (record["r0"], record["result"], record["fault"]) == (1, "XDP_DROP", None)
    assert ["11000000", "0100000000000000"] in record["maps"]["packets"]


def test_a_packet_in_hex_may_be_longer_than_the_name_of_a_file(said: Any) -> None:
    status, [record], _ = said("run", "--json", "--packet", PACKET + "00" * 1400, EXAMPLE)
    assert (status, record["result"]) == (0, "XDP_DROP")


def test_repeat_keeps_the_maps(said: Any) -> None:
    _, records, _ = said("run", "--json", "--repeat", "3", "--packet", PACKET, EXAMPLE)
    assert ["11000000", "0300000000000000"] in records[-1]["maps"]["packets"]


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_raw_instructions_get_memory(said: Any, tmp_path: Path, engine: str) -> None:
    program = tmp_path / "sum.bin"  # r0 = *(u8 *)(r1 + 1); r0 += r2; exit
    program.write_bytes(bytes.fromhex("71100100000000000f200000000000009500000000000000"))
    status, [record], _ = said("run", "--json", "--engine", engine, "--memory", "0a0b0c", str(program))
    assert (status, record["r0"]) == (0, 14)


def test_unverified_programs_fault_in_words(said: Any) -> None:
    short = "02" * 14
    status, [record], _ = said("run", "--json", "--unverified", "--packet", short, OBJECT, "--program", "no_bounds")
    assert (status, record["fault"]) == (0, None)
    status, [record], _ = said("run", "--json", "--unverified", "--packet", short, OBJECT, "--program", "short_bounds")
    assert record["fault"]["kind"] == "memory"
    assert "packet" in record["fault"]["message"]


@pytest.mark.parametrize(
    "argv",
    [
        ("verify", "nowhere.o"),
        ("verify", EXAMPLE, "--program", "nobody"),
        ("run", EXAMPLE, "--packet", "abc"),
        ("run", EXAMPLE, "--packet", ""),
        ("compile", OBJECT),
        ("verify", EXAMPLE, "--caps", "root"),
        ("compile", EXAMPLE, "-o", "/nowhere/x.o"),
        ("verify", "--whole", EXAMPLE),
        ("frobnicate",),
    ],
)
def test_bad_input_is_status_2_and_a_sentence(said: Any, argv: tuple[str, ...]) -> None:
    status, _, text = said(*argv)
    assert status == 2
    assert text.strip()
    assert "Traceback" not in text


def test_disasm_prints_instructions(said: Any) -> None:
    status, _, text = said("disasm", OBJECT)
    assert status == 0
    assert "(95) exit" in text


VARIABLES = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int counter = 5;
SEC("xdp") int count(void *ctx) { counter += 2; return XDP_PASS; }
"""


def test_variables_are_beside_the_maps(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "count.c"
    source.write_text(VARIABLES)
    _, [record], _ = said("run", "--json", str(source))
    assert record["maps"] == {".data": [["00000000", "07000000"]]}
    assert record["variables"] == {".data": [{"name": "counter", "type": "int", "offset": 0, "size": 4, "value": "7"}]}
    _, _, text = said("run", str(source))
    assert "  .data:\n    counter = 7  (int)\n" in text


def test_an_event_there_is_not_is_bad_input(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "probe.s"
    source.write_text("r0 = 0\nexit\n")
    probe = ("run", "--prog-type", "kprobe", "--event")
    status, _, text = said(*probe, "do_unlinkatt", str(source))
    assert status == 2
    assert "'do_unlinkatt' is no kernel function" in text
    assert "Near it: do_unlinkat" in text
    assert said(*probe, "do_unlinkat,dfd=3", str(source))[0] == 0


def test_text_for_an_argument_that_is_a_number_is_bad_input(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "probe.s"
    source.write_text("r0 = 0\nexit\n")
    status, _, text = said("run", "--prog-type", "kprobe", "--event", "do_unlinkat,dfd=x", str(source))
    assert status == 2
    assert "'dfd' is of type int: it takes a number, and 'x' is none" in text
    tracepoint = ("run", "--prog-type", "tracepoint", "--event")
    status, _, text = said(*tracepoint, "sched/sched_switch,prev_pid=x", str(source))
    assert status == 2
    assert "'prev_pid' of the event sched_switch is a number of 4 bytes, and 'x' is none" in text
    assert said(*tracepoint, "sched/sched_switch,prev_comm=x", str(source))[0] == 0


@pytest.mark.parametrize("count", ["0", "-1", "x", "1e3", "99999999999999999999", ""])
def test_a_number_of_runs_that_is_none_is_refused(count: str, said: Any, tmp_path: Path) -> None:
    source = tmp_path / "pass.s"
    source.write_text("r0 = 2\nexit\n")
    status, _, text = said("run", "--repeat", count, str(source))
    assert status == 2
    assert "is no number from 1 to 100,000" in text or "argument" in text


def test_unverified_machine_code_says_what_it_cannot_read(said: Any) -> None:
    example = str(Path(__file__).parents[3] / "examples" / "count_drop.c")
    options = ("run", "--unverified", "--packet", PACKET, example)
    status, _, text = said(*options, "--engine", "jit")
    assert status == 2
    assert "reads its context (struct xdp_md) and is not verified" in text
    status, _, text = said(*options)
    assert status == 0
    assert "XDP_DROP" in text


@pytest.mark.parametrize("verb", ["verify", "compile", "run"])
def test_a_file_that_cannot_be_read_is_named_once(said: Any, tmp_path: Path, verb: str) -> None:
    for path, why in ((tmp_path / "none.c", "No such file"), (tmp_path, "no BPF program")):
        status, _, text = said(verb, str(path))
        assert status == 2 and text.count(str(path)) == 1 and why in text


def test_where_nothing_is_loaded_no_remark_says_that_the_rest_was_checked(said: Any, tmp_path: Path) -> None:
    source = tmp_path / "trie.c"
    second = 'SEC("tc") int g(struct __sk_buff *skb) { return 0; }\n'
    source.write_text(UNUSED_MAP + second)
    _, records, _ = said("verify", "--json", str(source))
    assert [r["verdict"] for r in records] == ["error", "error"]
    assert not any(r["remarks"] for r in records)


def test_verify_offers_fixes_of_a_rejected_source(said: Any) -> None:
    status, [record], _ = said("verify", "--json", REJECTED)
    assert status == 1
    fixes = record["failure"]["fixes"]
    assert fixes and all(set(fix) == {"title", "why", "diff"} for fix in fixes)
    assert fixes[0]["diff"].startswith("--- a/missing_bounds_check.c\n+++ b/missing_bounds_check.c\n@@ ")


def test_verify_prints_the_first_fix(said: Any) -> None:
    _, _, text = said("verify", REJECTED)
    assert "\nfix: " in text and "\n+++ b/missing_bounds_check.c\n" in text
    assert text.count("+++ b/") == 1


def test_verify_looks_for_no_fix_where_none_is_wanted(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("looked for")

    monkeypatch.setattr(pipeline, "repairs", never)
    _, [record], _ = said("verify", "--json", "--no-fixes", REJECTED)
    assert record["failure"]["fixes"] == []
    _, [record], _ = said("verify", "--json", EXAMPLE)
    assert record["failure"] is None
    assert said("verify", "--json", OBJECT)[1]
