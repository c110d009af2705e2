"""A part of a BTF has the layout of the whole, and no more than was asked for."""

from __future__ import annotations

import pytest

from vm.btf.cdump import declaration, type_text
from vm.btf.check import from_untrusted
from vm.btf.part import part
from vm.btf.rows import rows
from vm.btf.types import Btf, Kind
from vm.kernel.btf import kernel_btf

STRUCTS = ("sock", "task_struct", "file", "sk_buff", "bpf_map", "trace_event_raw_sys_enter", "linux_binprm")


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_is_laid_out_as_in_the_whole(name: str) -> None:
    whole = kernel_btf()
    found = from_untrusted(part(whole, [whole.struct(name).id]))
    here, there = found.struct(name), whole.struct(name)
    assert found.size_of(here.id) == whole.size_of(there.id)
    told, wanted = rows(found, here.id, [(0, 4096)]), rows(whole, there.id, [(0, 4096)])
    assert [row[:5] for row in told] == [row[:5] for row in wanted] and len(told) > 1


def test_pointers_to_other_structs_are_declared_only() -> None:
    whole = kernel_btf()
    roots = [whole.struct("file").id, whole.struct("cred").id]
    found = Btf(part(whole, roots))
    assert found.find("inode", Kind.STRUCT) is None and found.find("inode", Kind.FWD) is not None
    assert found.find("cred", Kind.STRUCT) is not None and found.find("cred", Kind.FWD) is None
    field = found.field("file", "f_cred")
    assert type_text(found, field.type_id) == "const struct cred *"


def test_functions_keep_their_parameters() -> None:
    whole = kernel_btf()
    function = whole.find("tcp_connect", Kind.FUNC)
    assert function is not None
    found = Btf(part(whole, [function.id]))
    again = found.find("tcp_connect", Kind.FUNC)
    assert again is not None
    assert declaration(found, again.type_id, "f") == declaration(whole, function.type_id, "f")


def test_the_same_layout_gives_the_same_bytes() -> None:
    whole = kernel_btf()
    data = part(whole, [whole.struct("sock").id])
    found = Btf(data)
    assert part(found, [found.struct("sock").id]) == data


def test_it_is_small() -> None:
    whole = kernel_btf()
    assert len(part(whole, [whole.struct("task_struct").id])) < 40_000


def test_nothing_is_a_btf_too() -> None:
    assert len(Btf(part(kernel_btf(), []))) == 1
