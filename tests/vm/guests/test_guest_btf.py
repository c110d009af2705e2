"""BTF for kernels that lack some of its kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.btf.types import GLOBAL, Btf, Kind
from vm.elf.reader import read_elf
from vm.guests.features import FEATURES
from vm.guests.for_kernel import for_kernel

OBJECTS = sorted((Path(__file__).parents[2] / "golden" / "objects").glob("*.o"))
NEW = {Kind.FLOAT: "float", Kind.DECL_TAG: "decl_tag", Kind.TYPE_TAG: "type_tag", Kind.ENUM64: "enum64"}


def btf_of(path: Path) -> bytes:
    section = read_elf(path.read_bytes()).section(".BTF")
    return section.data if section is not None else b""


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: str(path.stem))
def test_an_old_kernel_gets_only_what_it_knows(path: Path) -> None:
    data = btf_of(path)
    if not data:
        return
    before, after = Btf(data), Btf(for_kernel(data, frozenset()))
    assert not set(NEW) & {found.kind for found in after}
    for old, new in zip(before, after, strict=False):
        if old.kind is Kind.ENUM64:
            assert new.kind is Kind.UNION
        elif old.kind not in NEW and old.kind is not Kind.DATASEC:
            assert new.kind is old.kind


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: str(path.stem))
def test_extern_symbols_become_integers(path: Path) -> None:
    data = btf_of(path)
    if not data:
        return
    after = Btf(for_kernel(data, frozenset(FEATURES)))
    section = after.find(".ksyms", Kind.DATASEC)
    for place, info in enumerate(section.variables if section else ()):
        assert after.type(info.type_id).kind is Kind.VAR
        assert after.type(info.type_id).linkage == GLOBAL
        assert (info.offset, info.size) == (4 * place, 4)


def test_some_object_has_extern_functions() -> None:
    assert any(b".ksyms" in btf_of(path) for path in OBJECTS)
