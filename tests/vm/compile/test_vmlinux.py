"""#include "vmlinux.h": the kernel's types, as many as the source reaches."""

from __future__ import annotations

import io

import pytest
from elftools.elf.elffile import ELFFile

from vm.compile import CompileOptions, compile_c
from vm.compile.vmlinux import vmlinux_for

HEAD = (
    '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_core_read.h>\n#include <bpf/bpf_tracing.h>\n'
)
TAIL = 'char LICENSE[] SEC("license") = "GPL";\n'

PROGRAMS = {
    "core read": """SEC("kprobe/do_exit") int f(struct pt_regs *ctx)
{
    struct task_struct *t = (void *)bpf_get_current_task();
    return BPF_CORE_READ(t, real_parent, tgid) + BPF_CORE_READ(t, mm, exe_file, f_inode, i_ino);
}
""",
    "typed pointers": """SEC("fentry/tcp_connect") int BPF_PROG(f, struct sock *sk)
{
    return sk->__sk_common.skc_dport + sk->sk_socket->file->f_inode->i_ino;
}
""",
    "helper's result": 'SEC("fentry/x") int f(void *ctx) { return bpf_get_current_task_btf()->pid; }\n',
    "enumerators": """SEC("xdp") int f(struct xdp_md *ctx)
{
    bool yes = true;
    return yes ? XDP_DROP : IPPROTO_TCP + BPF_MAP_TYPE_HASH + BPF_ANY;
}
""",
    "tracepoint": """SEC("tp/sched/sched_process_exec") int f(struct trace_event_raw_sched_process_exec *ctx)
{
    return ctx->__data_loc_filename & 0xFFFF;
}
""",
    "maps": """struct event { u32 pid; u8 comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } rb SEC(".maps");
SEC("tp/x/y") int f(void *ctx)
{
    struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
    if (e)
        bpf_ringbuf_submit(e, 0);
    return 0;
}
""",
    "timer and spin lock": """struct value { struct bpf_timer timer; struct bpf_spin_lock lock; s64 n; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct value); }
    values SEC(".maps");
SEC("tc") int f(struct __sk_buff *skb)
{
    int k = 0;
    struct value *v = bpf_map_lookup_elem(&values, &k);
    if (!v)
        return 0;
    bpf_spin_lock(&v->lock);
    v->n++;
    bpf_spin_unlock(&v->lock);
    return skb->len;
}
""",
    "iterator": """SEC("iter/task") int f(struct bpf_iter__task *ctx)
{
    struct task_struct *t = ctx->task;
    if (t)
        BPF_SEQ_PRINTF(ctx->meta->seq, "%d", t->pid);
    return 0;
}
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_compile(name: str) -> None:
    done = compile_c("#define __TARGET_ARCH_x86\n" + HEAD + PROGRAMS[name] + TAIL)
    assert done.ok, done.diagnostics
    assert done.diagnostics == ()
    assert done.object is not None
    assert len(done.object) < 120_000


def test_fields_are_recorded_for_relocation() -> None:
    done = compile_c(HEAD + PROGRAMS["typed pointers"] + TAIL)
    assert done.object is not None
    elf = ELFFile(io.BytesIO(done.object))
    btf = elf.get_section_by_name(".BTF").data()
    for name in (b"sock_common", b"skc_dport", b"socket", b"i_ino"):
        assert b"\0" + name + b"\0" in btf
    ext = elf.get_section_by_name(".BTF.ext").data()
    assert int.from_bytes(ext[28:32], "little") > 4  # core_relo_len


def test_macros_that_vmlinux_does_not_hold_are_named_and_added() -> None:
    source = (
        HEAD
        + 'SEC("tc") int f(struct __sk_buff *s) { return s->protocol == ETH_P_IP ? TC_ACT_SHOT : -EPERM; }\n'
        + TAIL
    )
    plain = compile_c(source)
    assert {m.what for m in plain.missing} == {"ETH_P_IP", "TC_ACT_SHOT", "EPERM"}
    fixed = compile_c(source, CompileOptions(fix_includes=True))
    assert fixed.ok
    assert "#define ETH_P_IP 0x0800" in fixed.added


def test_a_source_without_it_gets_nothing() -> None:
    assert vmlinux_for('int x;\n// #include "vmlinux.h"\n') == b"#pragma once\n"


def test_only_what_is_reached_is_there() -> None:
    small = vmlinux_for('#include "vmlinux.h"\nstruct xdp_md *ctx;\n')
    assert b"struct xdp_md {" in small
    assert b"struct task_struct {" not in small
    assert len(small) < 20_000
