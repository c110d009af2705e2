"""Events that exist, and what is said of those that do not."""

from __future__ import annotations

import dataclasses

import pytest

from tests.vm.runner.programs import EXIT, mov, program
from vm import pipeline
from vm.errors import InputError
from vm.kernel import types as t
from vm.program import Object, Program
from vm.runner.event_names import (
    FUNCTION,
    ITERATOR,
    LSM_HOOK,
    RAW_TRACEPOINT,
    SYSCALL,
    TRACEPOINT,
    check_event,
    section_remark,
    sort_of,
    with_section_remarks,
)
from vm.runner.inputs import EventInput, RunLimits


def of(section: str, prog_type: int, attach_type: int = 0) -> Program:
    return dataclasses.replace(
        program(mov(0, 0), EXIT, prog_type=prog_type), section=section, expected_attach_type=attach_type
    )


KPROBE = of("kprobe/do_unlinkat", t.BPF_PROG_TYPE_KPROBE)
KSYSCALL = of("ksyscall/execve", t.BPF_PROG_TYPE_KPROBE)
UPROBE = of("uprobe//bin/sh:main", t.BPF_PROG_TYPE_KPROBE)
POINT = of("tp/sched/sched_switch", t.BPF_PROG_TYPE_TRACEPOINT)
RAW = of("raw_tp/sched_switch", t.BPF_PROG_TYPE_RAW_TRACEPOINT)
TP_BTF = of("tp_btf/sched_switch", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_RAW_TP)
FENTRY = of("fentry/do_unlinkat", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_FENTRY)
ITER = of("iter/task", t.BPF_PROG_TYPE_TRACING, t.BPF_TRACE_ITER)
LSM = of("lsm/file_open", t.BPF_PROG_TYPE_LSM, t.BPF_LSM_MAC)
PERF = of("perf_event", t.BPF_PROG_TYPE_PERF_EVENT)


@pytest.mark.parametrize(
    ("p", "sort"),
    [
        (KPROBE, FUNCTION), (KSYSCALL, SYSCALL), (UPROBE, None), (POINT, TRACEPOINT), (RAW, RAW_TRACEPOINT),
        (TP_BTF, RAW_TRACEPOINT), (FENTRY, FUNCTION), (ITER, ITERATOR), (LSM, LSM_HOOK), (PERF, None),
    ],
)  # fmt: skip
def test_what_starts_a_program(p: Program, sort: object) -> None:
    assert sort_of(p) is sort


@pytest.mark.parametrize(
    ("p", "names"),
    [
        (KPROBE, ["vfs_read", "kprobe/vfs_read", "vfs_read+0x10", "__x64_sys_execve"]),
        (KSYSCALL, ["openat", "sys_openat", "ksyscall/openat", "__x64_sys_openat"]),
        (UPROBE, ["main", "anything at all"]),
        (POINT, ["sched/sched_wakeup", "sched_process_exec", "syscalls/sys_enter_openat", "raw_syscalls/sys_enter",
                 "syscalls/sys_exit_newfstat", "tracepoint/sched/sched_switch"]),
        (RAW, ["sched_switch", "sys_enter"]),
        (TP_BTF, ["sched_wakeup"]),
        (FENTRY, ["vfs_open"]),
        (ITER, ["task_file"]),
        (LSM, ["bprm_check_security"]),
        (PERF, ["", "perf_event"]),
    ],
)  # fmt: skip
def test_known_events(p: Program, names: list[str]) -> None:
    for name in names:
        check_event(p, EventInput(name))


@pytest.mark.parametrize(
    ("p", "name", "said"),
    [
        (KPROBE, "do_unlinkatt", "is no kernel function of Linux 6.12 on x86-64 .* Near it: do_unlinkat, "),
        (KPROBE, "sys_execve", 'There is __x64_sys_execve, or SEC."ksyscall/execve". for every kind of machine'),
        (KPROBE, "sched/sched_switch", "It is a tracepoint. This program takes a kernel function, for example do_un"),
        (KPROBE, "file_open", "It is an LSM hook"),
        (KPROBE, "xyzzy", r"modules\). This program takes a kernel function"),
        (KSYSCALL, "execv", "is no system call .* Near it: execve"),
        (POINT, "sched/sched_swich", "Near it: sched_switch.* takes a tracepoint, for example sched/sched_switch"),
        (POINT, "syscalls/sys_enter_opneat", "Near it: sys_enter_openat"),
        (POINT, "vfs_read", "It is a kernel function"),
        (RAW, "sched_swtich", "Near it: sched_switch"),
        (ITER, "tsk", "is no iterator .* takes an iterator, for example task"),
        (LSM, "file_opn", "is no LSM hook .* Near it: file_open"),
        (PERF, "cycles", "No named event starts this program: leave 'cycles' out"),
        (KPROBE, "\ud800", "is no kernel function"),
        (KPROBE, "vfs_read\nvfs_write", "is no kernel function"),
        (KPROBE, "a" * 100_000, "a…' is no kernel function"),
        (POINT, "sys_enter_" + "a" * 100_000, "is no tracepoint"),
        (KPROBE, "(a+)+$", "is no kernel function"),
    ],
)
def test_unknown_events_are_refused_with_what_is_near(p: Program, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        check_event(p, EventInput(name))
    assert len(error.value.message) < 500


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_a_run_refuses_them(engine: str) -> None:
    plain = pipeline.unverified(KPROBE)
    image = pipeline.translate(plain) if engine == "jit" else None
    with pytest.raises(InputError, match="no kernel function"):
        pipeline.execute(plain, image, [EventInput("nothing_at_all")], RunLimits())
    assert pipeline.execute(plain, image, [EventInput("vfs_read", {"count": 3})], RunLimits())[0].fault is None


def test_a_section_nobody_can_attach_is_remarked() -> None:
    wrong = of("kprobe/sys_execve", t.BPF_PROG_TYPE_KPROBE)
    remark = section_remark(wrong)
    assert remark is not None
    assert remark.program == wrong.name
    assert remark.message == (
        "SEC(\"kprobe/sys_execve\"): Linux 6.12 on x86-64, without modules, has no kernel function 'sys_execve', "
        'so attaching the program would fail there. There is __x64_sys_execve, or SEC("ksyscall/execve") for every '
        "kind of machine. A run goes on with the arguments as they are declared."
    )
    assert with_section_remarks(Object("o", (KPROBE, wrong, LSM))).remarks == (remark,)
    # The run itself goes on.
    assert pipeline.execute(pipeline.unverified(wrong), None, [EventInput()], RunLimits())[0].fault is None


@pytest.mark.parametrize(
    "p",
    [
        KPROBE, KSYSCALL, UPROBE, POINT, RAW, TP_BTF, FENTRY, ITER, LSM, PERF, of("kprobe", t.BPF_PROG_TYPE_KPROBE),
        of("kprobe/", t.BPF_PROG_TYPE_KPROBE), of("xdp", t.BPF_PROG_TYPE_XDP),
        of("lsm.s/file_open", t.BPF_PROG_TYPE_LSM),
        of("kprobe.multi/vfs_*", t.BPF_PROG_TYPE_KPROBE, t.BPF_TRACE_KPROBE_MULTI),
    ],
)  # fmt: skip
def test_other_sections_are_not(p: Program) -> None:
    assert section_remark(p) is None


def test_loading_says_it() -> None:
    source = (
        b'#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("kprobe/sys_execve") int f(void *c) { return 0; }\n'
    )
    given = pipeline.Source("c", source)
    obj = pipeline.load(given, pipeline.BuildOptions(), pipeline.compile_source(given, pipeline.BuildOptions()).object)
    assert [remark.program for remark in obj.remarks] == ["f"]


def loaded(source: str) -> Object:
    given = pipeline.Source("c", source.encode())
    return pipeline.load(given, pipeline.BuildOptions(), pipeline.compile_source(given, pipeline.BuildOptions()).object)


PROBE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("{}")
int f(struct pt_regs *ctx) {{ return 0; }}
"""


@pytest.mark.parametrize(
    ("section", "new"),
    [
        ("kprobe/sys_execve", "ksyscall/execve"),
        ("kretprobe/SyS_openat", "kretsyscall/openat"),
        ("kprobe/do_sys_execve", "ksyscall/execve"),
        ("kprobe/no_such_function", None),
        ("ksyscall/no_such_call", None),
    ],
)
def test_the_remark_has_the_line_and_for_system_calls_a_fix(section: str, new: str | None) -> None:
    obj = loaded(PROBE.format(section))
    (remark,) = obj.remarks
    assert len(obj.programs) == 1 and remark.line == 3
    if new is None:
        assert remark.fix is None
        return
    assert remark.fix is not None
    (edit,) = remark.fix.edits
    line = PROBE.format(section).split("\n")[edit.line - 1]
    assert edit.line == edit.end_line == 3
    assert line[: edit.column - 1] + edit.text + line[edit.end_column - 1 :] == f'SEC("{new}")'
    assert loaded(PROBE.format(new)).remarks == ()
