"""Forms in which logs are posted that no recording has."""

from __future__ import annotations

from typing import Any

import pytest

from vm.logs.answer import read_log
from vm.logs.told import record

INV = "R1 invalid mem access 'inv'"
OLD = ("0: (bf) r6 = r1", "1: (79) r1 = *(u64 *)(r6 +8)", "2: (79) r1 = *(u64 *)(r1 +8)")
NEW = (
    "0: R1=ctx(off=0,imm=0) R10=fp0",
    "0: (79) r1 = *(u64 *)(r1 +112)        ; R1_w=scalar()",
    "1: (79) r1 = *(u64 *)(r1 +0)",
    "R1 invalid mem access 'scalar'",
    "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
)
SUMMARY = "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"


def logfmt(*lines: str) -> str:
    return "".join(f'level=warning msg="{line}" subsys=datapath-loader\n' for line in lines)


def docker(*lines: str) -> str:
    return "".join(f'{{"log":"{line}\\n","stream":"stderr","time":"2021-03-04T10:00:00.1Z"}}\n' for line in lines)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "a line of logfmt for each line of iproute2's": (
        logfmt(
            "Prog section '2/7' rejected: Permission denied (13)!",
            " - Type:         3",
            "Verifier analysis:",
            *OLD,
            INV,
            "Error fetching program/map!",
            "Unable to load program",
        ),
        {"message": INV, "insn": 2, "reg": "R1", "wrapper": "iproute2", "carriers": ["logfmt"], "format": "inv"},
    ),
    "a record of JSON for each line": (
        docker("libbpf: prog 'x': -- BEGIN PROG LOAD LOG --", *NEW, "-- END PROG LOAD LOG --"),
        {"insn": 1, "reg": "R1", "wrapper": "libbpf", "program": "x", "states": 2, "carriers": ["json-escaped"]},
    ),
    "aya's error as Rust prints it": (
        'Error: ProgramError(LoadError { io_error: Os { code: 13, message: "Permission denied" }, verifier_log: "'
        + "\\n".join(NEW)
        + '\\n" })\n',
        {"insn": 1, "reg": "R1", "wrapper": "aya"},
    ),
    "bpftrace through bcc's library": (
        "Attaching 1 probe...\nbpf: Failed to load program: Invalid argument\n"
        + "\n".join((*OLD, INV))
        + "\n\nError loading program: kprobe:foo\n",
        {"message": INV, "insn": 2, "wrapper": "bpftrace"},
    ),
    "a date before each record of logfmt, and lines that iproute2 skipped": (
        "".join(
            f"2020-03-09T02:54:00.24{n:04}Z {line}\n"
            for n, line in enumerate(
                logfmt(
                    "Prog section 'from-container' rejected: Argument list too long (7)!",
                    "Verifier analysis:",
                    "Skipped 19625033 bytes, use 'verb' option for the full verbose log.",
                    "[...]",
                    "7 +0)",
                    "1117: (63) *(u32 *)(r7 +48) = r0",
                    "BPF program is too large. Proccessed 131073 insn",
                )
                .replace('level=warning msg="7 +0)', 'level=warning subsys=x\nlevel=warning msg="7 +0)')
                .splitlines()
            )
        ),
        {
            "message": "BPF program is too large. Proccessed 131073 insn",
            "rule": "program-too-large",
            "insn": 1117,
            "wrapper": "iproute2",
            "cut": True,
        },
    ),
    "a gadget's log, indented under its first line": (
        "DEBU[0000] Verifier error: load program: permission denied:\n        R1 type=ctx expected=fp\n"
        + "".join(f"        {line}\n" for line in NEW)
        + "DEBU[0000] calling operator.PostGadgetRun()\n",
        {"insn": 1, "reg": "R1", "wrapper": "ebpf-go", "states": 2, "message": NEW[3]},
    ),
    "the first bcc": (
        "bpf: Permission denied\n0: (18) r1 = 0x206f6f66\n2: (b7) r1 = 0\n3: (61) r3 = *(u32 *)(r1 +0)\n"
        "R1 invalid mem access 'imm'\n",
        {"insn": 3, "reg": "R1", "wrapper": "bcc", "format": "inv"},
    ),
    "states of 4.4": (
        "bpf: Failed to load program: Permission denied\n7: (bf) r7 = r0\n8: (15) if r0 == 0x0 goto pc+118\n"
        " R0=map_value(ks=8,vs=8) R7=map_value_or_null(ks=8,vs=8) R10=fp\n9: (85) call 5\n"
        "11: (79) r9 = *(u64 *)(r7 +0)\nR7 invalid mem access 'map_value_or_null'\n\nHINT: The error can happen.\n",
        {"insn": 11, "reg": "R7", "format": "inv", "states": 1},
    ),
    "bpftrace since it loads by itself": (
        "Attaching 2 probes...\nERROR: Error loading BPF program for BEGIN_1.\nKernel error log:\n" + "\n".join(NEW),
        {"insn": 1, "wrapper": "bpftrace", "program": "BEGIN_1"},
    ),
    "BTF first, then the program": (
        "libbpf: Error loading .BTF into kernel: -22.\nlibbpf: magic: 0xeb9f\n[1] PTR (anon) type_id=2\n"
        "[2] STRUCT x size=4 vlen=1\n\ta type_id=3 bits_offset=0\n" + "\n".join(NEW),
        {"insn": 1, "format": "scalar", "programs": 2},
    ),
    "only libbpf's last words": (
        "\n".join((*OLD, INV)) + "\n\nlibbpf: failed to load object 'x.o'\n",
        {"message": INV, "insn": 2, "wrapper": "libbpf"},
    ),
    "the end of a log, and its program's name behind the loader's mark": (
        "\n".join((*OLD, INV, "-- END PROG LOAD LOG --")) + "\nlibbpf: prog 'x': failed to load: -13\n",
        {"message": INV, "insn": 2, "wrapper": "libbpf", "program": "x"},
    ),
    "a name behind the mark of an older libbpf, whose errors are in another language": (
        "libbpf: load bpf program failed: Недопустимый аргумент\nlibbpf: -- BEGIN DUMP LOG ---\nlibbpf: \n"
        + "\n".join((*OLD, INV))
        + "\n\nlibbpf: -- END LOG --\nlibbpf: failed to load program 'x'\n",
        {"message": INV, "insn": 2, "wrapper": "libbpf", "program": "x"},
    ),
    "an error of ebpf-go, and then the end of its log": (
        f"x_test.go:2: program x: load program: permission denied: {OLD[2]}: {INV} (6 line(s) omitted)\n"
        "    Verifier error tail: load program: permission denied:\n" + "".join(f"\t{line}\n" for line in (*OLD, INV)),
        {"message": INV, "insn": 2, "program": "x", "programs": 2},
    ),
    "another program's name behind the mark": (
        "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n"
        + "\n".join((*OLD, INV, "-- END PROG LOAD LOG --"))
        + "\nlibbpf: prog 'y': failed to load: -13\n",
        {"message": INV, "insn": 2, "wrapper": "libbpf", "program": "x"},
    ),
    "a date and nothing else": (
        "".join(f"Mär 21 10:11:12 {line}\n" for line in (*OLD, INV)),
        {"message": INV, "insn": 2, "reg": "R1"},
    ),
    "an arrow and typographic quotes": (
        "\n".join((*OLD, "R1 invalid mem access ‘inv’   <---- here")),
        {"message": INV, "insn": 2, "reg": "R1"},
    ),
    "emphasis": ("\n".join((*OLD, f"**{INV}**", "", "What does it mean?")), {"message": INV, "insn": 2}),
    "no-break spaces": ("\n".join(line.replace(" ", "\u00a0") for line in (*OLD, INV)), {"message": INV, "insn": 2}),
    "strace": (
        'bpf(BPF_PROG_LOAD, {insn_cnt=3, license="GPL", log_buf="' + "\\n".join(NEW) + '\\n"}, 120) = -1 EACCES\n',
        {"insn": 1, "reg": "R1"},
    ),
    "a helper by its number, as 4.4 prints it": (
        "6: (07) r2 += -4\n7: (85) call 1\n8: (61) r1 = *(u32 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'\n",
        {"insn": 8, "reg": "R0", "cut_where": ["start"]},
    ),
    "E2BIG as ebpf-go tells it": (
        "loading objects: field X: program x: load program: argument list too long: "
        "BPF program is too large. Processed 1000001 insn (100001 line(s) omitted)\n",
        {
            "verdict": "reject",
            "rule": "program-too-large",
            "insn": None,
            "cut_where": ["omitted"],
            "wrapper": "ebpf-go",
        },
    ),
    "BTF that ebpf-go could not load": (
        "load BTF: invalid argument: magic: 0xeb9f: [3] FUNC main type_id=2 Invalid arg#1 (22 line(s) omitted)\n",
        {"verdict": "unknown", "format": "btf", "message": None},
    ),
    "statistics beyond their limit": (
        "processed 131073 insns (limit 131072) max_states_per_insn 27 total_states 3 peak_states 3 mark_read 4\n",
        {"verdict": "reject", "message": None, "format": "stats"},
    ),
    "a relocation that libbpf could not resolve": (
        "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: (b7) r1 = 0\n1: <invalid CO-RE relocation>\n"
        "failed to resolve CO-RE relocation <byte_off> [5] struct task_struct.foo (0:1 @ offset 4)\n"
        f"{SUMMARY}-- END PROG LOAD LOG --\n",
        {"insn": 1, "rule": "core-relocation-unresolved"},
    ),
    "a map that libbpf did not create": (
        "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: (b7) r1 = 0\n1: <invalid BPF map reference>\n"
        f"BPF map 'm' is referenced but wasn't created\n{SUMMARY}-- END PROG LOAD LOG --\n",
        {"insn": 1, "message": "BPF map 'm' is referenced but wasn't created", "category": "Program Structure"},
    ),
    "a message alone": ("back-edge from insn 271 to 69\n", {"verdict": "reject", "insn": 271, "rule": "back-edge"}),
    "a sentence that nobody knows, in its place": (
        f"0: (b7) r0 = 0\n1: (85) call foo#1\nnobody ever said this of R1\n{SUMMARY}",
        {"verdict": "reject", "message": "nobody ever said this of R1", "rule": None, "insn": 1},
    ),
    "a sentence that nobody knows, after backtracking": (
        "0: (b7) r2 = 0\n1: (85) call foo#1\nmark_precise: frame0: last_idx 1 first_idx 0 subseq_idx -1\n"
        f"mark_precise: frame0: regs=r2 stack= before 0: (b7) r2 = 0\nnobody ever said this of R2\n{SUMMARY}",
        {"verdict": "reject", "message": "nobody ever said this of R2", "reg": "R2", "insn": 1},
    ),
    "a sentence that nobody knows, after the end": (
        f"0: (b7) r0 = 0\n1: (95) exit\nnobody ever said this of R1\n{SUMMARY}",
        {"verdict": "unknown", "message": None},
    ),
    "what the kernel says before the walk": (
        "btf_vmlinux is malformed\nUnrecognized arg#0 type PTR\nR1 type=ctx expected=fp\n; int f(void *ctx)\n"
        + "\n".join((*OLD, INV)),
        {"message": INV, "insn": 2},
    ),
    "two states on a line": (
        "294: (b7) r8 = 32\n295: (2d) if r8 > r7 goto pc+1 297: R7_w=scalar(umax=31) R8=32 R10=fp0\n"
        f"297: (85) call bpf_skb_load_bytes#26\nR4 invalid zero-sized read: u64=[0,31]\n{SUMMARY}",
        {"insn": 297, "reg": "R4", "states": 1, "cut_where": ["start"]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_posted_form(name: str) -> None:
    text, want = CASES[name]
    found = record("x", read_log([text]))
    assert {key: found[key] for key in want} == want
