"""`rules`: every reason for which a program is refused: name, category, errno, message, what was needed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vm.cli.report import Reporter
    from vm.verifier.rules.rule import Rule


HELP: Final = "list every reason for which a program is refused"


def arguments(p: ArgumentParser) -> None:
    p.add_argument("--json", action="store_true", help="one line of JSON per rule")


def run(options: Namespace, out: Reporter) -> int:
    """Exit status 0."""
    from vm.verifier.rules.catalogue import all_rules

    for rule in all_rules():
        record = rule_record(rule)
        said = rule.message.strip("\n").replace("\n", "\n    ") or "(no message)"
        errnos = ", ".join(record["errno"]) or "that of the rejection it follows from"
        out.line(record, f"{rule.name} ({rule.category}, {errnos})\n    {said}\n    needed: {rule.needed}")
    return out.status


def rule_record(rule: Rule) -> dict[str, Any]:
    """The JSON line of one rule. errno: names, the usual one first; none if it is that of another rejection."""
    from vm.verifier.rules.rule import AS_CAUSE

    return {
        "name": rule.name,
        "category": rule.category,
        "errno": [errno_name(each) for each in (rule.errno, *rule.also) if each != AS_CAUSE],
        "message": rule.message,
        "needed": rule.needed,
        "topic": rule.topic.value,
        "by": rule.by.value,
    }


def errno_name(number: int) -> str:
    """ "EACCES" of 13."""
    from vm.kernel import errno

    return next((name for name, value in vars(errno).items() if value == number and name.isupper()), str(number))
