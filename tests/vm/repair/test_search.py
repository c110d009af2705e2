"""What is offered beside the corpus: several steps, several programs, texts that are hard to read, limits."""

from __future__ import annotations

import time

import pytest

from tests.corpus import patched
from vm import pipeline
from vm.csource.text import apply
from vm.csource.versions import line_edits
from vm.pipeline import BuildOptions, Repair, Source
from vm.program import Fix

HEAD = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 4); }
    table SEC(".maps");
"""
LICENSE = 'char LICENSE[] SEC("license") = "GPL";\n'


def found(text: str, name: str = "", most: int = 3, **options: float) -> list[Repair]:
    source = Source("c", text.encode(), "prog")
    compilation = pipeline.compile_source(source, BuildOptions())
    assert compilation.ok, compilation.diagnostics
    obj = pipeline.load(source, BuildOptions(), compilation.object)
    program = pipeline.choose(obj, name)
    return list(pipeline.repairs(source, BuildOptions(), obj, program, most=most, **options))  # type: ignore[arg-type]


UNCHECKED = (
    HEAD
    + """SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = 1, other = 2;
    __u64 *a = bpf_map_lookup_elem(&table, &key);
    __u64 *b = bpf_map_lookup_elem(&table, &other);

    return *a + *b;
}
"""
)


def test_two_faults_are_one_fix() -> None:
    first = found(UNCHECKED)[0]
    assert "a" in first.title and "b" in first.title
    assert first.diff.count("+    if (!") == 2
    assert patched(UNCHECKED, first.diff) == apply(UNCHECKED, first.fix)


def test_a_loop_over_the_packet_is_given_the_rounds_that_its_stride_allows() -> None:
    first = found(
        HEAD
        + """SEC("xdp") int prog(struct xdp_md *ctx)
{
    unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    int sum = 0;

    while (p + 64 <= end) {
        sum += *p;
        p += 64;
    }
    return sum ? XDP_PASS : XDP_DROP;
}
"""
    )[0]
    assert "i < 1023 && p + 64 <= end" in first.diff, "65,535 / 64, and the comparison stays as it is"


def test_an_accepted_program_is_offered_nothing() -> None:
    assert found(HEAD + 'SEC("xdp") int prog(void *ctx) { return 2; }\n') == []


def test_other_kinds_of_source_are_offered_nothing() -> None:
    source = Source("asm", b"r0 = *(u64 *)(r1 + 0)\nexit\n", "prog")
    obj = pipeline.load(source, BuildOptions())
    assert list(pipeline.repairs(source, BuildOptions(), obj, obj.programs[0])) == []


def test_no_more_are_offered_than_asked_for() -> None:
    assert len(found(UNCHECKED, most=1)) == 1


def test_the_time_is_kept() -> None:
    began = time.monotonic()
    assert found(UNCHECKED, limit_seconds=0) == []
    assert time.monotonic() - began < 5


def test_another_program_keeps_its_verdict() -> None:
    text = (
        HEAD
        + """static __always_inline int size(void *ctx) { return ((struct xdp_md *)ctx)->rx_queue_index; }
__u8 bytes[64];
SEC("xdp") int bad(struct xdp_md *ctx) { int n = size(ctx); return bytes[n]; }
SEC("xdp") int good(struct xdp_md *ctx) { int n = size(ctx); return n < 64 && n >= 0 ? bytes[n] : 0; }
"""
    )
    for each in found(text, "bad"):
        source = Source("c", patched(text, each.diff).encode(), "prog")
        obj = pipeline.load(source, BuildOptions(), pipeline.compile_source(source, BuildOptions()).object)
        assert all(verdict.accepted for verdict in pipeline.check_object(obj, log_level=0))


LOOKUP = "__u32 k = 0; __u64 *v = bpf_map_lookup_elem(&table, &k);"
PLAIN = f"""SEC("xdp") int prog(struct xdp_md *ctx)
{{
  {LOOKUP}
  BODY
  return 2;
}}
"""
IN_A_MACRO = f"""#define BODY(v) {{ {LOOKUP} return *v; }}
SEC("xdp") int prog(void *ctx)
BODY(v)
"""
HARD = {
    "one line": f'SEC("xdp") int prog(void *ctx) {{ {LOOKUP} return *v; }}',
    "carriage returns": PLAIN.replace("BODY", "*v += 1;").replace("\n", "\r\n"),
    "no newline at the end": PLAIN.replace("BODY", "*v += 1;").rstrip(),
    "other alphabets": "/* Prüfung — 検査 */ " + PLAIN.replace("BODY", "/* größer */ *v += 1; // ≥"),
    "a macro's body": "#define READ(p) (*(p))\n" + PLAIN.replace("BODY", "k = READ(v);"),
    "the whole function in a macro": IN_A_MACRO,
    "#line": '#line 900 "program.c"\n' + PLAIN.replace("BODY", "*v += 1;"),
    "half a function before": "#if 0\n} } ) else (\n#endif\n" + PLAIN.replace("BODY", "*v += 1;"),
    "statement expression": PLAIN.replace("BODY", "if (({ int y = *v; y; })) return 1;"),
    "switch": PLAIN.replace("BODY", "switch (ctx->rx_queue_index) { case 0: return *v; default: return 1; }"),
    "do": PLAIN.replace("BODY", "do *v += 1; while (0);"),
    "else": PLAIN.replace("BODY", "if (ctx->rx_queue_index) return 1; else *v += 1;"),
    "comma": PLAIN.replace("BODY", "k = 1, *v += 1, k = 2;"),
}


@pytest.mark.parametrize("name", HARD)
def test_a_text_that_is_hard_to_read(name: str) -> None:
    text = HEAD + HARD[name]
    for each in found(text):
        changed = patched(text, each.diff)
        assert changed == apply(text, each.fix)
        source = Source("c", changed.encode(), "prog")
        obj = pipeline.load(source, BuildOptions(), pipeline.compile_source(source, BuildOptions()).object)
        assert next(iter(pipeline.check_object(obj, log_level=0))).accepted


def test_plain_texts_among_them_are_offered_a_fix() -> None:
    for name in ("one line", "carriage returns", "no newline at the end", "other alphabets", "switch", "else"):
        assert found(HEAD + HARD[name], most=1), name


def test_a_fix_in_a_line_of_several_statements_stays_in_it() -> None:
    first = found(HEAD + HARD["one line"], most=1)[0]
    assert "if (!v) return 0; return *v;" in first.diff or "if (!v) return XDP_PASS; return *v;" in first.diff


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\n", "a\nx\nb\n"),
        ("a\nb", "a\nb\nc"),
        ("a\nb", "x\nb"),
        ("a\nb\n", "b\n"),
        ("a\nb", "a"),
        ("a", "b\na\nc\n"),
        ("", "a\n"),
    ],
)
def test_lines_that_differ_become_edits(old: str, new: str) -> None:
    assert apply(old, Fix("", line_edits(old, new))) == new


LONG = {
    "many equal lines": HEAD + "\n" * 40_000 + PLAIN.replace("BODY", "*v += 1;") + "\n" * 10_000,
    "a long condition": HEAD + PLAIN.replace("BODY", f"if ({' || '.join(['k == 1'] * 2500)}) return *v;"),
    "deep brackets": HEAD + PLAIN.replace("BODY", f"return {'(' * 200}*v{')' * 200};"),
    "many functions": HEAD
    + "".join(f"static int f{n}(int *p) {{ return p[{n}]; }}\n" for n in range(900))
    + PLAIN.replace("BODY", "*v += 1;"),
    "long names": HEAD + f"int {'_' * 20_000} (void);\n" + PLAIN.replace("BODY", "*v += 1;"),
}


TOO_DEEP = ("a long condition",)


@pytest.mark.parametrize("name", LONG)
def test_long_texts_take_no_longer_than_allowed(name: str) -> None:
    began = time.monotonic()
    fixes = found(LONG[name], most=1, limit_seconds=8)
    assert fixes or name in TOO_DEEP
    assert time.monotonic() - began < 16


def test_a_branch_that_finds_null_and_goes_on_is_told_to_leave() -> None:
    text = (
        HEAD
        + """SEC("xdp")
int prog(struct xdp_md *ctx)
{
    __u32 key = 1;
    __u64 *row = bpf_map_lookup_elem(&table, &key);

    if (!row)
        bpf_printk("none");
    return ((__u8 *)row)[ctx->rx_queue_index & 7];
}
"""
        + LICENSE
    )
    assert found(text)[0].title == "Leave where row is NULL: return XDP_PASS;"


def test_a_constant_is_no_address_to_copy_from() -> None:
    text = """#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
SEC("tp_btf/sched_switch")
int BPF_PROG(prog, bool preempt, struct task_struct *prev)
{
    return bpf_probe_read_kernel(0, 8, &prev->pid);
}
"""
    assert not any("copy of 0" in each.title for each in found(text + LICENSE))


def test_a_printed_number_is_not_made_a_size() -> None:
    """The number of bpf_trace_printk("pid %d", pid) is its size for the verifier, and a bound would be accepted."""
    text = """SEC("tracepoint/syscalls/sys_enter_write")
int f(void *ctx)
{
    int pid = bpf_get_current_pid_tgid() >> 32;
    bpf_trace_printk("pid %d\\n", pid);
    return 0;
}
"""
    first = found(HEAD + text + LICENSE)[0]
    assert first.title == "Call bpf_printk() instead"
