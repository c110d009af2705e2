"""The table of rules has no hole and no dead line, and nothing is decided by matching our own text."""

from __future__ import annotations

import ast
import re
from collections import Counter
from string import Formatter

import pytest

from tests.vm.verifier.rules.sites import PASSING, ROOT, Site, sites
from vm.explain.advice import ADVICE
from vm.verifier.env import Reject
from vm.verifier.rules import notes
from vm.verifier.rules.catalogue import TABLES, all_notes, all_rules, rule_named
from vm.verifier.rules.rule import AS_CAUSE, CATEGORIES, JOINED, By, Note, Rule, Topic

SITES = list(sites())
# Constants of all tables.
NAMED: dict[str, Rule | Note] = {
    name: value for table in (*TABLES, notes) for name, value in vars(table).items() if isinstance(value, Rule | Note)
}
# Where a rule is passed on that another place chose: (file, function).
PASSED_ON = {
    "vm/verifier/call/leaving.py": "reject",
    "vm/verifier/mem/common.py": "reject",
    "vm/verifier/fixups/rewritable.py": "reject",
    "vm/verifier/check_insn/exit.py": "reject",
    "vm/verifier/call/func_args.py": "reject",
    "vm/pipeline/bpf_check.py": "Reject",
    "vm/verifier/env.py": "Reject",
}


def _named() -> list[Rule | Note]:
    return [*all_rules(), *all_notes()]


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def unresolved(site: Site) -> bool:
    return not site.rules and PASSED_ON.get(site.where.split(":")[0]) == site.function


def test_every_site_passes_a_rule() -> None:
    assert len(SITES) > 480
    wrong = [site for site in SITES if not unresolved(site) and (not site.rules or set(site.rules) - set(NAMED))]
    assert wrong == []


def test_every_message_gets_its_fields_and_no_others() -> None:
    wrong = []
    for site in SITES:
        if site.function in PASSING or site.function == "Reject":
            continue
        for name in site.rules:
            wanted = fields(NAMED[name].message)
            given = site.fields | ({"regno"} if site.has_regno else set())
            if not wanted <= given or site.fields - wanted:
                wrong.append((site.where, name, wanted, given))
    assert wrong == []


def test_another_errno_is_one_that_the_rule_names() -> None:
    for site in SITES:
        for name in site.rules:
            rule = NAMED[name]
            if isinstance(rule, Rule) and site.function == "reject":
                assert bool(site.errno) <= bool(rule.also), (site.where, name)
                assert not site.errno.isidentifier() or not site.errno.startswith("E") or site.errno


def test_every_rule_is_used() -> None:
    used = {name for site in SITES for name in site.rules}
    text = "".join(
        path.read_text()
        for path in (ROOT / "vm").rglob("*.py")
        if "rules" not in path.relative_to(ROOT).parts or path.name == "loader.py"
    )
    # Rules that stand in tables of other modules, for their place to pass on.
    in_tables = set(re.findall(r"[(,] ?([A-Z][A-Z0-9_]+)\b", text))
    assert set(NAMED) - used - in_tables == set()


def test_names_are_unique_and_of_one_shape() -> None:
    names = Counter(value.name for value in _named())
    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)] == []
    assert [name for name, value in NAMED.items() if name != value.name.upper().replace("-", "_")] == []


def test_every_message_is_in_exactly_one_rule() -> None:
    messages = Counter(re.sub(r"\{\w+", "{", value.message) for value in _named() if value.message)
    assert [message for message, count in messages.items() if count > 1] == []


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_a_rule_has_no_hole(rule: Rule) -> None:
    assert rule.category in CATEGORIES
    assert rule.needed
    assert rule.needed == rule.needed.strip()
    assert not rule.needed.endswith(".")
    assert rule.topic in ADVICE
    assert rule.errno > 0 or rule.errno == AS_CAUSE
    assert rule.errno not in rule.also
    lines = [line for line in rule.message.split("\n") if line]
    assert rule.sentence == JOINED or -len(lines) <= rule.sentence < max(len(lines), 1) or not lines
    assert rule_named(rule.name) is rule


def test_topics_and_categories_are_all_used() -> None:
    assert {rule.topic for rule in all_rules()} == set(Topic) == set(ADVICE)
    assert {rule.category for rule in all_rules()} == set(CATEGORIES)
    assert {rule.by for rule in all_rules()} == set(By)
    assert len(CATEGORIES) == 8


def test_a_message_is_split_into_its_sentence_and_the_rest() -> None:
    rule = rule_named("packet-access-out-of-range")
    text = rule.text({"off": 13, "size": 1, "regno": 2, "id": 0, "range": 0})
    assert rule.split(text) == (
        "R2 offset is outside of the packet",
        ("invalid access to packet, off=13 size=1, R2(id=0,off=13,r=0)",),
    )
    joined = rule_named("global-call-under-lock")
    assert joined.split(joined.message)[0].endswith("while holding a lock, use static function instead")


def test_no_name_of_a_rule_s_field_is_an_option_of_a_rejection() -> None:
    import inspect

    from vm.verifier.env import VerifierEnv

    options = set(inspect.signature(VerifierEnv.reject).parameters) - {"regno", "values"}
    assert [rule.name for rule in all_rules() if fields(rule.message) & options] == []
    assert Reject(rule_named("mov-reserved-fields"), {}, 22).rule.errno == 22


# -- nothing is decided by matching text ---------------------------------------

MESSAGE = re.compile(r"(^|\.|_)(message|messages|words|log|sentence)$")


def _asks_a_message(node: ast.AST) -> bool:
    """Whether an expression asks what a message or log says: `x in message`, message.startswith(), re.match(…, log)."""

    def named(each: ast.expr) -> bool:
        return bool(MESSAGE.search(ast.unparse(each)))

    if isinstance(node, ast.Compare):
        return any(
            isinstance(op, ast.In | ast.NotIn) and named(right)
            for op, right in zip(node.ops, node.comparators, strict=True)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in ("startswith", "endswith", "find", "index", "partition"):
            return named(node.func.value)
        if node.func.attr in ("match", "fullmatch", "search", "findall", "finditer"):
            return any(named(each) for each in node.args)
    return False


def test_no_code_matches_a_message_or_a_log() -> None:
    found = []
    for folder in ("vm", "playground"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if _asks_a_message(node):
                    found.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}")
    # A client's request is a dictionary; what clang and other kernels say are no messages of ours.
    assert [each for each in found if not each.startswith(FOREIGN)] == []


FOREIGN: tuple[str, ...] = (
    "playground/requests", "playground/consumers/", "vm/compile/", "vm/logs/", "vm/asm/listing",
    "playground/present/log", "vm/guests/",
)  # fmt: skip


def test_no_script_matches_a_message_or_a_log() -> None:
    asks = re.compile(
        r"(message|\.log|sentence|needed|proven_text)\??\)?\.(match|search|startsWith|endsWith|includes|indexOf)\("
        r"|/[^/\n]+/[a-z]*\.(test|exec)\((\w+\.)*(message|log|what|needed)\)"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in sorted((ROOT / "static" / "src").rglob("*.js"))
        for match in asks.finditer(path.read_text())
    ]
    assert found == []
