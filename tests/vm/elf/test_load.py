from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from tests.vm.elf.objects import build
from vm.elf import load_object
from vm.elf.maps import internal_map_name, object_name
from vm.elf.prog_arrays import first_unfilled
from vm.elf.sections import section_def
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.kernel import types as k
from vm.kernel.target import Emulated
from vm.program import UNRESOLVED_CORE, UNRESOLVED_KFUNC, Unresolved

COUNTER = """
struct { __uint(type, 1); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } counters SEC(".maps");
SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 key = ctx->rx_queue_index;
    __u64 *value = bpf_map_lookup_elem(&counters, &key);
    if (value)
        __sync_fetch_and_add(value, 1);
    return 2;
}
"""


def test_xdp_program_with_a_map() -> None:
    obj = load_object(build(COUNTER), "dir/count.o")
    assert not obj.errors and obj.license == "GPL"
    (prog,) = obj.programs
    assert (prog.name, prog.section, prog.prog_type) == ("count", "xdp", k.BPF_PROG_TYPE_XDP)
    assert (prog.expected_attach_type, prog.prog_flags, prog.gpl_compatible) == (k.BPF_XDP, 0, True)
    (spec,) = prog.maps
    assert (spec.name, spec.map_type, spec.key_size, spec.value_size, spec.max_entries) == ("counters", 1, 4, 8, 64)
    assert prog.btf is not None and prog.btf.type(spec.btf_value_type_id).name == "__u64"
    (load,) = [i for i in prog.insns if i.code == o.LD_IMM64]
    assert (load.src_reg, load.imm) == (o.PSEUDO_MAP_FD, 0)
    assert [f.name for f in prog.func_infos] == ["count"]
    assert prog.line_infos[0].insn_off == 0
    assert any("bpf_map_lookup_elem(&counters, &key)" in line.text for line in prog.line_infos)


def test_global_data_and_its_names() -> None:
    source = """
    int zero; int one = 1; const volatile int fixed = 7; int own SEC(".data.mine") = 3;
    SEC("socket") int f(void *ctx) { zero += fixed; own++; return one; }
    """
    obj = load_object(build(source), "my_long_object.o")
    found = {m.full_name: m for m in obj.maps}
    assert {name: m.name for name, m in found.items()} == {
        ".bss": "my_long_.bss",
        ".data": "my_long_.data",
        ".rodata": "my_long_.rodata",
        ".data.mine": ".data.mine",
    }
    rodata = found[".rodata"]
    assert rodata.frozen and rodata.initial == (7).to_bytes(4, "little")
    assert rodata.map_flags == k.BPF_F_RDONLY_PROG | k.BPF_F_MMAPABLE
    assert found[".data"].initial == (1).to_bytes(4, "little") and found[".bss"].initial is None
    (prog,) = obj.programs
    loads = [(i, prog.insns[n + 1].imm) for n, i in enumerate(prog.insns) if i.code == o.LD_IMM64]
    assert all(i.src_reg == o.PSEUDO_MAP_VALUE and second == 0 for i, second in loads)
    assert {prog.maps[i.imm].full_name for i, _ in loads} == set(found)
    assert prog.btf is not None
    assert prog.btf.type(rodata.btf_value_type_id).size == 4


SUBPROGS = """
static __noinline int inner(int a) { asm volatile("" : "+r"(a)); return a + 1; }
static __noinline int first(int a) { asm volatile("" : "+r"(a)); return inner(a) * 2; }
__noinline int second(int a) { asm volatile("" : "+r"(a)); return inner(a) + first(a); }
static int each(__u32 i, void *ctx) { *(int *)ctx += i; return 0; }
SEC("xdp") int a(struct xdp_md *ctx) { return second(ctx->data) + first(3); }
SEC("xdp") int b(struct xdp_md *ctx) { int sum = 0; bpf_loop(4, each, &sum, 0); return sum; }
"""


def test_subprograms_are_appended_as_they_are_met() -> None:
    a, b = load_object(build(SUBPROGS), "s").programs
    assert [f.name for f in a.func_infos] == ["a", "second", "inner", "first"]
    starts = {f.insn_off for f in a.func_infos}
    calls = [(n, i) for n, i in enumerate(a.insns) if i.code == o.JMP | o.CALL and i.src_reg == o.PSEUDO_CALL]
    assert len(calls) == 5
    assert {n + 1 + i.imm for n, i in calls} == starts - {0}
    assert all(line.insn_off < len(a.insns) for line in a.line_infos)
    assert [line.insn_off for line in a.line_infos] == sorted(line.insn_off for line in a.line_infos)
    assert [f.name for f in b.func_infos] == ["b", "each"]
    ((n, load),) = [(n, i) for n, i in enumerate(b.insns) if i.code == o.LD_IMM64]
    assert load.src_reg == o.PSEUDO_FUNC and n + 1 + load.imm == b.func_infos[1].insn_off


def test_programs_that_cannot_be_loaded_are_named() -> None:
    source = """
    extern int missing(int a); extern int nowhere;
    SEC("xdp") int good(struct xdp_md *ctx) { return 2; }
    SEC("xdp") int calls(struct xdp_md *ctx) { return missing(1); }
    SEC("xpd") int typo(struct xdp_md *ctx) { return 2; }
    """
    obj = load_object(build(source), "x")
    assert [p.name for p in obj.programs] == ["good"]
    said = dict(obj.errors)
    assert "'missing'" in said["calls"] and "section name 'xpd'" in said["typo"]


@pytest.mark.parametrize(
    ("section", "prog_type", "attach", "flags"),
    [
        ("xdp", k.BPF_PROG_TYPE_XDP, k.BPF_XDP, 0),
        ("xdp.frags", k.BPF_PROG_TYPE_XDP, k.BPF_XDP, 32),
        ("tcx/ingress", k.BPF_PROG_TYPE_SCHED_CLS, k.BPF_TCX_INGRESS, 0),
        ("tp/syscalls/sys_enter_write", k.BPF_PROG_TYPE_TRACEPOINT, 0, 0),
        ("uprobe.s//bin/sh:main", k.BPF_PROG_TYPE_KPROBE, 0, 16),
        ("usdt", k.BPF_PROG_TYPE_KPROBE, k.BPF_TRACE_UPROBE_MULTI, 0),
        ("lsm.s/file_open", k.BPF_PROG_TYPE_LSM, k.BPF_LSM_MAC, 16),
        ("cgroup/connect4", k.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, k.BPF_CGROUP_INET4_CONNECT, 0),
        ("syscall", k.BPF_PROG_TYPE_SYSCALL, 0, 16),
    ],
)
def test_section_names(section: str, prog_type: int, attach: int, flags: int) -> None:
    found = section_def(section)
    assert found is not None
    assert (found.prog_type, found.expected_attach_type, found.prog_flags) == (prog_type, attach, flags)


def test_section_names_that_say_nothing() -> None:
    assert section_def("xdp/") is None
    assert section_def("kprobes") is None
    assert section_def("") is None


def test_map_names() -> None:
    assert object_name("a/my_object_name_that_is_long.bpf.o") == "my_object_name_"
    assert internal_map_name("verifier_x", ".rodata") == "verifier.rodata"
    assert internal_map_name("my_object_name", ".bss") == "my_objec.bss"
    assert internal_map_name("my_object_name", ".kconfig") == "my_obje.kconfig"
    assert internal_map_name("x", ".rodata.abracadabra") == ".rodata.abracad"


def test_whole_files_that_cannot_be_used() -> None:
    good = bytearray(build(COUNTER))

    def said(data: bytes) -> str:
        with pytest.raises(InputError) as caught:
            load_object(data, "x")
        return caught.value.message

    assert "empty" in said(b"")
    assert "not an ELF" in said(b"int main() {}")
    assert said(bytes(good[:40])).startswith("truncated ELF")
    assert said(bytes(good[:-100])).startswith("truncated ELF")
    assert "32-bit" in said(bytes([*good[:4], 1, *good[5:]]))
    assert "big-endian" in said(bytes([*good[:5], 2, *good[6:]]))
    assert "x86-64" in said(bytes([*good[:18], 62, 0, *good[20:]]))
    assert "no program" in said(build("int x = 1;"))
    assert "legacy section 'maps'" in said(build('int m SEC("maps") = 1; SEC("xdp") int f(void *c) { return 2; }'))


def test_a_program_over_the_limit() -> None:
    source = 'asm(".section xdp,\\"ax\\",@progbits;.globl big;.type big,@function;big:.fill 1000001,8,0xbf;'
    obj = load_object(build(source + '.size big,.-big");'), "x")
    assert not obj.programs
    ((name, message),) = obj.errors
    assert name == "big" and "1000001 instructions" in message


MAPS_OF_MAPS = """
struct inner { __uint(type, 2); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); };
struct inner one SEC(".maps"), two SEC(".maps");
struct {
    __uint(type, 12); __uint(max_entries, 3); __type(key, __u32);
    __array(values, struct inner);
} outer SEC(".maps") = { .values = { &one, 0, &two } };
int target(struct xdp_md *ctx);
struct {
    __uint(type, 3); __uint(max_entries, 2); __uint(key_size, 4); __uint(value_size, 4);
    __array(values, int(struct xdp_md *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&target } };
struct { __uint(type, 27); __uint(max_entries, 5000); } ring SEC(".maps");
SEC("xdp") int target(struct xdp_md *ctx) { return 2; }
"""


def test_maps_that_hold_maps_and_programs() -> None:
    obj = load_object(build(MAPS_OF_MAPS), "m")
    found = {m.name: m for m in obj.maps}
    outer = found["outer"]
    assert outer.inner is not None and (outer.inner.map_type, outer.inner.value_size) == (2, 4)
    assert outer.value_size == 4
    assert [(slot, obj.maps[index].name) for slot, index in outer.init_slots if isinstance(index, int)] == [
        (0, "one"),
        (2, "two"),
    ]
    assert found["jumps"].init_slots == ((1, "target"),)
    assert found["ring"].max_entries == 8192


def test_sections_without_a_type_take_the_default() -> None:
    data = build('SEC("mine") int f(void *ctx) { return 0; }')
    assert load_object(data, "x").errors
    (prog,) = load_object(data, "x", untyped="socket").programs
    assert prog.prog_type == k.BPF_PROG_TYPE_SOCKET_FILTER
    assert load_object(data, "x", untyped="socket").untyped == (("f", "mine"),)
    with pytest.raises(InputError, match="no section name"):
        load_object(data, "x", untyped="nonsense")


def test_a_program_array_is_filled_only_with_programs_that_were_loaded() -> None:
    obj = load_object(build(MAPS_OF_MAPS), "m")
    assert first_unfilled(obj, {"target"}) is None
    found = first_unfilled(obj, {"another"})
    assert found is not None and (found.map_name, found.slot, found.errno) == ("jumps", 1, -errno.EBADF)
    assert "'target' was not loaded" in str(found)
    short = replace(obj, maps=tuple(replace(m, max_entries=1) for m in obj.maps))
    past = first_unfilled(short, {"target"})
    assert past is not None and past.errno == -errno.E2BIG


WEAK = """
#define __ksym __attribute__((section(".ksyms"), weak))
extern const int listed __ksym;
extern const int missing __ksym;
extern void function(void) __ksym;
extern const %s another __ksym;
SEC("tp_btf/sys_enter") int symbols(void *ctx)
{
    if (&function) function();
    return (long)&listed + (long)&missing + (long)&another;
}
"""


class _Kernel(Emulated):
    """The emulated kernel with two symbols more in kallsyms, of which its BTF knows nothing."""

    def address(self, name: str) -> int | None:
        return 4096 if name in ("listed", "function") else None


def test_a_typed_symbol_of_kallsyms_has_the_id_0_if_another_one_has_no_type() -> None:
    """libbpf marks it as found when it reads kallsyms, and leaves its BTF id 0 (kallsyms_cb)."""
    for another, found in (("int", 0), ("void", 3)):
        (program,) = load_object(build(WEAK % another), "weak", kernel=_Kernel()).programs
        typed = [i for i in program.insns if i.code == o.LD_IMM64 and i.src_reg == o.PSEUDO_BTF_ID]
        calls = [i for i in program.insns if i.code == o.JMP | o.CALL and i.src_reg == o.PSEUDO_KFUNC_CALL]
        assert len(typed) + len(calls) == found
        assert all(i.imm == 0 for i in (*typed, *calls))


EXTERNS = """
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
#define __weak __attribute__((weak))
extern unsigned LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig;
extern int CONFIG_NOT_THERE_AT_ALL __kconfig __weak;
extern const int bpf_prog_active __ksym;
extern const void bpf_fentry_test1 __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void no_such_kfunc(void) __ksym __weak;
SEC("tp_btf/sys_enter") int options(void *ctx)
{ return LINUX_KERNEL_VERSION + CONFIG_BPF_SYSCALL + CONFIG_NOT_THERE_AT_ALL; }
SEC("tp_btf/sys_enter") int symbols(void *ctx)
{
    bpf_rcu_read_lock(); bpf_rcu_read_unlock();
    if (no_such_kfunc) no_such_kfunc();
    return (long)&bpf_prog_active + (long)&bpf_fentry_test1;
}
"""


def test_externs_of_the_kernel() -> None:
    options, symbols = load_object(build(EXTERNS), "ext").programs
    (spec,) = options.maps
    assert spec.full_name == ".kconfig" and spec.frozen and spec.initial is not None
    assert options.attach_btf_name == "sys_enter"
    words = {spec.initial[i : i + 4] for i in (0, 4)}
    assert words == {bytes(4), (6 << 16 | 12 << 8 | spec.initial[0] | spec.initial[4]).to_bytes(4, "little")}
    assert spec.initial[8] == 1
    calls = [i for i in symbols.insns if i.code == o.JMP | o.CALL]
    from vm.kernel.btf import kernel_btf

    kfuncs = [kernel_btf().type(i.imm).name for i in calls if i.src_reg == o.PSEUDO_KFUNC_CALL]
    assert kfuncs == ["bpf_rcu_read_lock", "bpf_rcu_read_unlock"]
    assert [i.imm // 1000000 for i in calls if not i.src_reg] == [2002]
    loads = [i for i in symbols.insns if i.code == o.LD_IMM64]
    assert [i for i in loads if i.src_reg == o.PSEUDO_BTF_ID][0].imm == kernel_btf().ids_of("bpf_prog_active")[0]


CORE = """
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct { int tgid; int pid; int not_in_the_kernel; };
struct task_struct___other { char comm[16]; int pid; };
struct bpf_no_such { int x; };
enum bpf_map_type { BPF_MAP_TYPE_HASH = 77, BPF_MAP_TYPE_NEVER = 5 };
#pragma clang attribute pop
SEC("socket") int offsets(void *ctx)
{
    struct task_struct *task = ctx; struct task_struct___other *other = ctx;
    return __builtin_preserve_field_info(task->pid, 0) + (__builtin_preserve_field_info(other->comm, 1) << 16);
}
SEC("socket") int exists(void *ctx)
{
    struct task_struct *task = ctx; struct bpf_no_such *none = ctx;
    return __builtin_preserve_field_info(task->pid, 2) + 2 * __builtin_preserve_field_info(task->not_in_the_kernel, 2)
        + 4 * __builtin_preserve_type_info(*none, 0) + 8 * __builtin_preserve_type_info(*task, 0)
        + 16 * __builtin_preserve_enum_value(*(enum bpf_map_type *)BPF_MAP_TYPE_HASH, 1);
}
SEC("socket") int poisoned(void *ctx)
{ struct task_struct *task = ctx; return __builtin_preserve_field_info(task->not_in_the_kernel, 0); }
"""


def test_core_relocations() -> None:
    from vm.elf.core import POISON
    from vm.kernel.btf import kernel_btf

    offsets, exists, poisoned = load_object(build(CORE), "core").programs
    task = kernel_btf().field("task_struct", "pid")
    imms = [i.imm for i in offsets.insns if i.code in (o.ALU64 | o.MOV | o.K, o.ALU | o.MOV | o.K)]
    assert task.offset in imms and 16 in imms
    moved = [i.imm for i in exists.insns if i.code in (o.ALU64 | o.MOV | o.K, o.ALU | o.MOV | o.K)]
    assert sorted(moved) == [0, 0, 1, 1]
    assert [i.imm for i in exists.insns if i.code == o.LD_IMM64] == [1]
    assert POISON in poisoned.insns


def test_what_could_not_be_resolved_is_told_in_the_log() -> None:
    from vm.pipeline.bpf_check import verify

    poisoned = load_object(build(CORE), "core").programs[2]
    ((slot, kind, name),) = poisoned.unresolved
    assert kind == UNRESOLVED_CORE
    assert name.startswith("<byte_off> [")
    assert name.endswith("] struct task_struct.not_in_the_kernel (0:2 @ offset 8)")
    found = verify(poisoned)
    why = f"failed to resolve CO-RE relocation {name}"
    assert f"\n{slot}: <invalid CO-RE relocation>\n{why}\nprocessed " in found.log
    assert "unknown#" not in found.log
    assert (found.message, found.errno) == (why, -22)
    assert found.failure is not None
    assert found.failure.rule == "core-relocation-unresolved"
    # The same call at another place is what the verifier says it is.
    elsewhere = verify(replace(poisoned, unresolved=(Unresolved(slot + 1, kind, name),)))
    assert elsewhere.message.startswith("invalid func unknown#")
    symbols = load_object(build(EXTERNS), "ext").programs[1]
    assert [each[1:] for each in symbols.unresolved] == [(UNRESOLVED_KFUNC, "no_such_kfunc")]
    kfunc = verify(replace(poisoned, unresolved=(Unresolved(slot, UNRESOLVED_KFUNC, "no_such_kfunc"),)))
    assert kfunc.message == "kfunc 'no_such_kfunc' is referenced but wasn't resolved"
    assert f"\n{slot}: <invalid kfunc call>\n{kfunc.message}\n" in kfunc.log


STRUCT_OPS = """
struct tcp_congestion_ops___mine { unsigned (*ssthresh)(void *sk); char name[16]; unsigned (*undo_cwnd)(void *sk); };
SEC("struct_ops") unsigned int undo(void *ctx) { return 2; }
SEC("struct_ops") unsigned int unused(void *ctx) { return 2; }
SEC(".struct_ops") struct tcp_congestion_ops___mine ops = { .undo_cwnd = (void *)undo, .name = "mine" };
"""


def test_struct_ops_programs_know_their_operation() -> None:
    from vm.kernel.btf import kernel_btf

    obj = load_object(build(STRUCT_OPS), "ops")
    (prog,) = obj.programs
    assert (prog.name, prog.attach_btf_name) == ("undo", "tcp_congestion_ops")
    members = kernel_btf().struct("tcp_congestion_ops").members
    assert members[prog.expected_attach_type].name == "undo_cwnd"
    assert "no struct_ops variable" in dict(obj.errors)["unused"]
    (spec,) = [m for m in obj.maps if m.map_type == k.BPF_MAP_TYPE_STRUCT_OPS]
    assert spec.full_name == "ops"
