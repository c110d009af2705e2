"""A kernel's log as loaders and people pass it on."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Final


def libbpf(log: str) -> str:
    return (
        "libbpf: prog 'probe': BPF program load failed: Permission denied\n"
        f"libbpf: prog 'probe': -- BEGIN PROG LOAD LOG --\n{log}-- END PROG LOAD LOG --\n"
        "libbpf: prog 'probe': failed to load: -13\nlibbpf: failed to load object 'probe.o'\n"
    )


def old_libbpf(log: str) -> str:
    return (
        "libbpf: load bpf program failed: Permission denied\nlibbpf: -- BEGIN DUMP LOG ---\nlibbpf: \n"
        f"{log}\nlibbpf: -- END LOG --\nlibbpf: failed to load program 'probe'\n"
    )


def ebpf_go(log: str) -> str:
    lines = "".join(f"\t{line}\n" for line in log.splitlines())
    return f"2024/03/21 10:11:12 loading objects: field Probe: program probe: load program: permission denied:\n{lines}"


def aya(log: str) -> str:
    return (
        f"Error: the BPF_PROG_LOAD syscall failed. Verifier output: {log}\n\n"
        "Caused by:\n    Permission denied (os error 13)\n"
    )


def bcc(log: str) -> str:
    return (
        f"bpf: Failed to load program: Permission denied\n{log}\nTraceback (most recent call last):\n"
        '  File "probe.py", line 3, in <module>\n    fn = b.load_func("probe", BPF.XDP)\n'
        "Exception: Failed to load BPF program b'probe': Permission denied\n"
    )


def bpftrace(log: str) -> str:
    return f"Attaching 1 probe...\nERROR: Error loading program: kprobe:probe (try -v)\nError log: \n{log}\n"


def iproute2(log: str) -> str:
    return (
        "\nProg section 'classifier' rejected: Permission denied (13)!\n - Type:         3\n"
        " - Instructions: 24 (0 over limit)\n"
        f" - License:      GPL\n\nVerifier analysis:\n\n{log}\nError fetching program/map!\nUnable to load program\n"
    )


def journald(log: str) -> str:
    return "".join(f"Mär 21 10:11:12 host-1 probe[4711]: {line}\n" for line in log.splitlines())


def dated(log: str) -> str:
    return "".join(f"2025-01-10T17:54:26.0270{n % 90 + 10}483Z \t{line}\n" for n, line in enumerate(log.splitlines()))


def dmesg(log: str) -> str:
    return "".join(f"[  {100 + n}.123456] {line}\n" for n, line in enumerate(log.splitlines()))


def unknown_prefix(log: str) -> str:
    return "".join(f"worker-7 <probe> #{n:05} :: {line}\n" for n, line in enumerate(log.splitlines()))


def logfmt(log: str) -> str:
    inner = json.dumps(f"program probe: load program: permission denied: {log}")
    return f'level=error msg="cannot load" error={inner} subsys=datapath-loader\n'


def in_json(log: str) -> str:
    return json.dumps({"level": "error", "log": log, "code": 3}) + "\n"


def twice_in_json(log: str) -> str:
    return json.dumps({"message": json.dumps({"log": log})}) + "\n"


def syslog(log: str) -> str:
    return "Mar  3 01:02:03 host probe: " + log.replace("\n", "#012") + "\n"


def quoted(log: str) -> str:
    return "".join(f"> {line}\n" for line in log.splitlines())


def fenced(log: str) -> str:
    return f"My program does not load:\n\n```text\n{log}```\n\nWhy?\n"


def indented(log: str) -> str:
    return "".join(f"    {line}\n" for line in log.splitlines())


def as_html(log: str) -> str:
    return f"<pre><code>{html.escape(log)}</code></pre>\n"


def html_lines(log: str) -> str:
    return "<p>" + "<br>".join(html.escape(line) for line in log.splitlines()) + "</p>\n"


def crlf(log: str) -> str:
    return log.replace("\n", "\r\n")


def compose(log: str) -> str:
    return "".join(f"loader-1  | {line}\n" for line in log.splitlines())


def as_it_is(log: str) -> str:
    return log


WRAPPINGS: Final[tuple[tuple[Callable[[str], str], str], ...]] = (
    (as_it_is, "none"),
    (crlf, "none"),
    (libbpf, "libbpf"),
    (old_libbpf, "libbpf"),
    (ebpf_go, "ebpf-go"),
    (aya, "aya"),
    (bcc, "bcc"),
    (bpftrace, "bpftrace"),
    (iproute2, "iproute2"),
    (journald, "journald"),
    (dated, "none"),
    (dmesg, "none"),
    (unknown_prefix, "none"),
    (logfmt, "ebpf-go"),
    (in_json, "json-escaped"),
    (twice_in_json, "json-escaped"),
    (syslog, "journald"),
    (quoted, "none"),
    (fenced, "none"),
    (indented, "none"),
    (as_html, "none"),
    (html_lines, "none"),
    (compose, "none"),
)
"""Each with the wrapper that is to be recognised."""
