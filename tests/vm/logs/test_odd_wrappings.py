"""Texts that carry a log in ways that no loader does: consoles, containers, mails, source code, tables.

Of each the message, the instruction and the register are right, or, where too little of a log is there to learn what
stands before its lines, missing. Nothing is wrong.
"""

from __future__ import annotations

import html
import json
import quopri
import textwrap
from collections.abc import Callable
from typing import Final

import pytest

from tests.corpus import sampled
from tests.vm.logs.recordings import expected, recorded, series
from vm.logs.answer import read_log
from vm.logs.lines import Kind
from vm.logs.told import record
from vm.logs.unwrap import Unwrapper

Wrap = Callable[[str], str | bytes]


def each(wrap: Callable[[int, str], str]) -> Wrap:
    """Every line by itself."""
    return lambda log: "".join(wrap(number, line) + "\n" for number, line in enumerate(log.splitlines()))


def rust(text: str) -> str:
    """A string as Rust's Debug prints it."""
    for char, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("'", "\\'")):
        text = text.replace(char, escaped)
    return f'"{text}"'


def partial(number: int, line: str) -> str:
    """A container runtime's line, in two parts if it is long."""
    when = f"2024-03-21T10:11:12.{number:09}Z stderr"
    return f"{when} F {line}" if len(line) <= 40 else f"{when} P {line[:40]}\n{when} F {line[40:]}"


def strings(log: str) -> str:
    return "{" + ", ".join(json.dumps(line) for line in log.splitlines()) + "}"


WHOLE: Final[dict[str, Wrap]] = {
    "docker": each(lambda n, line: json.dumps({"log": line + "\n", "stream": "stderr", "time": f"12.{n:09}Z"})),
    "a container's runtime": each(lambda n, line: f"2024-03-21T10:11:12.{n:09}+01:00 stderr F {line}"),
    "a container's runtime, divided": each(partial),
    "journalctl -o json": each(lambda n, line: json.dumps({"__CURSOR": "s=1", "MESSAGE": line, "_PID": "471"})),
    "journalctl -o json, bytes": each(lambda n, line: json.dumps({"__CURSOR": "s", "MESSAGE": list(line.encode())})),
    "journalctl -o export": each(lambda n, line: f"__CURSOR=s=1\nPRIORITY=3\nMESSAGE={line}\n_PID=4\n"),
    "quoted twice": each(lambda n, line: f"> > {line}"),
    "a quoted fence": lambda log: (
        "> ```\n" + "".join(f"> {line}\n" for line in log.splitlines()) + "> ```\n\nHere too.\n"
    ),
    "HTML, escaped twice": lambda log: f"<pre>{html.escape(html.escape(log))}</pre>\n",
    "HTML, a row a line": each(lambda n, line: f'<td id="LC{n}" class="blob-code">{html.escape(line)}</td>'),
    "a coloured line": each(lambda n, line: f"\x1b[31m{line}\x1b[0m\x1b[K"),
    "coloured words": each(lambda n, line: line.replace("(", "\x1b[36m(").replace(")", ")\x1b[0m")),
    "what a terminal was sent": each(
        lambda n, line: f"\x1b]0;probe\x07\x1b(B{line}\x1b]8;;http://x/\x1b\\\x1b]8;;\x1b\\"
    ),
    "colours as text": each(lambda n, line: f"^[[31m{line}^[[0m"),
    "strings of Go": lambda log: f"panic: main.T{{Log: []string{strings(log)}}}\n",
    "a string of Go": lambda log: f"panic: {json.dumps(log)}\n",
    "a string of Rust": lambda log: f"thread 'main' panicked: LoadError {{ verifier_log: VerifierLog({rust(log)}) }}\n",
    "a list of Python": lambda log: repr(log.splitlines()) + "\n",
    "a list of JSON": lambda log: json.dumps(log.splitlines()) + "\n",
    "a mail": lambda log: quopri.encodestring(log.encode()).decode(),
    "UTF-16": lambda log: log.replace("\n", "\r\n").encode("utf-16"),
    "UTF-16 without its mark": lambda log: log.encode("utf-16-le"),
    "carriage returns": lambda log: log.replace("\n", "\r"),
    "a blank line behind each": lambda log: log.replace("\n", "\n\n"),
    "invisible spaces": lambda log: log.replace(": (", ":\u200b ("),
    "a backslash behind each": each(lambda n, line: f"{line} \\"),
    "back quotes": each(lambda n, line: f"`{line}`"),
    "multilog": each(lambda n, line: f"@4000000065fbe0{n:010x} {line}"),
}
"""What is read of every log."""

LEARNT: Final[dict[str, Wrap]] = {
    "a pod": each(lambda n, line: f"[pod/agent-x7k2p/loader] {line}"),
    "journalctl -o short-iso": each(lambda n, line: f"2024-03-21T10:11:12+0100 host probe[4711]: {line}"),
    "journalctl -o short-full": each(lambda n, line: f"Thu 2024-03-21 10:11:12 CET host probe[4711]: {line}"),
    "cat -n": each(lambda n, line: f"{n + 1:6}\t{line}"),
    "grep -n": each(lambda n, line: f"build.log:{n + 1}:{line}"),
    "a job of a forge": each(lambda n, line: f"build (6.12)\tRun tests\t2024-03-21T10:11:12.{n:07}Z {line}"),
    "strings of JSON": lambda log: json.dumps({"errors": log.splitlines()}, indent=2) + "\n",
    "a list of YAML": each(lambda n, line: f"- {json.dumps(line)}"),
    "a column of CSV": each(lambda n, line: f'2024,"{line}",3'),
    "strings of C": each(lambda n, line: json.dumps(line)[:-1] + '\\n"'),
    "a shell's trace": each(lambda n, line: f"+ echo {line!r}"),
    "a patch": each(lambda n, line: f"+{line}"),
    "a table of Markdown": each(lambda n, line: f"| {n} | `{line}` |"),
    "logcat": each(lambda n, line: f"03-21 10:11:12.{n:03}   312   312 E bpfloader: {line}"),
    "klog": each(lambda n, line: f"E0321 10:11:12.{n:06}       1 loader.go:42] {line}"),
}
"""What is learnt from the instructions: a log with fewer than three need not be read."""


@pytest.mark.parametrize("name", sampled([*WHOLE, *LEARNT]))
def test_message_instruction_and_register(name: str) -> None:
    wrap = (WHOLE | LEARNT)[name]
    for log in recorded():
        want = expected().get((series(log["kernel"]), log["program"]))
        for level in ("level1", "level2"):
            if want is None or level not in log:
                continue
            found = record("x", read_log([wrap(log[level])]))
            told = (found["message"], found["insn"], found["reg"] or "")
            right = (want["message"], want["insn"], want["reg"])
            where = f"{log['program']} of {log['kernel']}, {level}"
            if name in LEARNT and log[level].count(": (") < 3:
                assert all(each in (None, "", wanted) for each, wanted in zip(told, right, strict=True)), where
            else:
                assert told == right, where


@pytest.mark.parametrize("width", [72, 80])
def test_a_log_that_was_wrapped_says_nothing_wrong(width: int) -> None:
    for log in recorded():
        want = expected().get((series(log["kernel"]), log["program"]))
        if want is None or "level1" not in log:
            continue
        text = "".join(
            line[at : at + width].rstrip() + "\n"
            for line in log["level1"].splitlines()
            for at in range(0, max(1, len(line)), width)
        )
        found = record("x", read_log([text]))
        assert found["message"] in (None, want["message"]), log["program"]
        assert found["insn"] in (None, want["insn"]), log["program"]


def test_an_accepted_program_before_or_behind_a_refused_one() -> None:
    fine = {series(log["kernel"]): log["level2"] for log in recorded() if log["verdict"] == "accept"}
    for log in recorded():
        want = expected().get((series(log["kernel"]), log["program"]))
        if want is None or "level1" not in log:
            continue
        other = fine[series(log["kernel"])]
        for text in (other + log["level1"], f"{log['level1']}\n\n{other}"):
            found = record("x", read_log([text]))
            assert (found["message"], found["insn"]) == (want["message"], want["insn"]), log["program"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("5.15.0-91-generic", "5.15.0-91-generic"),
        ("Linux h 5.4.0-149-generic #166-Ubuntu SMP x86_64", "5.4.0-149-generic"),
        ("on my Linux mint 21.2 (5.15.0-91-generic), with BTF", "5.15.0-91-generic"),
        ("when loading it on kernel 4.14:", "4.14"),
        ("Kernel verison:6.6.47", "6.6.47"),
        ("kernel v5.19 here", "5.19"),
        ("内核版本：6.8.0-78-generic", "6.8.0-78-generic"),
        ("на ядре 5.10.0-28-amd64, ошибка", "5.10.0-28-amd64"),
        ("on Linux 6.1.", "6.1"),
        ("CentOS Linux release 7.9.2009 (Core)", ""),
        ("Oracle Linux 7.9, gcc 7.5.0-3ubuntu1", ""),
        ("a kernel with 5.4 MB of BTF", ""),
    ],
)
def test_the_kernel_that_a_text_names(text: str, named: str) -> None:
    found = read_log([f"{text}\n0: (79) r1 = *(u64 *)(r1 +0)\nR1 invalid mem access 'scalar'\n"])
    assert found.era.named == named


def test_html_without_tags() -> None:
    log = (
        "; if (v-&gt;n &gt; 3) @ a.c:3\n4: (2d) if r3 &gt; r1 goto pc+3\n5: (61) r1 = *(u32 *)(r0 +0)\n"
        "R0 invalid mem access &#39;map_value_or_null&#39;\n"
    )
    told = list(Unwrapper().lines([log]))
    assert [each.line.kind for each in told] == [Kind.SOURCE, Kind.INSN, Kind.INSN, Kind.TEXT]
    assert "if r3 > r1 goto pc+3" in told[1].text
    found = record("x", read_log([log]))
    assert (found["line"], found["insn"]) == ("if (v->n > 3)", 5)


def test_lines_that_are_missing_before_the_message_leave_no_instruction() -> None:
    text = "0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\nmething was cut he\nR2 !read_ok\nprocessed 3 insns (limit 1000000)\n"
    found = record("x", read_log([text]))
    assert (found["message"], found["insn"], found["reg"]) == ("R2 !read_ok", None, "R2")


@pytest.mark.parametrize(
    "part", ["wn mask 0x3f, signed range [0,", ">>> 10 | (0f) r0 += r6", "*(u32 *)(r3 +0)", "R1=scalar("]
)
def test_a_part_of_a_line_is_no_message(part: str) -> None:
    text = f"0: R1=ctx() R10=fp0\n0: (b7) r0 = 0\n{part}\nprocessed 3 insns (limit 1000000)\n"
    assert record("x", read_log([text]))["message"] is None


@pytest.mark.parametrize("prefix", ["", "> "])
@pytest.mark.parametrize(
    "message",
    [
        "math between map_value pointer and register with unbounded min value is not allowed",
        "R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_",
        "R1 is ptr_dentry invalid variable offset: off=56, var_off=(0x0; 0xffffffff)",
    ],
)
def test_a_message_that_mail_broke_into_lines(message: str, prefix: str) -> None:
    log = f"0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n1: (0f) r1 += r0\n{message}\n"
    lines = [part for line in log.splitlines() for part in textwrap.wrap(line, 72)]
    text = "".join(f"{prefix}{line}\n" for line in lines)
    assert record("x", read_log([text]))["message"] == message
