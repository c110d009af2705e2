"""Snippets as articles print them: what is missing is named, and adding it makes them compile."""

from __future__ import annotations

import pytest

from vm.btf.types import Kind
from vm.compile import CompileOptions, compile_c
from vm.compile.providers import tracepoint_context
from vm.csource.text import apply
from vm.kernel.btf import kernel_btf

HEAD = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
TAIL = 'char LICENSE[] SEC("license") = "GPL";\n'
FIX = CompileOptions(fix_includes=True)

UDP = (
    HEAD
    + "#include <linux/if_ether.h>\n#include <linux/ip.h>\n"
    + """SEC("xdp") int drop_udp(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = data + sizeof(*eth);
    if ((void *)(ip + 1) > end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    return ip->protocol == IPPROTO_UDP ? XDP_DROP : XDP_PASS;
}
"""
    + TAIL
)

# name: (source, what must be named, a line that must be added)
SNIPPETS = {
    "in.h and endian": (UDP, {"IPPROTO_UDP", "bpf_htons"}, "#include <linux/in.h>"),
    "if_ether.h": (
        HEAD + 'SEC("xdp") int f(void *c) { struct ethhdr e = {}; return e.h_proto == ETH_P_IP; }\n' + TAIL,
        {"struct ethhdr"},
        "#include <linux/if_ether.h>",
    ),
    "short types": (
        HEAD + 'SEC("xdp") int f(void *c) { u64 a = bpf_ktime_get_ns(); u8 b = a; s32 d = b; return d; }\n' + TAIL,
        {"u64", "u8", "s32"},
        "typedef __u64 u64;",
    ),
    "pid_t": (
        HEAD + 'SEC("kprobe/x") int f(void *c) { pid_t p = bpf_get_current_pid_tgid() >> 32; return p; }\n' + TAIL,
        {"pid_t"},
        "#include <sys/types.h>",
    ),
    "bool": (
        HEAD + 'SEC("xdp") int f(void *c) { bool a = true; return a; }\n' + TAIL,
        {"bool"},
        "#include <stdbool.h>",
    ),
    "helpers": (
        '#include <linux/bpf.h>\nSEC("xdp") int f(struct xdp_md *ctx) { return bpf_get_prandom_u32() & 1; }\n' + TAIL,
        {"SEC"},
        "#include <bpf/bpf_helpers.h>",
    ),
    "nothing at all": (
        'SEC("xdp") int f(struct xdp_md *ctx) { struct iphdr *ip = 0; return XDP_PASS + (ip != 0); }\n',
        {"SEC"},
        "#include <linux/bpf.h>",
    ),
    "tracing": (
        HEAD
        + 'SEC("kprobe/do_unlinkat") int BPF_KPROBE(unlink, int dfd, struct filename *name)\n{ return dfd; }\n'
        + TAIL,
        {"BPF_KPROBE"},
        "#include <bpf/bpf_tracing.h>",
    ),
    "core read": (
        HEAD
        + "struct task { int pid; } __attribute__((preserve_access_index));\n"
        + 'SEC("kprobe/x") int f(void *c) { struct task *t = c; return BPF_CORE_READ(t, pid); }\n'
        + TAIL,
        {"BPF_CORE_READ"},
        "#include <bpf/bpf_core_read.h>",
    ),
    "tracepoint": (
        HEAD
        + 'SEC("tracepoint/syscalls/sys_enter_openat") int f(struct trace_event_raw_sys_enter *ctx)\n'
        + "{ char comm[TASK_COMM_LEN]; bpf_get_current_comm(comm, sizeof(comm)); return ctx->args[1] == comm[0]; }\n"
        + TAIL,
        {"struct trace_event_raw_sys_enter", "TASK_COMM_LEN"},
        "enum { TASK_COMM_LEN = 16 };",
    ),
    "license": (HEAD + 'SEC("xdp") int f(struct xdp_md *ctx) { return XDP_PASS + IPPROTO_UDP; }\n', {"license"}, None),
    "tc": (
        HEAD + 'SEC("tc") int f(struct __sk_buff *skb) { return TC_ACT_OK; }\n' + TAIL,
        {"TC_ACT_OK"},
        "#include <linux/pkt_cls.h>",
    ),
    "C library": (
        '#include <stdio.h>\n#include <arpa/inet.h>\n#include <linux/bpf.h>\n#include "bpf_helpers.h"\n'
        + 'SEC("tc") int f(struct __sk_buff *skb) { return skb->protocol == htons(ETH_P_IP); }\n'
        + TAIL,
        {"ETH_P_IP"},
        "#include <linux/if_ether.h>",
    ),
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_is_missing_is_named_and_added(name: str) -> None:
    source, named, line = SNIPPETS[name]
    plain = compile_c(source)
    assert named <= {m.what for m in plain.missing}
    assert all(m.message and m.add for m in plain.missing)
    fixed = compile_c(source, FIX)
    assert fixed.ok, fixed.diagnostics
    assert fixed.missing == ()
    if line is not None:
        assert not plain.ok
        assert line in fixed.added


@pytest.mark.parametrize("name", SNIPPETS)
def test_adding_the_lines_by_hand_does_the_same(name: str) -> None:
    fixed = compile_c(SNIPPETS[name][0], FIX)
    by_hand = compile_c("\n".join(fixed.added) + "\n" + SNIPPETS[name][0])
    assert by_hand.ok, by_hand.diagnostics


def test_lines_keep_their_numbers_when_something_is_added() -> None:
    done = compile_c(UDP.replace("return XDP_PASS;", "return nonsense;", 1), FIX)
    assert [(d.line, d.message) for d in done.diagnostics] == [(11, "use of undeclared identifier 'nonsense'")]


def test_a_program_that_has_everything_gets_nothing() -> None:
    done = compile_c(HEAD + 'SEC("xdp") int f(struct xdp_md *ctx) { return XDP_PASS; }\n' + TAIL, FIX)
    assert (done.ok, done.added, done.missing) == (True, (), ())


def test_names_in_comments_and_strings_are_not_missing() -> None:
    done = compile_c(HEAD + '// u64 IPPROTO_UDP\nSEC("xdp") int f(void *c) { return x; /* bpf_htons */ }\n' + TAIL)
    assert done.missing == ()


def test_what_nobody_knows_is_left_to_the_compiler() -> None:
    done = compile_c(HEAD + 'SEC("xdp") int f(void *c) { return frobnicate(c); }\n' + TAIL, FIX)
    assert not done.ok
    assert done.missing == ()
    assert "'frobnicate'" in done.diagnostics[0].message


def test_a_header_that_is_not_here_is_left_out() -> None:
    source = (
        '//go:build ignore\n#include "../common.h"\nSEC("xdp") int f(struct xdp_md *c) { u32 a = 1; return a; }\n'
        + TAIL
    )
    plain = compile_c(source)
    assert [m.what for m in plain.missing] == ["../common.h"]
    fixed = compile_c(source, FIX)
    assert fixed.ok, fixed.diagnostics
    assert "/* left out: ../common.h */" in fixed.added


def test_absolute_names_are_not_left_out() -> None:
    done = compile_c('#include "/etc/hostname"\nint x;\n', FIX)
    assert not done.ok
    assert done.missing == ()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (HEAD + 'BPF_HASH(counts, int);\nSEC("xdp") int f(void *c) { return 2; }\n', "written for BCC"),
        (HEAD + 'struct bpf_map_def SEC("maps") m = { .size = 1 };\n', "gone since libbpf 1.0"),
        ('#include <stdio.h>\n\nint main(void) { printf("x"); return 0; }\n', "no C library in the kernel"),
        ("#include <net/sock.h>\nint f(struct sock *s) { return s->sk_mark; }\n", "vmlinux.h"),
    ],
)
def test_sources_for_something_else_get_a_hint(source: str, words: str) -> None:
    done = compile_c(source, FIX)
    assert not done.ok
    (note,) = [d for d in done.diagnostics if d.severity == "note" and words in d.message]
    assert note.line == (1 if "net/sock" in source else 3)


def test_a_source_that_compiles_without_a_license_lacks_nothing() -> None:
    """The kernel loads it; where a helper wants the GPL, the loader says so."""
    done = compile_c(HEAD + 'SEC("xdp") int f(struct xdp_md *ctx) { return XDP_PASS; }\n')
    assert (done.ok, done.missing, done.remarks) == (True, (), ())


@pytest.mark.parametrize("name", SNIPPETS)
def test_what_is_missing_can_be_written_into_the_source_in_one_go(name: str) -> None:
    source = SNIPPETS[name][0]
    for options in (CompileOptions(), FIX):
        (remark,) = compile_c(source, options).remarks
        assert remark.fix is not None
        fixed = compile_c(apply(source, remark.fix))
        assert (fixed.ok, fixed.missing, fixed.remarks) == (True, (), ()), fixed.diagnostics


def test_headers_that_are_not_here_are_commented_out_by_the_fix() -> None:
    source = '#include "../common.h"\nSEC("xdp") int f(struct xdp_md *c) { u32 a = 1; return a; }\n' + TAIL
    (remark,) = compile_c(source).remarks
    assert remark.fix is not None
    fixed = apply(source, remark.fix)
    assert '// #include "../common.h"' in fixed and compile_c(fixed).ok


def test_nothing_is_offered_for_a_source_that_is_wrong_otherwise() -> None:
    assert compile_c(HEAD + 'SEC("xdp") int f(void *c) { return frobnicate(c); }\n').remarks == ()


@pytest.mark.parametrize("end", ["\n}\n", " }\n", "\n\t}"])
def test_a_function_without_a_return(end: str) -> None:
    source = (
        HEAD + TAIL + 'SEC("xdp") int f(struct xdp_md *ctx)\n{\n\t__u32 a = ctx->data;\n\tbpf_printk("%d", a);' + end
    )
    done = compile_c(source)
    (warning,) = done.diagnostics
    assert warning.option == "-Wreturn-type" and "[-W" not in warning.message
    (remark,) = done.remarks
    assert remark.line == warning.line and remark.fix is not None
    fixed = apply(source, remark.fix)
    assert "return 0;" in fixed and fixed.replace("return 0;", "").split() == source.split()
    again = compile_c(fixed)
    assert again.diagnostics == () and again.remarks == ()


def test_contexts_of_tracepoints_are_laid_out_as_the_kernel_s() -> None:
    """clang lays out each struct that is written in one line as the kernel's BTF says."""
    btf = kernel_btf()
    names = [t.name for t in btf.of_kind(Kind.STRUCT) if t.name.startswith("trace_event_raw_")]
    texts = {name: text for name in names if (text := tracepoint_context(f"struct {name}"))}
    assert len(texts) > 500
    source = "\n".join(dict.fromkeys(line for name in names[:80] for line in texts.get(name, "").split("\n")))
    for name in names[:80]:
        for member in btf.struct(name).members if name in texts else ():
            at = member.bit_off // 8
            source += f'\n_Static_assert(__builtin_offsetof(struct {name}, {member.name}) == {at}, "");'
    done = compile_c(source)
    assert done.ok, done.diagnostics[:3]


def test_legacy_maps_are_defined_and_offered_in_todays_form() -> None:
    source = (
        HEAD
        + 'struct bpf_map_def SEC("maps") m = { .type = BPF_MAP_TYPE_HASH, .key_size = sizeof(int), .value_size = 8, '
        + ".max_entries = 1 };\n"
        + 'SEC("xdp") int f(void *c) { int k = 0; return bpf_map_lookup_elem(&m, &k) ? 1 : 2; }\n'
        + TAIL
    )
    plain = compile_c(source)
    assert not plain.ok and [m.what for m in plain.missing] == ["struct bpf_map_def"]
    assert compile_c(source, FIX).ok
    fix = plain.remarks[1].fix
    assert fix is not None and compile_c(apply(source, fix)).ok


REGISTERS = (
    "#include <linux/ptrace.h>\n#include <bpf/bpf_tracing.h>\n"
    'SEC("kprobe/x") int f(struct pt_regs *ctx) { return PT_REGS_PARM1(ctx); }\n'
)


@pytest.mark.parametrize(
    "line",
    ["", "#define __TARGET_ARCH_x86\n", "#define __TARGET_ARCH_x86 1\n", " # define  __TARGET_ARCH_x86  1 /* x */\n"],
)
def test_the_architecture_is_named_for_sources_as_their_builds_do_it(line: str) -> None:
    done = compile_c(line + HEAD + REGISTERS + TAIL)
    assert (done.ok, done.diagnostics, done.missing, done.remarks) == (True, (), (), ())


def test_a_source_for_another_architecture_is_not_compiled_for_two() -> None:
    check = "#ifdef __TARGET_ARCH_x86\n#error two\n#endif\n"
    assert compile_c("#define __TARGET_ARCH_arm64\n" + check + HEAD + TAIL).ok
    assert not compile_c(check + HEAD + TAIL).ok


def test_registers_of_another_architecture_are_not_known_here() -> None:
    plain = compile_c("#define __TARGET_ARCH_arm64\n" + HEAD + REGISTERS + TAIL)
    assert [m.what for m in plain.missing] == ["__TARGET_ARCH_x86"]
    fixed = compile_c("#define __TARGET_ARCH_arm64\n" + HEAD + REGISTERS + TAIL, FIX)
    assert fixed.ok and fixed.added == ("#define __TARGET_ARCH_x86",)
