"""A program that was given no input is run on its own: a packet, or its event with example values."""

from __future__ import annotations

import dataclasses

import pytest

from tests.vm.runner.programs import EXIT, alu, call, ldx, mov, program
from tests.vm.timed_reads import TIMED_READS
from vm import pipeline
from vm.errors import InputError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.kernel.btf import kernel_btf
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program
from vm.runner import default_values as values
from vm.runner.context import PROG_TYPES
from vm.runner.defaults import PACKETS, default_input, default_packet, event_fields
from vm.runner.events import EVENT_CLASSES, parameters
from vm.runner.execution import Execution
from vm.runner.inputs import EventInput, NoInput, PacketInput, RunLimits
from vm.runner.interp import interpret

KPROBE, TRACEPOINT, PERF, RAW, TRACING, LSM = 2, 5, 7, 17, 26, 29
SECTIONS = (
    (KPROBE, "kprobe/vfs_read"),
    (KPROBE, "kretprobe/vfs_read"),
    (KPROBE, "kprobe"),
    (KPROBE, "kprobe/sys_execve"),
    (KPROBE, "ksyscall/openat"),
    (KPROBE, "kretsyscall/openat"),
    (KPROBE, "uprobe//bin/bash:readline"),
    (KPROBE, "uretprobe//bin/bash:readline"),
    (KPROBE, "kprobe.multi/tcp_*"),
    (KPROBE, "kprobe/no_such_function"),
    (TRACEPOINT, "tp/syscalls/sys_enter_execve"),
    (TRACEPOINT, "tracepoint/syscalls/sys_exit_read"),
    (TRACEPOINT, "tp/sched/sched_switch"),
    (TRACEPOINT, "tp/sock/inet_sock_set_state"),
    (TRACEPOINT, "tp/block/block_rq_issue"),
    (TRACEPOINT, "tp/sched/sched_wakeup"),
    (TRACEPOINT, "tp/tcp/tcp_retransmit_skb"),
    (TRACEPOINT, "tp/no/such"),
    (RAW, "raw_tp/sys_enter"),
    (RAW, "raw_tp/sched_switch"),
    (TRACING, "tp_btf/sched_switch"),
    (TRACING, "fentry/do_unlinkat"),
    (TRACING, "fexit/vfs_read"),
    (TRACING, "fmod_ret/bpf_modify_return_test"),
    (TRACING, "iter/task"),
    (LSM, "lsm/file_open"),
    (LSM, "lsm.s/bprm_committed_creds"),
    (LSM, "lsm/socket_connect"),
    (PERF, "perf_event"),
)


def attached(prog_type: int, section: str, *insns: Insn) -> Program:
    return dataclasses.replace(program(*insns, EXIT, prog_type=prog_type), section=section)


def run(prog_type: int, section: str, *insns: Insn) -> Execution:
    p = attached(prog_type, section, *insns)
    return interpret(p, default_input(p), RunLimits())


@pytest.mark.parametrize(("prog_type", "section"), SECTIONS)
def test_every_event_runs_and_its_values_are_its_own(prog_type: int, section: str) -> None:
    p = attached(prog_type, section, mov(0, 0))
    given = default_input(p)
    assert isinstance(given, EventInput)
    assert interpret(p, given, RunLimits()).fault is None
    fields = event_fields(p)
    assert {field.name: field.value for field in fields} == given.values
    assert all(field.type for field in fields)
    assert [field.name for field in fields[:5]] == [f"current.{n}" for n in ("comm", "pid", "tgid", "uid", "gid")]
    # What the user may edit is taken back, whatever it is changed to.
    for field in fields:
        other = "7" if isinstance(field.value, str) else field.value if isinstance(field.value, (bytes, tuple)) else 7
        assert interpret(p, EventInput(given.name, {**given.values, field.name: other}), RunLimits()).fault is None


def test_every_program_type_has_a_default() -> None:
    for number, name in enumerate(PROG_TYPES):
        given = default_input(attached(number, "", mov(0, 0)))
        networking = "skb" in name or name.startswith(("xdp", "sched_", "socket_", "lwt_"))
        if networking and name != "sk_skb":
            assert isinstance(given, PacketInput), name
        elif name in ("kprobe", "tracepoint", "perf_event", "tracing", "lsm") or name.startswith("raw_tracepoint"):
            assert isinstance(given, EventInput), name
        else:
            assert isinstance(given, NoInput), name


def test_arguments_of_system_calls() -> None:
    at = [ldx(o.DW, 3, 1, 16), mov(2, 8), Insn(o.ALU64 | o.MOV | o.X, 1, 10), alu(o.ADD, 1, -8), call(114)]
    x = run(TRACEPOINT, "tp/syscalls/sys_enter_execve", *at, ldx(o.DW, 0, 10, -8))
    assert x.r0 == int.from_bytes(b"/usr/bin"[:7] + b"\0", "little")
    # argv[0], through the array of pointers
    at[0] = ldx(o.DW, 3, 1, 24)
    first = [ldx(o.DW, 6, 1, 24), *probe_read(112, 6), ldx(o.DW, 6, 10, -8), *probe_read(112, 6)]
    x = run(TRACEPOINT, "tp/syscalls/sys_enter_execve", *first, ldx(o.H, 0, 10, -8))
    assert x.r0 == int.from_bytes(b"ls", "little")


def probe_read(helper: int, source: int, size: int = 8) -> list[Insn]:
    """Reads `size` bytes where a register points to into fp-8."""
    at_fp = [Insn(o.ALU64 | o.MOV | o.X, 1, 10), alu(o.ADD, 1, -8)]
    return [*at_fp, mov(2, size), Insn(o.ALU64 | o.MOV | o.X, 3, source), call(helper)]


def test_a_probe_of_a_system_call_gets_the_callers_registers() -> None:
    # di leads to the caller's registers (offset 104 is si), whose si is the second argument.
    body = [ldx(o.DW, 6, 1, 112), alu(o.ADD, 6, 104), *probe_read(113, 6), ldx(o.DW, 6, 10, -8)]
    x = run(KPROBE, "kprobe/__x64_sys_openat", *body, *probe_read(112, 6), ldx(o.W, 0, 10, -8))
    assert x.r0 == int.from_bytes(b"/tmp", "little")
    assert run(KPROBE, "kretsyscall/openat", ldx(o.DW, 0, 1, 80)).r0 == 3


def field_of(struct: str, path: str, size: int) -> list[Insn]:
    """r6 + the field's offset read into fp-8."""
    return [alu(o.ADD, 6, kernel_btf().offset_of(struct, path)), *probe_read(113, 6, size)]


def test_kernel_objects_have_the_fields_programs_read() -> None:
    sock = [ldx(o.DW, 6, 1, 112)]
    x = run(KPROBE, "kprobe/tcp_sendmsg", *sock, *field_of("sock", "__sk_common.skc_family", 2), ldx(o.H, 0, 10, -8))
    assert x.r0 == 2
    x = run(KPROBE, "kprobe/tcp_sendmsg", *sock, *field_of("sock", "__sk_common.skc_dport", 2), ldx(o.H, 0, 10, -8))
    assert x.r0 == 0x5000
    x = run(KPROBE, "kprobe/tcp_sendmsg", *sock, *field_of("tcp_sock", "snd_cwnd", 4), ldx(o.W, 0, 10, -8))
    assert x.r0 == 10
    file = [ldx(o.DW, 6, 1, 0), *field_of("file", "f_path.dentry", 8), ldx(o.DW, 6, 10, -8)]
    name = [
        *file,
        *field_of("dentry", "d_name.name", 8),
        ldx(o.DW, 6, 10, -8),
        *probe_read(113, 6),
        ldx(o.W, 0, 10, -8),
    ]
    assert run(LSM, "lsm/file_open", *name).r0 == int.from_bytes(b"exam", "little")
    task = [ldx(o.DW, 6, 1, 16), *field_of("task_struct", "pid", 4), ldx(o.W, 0, 10, -8)]
    assert run(RAW, "raw_tp/sched_switch", *task).r0 == 4300


def test_the_current_task_is_the_same_everywhere() -> None:
    section = "kprobe/vfs_read"
    assert run(KPROBE, section, call(14)).r0 == values.PID << 32 | values.PID
    p = attached(KPROBE, section, call(14))
    edited = EventInput("", {"current.pid": 7, "current.tgid": 6})
    assert interpret(p, edited, RunLimits()).r0 == 6 << 32 | 7
    task = attached(KPROBE, section, call(35), Insn(o.ALU64 | o.MOV | o.X, 6, 0),
                    *field_of("task_struct", "pid", 4), ldx(o.W, 0, 10, -8))  # fmt: skip
    assert interpret(task, edited, RunLimits()).r0 == 7
    assert interpret(attached(KPROBE, section, call(15)), EventInput("", {"current.gid": 3}), RunLimits()).r0 >> 32 == 3


def test_a_value_inside_an_object_is_set() -> None:
    p = attached(KPROBE, "kprobe/tcp_sendmsg", ldx(o.DW, 6, 1, 112),
                 *field_of("sock", "__sk_common.skc_dport", 2), ldx(o.H, 0, 10, -8))  # fmt: skip
    assert interpret(p, EventInput("", {"sk.__sk_common.skc_dport": 53}), RunLimits()).r0 == 53


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sk.nothing", "struct sock has no field 'nothing'"),
        ("size.x", "no argument 'size' that points to an object; it has sk, msg"),
        ("sk.sk_protocol.x", "has no field 'sk_protocol.x'"),
        ("current.shoe", "no value current.shoe; of the current task it has pid, tgid, uid, gid, comm"),
    ],
)
def test_values_of_no_field_are_refused(name: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        interpret(attached(KPROBE, "kprobe/tcp_sendmsg", mov(0, 0)), EventInput("", {name: 1}), RunLimits())
    assert said in error.value.message
    with pytest.raises(InputError, match="has to be text"):
        interpret(attached(KPROBE, "kprobe", mov(0, 0)), EventInput("", {"current.comm": 1}), RunLimits())


def test_the_packet_is_of_the_protocol_the_program_compares_with() -> None:
    def comparing(*numbers: int) -> bytes:
        jumps = [Insn(o.JMP | o.JEQ | o.K, 0, 0, 0, n) for n in numbers]
        return default_packet(attached(6, "xdp", mov(0, 0), *jumps))

    assert comparing()[23] == comparing(6, 0x5000)[23] == comparing(6, 17)[23] == 6
    assert comparing(8, 17, 0x3500)[23] == 17
    assert comparing(0xDD86)[12:14] == b"\x86\xdd"
    assert set(PACKETS) == {"tcp", "udp", "ipv6"}


def test_tables_name_fields_and_functions_the_kernel_has() -> None:
    btf = kernel_btf()
    for kind, fields in values.OBJECTS.items():
        struct, _, variant = kind.partition(":")
        assert not variant or struct in values.OBJECTS
        for path, value in fields.items():
            assert btf.field(struct, path).size, f"{struct}.{path}"
            if isinstance(value, values.ObjectRef):
                assert value.struct in values.OBJECTS, f"{struct}.{path} leads to {value.struct}"
    for first, second in (*values.LARGER.items(), *values.SAME_OBJECT.items(), *values.SECOND.items()):
        assert btf.struct(first).size
        assert second in values.OBJECTS
    for struct in values.POINTERS.values():
        assert struct in values.OBJECTS
    assert not values.ZERO & set(values.NUMBERS)
    for name, events in EVENT_CLASSES.items():
        assert btf.struct(f"trace_event_raw_{name}").size
        for event in events:
            assert btf.find(f"btf_trace_{event}"), event
            assert btf.find(f"trace_event_raw_{event}") is None, event
    assert parameters(attached(KPROBE, "kprobe/vfs_read", mov(0, 0)), "vfs_read")[1].user


# -- programs as people paste them ------------------------------------------------------------------------

SHARED = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
char LICENSE[] SEC("license") = "GPL";
"""
RECORD = """
struct record { __u32 pid; __u32 uid; char comm[16]; char path[32]; };
const struct record *unused __attribute__((unused));
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } records SEC(".maps");
SEC("tp/syscalls/sys_enter_openat")
int opened(unsigned long *ctx)
{
	struct record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r)
		return 0;
	r->pid = bpf_get_current_pid_tgid() >> 32;
	r->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	bpf_probe_read_user_str(r->path, sizeof(r->path), (void *)ctx[3]);
	bpf_ringbuf_submit(r, 0);
	return 0;
}
"""
SOCKET = """
struct sock_common { unsigned short skc_family; __u16 skc_dport; } __attribute__((preserve_access_index));
struct sock { struct sock_common __sk_common; } __attribute__((preserve_access_index));
SEC("kprobe/tcp_connect")
int BPF_KPROBE(connected, struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	bpf_printk("family %d port %d", family, port);
	return 0;
}
"""


def compiled(body: str) -> Object:
    source = Source("c", ("#define __TARGET_ARCH_x86\n" + SHARED + body).encode())
    result = pipeline.compile_source(source, BuildOptions(fix_includes=True))
    assert result.ok, result.diagnostics
    return pipeline.load(source, BuildOptions(), result.object)


def first_run(obj: Object, program: Program) -> Execution:
    verification, env = pipeline.verify(program, record=False)
    assert verification.verdict == "accept", verification.log
    rewritten = pipeline.rewrite(env)
    image = pipeline.translate(rewritten)
    (machine,) = pipeline.execute(rewritten, image, [default_input(program)], RunLimits(), obj=obj)
    (plain,) = pipeline.execute(rewritten, None, [default_input(program)], RunLimits(), obj=obj)
    assert machine.fault is None
    assert (machine.r0, machine.events, machine.maps) == (plain.r0, plain.events, plain.maps)
    return machine


def test_a_record_of_a_system_call() -> None:
    obj = compiled(RECORD)
    (event,) = first_run(obj, obj.programs[0]).events
    assert event.data == b"\x92\x10\0\0\xe8\x03\0\0bpfscope".ljust(24, b"\0") + b"/tmp/example.txt".ljust(32, b"\0")


def test_each_of_a_pair_of_probes() -> None:
    obj = compiled(TIMED_READS)
    entered, left = (first_run(obj, program) for program in obj.programs)
    assert len(entered.maps["begun"]) == 1
    assert not left.maps["taken"]  # it begins with empty maps: nothing was entered


def test_a_socket_read_with_core() -> None:
    obj = compiled(SOCKET)
    (event,) = first_run(obj, obj.programs[0]).events
    assert event.text == f"family 2 port {0x5000}"
