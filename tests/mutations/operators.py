"""The operators that change an accepted program so that it is rejected for a known cause.

They read the programs of programs/, which are written in one style: `if (CHECK)` on one line, and what it does on the
next. An operator yields one Mutant for each place that it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vm.trace.root_cause import CauseKind

K = CauseKind
Kinds = tuple[tuple[CauseKind, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed program.

    kinds -- the causes that are right, as (kind, words that the cause's line has to contain: any of them)
    """

    program: str
    operator: str
    number: int
    source: str
    kinds: Kinds

    @property
    def name(self) -> str:
        return f"{self.program}:{self.operator}:{self.number}"


Found = tuple[str, Kinds]
Operator = Callable[[str], Iterator[Found]]

_NULL: Final = re.compile(r"^ *if \(!(?P<var>\w+)\)(?P<do> \{\n(?:.*\n)*?    \}|\n        .*;)\n", re.M)
_PACKET: Final = re.compile(
    r"^ *if \(\(void \*\)\((?P<var>\w+) \+ (?P<size>\d+)\) > data_end\)\n +(?:return \w+|break);\n", re.M
)
_BOUND: Final = re.compile(
    r"^    if \((?P<var>\w+) (?P<op>>=|>) (?P<limit>[A-Z]+|\d+)\)\n        (?:return [^;]+|break);\n", re.M
)
_MARK: Final = "bpf_get_prandom_u32()"


def _uses(var: str, source: str, after: int) -> tuple[str, ...]:
    """Beginnings of expressions that access through a variable, as they stand in the source after an offset."""
    found = re.findall(rf"\*{var}\b|\b{var}->\w+|\b{var}\[|\({var},|, {var}[,)]", source[after:])
    return tuple(dict.fromkeys(found)) or (var,)


def _without(source: str, found: re.Match[str]) -> str:
    return source[: found.start()] + source[found.end() :]


def _with(source: str, found: re.Match[str], text: str) -> str:
    return source[: found.start()] + text + source[found.end() :]


def _first_line(found: re.Match[str]) -> str:
    return found[0].strip().split("\n")[0]


# -- pointers that may be NULL ---------------------------------------------------


def no_null_check(source: str) -> Iterator[Found]:
    for found in _NULL.finditer(source):
        yield _without(source, found), ((K.MISSING_CHECK, _uses(found["var"], source, found.end())),)


def inverted_null_check(source: str) -> Iterator[Found]:
    for found in _NULL.finditer(source):
        text = found[0].replace(f"!{found['var']}", found["var"])
        yield _with(source, found, text), ((K.WRONG_BRANCH, (_first_line(found).replace("!", ""),)),)


def null_check_of_the_context(source: str) -> Iterator[Found]:
    for found in _NULL.finditer(source):
        other = "ctx" if "*ctx)" in source else "skb"
        if f"*{other})" in source:
            text = found[0].replace(f"!{found['var']}", f"!{other}")
            yield _with(source, found, text), ((K.CHECK_OF_ANOTHER_VALUE, (f"!{other}",)),)


def null_check_of_the_pointer_before(source: str) -> Iterator[Found]:
    """The check names a pointer that was checked already."""
    before = ""
    for found in _NULL.finditer(source):
        if before and before != found["var"] and "}\n\n" not in source[source.find(f"!{before})") : found.start()]:
            text = found[0].replace(f"!{found['var']}", f"!{before}")
            yield _with(source, found, text), ((K.CHECK_OF_ANOTHER_VALUE, (f"!{before}",)),)
        before = found["var"]


def null_check_on_one_path(source: str) -> Iterator[Found]:
    for found in _NULL.finditer(source):
        text = found[0].replace(f"(!{found['var']})", f"({_MARK} > 9 && !{found['var']})")
        yield _with(source, found, text), ((K.CHECK_ON_ANOTHER_PATH, (_MARK,)),)


def null_check_after_use(source: str) -> Iterator[Found]:
    """The check moves behind the first statement that uses the pointer."""
    for found in _NULL.finditer(source):
        if found["do"].startswith(" {"):
            continue
        var = found["var"]
        use = re.compile(rf"^    (?! ).*(?:\*{var}\b|\b{var}->).*;\n", re.M).search(source, found.end())
        if use is None or "if (" in source[found.end() : use.end()] or use[0].strip().startswith("return"):
            continue
        moved = _without(source, found)
        at = use.end() - len(found[0])
        yield moved[:at] + found[0] + moved[at:], ((K.CHECK_AFTER_USE, (f"!{var})",)),)


def looked_up_again(source: str) -> Iterator[Found]:
    """The pointer gets a new value between check and use."""
    for found in _NULL.finditer(source):
        var = found["var"]
        given = re.compile(rf"^ *(?:[\w ]*\*)?{var} = (bpf_map_lookup_elem\(.*\));\n", re.M).search(source)
        if given is not None:
            again = f"    {var} = {given[1]};\n"
            text = source[: found.end()] + again + source[found.end() :]
            yield text, ((K.CHECK_OF_ANOTHER_VALUE, (f"!{var}",)),)


# -- packets -----------------------------------------------------------------------


def _packet_uses(found: re.Match[str], source: str) -> tuple[str, ...]:
    return _uses(found["var"], source, found.end())


def no_packet_check(source: str) -> Iterator[Found]:
    for found in _PACKET.finditer(source):
        yield _without(source, found), ((K.MISSING_CHECK, _packet_uses(found, source)),)


def packet_check_too_short(source: str) -> Iterator[Found]:
    """Compares where the object starts instead of where it ends."""
    for found in _PACKET.finditer(source):
        var = found["var"]
        text = found[0].replace(f"({var} + {found['size']})", var)
        yield _with(source, found, text), ((K.CHECK_TOO_WEAK, (f"{var} > data_end",)),)


def packet_check_of_the_pointer_s_size(source: str) -> Iterator[Found]:
    for found in _PACKET.finditer(source):
        var = found["var"]
        text = found[0].replace(f"({var} + {found['size']})", f"{var} + sizeof({var})")
        yield _with(source, found, text), ((K.CHECK_TOO_WEAK, (f"sizeof({var})",)),)


def packet_check_inverted(source: str) -> Iterator[Found]:
    for found in _PACKET.finditer(source):
        text = found[0].replace("> data_end", "< data_end")
        yield _with(source, found, text), ((K.WRONG_BRANCH, ("< data_end",)),)


def packet_check_of_the_one_before(source: str) -> Iterator[Found]:
    before = ""
    for found in _PACKET.finditer(source):
        if before and before != found["var"]:
            text = found[0].replace(f"({found['var']} +", f"({before} +")
            yield _with(source, found, text), ((K.CHECK_OF_ANOTHER_VALUE, (f"({before} + {found['size']})",)),)
        before = found["var"]


def packet_check_on_one_path(source: str) -> Iterator[Found]:
    for found in _PACKET.finditer(source):
        text = found[0].replace("if (", f"if ({_MARK} > 9 && ")
        yield _with(source, found, text), ((K.CHECK_ON_ANOTHER_PATH, (_MARK,)),)


def packet_moved_by_a_call(source: str) -> Iterator[Found]:
    call = "bpf_xdp_adjust_head(ctx, 0)" if "xdp_md" in source else "bpf_skb_pull_data(skb, 64)"
    if "cgroup_skb" in source:
        return
    for found in _PACKET.finditer(source):
        if "break" in found[0]:
            continue
        text = source[: found.end()] + f"    {call};\n" + source[found.end() :]
        yield text, ((K.LOST_AT_CALL, (call,)),)


# -- numbers -----------------------------------------------------------------------


def no_bound(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        var = found["var"]
        called = re.compile(rf"^    __u32 {var} = (\w+)\(ctx->\w+\);", re.M).search(source)
        right: Kinds = ((K.MISSING_CHECK, (f"[{var}]", f", {var}", f"+ {var}")),)
        if called is not None:
            # A comparison in the called function does not help, and this one is missing: each is true.
            right = (*right, (K.LOST_AT_CALL, (f"{called[1]}(",)))
        yield _without(source, found), right


def _together(source: str) -> tuple[str, ...]:
    """Bounds of which only the sum matters: each of them is one that lets too much pass."""
    return ("offset > 256", "size > 256") if "base + offset, size" in source else ()


def bound_one_off(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        limit = found["limit"]
        text = found[0].replace(f"{found['op']} {limit}", f"{found['op']} {limit} + 1")
        yield _with(source, found, text), ((K.CHECK_TOO_WEAK, (f"{limit} + 1", *_together(source))),)


def bound_far_off(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        limit = found["limit"]
        text = found[0].replace(f"{found['op']} {limit}", f"{found['op']} {limit} * 8")
        yield _with(source, found, text), ((K.CHECK_TOO_WEAK, (f"{limit} * 8", *_together(source))),)


def bound_signed(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        var = found["var"]
        if f"long {var}" in source:
            continue
        kind = "long" if f"__u64 {var}" in source else "int"
        text = found[0].replace(f"({var} {found['op']}", f"(({kind}){var} {found['op']}")
        yield _with(source, found, text), ((K.WRONG_SIGN, (f"({kind}){var}",)),)


def bound_of_32_bits(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        var = found["var"]
        if f"__u64 {var}" in source:
            text = found[0].replace(f"({var} {found['op']}", f"((__u32){var} {found['op']}")
            yield _with(source, found, text), ((K.WRONG_WIDTH, (f"(__u32){var}",)),)


def bound_of_a_byte(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        var, limit = found["var"], found["limit"]
        if limit not in ("256", "CHUNK", "MOST", "CELLS") or "long" in source:
            continue
        text = found[0].replace(f"({var} {found['op']}", f"((__u8){var} {found['op']}").replace(limit, "16")
        yield _with(source, found, text), ((K.WRONG_WIDTH, (f"(__u8){var}",)),)


def bound_on_one_path(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        text = found[0].replace("if (", f"if ({_MARK} > 9 && ")
        yield _with(source, found, text), ((K.CHECK_ON_ANOTHER_PATH, (_MARK,)),)


def bound_inverted(source: str) -> Iterator[Found]:
    for found in _BOUND.finditer(source):
        other = "<" if found["op"] == ">=" else "<="
        text = found[0].replace(f" {found['op']} ", f" {other} ")
        yield _with(source, found, text), ((K.WRONG_BRANCH, (f" {other} ",)),)


def bound_of_another(source: str) -> Iterator[Found]:
    """The check is of a variable that has nothing to do with it."""
    for found in _BOUND.finditer(source):
        var = found["var"]
        text = f"    __u32 other = {_MARK};\n" + found[0].replace(f"({var} ", "(other ")
        yield (
            _with(source, found, text),
            ((K.CHECK_OF_ANOTHER_VALUE, ("(other ",)), (K.MISSING_CHECK, (f"[{var}]", f", {var}", f"+ {var}"))),
        )


def used_next_to_the_bound(source: str) -> Iterator[Found]:
    """What is used was computed after the check."""
    for found in _BOUND.finditer(source):
        var = found["var"]
        text = source[: found.end()] + f"    {var} += {_MARK};\n" + source[found.end() :]
        yield text, ((K.LOST_IN_ARITHMETIC, (f"{var} +=",)),)


def read_again(source: str) -> Iterator[Found]:
    """Comparison and use each read the value from memory."""
    for found in _BOUND.finditer(source):
        var = found["var"]
        given = re.compile(rf"^    __u\d+ {var} = (?P<from>(?:ctx|skb|h|t|task|file)->\w+|current);\n", re.M).search(
            source
        )
        if given is None or "barrier_var" in source:
            continue
        size = given[0].split()[0]
        place = given["from"] if given["from"] == "current" else f"*(volatile {size} *)&{given['from']}"
        text = source.replace(given[0], "").replace(f"({var} {found['op']}", f"({place} {found['op']}")
        text = re.sub(rf"\[{var}\]", f"[{place}]", text)
        text = re.sub(rf", {var}([,)])", rf", {place}\1", text)
        text = re.sub(rf"base \+ {var}", f"base + {place}", text)
        if re.search(rf"\b{var}\b", text[text.find("SEC(") :]):
            text = re.sub(rf"(?<![>.])\b{var}\b(?! *;)", place, text)
        yield text, ((K.READ_AGAIN, (f"({place} {found['op']}",)),)


def no_mask(source: str) -> Iterator[Found]:
    for found in re.finditer(r" & (?:\(\w+ - 1\)|15)(?=;)", source):
        line = source[source.rfind("\n", 0, found.start()) + 1 : found.start()]
        var = line.split("=")[0].split()[-1]
        uses = (f"[{var}]", f"&{var}", f", {var})")
        yield _without(source, found), ((K.MISSING_CHECK, uses),)


def mask_too_wide(source: str) -> Iterator[Found]:
    for found in re.finditer(r" & \((\w+) - 1\)(?=;)", source):
        text = f" & ({found[1]} * 2 - 1)"
        yield _with(source, found, text), ((K.CHECK_TOO_WEAK, (text,)),)


# -- what has to be given back ------------------------------------------------------

_GIVES_BACK: Final = re.compile(
    r"^ +(bpf_ringbuf_(?:submit|discard)(?:_dynptr)?|bpf_task_release|bpf_cgroup_release|bpf_sk_release"
    r"|bpf_spin_unlock|bpf_rcu_read_unlock|bpf_iter_num_destroy)\((.*)\);\n",
    re.M,
)
_TAKES: Final = ("bpf_ringbuf_reserve", "bpf_task_from_pid", "bpf_cgroup_from_id", "bpf_skc_lookup_tcp",
                 "bpf_spin_lock(&", "bpf_rcu_read_lock();", "bpf_iter_num_new(&")  # fmt: skip


def _takes(source: str, call: str) -> tuple[str, ...]:
    word = call.split("_")[1]
    lines = [line for line in source.split("\n") if any(t in line for t in _TAKES) and "extern" not in line]
    return tuple(line.strip() for line in lines if f"bpf_{word}" in line or word == "sk" and "skc" in line)


def no_release(source: str) -> Iterator[Found]:
    for found in _GIVES_BACK.finditer(source):
        yield _without(source, found), ((K.NOT_RELEASED, _takes(source, found[1])),)


def released_twice(source: str) -> Iterator[Found]:
    for found in _GIVES_BACK.finditer(source):
        if "rcu" in found[0] or "spin" in found[0]:
            continue
        yield _with(source, found, found[0] * 2), ((K.USED_AFTER_RELEASE, (found[1],)),)


def used_after_release(source: str) -> Iterator[Found]:
    """The last use moves behind the release."""
    for found in _GIVES_BACK.finditer(source):
        var = found[2].split(",")[0]
        if not var.isidentifier():
            continue
        before = source.rfind("\n", 0, found.start() - 1)
        line = source[before + 1 : found.start()]
        if f"{var}->" in line and line.endswith(";\n") and "if" not in line:
            text = source[: before + 1] + found[0] + line + source[found.end() :]
            yield text, ((K.USED_AFTER_RELEASE, (found[1],)),)


def no_lock(source: str) -> Iterator[Found]:
    for found in re.finditer(r"^ +bpf_(spin|rcu_read)_lock\(.*\);\n", source, re.M):
        yield _without(source, found), ((K.NOT_ACQUIRED, (f"bpf_{found[1]}_unlock",)),)


def call_under_lock(source: str) -> Iterator[Found]:
    for found in re.finditer(r"^ +bpf_spin_lock\(.*\);\n", source, re.M):
        text = source[: found.end()] + f"    now += {_MARK};\n" + source[found.end() :]
        yield text, ((K.FORBIDDEN_HERE, (_MARK,)),)


# -- the program as a whole -----------------------------------------------------------

_GPL: Final = (
    "bpf_ktime_get_ns", "bpf_probe_read", "bpf_perf_event_output", "bpf_get_stackid", "bpf_get_current_task_btf",
    "bpf_loop", "bpf_task_from_pid", "BPF_CORE_READ",
)  # fmt: skip


def no_gpl(source: str) -> Iterator[Found]:
    gpl = [each for each in _GPL if each in source]
    if gpl or 'SEC("lsm' in source:
        yield source.replace('"GPL"', '"Proprietary"'), ((K.WRONG_LICENCE, tuple(gpl) or ("",)),)


def foreign_helper(source: str) -> Iterator[Found]:
    """A helper that the program type does not have."""
    call = {
        'SEC("xdp")': "bpf_get_current_uid_gid()", 'SEC("tc")': "bpf_xdp_adjust_head(0, 0)",
        'SEC("kprobe': "bpf_skb_pull_data(0, 0)", 'SEC("cgroup/connect4")': "bpf_redirect(1, 0)",
        'SEC("tracepoint': "bpf_redirect(1, 0)", 'SEC("socket")': "bpf_redirect(1, 0)",
        'SEC("fentry': "bpf_redirect(1, 0)",
    }  # fmt: skip
    for section, text in call.items():
        if section in source:
            at = source.index("{\n", source.index(section)) + 2
            yield source[:at] + f"    {text};\n" + source[at:], ((K.WRONG_PROGRAM_TYPE, (text,)),)


def wrong_context_offset(source: str) -> Iterator[Found]:
    for found in re.finditer(r"(?<=[ (])(ctx|skb)->(\w+)(?= *[;,)&])", source):
        if found[2] in ("data", "data_end", "args", "task", "write", "si", "dx"):
            continue
        text = f"*(__u32 *)((void *){found[1]} + 4000)"
        yield _with(source, found, text), ((K.WRONG_CONTEXT_FIELD, (text,)),)


def wrong_result(source: str) -> Iterator[Found]:
    if not any(
        s in source for s in ('SEC("cgroup', 'SEC("lsm', 'SEC("fentry', 'SEC("sockops', 'SEC("tp_btf', 'SEC("iter')
    ):
        return
    start = source.index("SEC(", source.index("bpf_helpers.h"))
    for found in re.finditer(r"^( +)return (?:-?\d+|name\[0\] != 'k');\n", source[start:], re.M):
        at = start + found.start()
        text = source[:at] + found[1] + "return 7;\n" + source[start + found.end() :]
        yield text, ((K.WRONG_RESULT, ("return 7", "}", "if (")),)


def endless_loop(source: str) -> Iterator[Found]:
    for found in re.finditer(r"for \(int i = 0; i < \w+; i\+\+\)", source):
        if "[i]" in source:
            continue  # the index would have no bound either
        yield (
            _with(source, found, f"for (__u64 i = {_MARK}; i != 7; i += 2)"),
            ((K.UNBOUNDED_LOOP, (_MARK,)), (K.UNBOUNDED_LOOP, ("for (", "(", "}"))),
        )


def loop_too_long(source: str) -> Iterator[Found]:
    for found in re.finditer(r"for \(int i = 0; i < (ARGS|LEN); i\+\+\)", source):
        yield _with(source, found, f"for (int i = 0; i < {found[1]} + 3; i++)"), ((K.CHECK_TOO_WEAK, ("+ 3",)),)


def map_of_the_wrong_type(source: str) -> Iterator[Found]:
    for found in re.finditer(r"BPF_MAP_TYPE_(RINGBUF|PERF_EVENT_ARRAY|STACK_TRACE|DEVMAP)", source):
        sized = (
            ""
            if "key_size" in source or found[1] == "DEVMAP"
            else (");\n    __uint(key_size, 4);\n    __uint(value_size, 4")
        )
        text = _with(source, found, f"BPF_MAP_TYPE_ARRAY{sized}")
        yield text, ((K.WRONG_MAP, ("bpf_",)),)


def key_too_small(source: str) -> Iterator[Found]:
    """The map's key is larger than the variable that is passed."""
    for found in re.finditer(r"__type\(key, __u(32|16)\);", source):
        if "ARRAY" in source[source.rfind("struct {", 0, found.start()) : found.start()]:
            continue
        name = re.compile(r"\} (\w+) SEC").search(source, found.end())
        uses = tuple(f"{call}(&{name[1]}" for call in ("bpf_map_lookup_elem",)) if name else ()
        yield _with(source, found, "__type(key, __u64[2]);"), ((K.WRONG_SIZE, uses),)


def value_as_map(source: str) -> Iterator[Found]:
    for found in re.finditer(r"bpf_map_lookup_elem\(&(\w+), &(\w+)\)", source):
        text = f"bpf_map_lookup_elem((void *)&{found[2]}, &{found[2]})"
        yield _with(source, found, text), ((K.WRONG_ARGUMENT, (text,)),)


def number_as_pointer(source: str) -> Iterator[Found]:
    """An address from user space or from a map is accessed directly."""
    for found in re.finditer(r"bpf_map_lookup_elem\(&(\w+), &(\w+)\);", source):
        text = f"(void *)(long){_MARK};"
        yield _with(source, found, text), ((K.NOT_A_POINTER, (_MARK,)),)


def writes_constant(source: str) -> Iterator[Found]:
    if "weights" in source:
        text = source.replace("__u32 weights[WEIGHTS];", "const volatile __u32 weights[WEIGHTS] = {1};")
        text = text.replace("    result += weights[at];", "    result += weights[at];\n    *(__u32 *)&weights[at] = 1;")
        yield text, ((K.READ_ONLY, ("*(__u32 *)&weights",)),)


OPERATORS: Final[tuple[Operator, ...]] = (
    no_null_check, inverted_null_check, null_check_of_the_context, null_check_of_the_pointer_before,
    null_check_on_one_path, null_check_after_use, looked_up_again, no_packet_check, packet_check_too_short,
    packet_check_of_the_pointer_s_size, packet_check_inverted, packet_check_of_the_one_before,
    packet_check_on_one_path, packet_moved_by_a_call, no_bound, bound_one_off, bound_far_off, bound_signed,
    bound_of_32_bits, bound_of_a_byte, bound_on_one_path, bound_inverted, bound_of_another, used_next_to_the_bound,
    read_again, no_mask, mask_too_wide, no_release, released_twice, used_after_release, no_lock, call_under_lock,
    no_gpl, foreign_helper, wrong_context_offset, wrong_result, endless_loop, loop_too_long, map_of_the_wrong_type,
    key_too_small, value_as_map, number_as_pointer, writes_constant,
)  # fmt: skip


def mutants(program: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a program."""
    for operator in OPERATORS:
        for number, (text, kinds) in enumerate(operator(source)):
            yield Mutant(program, operator.__name__, number, text, kinds)
