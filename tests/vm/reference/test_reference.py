"""The reference has an entry for everything there is, and the page's copy is up to date."""

from __future__ import annotations

import re

import pytest

from vm.isa.opcodes import ATOMIC, DW, LDX, MEM, STX
from vm.kernel.helpers import all_helpers
from vm.kernel.hooks import kfunc_sets
from vm.reference.__main__ import FILE, text
from vm.reference.catalogue import catalogue, kfunc_callers
from vm.reference.opcodes import explanation
from vm.reference.texts import PARTS, texts


def test_every_helper_and_kfunc_is_explained() -> None:
    assert [h.name for h in all_helpers() if h.name not in texts("helpers")] == []
    kfuncs = {name for group in kfunc_sets() for name in group.kfuncs if kfunc_callers(name)}
    assert sorted(kfuncs - set(texts("kfuncs"))) == []
    assert set(texts("helpers")) == {h.name for h in all_helpers()}


@pytest.mark.parametrize("part", PARTS)
def test_every_explanation_is_two_short_sentences(part: str) -> None:
    for name, said in texts(part).items():
        sentences = re.split(r"\.\s+", said)
        assert said.endswith(".") and 2 <= len(sentences) <= 3, (name, sentences)
        assert 40 <= len(said) <= 260, name


def test_every_opcode_has_an_entry_that_exists() -> None:
    known = set(texts("instructions"))
    used = {name for variants in catalogue()["opcodes"].values() for name in variants.values()}
    assert used == known


def test_variants_of_an_opcode() -> None:
    assert explanation(0x85) == "call-helper" and explanation(0x85, 1) == "call-subprog"
    assert explanation(0x85, 2) == "call-kfunc" and explanation(0x18) == "load-imm64"
    assert explanation(STX | ATOMIC | DW) == "atomic" and explanation(LDX | MEM | DW) == "load"
    assert explanation(0xBF, 1, 8) == "mov-signed" and explanation(0xBF, 1, 1) == "addr-space-cast"
    assert explanation(0x8D) == "call-helper" or explanation(0x8D) == ""


def test_callers_are_those_of_the_kernel() -> None:
    words = catalogue()["words"]
    assert words["bpf_redirect_map"]["callers"] == ["XDP"]
    assert words["bpf_bind"]["callers"] == ["cgroup socket address"]
    assert words["bpf_tcp_send_ack"]["callers"] == ["struct_ops"]
    assert words["bpf_override_return"]["callers"] == []
    assert words["bpf_session_cookie"]["callers"] == ["kprobe session"]
    assert words["bpf_rcu_read_lock"]["callers"] == ["every program type"]
    assert words["bpf_task_acquire"]["prototype"] == "struct task_struct *bpf_task_acquire(struct task_struct *p)"


def test_the_pages_copy_is_up_to_date() -> None:
    assert FILE.read_text() == text(), "run: make reference"
