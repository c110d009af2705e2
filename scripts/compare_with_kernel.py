"""Holds the emulation against what a real Linux 6.12 says of any objects.

    python scripts/compare_with_kernel.py [--load LOAD] [--said OUT.jsonl] [options] FILE.o...

LOAD is a command that takes OUT.jsonl FILE.o..., loads every program of every object into a kernel at both log levels
and writes one JSON line a program (as for scripts/record_goldens.py); with --said it is asked once and what it wrote
is kept: a later call without --load reads that again. Files of the same name (from different folders) are told apart
by asking in one call only about files of different names.

Compared are the verdict, the error number, the reason (last message), both logs byte for byte but for kernel
addresses, and, of accepted programs, the rewritten instructions and the machine code but for addresses.
The last lines count each; the worst disagreements are printed first. Exit status 1 where there is any.
"""

from __future__ import annotations

import argparse
import collections
import difflib
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Worst first: the first three are what a user must never see.
KINDS: Final = (
    "wrong accept", "crash", "no answer", "wrong reject", "kernel: accept, here: error", "kernel: reject, here: error",
    "kernel: error, here: accept", "kernel: error, here: reject", "errno", "reason", "insns", "log1", "log2",
    "xlated", "image",
)  # fmt: skip


class TooLong(Exception):
    """One program took more than its seconds."""


def _alarm(_signal: int, _frame: object) -> None:
    raise TooLong


def answers(job: tuple[str, int, frozenset[tuple[str, int]]]) -> tuple[str, list[dict[str, Any]]]:
    """What the emulation says of each program of one object, at the log levels that the kernel was asked at."""
    from vm import pipeline
    from vm.errors import InputError

    path, seconds, levels = job
    signal.signal(signal.SIGALRM, _alarm)
    name = Path(path).name
    try:
        signal.alarm(seconds)
        # The loader gives functions whose section it does not know this type.
        obj = pipeline.load_elf(Path(path), untyped="socket")
    except InputError as error:
        return name, [{"program": "", "verdict": "error", "message": error.message}]
    except TooLong:
        return name, [{"program": "", "verdict": "no answer", "message": f"loading took over {seconds} s"}]
    except Exception:  # noqa: BLE001 -- finding these is what this is for
        return name, [{"program": "", "verdict": "crash", "message": traceback.format_exc()}]
    finally:
        signal.alarm(0)
    said = [{"program": p, "verdict": "error", "message": why} for p, why in obj.errors]
    for program in obj.programs:
        wanted = [level for level in (1, 2) if (program.name, level) in levels] or [0]
        answer = _answer(program, seconds, wanted)
        given_up = pipeline.refused_after(obj, program, alone=True) if answer["verdict"] == "accept" else None
        if given_up is not None:
            answer |= {"verdict": "reject", "errno": -given_up.rule.errno, "message": given_up.message}
        said.append(answer)
    return name, said


def _answer(program: Any, seconds: int, levels: list[int]) -> dict[str, Any]:
    from vm import pipeline
    from vm.errors import InputError

    said: dict[str, Any] = {"program": program.name}
    try:
        signal.alarm(seconds * len(levels))
        for level in levels:
            verification, env = pipeline.verify(program, log_level=level, record=False)
            said |= {"verdict": verification.verdict, "errno": verification.errno}
            said |= {"insns": verification.insns_processed, f"log{level}": verification.log}
        if said["verdict"] == "accept":
            said |= _code(env)
    except InputError as error:
        said |= {"verdict": "error", "message": error.message}
    except TooLong:
        said |= {"verdict": "no answer", "message": f"over {seconds} s"}
    except Exception:  # noqa: BLE001 -- finding these is what this is for
        said |= {"verdict": "crash", "message": traceback.format_exc()}
    finally:
        signal.alarm(0)
    return said


def _code(env: Any) -> dict[str, Any]:
    from vm import pipeline

    rewritten = pipeline.rewrite(env)
    code = pipeline.code(rewritten, pipeline.translate(rewritten))
    return {
        "xlated": code.xlated,
        "xlated_relocs": code.xlated_relocs,
        "image": code.image,
        "image_relocs": code.image_relocs,
    }


def masked(code: bytes, relocs: Iterable[tuple[int, int]]) -> bytes:
    """`code` with zeros where run-time addresses are."""
    out = bytearray(code)
    for offset, size in relocs:
        out[offset : offset + size] = bytes(len(out[offset : offset + size]))
    return bytes(out)


def compared(kernel: dict[str, Any], ours: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """(what, whether it is the same, what differs) for all that both have."""
    from fuzz.compare import reason, tidy

    said, here = kernel["verdict"], ours["verdict"]
    why = f"kernel {said} {kernel['err']}: {reason(tidy(_any_log(kernel))) or kernel.get('libbpf', '')[-400:]}\n"
    why += f"here {here}: {ours.get('message') or reason(tidy(_any_log(ours)))}"
    yield "verdict", said == here, why
    if said != here or said == "error":
        return
    yield "errno", kernel["err"] == ours["errno"], f"kernel {kernel['err']}, here {ours['errno']}"
    if said == "reject" and ("log1" in kernel or "log2" in kernel):
        yield "reason", reason(tidy(_any_log(kernel))) == reason(tidy(_any_log(ours))), why
    yield "insns", kernel["insns"] == ours["insns"], f"kernel {kernel['insns']}, here {ours['insns']}"
    for log in ("log1", "log2"):
        if log in kernel and log in ours:
            want, have = tidy(kernel[log]), tidy(ours[log])
            lines = difflib.unified_diff(want, have, "kernel", "here", lineterm="", n=2) if want != have else ()
            yield log, want == have, "\n".join(line for line, _ in zip(lines, range(40), strict=False))
    for code, unit in (("xlated", 8), ("image", 1)):
        if kernel.get(code) and code in ours:
            relocs = ours[f"{code}_relocs"]
            want_, have_ = masked(bytes.fromhex(kernel[code]), relocs), masked(ours[code], relocs)
            yield code, want_ == have_, _first_difference(want_, have_, unit) if want_ != have_ else ""


def _any_log(said: dict[str, Any]) -> str:
    return str(said.get("log2") or said.get("log1") or said.get("log4") or "")


def _first_difference(want: bytes, have: bytes, unit: int) -> str:
    at = next((i for i, (a, b) in enumerate(zip(want, have, strict=False)) if a != b), min(len(want), len(have)))
    start = at // unit * unit if unit > 1 else max(0, at - 16)
    return (
        f"{len(want) // unit} and {len(have) // unit} long, differ at {at // unit}:\n"
        f"kernel {want[start : start + 48].hex(' ', 8)}\nhere   {have[start : start + 48].hex(' ', 8)}"
    )


def kind_of(kernel: dict[str, Any], ours: dict[str, Any], rows: list[tuple[str, bool, str]]) -> tuple[str, str]:
    """The worst of what differs (one of KINDS, or "") and the words for it."""
    said, here = kernel["verdict"], ours["verdict"]
    bad = [(what, text) for what, same, text in rows if not same]
    if not bad:
        return "", ""
    what, text = bad[0]
    if what != "verdict":
        return what, text
    if here in ("crash", "no answer"):
        return here, text
    if "error" in (said, here):
        return f"kernel: {said}, here: {here}", text
    return "wrong accept" if here == "accept" else "wrong reject", text


def asked(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What the kernel says of the files, a record a program."""
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(options.said or Path(tmp, "said.jsonl"))
        if options.load:
            subprocess.run([options.load, str(out), *options.files], check=True)
        records = [json.loads(line) for line in out.read_text().splitlines()]
    names = {Path(f).name for f in options.files}
    return [r for r in records if "prog" in r and r["file"] in names]


def report(
    options: argparse.Namespace, found: dict[str, list[tuple[str, str]]], tally: collections.Counter[Any]
) -> int:
    for kind in KINDS:
        for name, text in found[kind][: options.show]:
            print(f"--- {kind}: {name}\n{text}\n")
    for kind in KINDS:
        if found[kind]:
            print(f"{kind}: {len(found[kind])}: {' '.join(n for n, _ in found[kind][:40])}")
    print(f"\n{tally['programs']} programs, {tally['reached']} of which the kernel's verifier saw")
    for what in ("verdict", "errno", "reason", "insns", "log1", "log2", "xlated", "image"):
        if tally[what, "all"]:
            same, all_ = tally[what, "same"], tally[what, "all"]
            print(f"{what:8} {same:5} of {all_:5} the same ({100 * same / all_:.2f} %)")
    return int(any(found.values()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE.o")
    parser.add_argument("--load", help="asks the kernel; without it --said is read")
    parser.add_argument("--said", help="what the kernel said, kept here")
    parser.add_argument("--jobs", type=int, default=1, help="objects at a time")
    parser.add_argument("--seconds", type=int, default=60, help="most for a walk; longer is no answer")
    parser.add_argument("--show", type=int, default=5, help="disagreements of each kind to print")
    parser.add_argument("--match", default="", help="only programs whose FILE:PROGRAM holds this text")
    parser.add_argument("--json", help="write each program's outcome to this file")
    options = parser.parse_args()
    if not (options.load or options.said):
        parser.error("--load or --said is needed")
    files = [f for f in options.files if options.match.partition(":")[0] in Path(f).name or ":" not in options.match]
    records = [r for r in asked(options) if options.match in f"{r['file']}:{r['prog']}"]
    levels: dict[str, set[tuple[str, int]]] = collections.defaultdict(set)
    for r in records:
        levels[r["file"]] |= {(r["prog"], level) for level in (1, 2) if f"log{level}" in r}
    wanted = {r["file"] for r in records}
    jobs = [(f, options.seconds, frozenset(levels[Path(f).name])) for f in files if Path(f).name in wanted]
    ours: dict[tuple[str, str], dict[str, Any]] = {}
    with multiprocessing.Pool(options.jobs, maxtasksperchild=8) as pool:
        for name, said in pool.imap_unordered(answers, jobs):
            ours |= {(name, each["program"]): each for each in said}
    found: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    tally: collections.Counter[Any] = collections.Counter()
    outcomes = []
    for r in records:
        nothing = {"verdict": "error", "message": "no such program"}
        here = ours.get((r["file"], r["prog"])) or ours.get((r["file"], "")) or nothing
        rows = list(compared(r, here))
        kind, text = kind_of(r, here, rows)
        tally["programs"] += 1
        tally["reached"] += r["verdict"] != "error"
        for what, same, _ in rows:
            if what != "verdict" or r["verdict"] != "error":
                tally[what, "all"] += 1
                tally[what, "same"] += same
        if kind:
            found[kind].append((f"{r['file']}:{r['prog']}", text))
        outcomes.append({"file": r["file"], "program": r["prog"], "kind": kind, "text": text})
    if options.json:
        Path(options.json).write_text(json.dumps(outcomes, indent=0))
    return report(options, found, tally)


if __name__ == "__main__":
    sys.exit(main())
