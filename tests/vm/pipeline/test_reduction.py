"""A refused source made smaller: it compiles, and is refused by the same rule at the same line of C."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import pipeline
from vm.errors import InputError
from vm.pipeline import BuildOptions, Reduced, Source, SourceFile

OPTIONS = BuildOptions(guess=True)
LONG = 600.0
"""More seconds than any of these takes: what ends the search is that nothing goes any more."""

TWO = """
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include "counts.h"

/* Counts packets, and drops some. */
static __noinline int shared(int x)
{
    return x * 3;
}

SEC("xdp")
int good(struct xdp_md *ctx)
{
    return shared(ctx->ingress_ifindex);
}

SEC("xdp")
int bad(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 key = 0;
    __u64 *count;

    if (data + sizeof(*eth) > end)
        return XDP_PASS;
    if (eth->h_proto == 8 && shared(key) < 7) {
        for (int i = 0; i < 4; i++)
            key += i;
        bpf_printk("ip %d", key);
    }
    count = bpf_map_lookup_elem(&counts, &key);
    *count += 1; // not checked
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
"""
COUNTS = """#pragma once
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} other SEC(".maps");
"""


def of(text: str, *files: SourceFile) -> Source:
    return Source("c", text.encode(), "p", files)


def last(source: Source, name: str = "", **more: float) -> Reduced:
    *_, found = pipeline.reduced(source, OPTIONS, name, **{"limit_seconds": LONG, **more})  # type: ignore[arg-type]
    return found


def rule(source: Source, name: str) -> str:
    compiled = pipeline.compile_source(source, OPTIONS)
    assert compiled.ok, compiled.diagnostics
    obj = pipeline.load(source, OPTIONS, compiled.object)
    verdict = pipeline.check(obj, pipeline.choose(obj, name), log_level=0)
    assert verdict.failure is not None and verdict.verdict == "reject"
    return verdict.failure.rule


def test_what_the_rejection_does_not_need_goes() -> None:
    given = of(TWO, SourceFile("counts.h", COUNTS))
    found = last(given, "bad")
    text = found.source.text()
    assert found.ended == "smallest" and not found.source.files
    assert rule(found.source, "bad") == rule(given, "bad") and "*count += 1;" in text
    for gone in ("good", "shared", "bpf_printk", "for (", "RINGBUF", "h_proto", "iphdr", "/*", "counts.h"):
        assert gone not in text, gone
    assert found.lines == sum(bool(line.strip()) for line in text.split("\n"))
    assert found.lines < 20 < 40 < found.whole and found.tried > 3


def samples() -> list[Path]:
    return [path for path in sorted(Path("gallery").glob("*/*.c")) if not path.name.endswith(".fixed.c")][::25]


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.stem)
def test_the_rule_and_the_line_stay(path: Path) -> None:
    given = of(path.read_text())
    steps = list(pipeline.reduced(given, OPTIONS, limit_seconds=LONG))
    assert [step.ended for step in steps] == [""] * (len(steps) - 1) + ["smallest"]
    assert all(before.lines > after.lines for before, after in zip(steps, steps[1:-1], strict=False))
    assert len(samples()) > 5 and steps[-1].lines <= steps[-1].whole
    compiled = pipeline.compile_source(given, OPTIONS)
    name = pipeline.choose(pipeline.load(given, OPTIONS, compiled.object), "").name
    assert rule(steps[-1].source, name) == rule(given, name)


def test_the_same_source_gives_the_same_text() -> None:
    given = of(Path("examples/missing_bounds_check.c").read_text())
    assert last(given).source.data == last(given).source.data


def test_what_cannot_be_reduced_is_said() -> None:
    for source, words in (
        (of("int f(void) { return 0 }"), "does not compile"),
        (of(Path("examples/count_drop.c").read_text()), "Only a program that the verifier refuses"),
        (Source("asm", b"r0 = 0\nexit\n"), "Only C sources"),
    ):
        with pytest.raises(InputError, match=words):
            list(pipeline.reduced(source, OPTIONS))


def test_the_smallest_so_far_is_there_when_the_time_is_over() -> None:
    given = of(TWO, SourceFile("counts.h", COUNTS))
    ticks = iter(range(10**6))
    found = list(pipeline.reduced(given, OPTIONS, "bad", limit_seconds=40, clock=lambda: float(next(ticks))))
    assert found[-1].ended == "time" and rule(found[-1].source, "bad") == rule(given, "bad")
    few = last(given, "bad", most=3)
    assert few.ended == "tries" and few.tried == 3 and few.lines < few.whole


def test_a_large_source_and_a_long_walk_end_in_time() -> None:
    many = "".join(f"static __noinline int f{n}(int x)\n{{\n    return x + {n};\n}}\n" for n in range(900))
    large = of(TWO.replace('counts.h"\n', f'counts.h"\n{many}'), SourceFile("counts.h", COUNTS))
    assert len(large.data) > 50_000
    found = last(large, "bad")
    assert found.whole > 3600 and found.lines < 20 and found.ended == "smallest"
    endless = of(
        '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nint x;\nSEC("socket") int f(struct __sk_buff *skb)\n'
        "{\n    volatile int x = 0;\n    for (int i = 0; i < 3000000; i++)\n        x += skb->len;\n    return x;\n}\n"
    )
    ticks = iter(range(10**6))
    with pytest.raises(InputError, match="refuses within 40 s"):
        list(pipeline.reduced(endless, OPTIONS, limit_seconds=40, clock=lambda: float(next(ticks))))


def test_fix_includes_adds_them_to_the_text() -> None:
    given = of('SEC("xdp") int f(struct xdp_md *ctx) { int a = 1; a++; return *(int *)(long)ctx->data; }\n')
    options = BuildOptions(guess=True, fix_includes=True)
    *_, found = pipeline.reduced(given, options, limit_seconds=LONG)
    assert "#include" in found.source.text() and "a++" not in found.source.text()
    assert pipeline.compile_source(found.source, OPTIONS).ok


CONDITIONAL = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "my.h"
#if 0
int no(void) {
#endif
#ifdef DEBUG
int dbg = 3;
#else
SEC("xdp") int prog(struct xdp_md *ctx)
{
    char *p = (char *)(long)ctx->data;
#ifdef __bpf__
    if (ctx->rx_queue_index)
        goto out;
    p += seven();
#else
    p += 8;
#endif
out:
    return *p;
}
#endif
"""
GUARDED = """#ifndef MY_H
#define MY_H
struct unused { int a; };
static __always_inline int seven(void) { return 7; }
#endif
"""
LEFT = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int prog(struct xdp_md *ctx)
{
    char *p = (char *)(long)ctx->data;
    return *p;
}
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_of_an_if_only_what_is_compiled_stays(end: str) -> None:
    """Guards of headers are such; and what is not compiled need not be C. The ends of lines may be any."""
    found = last(of(CONDITIONAL.replace("\n", end), SourceFile("my.h", GUARDED.replace("\n", end))))
    assert found.source.text() == LEFT
    assert found.ended == "smallest" and not found.source.files
    assert found.lines == 7 and found.whole == 28
