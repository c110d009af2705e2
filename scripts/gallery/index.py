"""gallery/index.json: all that the pages show, derived from the rules, the programs and what kernels said of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any, Final

from scripts.gallery.content import GALLERY, Page, Sample, frequency, slug
from scripts.gallery.kernels import COUNTED, VERSIONS
from scripts.gallery.ours import Said, agree
from vm.cli.rules import rule_record
from vm.kernel.release import LINUX
from vm.verifier.rules.rule import CATEGORIES

INDEX: Final = GALLERY / "index.json"
DIAGNOSIS: Final = "Verification failed: "
"""Beginning of the first line of the diagnosis that Linux 7.3 writes after the message."""
EDGES: Final = "[](){}'\""
"""Around values, where kernels differ: "in [0, 1]" was "in (0x0; 0x1)"."""
VALUE: Final = re.compile(r"-?\b0x[0-9a-f]+|-?\d+")
STEP: Final = re.compile(r"(\d+|from \d+ to \d+|\d+: \(|caller|callee|func#)\b.*?:|; ")
"""Beginning of a log line that is no message: an instruction, a state, a source line."""


def parts(message: str) -> list[list[str]]:
    """The message's lines, each as the literal text between its fields: what a pasted line is compared with.

    "R{regno} !read_ok\\n" is [["R", " !read_ok"]]. Lines without a word of their own are left out.
    """
    found: list[list[str]] = []
    for line in message.split("\n"):
        texts = [""]
        for literal, name, _, _ in Formatter().parse(line):
            texts[-1] += literal
            if name is not None:
                texts.append("")
        texts[0], texts[-1] = texts[0].lstrip(), texts[-1].rstrip()
        _keep(texts, found)
    return found


def parts_said(message: str) -> list[list[str]]:
    """The same of a message that a kernel wrote: numbers count as values."""
    found: list[list[str]] = []
    for line in message.split("\n"):
        _keep(VALUE.split(line), found)
    return found


def _keep(texts: list[str], found: list[list[str]]) -> None:
    kept = [text for text in (text.strip(EDGES) for text in texts) if re.search(r"\w|=", text)]
    if re.search(r"[a-zA-Z]{3}", " ".join(kept)):
        found.append(kept)


def split_log(log: str) -> tuple[str, str]:
    """(the message at the end of a log, the diagnosis that Linux 7.3 and later write after it; "" without one)."""
    lines = log.splitlines()
    end = next((at for at, line in enumerate(lines) if line.startswith(COUNTED)), len(lines))
    start = next((at for at, line in enumerate(lines) if line.startswith(DIAGNOSIS)), end)
    message = lines[:start]
    steps = [at for at, line in enumerate(message) if STEP.match(line)]
    return "\n".join(message[steps[-1] + 1 if steps else 0 :]).strip(), "\n".join(lines[start:end]).strip()


def _sample(sample: Sample | None) -> dict[str, Any] | None:
    if sample is None:
        return None
    return {"path": sample.path, "kind": sample.kind, "options": dict(sample.options), "digest": sample.digest}


def _said(said: Said | None, ours: Said | None, kind: str) -> dict[str, Any] | None:
    if said is None or ours is None:
        return None
    message, diagnosis = split_log(said.log)
    return {
        "verdict": said.verdict, "errno": said.errno, "message": message or said.message, "diagnosis": diagnosis,
        "same": agree(ours, said, kind),
    }  # fmt: skip


Answers = Mapping[str, Said]
"""Path of a program -> what somebody said of it."""


def _other_parts(page: Page, kernels: Mapping[str, Answers]) -> list[list[list[str]]]:
    """How kernels word the message where it is not the rule's."""
    found: list[list[list[str]]] = []
    for version in VERSIONS:
        said = kernels[version].get(page.program.path) if page.program is not None else None
        if said is None or said.verdict != "reject":
            continue
        theirs = split_log(said.log)[0]
        if not all(any(_contains(line, each) for line in theirs.split("\n")) for each in parts(page.rule.message)):
            found.append(parts_said(theirs))
    return [each for each in found if each]


def _contains(line: str, wanted: Sequence[str]) -> bool:
    """Whether the texts occur in the line one after the other."""
    at = 0
    for text in wanted:
        at = line.find(text, at)
        if at < 0:
            return False
        at += len(text)
    return True


def entry(page: Page, ours: Answers, kernels: Mapping[str, Answers]) -> dict[str, Any]:
    """One rule's line of the index."""
    program, fixed = page.program, page.fixed
    said = ours.get(program.path) if program else None
    twin = ours.get(fixed.path) if fixed else None
    return {
        **rule_record(page.rule),
        "slug": page.slug,
        "parts": parts(page.rule.message),
        "other_parts": _other_parts(page, kernels) if said else [],
        "seen": page.seen,
        "text": page.text,
        "no_program": page.no_program,
        "program": _sample(program),
        "fixed": _sample(fixed),
        "ours": None
        if said is None
        else {
            "verdict": said.verdict, "errno": said.errno, "rule": said.rule, "message": said.message,
            "explanation": said.explanation, "log": said.log,
        },
        "kernels": {v: _said(kernels[v].get(program.path), said, program.kind) if program else None for v in VERSIONS},
        "kernel_note": page.kernel,
        "fixed_ours": twin.verdict if twin else None,
        "fixed_kernels": {
            v: kernels[v][fixed.path].verdict if fixed and fixed.path in kernels[v] else None for v in VERSIONS
        },
    }  # fmt: skip


def write(entries: Sequence[Mapping[str, Any]]) -> None:
    """The index, one line a rule, so that changes can be read and merged."""
    about = {
        "emulated": LINUX,
        "kernels": list(VERSIONS),
        "frequency": frequency().source,
        "categories": [{"name": name, "slug": slug(name)} for name in CATEGORIES],
    }
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    lines = ",\n".join(json.dumps(each) for each in entries)
    INDEX.write_text(f'{{\n{head},\n"errors": [\n{lines}\n]}}\n')


def read() -> dict[str, dict[str, Any]]:
    """Rule name -> its line of the index as it was last written."""
    return {each["name"]: each for each in json.loads(INDEX.read_text())["errors"]} if INDEX.exists() else {}
