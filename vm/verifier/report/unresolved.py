"""What the loader could not resolve, named in the log instead of an invalid call (libbpf: fixup_verifier_log).

libbpf replaces an instruction it cannot resolve by a call of a helper that no kernel has. Where the verifier refuses
that call, libbpf rewrites the two lines of the log that say so.
"""

from __future__ import annotations

from typing import Final

from vm.namedtuples import NamedTuple
from vm.program import UNRESOLVED_CORE, UNRESOLVED_KFUNC, Program, Unresolved
from vm.verifier.events import INSN, INSTEAD, TEXT, Log, LogEntry
from vm.verifier.rules.policy import HELPER_UNKNOWN
from vm.verifier.rules.rule import Rule
from vm.verifier.rules.types import CORE_RELOCATION_UNRESOLVED, KFUNC_UNRESOLVED


class _Words(NamedTuple):
    """instead -- what stands for the instruction in the log; rule -- why the program is refused."""

    instead: str
    rule: Rule


_WORDS: Final = {
    UNRESOLVED_CORE: _Words("<invalid CO-RE relocation>", CORE_RELOCATION_UNRESOLVED),
    UNRESOLVED_KFUNC: _Words("<invalid kfunc call>", KFUNC_UNRESOLVED),
}


def unresolved_at(program: Program, rule: Rule, insn_idx: int) -> Unresolved | None:
    """What the refused instruction stands for, if the loader put it there."""
    if rule is not HELPER_UNKNOWN:
        return None
    return next((each for each in program.unresolved if each.slot == insn_idx), None)


def rule_of(missing: Unresolved) -> Rule:
    """Why a program with that instruction is refused."""
    return _WORDS[missing.kind].rule


def say_unresolved(log: Log, missing: Unresolved, message: str) -> None:
    """Replaces the lines of the instruction and of its refusal, which are the log's last entries."""
    entries = log.entries
    if len(entries) < 2 or entries[-2].kind != INSN or entries[-2].number != missing.slot:
        return
    step = entries[-2].step
    entries[-2] = LogEntry(INSTEAD, missing.slot, _WORDS[missing.kind].instead, None, step)
    entries[-1] = LogEntry(TEXT, 0, f"{message}\n", None, step)
