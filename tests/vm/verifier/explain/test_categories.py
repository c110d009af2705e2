"""The table of reasons has no hole and no dead line: each message of the verifier is of exactly one category."""

from __future__ import annotations

import re

import pytest

from tests.vm.verifier.explain.sites import Site, sites
from vm.verifier.explain.categories import CATEGORIES, TABLES, rule_for, rules_for
from vm.verifier.need import packet, span
from vm.verifier.state.reg import pointer
from vm.verifier.state.reg_types import PTR_TO_PACKET

SITES = list(sites())

# Texts that are put together where the sources do not show them whole.
COMPOSED = {
    "check_insn/exit.py": (
        "bpf_spin_unlock is missing",
        "bpf_rcu_read_unlock is missing",
        "1 bpf_preempt_enable is missing",
        "2 bpf_preempt_enable(s) are missing",
    ),
    "mem/common.py": (
        "R1 offset is outside of the packet",
        "R1 min value is outside of the allowed memory range",
        "R1 max value is outside of the allowed memory range",
        "invalid access to map value, value_size=8 off=8 size=1",
        "invalid access to map key, key_size=8 off=8 size=1",
    ),
    "mem/kptr.py": (
        "invalid kptr access, R1 type=ptr_a expected=ptr_b",
        "invalid kptr access, R1 type=ptr_a expected=ptr_b or untrusted_ptr_b",
    ),
    "call/subprog.py": ("use static function instead",),  # the last of two lines
    "prepass/cfg.py": (),  # the number of the line before a jump that is refused
    "rewritable.py": (
        "sign extending loads from arena are not supported yet",
        "bpf verifier is misconfigured",
        "invalid kernel function call not eliminated in verifier pass",
        "tail_call abusing map_ptr",
    ),
    "call/kfunc_args.py": ("arg#0 is ptr_a expected ptr_b or socket",),
}
# What the loader says in the place of the verifier's last words.
OF_THE_LOADER = (
    "failed to resolve CO-RE relocation <byte_off> [5] struct s.a (0:0 @ offset 0)",
    "kfunc 'f' is referenced but wasn't resolved",
)
# Said on the way, never as the last word.
REMARKS = re.compile(
    r"mark_precise: .*|force_precise: .*|frame \S+: propagating .*|func#\S+ @\S+|from \S+ to .*|\S+: safe"
    r"|caller:|callee:|returning from callee:|to caller at .*|(cur|old) state:|processed .*"
    r"|Func#.* (is global and assumed valid"
    r"|is safe for any args that match its prototype)\.?|Validating .*|frame\S+ bpf_loop iteration limit reached"
    r"|func '.*' arg\S+ has btf_id .*|marking pointer arg.*|arg#\S+ is \S+|",
    re.DOTALL,
)


def filled(template: str) -> str:
    return template.replace("{}", "7").strip()


def refusals() -> list[tuple[str, str]]:
    """(where, message) of everything the verifier may end with."""
    found = [
        (site.where, filled(text))
        for site in SITES
        for text in site.texts
        if filled(text) and not REMARKS.fullmatch(filled(text)) and not text.count("expected={}{}{")
    ]
    found += [(where, text) for where, texts in COMPOSED.items() for text in texts]
    return [*found, *(("the loader", text) for text in OF_THE_LOADER)]


def odd(where: str, message: str) -> bool:
    """Texts the reader of the sources makes up by combining what is never said together."""
    if where.startswith("mem/kptr.py") and not message.startswith("invalid kptr access, R"):
        return message.startswith(("7expected", "7 or"))
    return message == "invalid access to 7=7 off=7 size=7"


def test_sources_are_read() -> None:
    assert len(SITES) > 480
    assert {site.where.split(":")[0] for site in SITES if not site.known} <= set(COMPOSED)


def test_every_message_is_of_exactly_one_category() -> None:
    wrong = {
        (where, message): sorted({rule.category for rule in rules_for(message)})
        for where, message in refusals()
        if not odd(where, message) and len({rule.category for rule in rules_for(message)}) != 1
    }
    assert wrong == {}


def test_every_line_of_the_table_is_a_message() -> None:
    said = {message for _, message in refusals()} | {message for texts in COMPOSED.values() for message in texts}
    patterns = {
        template: re.compile(re.escape(template).replace(r"\{\}", ".*?"), re.DOTALL)
        for rules in TABLES.values()
        for _, templates in rules
        for template in templates
    }
    unused = [template for template, pattern in patterns.items() if not any(map(pattern.fullmatch, said))]
    assert unused == []


def test_what_was_needed_is_said_unless_the_kernel_is_at_fault() -> None:
    silent = {
        message
        for _, message in refusals()
        if rules_for(message)
        and not rule_for(message).needed
        and not re.match(
            r"BUG|[Vv]erifier |bug:|kernel |bpf verifier|invalid (return|arg|kernel)|unknown return",
            message,
            re.IGNORECASE,
        )
    }
    assert silent == set()


def test_categories_are_linux_s_and_limits() -> None:
    assert CATEGORIES[-1] == "Limits"
    assert len(CATEGORIES) == 8
    assert set(TABLES) == set(CATEGORIES)


def test_what_is_no_message_is_about_the_structure() -> None:
    assert rule_for("").category == rule_for("anything else at all").category == "Program Structure"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (4, 4, "4"),
        (0, 1000, "from 0 to 1,000"),
        (-(1 << 63), (1 << 63) - 1, "anything"),
        (-(1 << 63), 5, "anything up to 5"),
        (0, (1 << 64) - 1, "anything from 0 on"),
    ],
)
def test_spans_in_words(low: int, high: int, text: str) -> None:
    assert span(low, high) == text


def test_packet_needs_in_words() -> None:
    reg = pointer(PTR_TO_PACKET)
    assert "does not lie before the start" in packet(1, reg, -4, 4)
    assert "at least 1 byte" in packet(1, reg, 0, 0)
    assert packet(1, reg, 12, 2).startswith("the access takes bytes 12 to 13, so data + 14 <= data_end has")
    reg.id, reg.off = 3, 8
    assert "p + 10 <= data_end (p being what r1 holds without its fixed offset 8)" in packet(1, reg, 8, 2)
    reg.range = -1
    assert "past the end" in packet(1, reg, 0, 1)


def test_the_reader_of_the_sources_sees_both_branches() -> None:
    texts = {text for site in SITES for text in site.texts}
    assert "R{} !read_ok\n" in texts
    assert isinstance(SITES[0], Site)
