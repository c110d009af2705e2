"""What loaders say without a verifier's log: which line counts, and what it is said to mean."""

from __future__ import annotations

import pytest

from vm.loaders.numbers import error_in
from vm.logs.answer import read_log
from vm.logs.told import record
from vm.logs.values import Verdict
from vm.recognise import recognise

CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "the limit of locked memory, behind the failed load": (
        (
            "libbpf: prog 'p': BPF program load failed: Operation not permitted",
            "libbpf: permission error while running as root; try raising 'ulimit -l'? current value: 64.0 KiB",
        ),
        "ulimit -l",
        "RLIMIT_MEMLOCK",
    ),
    "ebpf-go's hint in a chain of errors": (
        ("loading objects: field F: program p: map m: map create: operation not permitted (MEMLOCK may be too low)",),
        "map create",
        "EPERM",
    ),
    "a chain of causes in Rust, the error on a later line": (
        (
            "Error: map error",
            "",
            "Caused by:",
            "    0: failed to create map `M` with code -1",
            "    1: x (os error 12)",
        ),
        "failed to create map",
        "not enough memory for the map M",
    ),
    "a map's attributes in a journal": (
        ("Oct 14 12:12:36 h d[38]: libbpf: map 'events': failed to create: Invalid argument(-22)",),
        "failed to create",
        "attributes of the map events",
    ),
    "no types of the kernel, before what follows from it": (
        (
            "libbpf: failed to find valid kernel BTF",
            "libbpf: Error loading vmlinux BTF: -3",
            "libbpf: failed to load object 'o'",
        ),
        "failed to find valid kernel BTF",
        "none that it can read",
    ),
    "types that the loader is too old for": (
        ("libbpf: Unsupported BTF_KIND:19", "libbpf: failed to find valid kernel BTF"),
        "BTF_KIND",
        "older than the kernel",
    ),
    "a function that fentry does not find": (
        (
            "libbpf: prog 'p': failed to find kernel BTF type ID of 'do_x': -3",
            "libbpf: prog 'p': failed to load: -3",
        ),
        "type ID",
        "structure do_x that",
    ),
    "a C library's function": (
        ("libbpf: failed to find BTF for extern 'ntohl' [59] section: -2",),
        "extern",
        "uses ntohl, which",
    ),
    "a symbol that the kernel does not have": (
        ("libbpf: extern 'f' (strong): not resolved", "libbpf: failed to load BPF skeleton 's': -ESRCH"),
        "extern",
        "does not have f, which",
    ),
    "maps in the old way": (
        ("libbpf: elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+",),
        "legacy",
        "struct bpf_map_def",
    ),
    "a kernel that is too old, by ebpf-go": (
        ("program p: map .rodata: map create: read- and write-only maps not supported (requires >= v5.2)",),
        "requires",
        "read- and write-only maps came with 5.2",
    ),
    "the length that bcc's library tells": (
        ("bpf: Argument list too long. Program  too large (113 insns), at most 4096 insns",),
        "too large",
        "below the second",
    ),
    "refused, and the log is not there": (
        ("libbpf: prog 'p': failed to load: -13",),
        "failed to load",
        "this text does not have",
    ),
    "no kprobe, named by the last line": (
        (
            "cannot attach kprobe, probe entry may not exist",
            "Traceback (most recent call last):",
            '  File "t.py", line 3, in <module>',
            "    b = BPF(text='int f(void *ctx) { return 0; }')",
            "Exception: Failed to attach BPF program b'f' to kprobe b'sys_x', it's not traceable (either non-existing)",
        ),
        "Exception",
        "function sys_x: ",
    ),
    "no tracing file system": (
        ("create_probe_event: open(/sys/kernel/tracing/kprobe_events): No such file or directory",),
        "kprobe_events",
        "not mounted",
    ),
    "no trampoline": (
        ("libbpf: prog 'p': failed to attach: ERROR: strerror_r(-524)=22",),
        "failed to attach",
        "trampolines",
    ),
    "a driver without XDP": (
        (
            "libbpf: Kernel error message: Underlying driver does not support XDP in native mode",
            "libxdp: Error attaching XDP program to ifindex 2: Operation not supported",
        ),
        "Kernel error message",
        "does not support XDP in this mode",
    ),
    "a driver that refuses": (
        ("libxdp: Error attaching XDP program to ifindex 5: Invalid argument",),
        "ifindex",
        "MTU",
    ),
    "lockdown": (
        ("[  102.156090] Lockdown: tool: Use of kprobes is restricted; see man kernel_lockdown.7",),
        "Lockdown",
        "does not allow: Use of kprobes.",
    ),
    "CO-RE, and not the load that follows": (
        ("libbpf: failed to perform CO-RE relocations: -22", "failed to load BPF object: -22"),
        "CO-RE",
        "could not adjust",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loaders_error_is_explained(name: str) -> None:
    lines, said, means = CASES[name]
    text = "\n".join(("I run it and get this:", "```", *lines, "```", "What is wrong?"))
    told = record("", read_log([text]))
    assert told["message"] is not None and said in told["message"], told
    assert means in told["explanation"], told
    assert told["needed"] and "{" not in told["explanation"] + told["needed"].replace("struct { __uint", "")
    assert told["rule"] is None and told["verdict"] != Verdict.ACCEPT.value
    assert recognise(text).kind == "log"


def test_what_the_verifier_says_comes_first() -> None:
    told = record(
        "",
        read_log(
            [
                "libbpf: prog 'p': BPF program load failed: Permission denied\n"
                "libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n"
                "0: (95) exit\nR0 !read_ok\n"
                "processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
                "-- END PROG LOAD LOG --\nlibbpf: prog 'p': failed to load: -13\n"
            ]
        ),
    )
    assert told["message"] == "R0 !read_ok"


def test_an_accepted_program_has_no_error() -> None:
    text = (
        "-- BEGIN PROG LOAD LOG --\n0: (b7) r0 = 0\n1: (95) exit\n"
        "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
        "-- END PROG LOAD LOG --\nlibbpf: Error loading .BTF into kernel: -22. BTF is optional, ignoring.\n"
    )
    assert record("", read_log([text]))["message"] is None


def test_programs_that_print_such_lines_are_no_logs() -> None:
    python = "import sys\nfrom x import y\n\ndef main(argv):\n    print('failed to load program: Permission denied')\n"
    assert recognise(python).kind == "python"
    c = '#include <linux/bpf.h>\n// libbpf: failed to find valid kernel BTF\nSEC("xdp")\nint f(void *c) { return 0; }\n'
    assert recognise(c).kind == "c"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x: Operation not permitted", "EPERM"),
        ("load program: argument list too long", "E2BIG"),
        ("failed to load: -EINVAL", "EINVAL"),
        ("failed to load: -13", "EACCES"),
        ("failed to create: Cannot allocate memory(-12)", "ENOMEM"),
        ("failed to attach: ERROR: strerror_r(-524)=22", "ENOTSUPP"),
        ("1: something (os error 1)", "EPERM"),
        ("bpf_load_program() err=28 event=x", "ENOSPC"),
        ("at offset -8 of 12 bytes", ""),
    ],
)
def test_errors_are_read_in_any_form(text: str, name: str) -> None:
    assert error_in(text) == name


def test_a_summary_above_its_limit_is_explained() -> None:
    told = record(
        "",
        read_log(
            [
                "24: safe\nprocessed 1000001 insns (limit 1000000) max_states_per_insn 28 total_states 45898 "
                "peak_states 2906 mark_read 371\n"
            ]
        ),
    )
    assert told["verdict"] == "reject" and told["message"] is None
    assert told["explanation"].startswith("The summary counts more instructions"), told
