"""#include "vmlinux.h": the kernel's types, as many as the source reaches."""

from __future__ import annotations

import io
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from vm.compile import CompileOptions, compile_c
from vm.compile.vmlinux import vmlinux_for
from vm.elf import load_object
from vm.kernel.hooks import kfunc, kfunc_sets
from vm.pipeline import verify

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
    elf: Any = ELFFile(io.BytesIO(done.object))
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


KERNEL_FUNCTIONS = {
    "loops": """SEC("tc") int f(struct __sk_buff *skb)
{
    int i, sum = 0, *n;
    bpf_for(i, 0, 10)
        sum += i;
    bpf_repeat(3)
        sum++;
    bpf_for_each(num, n, 0, 5)
        sum += *n;
    return sum & 1;
}
""",
    "an iterator over tasks": """SEC("iter.s/cgroup") int f(struct bpf_iter__cgroup *ctx)
{
    struct task_struct *t;
    long sum = 0;
    bpf_rcu_read_lock();
    bpf_for_each(task, t, NULL, BPF_TASK_ITER_ALL_PROCS)
        sum += t->pid;
    bpf_rcu_read_unlock();
    return sum & 1;
}
""",
    "an iterator by its functions": """SEC("tp_btf/sched_switch") int f(void *ctx)
{
    struct bpf_iter_bits bits;
    u64 mask = 5;
    int *bit, sum = 0;
    bpf_iter_bits_new(&bits, &mask, 1);
    while ((bit = bpf_iter_bits_next(&bits)))
        sum += *bit;
    bpf_iter_bits_destroy(&bits);
    return 0;
}
""",
    "results are complete types": """SEC("tp_btf/task_newtask") int BPF_PROG(f, struct task_struct *task, u64 flags)
{
    struct bpf_cpumask *mask = bpf_cpumask_create();
    if (!mask)
        return 0;
    bpf_cpumask_set_cpu(1, mask);
    bpf_cpumask_release(mask);
    struct task_struct *init = bpf_task_from_pid(1);
    if (init) {
        bpf_printk("%d", init->tgid);
        bpf_task_release(init);
    }
    return 0;
}
""",
    "a prototype of the source's own": """extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_strange(int a) __ksym __weak;
SEC("tp_btf/sched_switch") int f(void *ctx)
{
    bpf_rcu_read_lock();
    bpf_rcu_read_unlock();
    return 0;
}
""",
}


@pytest.mark.parametrize("name", KERNEL_FUNCTIONS)
def test_kernel_functions_need_no_prototype(name: str) -> None:
    done = compile_c("#define __TARGET_ARCH_x86\n" + HEAD + KERNEL_FUNCTIONS[name] + TAIL)
    assert done.ok and done.object is not None, done.diagnostics
    assert done.diagnostics == ()
    (program,) = load_object(done.object, "f").programs
    verification, _ = verify(program, record=False)
    assert verification.verdict == "accept", verification.message


def test_prototypes_can_be_left_out() -> None:
    source = HEAD + 'SEC("tc") int f(void *ctx) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 0; }\n' + TAIL
    assert compile_c(source).ok
    assert not compile_c("#define BPF_NO_KFUNC_PROTOTYPES\n" + source).ok


def test_every_kernel_function_can_be_declared() -> None:
    """All at once, and clang takes the header."""
    names = sorted(name for kset in kfunc_sets() for name in kset.kfuncs if kfunc(name))
    uses = "".join(f"void *p{n} = {name};\n" for n, name in enumerate(dict.fromkeys(names)))
    done = compile_c(f'#include "vmlinux.h"\n{uses}')
    assert [d.message for d in done.diagnostics if "undeclared" in d.message or d.severity == "error"] == []
    assert len(names) > 100
