"""What the loader could not resolve, put in the place of the impossible calls it left (libbpf: fixup_verifier_log)."""

from __future__ import annotations

import re
from typing import Final

from vm.program import Program

_LAST_LINES: Final = 10
_CALL: Final = re.compile(r"(\d+): \(85\) call unknown#(\d+)")
_INVALID: Final = re.compile(r"invalid func unknown#(\d+)")


def explain_unresolved(log: str, program: Program) -> tuple[str, str]:
    """The log, its last words about an impossible call replaced by what was not resolved, and the reason ("" none).

    It has as many lines as before.
    """
    if not program.unresolved:
        return log, ""
    reasons = {slot: (what, why) for slot, what, why in program.unresolved}
    lines = log.split("\n")
    for index in range(len(lines) - 1, max(0, len(lines) - 2 - _LAST_LINES), -1):
        refused, call = _INVALID.fullmatch(lines[index]), _CALL.match(lines[index - 1])
        if refused and call and refused[1] == call[2] and int(call[1]) in reasons:
            what, why = reasons[int(call[1])]
            lines[index - 1 : index + 1] = [f"{call[1]}: {what}", why]
            return "\n".join(lines), why
    return log, ""
