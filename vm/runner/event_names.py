"""Events that can start a program: the kernel's tracepoints, system calls, functions, LSM hooks and iterators.

An event that the user names must exist. A program's section may name an event that only a module or another kernel
has: there is a remark that attaching would fail, and the program runs with the arguments that it declares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from vm.csource.fixes import section_fix
from vm.csource.text import CText
from vm.errors import InputError
from vm.kernel import types as t
from vm.kernel.release import LINUX
from vm.program import Object, Program, Remark
from vm.runner.inputs import EventInput

MAX_SHOWN: Final = 80
NEAR: Final = 3
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.$]{0,127}", re.ASCII)
_SYSCALL: Final = "__x64_sys_"
_SYSCALL_POINTS: Final = ("sys_enter_", "sys_exit_")
# Names of system calls' functions in sources for other versions and architectures.
_ENTRY: Final = re.compile(r"(?:__x64_|__se_|__ia32_|__arm64_)?(?:sys|SyS|ksys|do_sys)_(\w+)", re.ASCII)
_BY_SYSCALL: Final = {"kprobe": "ksyscall", "kretprobe": "kretsyscall"}
_USER_SPACE: Final = ("uprobe", "uretprobe", "usdt")
_PATTERNS: Final = frozenset({t.BPF_TRACE_KPROBE_MULTI, t.BPF_TRACE_KPROBE_SESSION})


class Sort(NamedTuple):
    """A sort of event.

    what    -- "kernel function", as a sentence has it; `article` goes before it
    known   -- whether there is one of this name (the last part of "sched/sched_switch")
    names   -- those a name may have been meant for: it is given the name
    example -- a name of an event that starts such a program
    """

    article: str
    what: str
    known: Callable[[str], bool]
    names: Callable[[str], Iterable[str]]
    example: str


def _is_function(name: str) -> bool:
    from vm.kernel.symbols import ksym_address

    return ksym_address(name) is not None


def _functions(name: str) -> Iterable[str]:
    """Functions with the same beginning as the name or the same last words: sys_execve -> __x64_sys_execve."""
    from vm.kernel.symbols import ksym_names

    start, end = re.escape(name[:3]), re.escape(name.lstrip("_"))
    return ksym_names(rf"{start}\w*|\w*_{end}")


def _is_syscall(name: str) -> bool:
    return _is_function(_SYSCALL + name.removeprefix(_SYSCALL).removeprefix("sys_"))


def _syscalls(name: str) -> Iterable[str]:
    from vm.kernel.symbols import ksym_names

    return (found.removeprefix(_SYSCALL) for found in ksym_names(rf"{_SYSCALL}\w+"))


def _is_raw_tracepoint(name: str) -> bool:
    from vm.kernel.hooks import raw_tracepoint

    return raw_tracepoint(name) is not None


def _raw_tracepoints(name: str) -> Iterable[str]:
    from vm.kernel.symbols import ksym_names

    prefix = "__traceiter_"
    return (found.removeprefix(prefix) for found in ksym_names(rf"{prefix}\w+"))


def _is_tracepoint(name: str) -> bool:
    for prefix in _SYSCALL_POINTS:
        if name.startswith(prefix):
            return _is_syscall(name.removeprefix(prefix))
    return _is_raw_tracepoint(name)


def _tracepoints(name: str) -> Iterable[str]:
    for prefix in _SYSCALL_POINTS:
        if name.startswith(prefix):
            return (prefix + found for found in _syscalls(name))
    return _raw_tracepoints(name)


def _in_btf(pattern: str) -> Callable[[str], bool]:
    """Whether the kernel's BTF has a function of that name."""

    def known(name: str) -> bool:
        from vm.btf.types import Kind
        from vm.kernel.btf import kernel_btf

        return kernel_btf().find(pattern.format(name), Kind.FUNC) is not None

    return known


def _hooks(prefix: str) -> Callable[[str], Iterable[str]]:
    def names(name: str) -> Iterable[str]:
        from vm.kernel.symbols import ksym_names

        return (found.removeprefix(prefix) for found in ksym_names(rf"{prefix}\w+"))

    return names


FUNCTION: Final = Sort("a", "kernel function", _is_function, _functions, "do_unlinkat")
SYSCALL: Final = Sort("a", "system call", _is_syscall, _syscalls, "ksyscall/execve")
TRACEPOINT: Final = Sort("a", "tracepoint", _is_tracepoint, _tracepoints, "sched/sched_switch")
RAW_TRACEPOINT: Final = Sort("a", "tracepoint", _is_raw_tracepoint, _raw_tracepoints, "sched_switch")
LSM_HOOK: Final = Sort("an", "LSM hook", _in_btf("bpf_lsm_{}"), _hooks("bpf_lsm_"), "file_open")
ITERATOR: Final = Sort("an", "iterator", _in_btf("bpf_iter_{}"), _hooks("bpf_iter_"), "task")

_BY_TYPE: Final[Mapping[int, Sort]] = {
    t.BPF_PROG_TYPE_TRACEPOINT: TRACEPOINT,
    t.BPF_PROG_TYPE_RAW_TRACEPOINT: RAW_TRACEPOINT,
    t.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: RAW_TRACEPOINT,
    t.BPF_PROG_TYPE_LSM: LSM_HOOK,
}
_BY_ATTACH: Final[Mapping[int, Sort]] = {t.BPF_TRACE_RAW_TP: RAW_TRACEPOINT, t.BPF_TRACE_ITER: ITERATOR}
# Types that are run on an event without a name.
_NAMELESS: Final = frozenset({t.BPF_PROG_TYPE_PERF_EVENT, t.BPF_PROG_TYPE_SYSCALL, t.BPF_PROG_TYPE_UNSPEC})


def sort_of(program: Program) -> Sort | None:
    """The sort of event that starts a program; None where names are not the kernel's (user space) or there are none."""
    if program.prog_type == t.BPF_PROG_TYPE_KPROBE:
        stem = program.section.split("/", 1)[0]
        if stem.startswith(_USER_SPACE) or program.expected_attach_type == t.BPF_TRACE_UPROBE_MULTI:
            return None
        return SYSCALL if stem in ("ksyscall", "kretsyscall") else FUNCTION
    if program.prog_type == t.BPF_PROG_TYPE_TRACING:
        return _BY_ATTACH.get(program.expected_attach_type, FUNCTION)
    return _BY_TYPE.get(program.prog_type)


def check_event(program: Program, given: EventInput) -> None:
    """InputError if no event of that name can start the program; it lists similar names."""
    if not given.name or given.name == program.section:
        return
    if program.prog_type in _NAMELESS:
        raise InputError(f"No named event starts this program: leave {_shown(given.name)!r} out, and give values only.")
    sort = sort_of(program)
    if sort is not None and not _known(sort, _last_part(given.name)):
        raise InputError(_unknown(sort, given.name))


def section_remark(program: Program, text: CText | None = None) -> Remark | None:
    """What to say of a program whose section names an event that the emulated kernel does not have.

    text -- the C source, where that is known: the remark then has a line, and a fix for probes on system calls.
    """
    sort = sort_of(program)
    _, slash, rest = program.section.partition("/")
    if sort is None or not slash or not rest or _is_pattern(program):
        return None
    name = _last_part(rest)
    if _known(sort, name):
        return None
    message = (
        f'SEC("{_shown(program.section)}"): {LINUX} on x86-64, without modules, has no {sort.what} '
        f"{_shown(name)!r}, so attaching the program would fail there.{_hint(sort, name)} "
        "A run goes on with the arguments as they are declared."
    )
    line, fix = None, None
    if text is not None:
        place = text.section_of(program.name, program.section)
        line = text.line(place.start) if place else None
        better = _syscall_section(program.section, name)
        fix = section_fix(text, program.name, program.section, better) if better else None
    return Remark(message, program.name, line, fix)


def _syscall_section(section: str, name: str) -> str:
    """The section that finds the system call's function by itself, "" if the section is no probe on one."""
    stem = _BY_SYSCALL.get(section.partition("/")[0], "")
    call = _ENTRY.fullmatch(name)
    return f"{stem}/{call[1]}" if stem and call and _known(SYSCALL, call[1]) else ""


def with_section_remarks(obj: Object, source: str = "") -> Object:
    """The object with a remark for each program whose section names an unknown event. source: its C text, or ""."""
    text = CText(source) if source else None
    found = [remark for program in obj.programs if (remark := section_remark(program, text)) is not None]
    return replace(obj, remarks=(*obj.remarks, *found)) if found else obj


def _is_pattern(program: Program) -> bool:
    return program.expected_attach_type in _PATTERNS and any(char in program.section for char in "*?")


def _last_part(name: str) -> str:
    """sched/sched_switch -> sched_switch, do_unlinkat+0x10 -> do_unlinkat."""
    return name.rstrip("/").rsplit("/", 1)[-1].split("+", 1)[0]


@lru_cache(maxsize=256)
def _known(sort: Sort, name: str) -> bool:
    return _NAME.fullmatch(name) is not None and sort.known(name)


def _shown(name: str) -> str:
    return name if len(name) <= MAX_SHOWN else name[: MAX_SHOWN - 1] + "…"


def _unknown(sort: Sort, given: str) -> str:
    name = _last_part(given)
    return (
        f"{_shown(given)!r} is no {sort.what} of {LINUX} on x86-64 (without modules).{_hint(sort, name)} "
        f"This program takes {sort.article} {sort.what}, for example {sort.example}."
    )


def _hint(sort: Sort, name: str) -> str:
    """ " It is a …" or " Near it are …", or "" where nothing is near."""
    if _NAME.fullmatch(name) is None:
        return ""
    call = _ENTRY.fullmatch(name)
    if sort is FUNCTION and call and _known(SYSCALL, call[1]):
        return f' There is {_SYSCALL}{call[1]}, or SEC("ksyscall/{call[1]}") for every kind of machine.'
    for other in (TRACEPOINT, LSM_HOOK, FUNCTION):
        if other.what != sort.what and _known(other, name):
            return f" It is {other.article} {other.what}."
    import difflib

    near = difflib.get_close_matches(name, _alike(name, sort.names(name)), NEAR, 0.7)
    return f" Near it: {', '.join(near)}." if near else ""


def _alike(name: str, names: Iterable[str]) -> list[str]:
    """Names of a similar length, and those that end with the name."""
    ending = "_" + name.lstrip("_")
    return [found for found in names if abs(len(found) - len(name)) <= max(3, len(name) // 3) or found.endswith(ending)]
