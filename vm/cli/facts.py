"""`facts [KERNEL [KERNEL]]`: what is known about a kernel, or the differences between two."""

from __future__ import annotations

import json
import lzma
import struct
import zlib
from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from vm.cli.report import BAD_INPUT, Reporter
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.kernel.compare import Change

HELP: Final = "print what is known about a kernel, or the differences between two"
# What reading a file that is not as `make facts` wrote it comes to.
DAMAGED: Final = (
    LookupError, TypeError, ValueError, AttributeError, EOFError, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip
SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def arguments(p: ArgumentParser) -> None:
    p.add_argument(
        "kernels",
        metavar="KERNEL",
        nargs="*",
        help="folder of facts that `make facts` wrote, or the name of one below vm/kernel/data; "
        "none: the emulated kernel; two: the differences from the first to the second",
    )
    p.add_argument("--part", action="append", metavar="NAME", help='only this part, e.g. "kfuncs"; may be repeated')
    p.add_argument("--json", action="store_true", help="one line of JSON: the counts, or all differences")


def run(options: Namespace, out: Reporter) -> int:
    """Exit status 0, also where the kernels differ; 2 for folders without facts."""
    from vm.kernel.compare import PARTS, counts, differences
    from vm.kernel.facts import emulated, find

    try:
        if len(options.kernels) > 2:
            raise InputError("facts takes at most two kernels.")
        unknown = [part for part in options.part or () if part not in PARTS]
        if unknown:
            raise InputError(f"There is no part {unknown[0]!r}; parts are: {', '.join(PARTS)}.")
        kernels = [find(name) for name in options.kernels] or [emulated()]
        if len(kernels) == 1:
            (kernel,) = kernels
            found = {part: number for part, number in counts(kernel).items() if part in (options.part or PARTS)}
            lines = [kernel.release, kernel.banner, *(f"{number:7,} {part}" for part, number in found.items())]
            out.line({"release": kernel.release, "banner": kernel.banner, "counts": found}, "\n".join(lines))
            return out.status
        old, new = kernels
        changes = [change for change in differences(old, new) if change.part in (options.part or PARTS)]
        record = {
            "from": old.release,
            "to": new.release,
            "counts": {part: dict(_count(changes, part)) for part in options.part or PARTS},
            "changes": [
                {"part": c.part, "change": c.kind, "name": c.name, "before": c.before, "after": c.after}
                for c in changes
            ],
        }
        out.line(record, _text(old.release, new.release, changes, options.part or list(PARTS)))
    except InputError as error:
        out.complain(error.message, BAD_INPUT)
    except DAMAGED as error:
        what = f"{type(error).__name__}: {error}"
        out.complain(f"The facts are damaged ({what}): extract them again with `make facts`.", BAD_INPUT)
    return out.status


def _count(changes: list[Change], part: str) -> Counter[str]:
    return Counter(change.kind for change in changes if change.part == part)


def _text(old: str, new: str, changes: list[Change], parts: list[str]) -> str:
    lines = [f"{old} -> {new}"]
    for part in parts:
        count = _count(changes, part)
        numbers = ", ".join(f"{count[kind]:,} {kind}" for kind in SIGNS if count[kind])
        lines.append(f"{part}: {numbers or 'the same'}")
        lines += [f"  {SIGNS[c.kind]} {c.name}{_detail(c)}" for c in changes if c.part == part]
    return "\n".join(lines)


def _detail(change: Change) -> str:
    """What changed, or what is new; nothing where the name says it all."""
    before, after = change.before, change.after
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return ": " + "; ".join(f"{key} {_value(before.get(key))} -> {_value(after.get(key))}" for key in keys)
    if change.kind == "changed":
        return f": {_value(before)} -> {_value(after)}"
    if isinstance(after, dict) and "prototype" in after:
        return f": {after['prototype']}"
    return ""


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
