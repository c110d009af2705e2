"""Members of types as rows: offsets, what is unfolded, values known whole or in part, damaged types."""

from __future__ import annotations

import pytest

from vm.btf.rows import MAX_ROWS, rows, value_text
from vm.kernel.btf import kernel_btf


def type_of(name: str) -> int:
    return kernel_btf().struct(name).id


def test_members_have_the_offsets_of_the_types() -> None:
    btf = kernel_btf()
    found = {row.name: row for row in rows(btf, type_of("task_struct"), []) if row.depth == 0}
    for name in ("__state", "pid", "tgid", "comm", "mm"):
        assert found[name].offset == btf.offset_of("task_struct", name)
    assert found["comm"].type == "char[16]" and found["comm"].size == 16
    assert found["mm"].type == "struct mm_struct *"


def test_what_is_of_interest_is_unfolded_and_the_rest_is_not() -> None:
    btf = kernel_btf()
    offset = btf.offset_of("sock", "__sk_common.skc_dport")
    plain, opened = rows(btf, type_of("sock"), []), rows(btf, type_of("sock"), [(offset, 2)])
    assert "skc_dport" not in {row.name for row in plain}
    (port,) = [row for row in opened if row.name == "skc_dport"]
    assert port.offset == offset and port.depth == 3
    held = [row for row in opened if row.holds and row.offset <= offset < row.offset + row.size]
    assert held[0].name == "__sk_common"
    assert len(opened) > len(plain)


def test_elements_of_arrays_of_structs_are_unfolded_one_by_one() -> None:
    btf = kernel_btf()
    start = btf.offset_of("task_struct", "pid_links")
    found = rows(btf, type_of("task_struct"), [(start + 16, 8)])
    assert [row.name for row in found if row.name.startswith("[")] == ["[1]"]


def test_values_that_are_known_whole_in_part_and_not() -> None:
    btf = kernel_btf()
    found = {row.name: row for row in rows(btf, type_of("task_struct"), [])}
    comm, pid = found["comm"], found["pid"]
    known = dict(enumerate(b"sh".ljust(16, b"\0"), comm.offset)) | dict(
        enumerate((1234).to_bytes(4, "little"), pid.offset)
    )
    assert value_text(btf, comm, known) == '"sh"'
    assert value_text(btf, pid, known) == "1234"
    assert value_text(btf, found["mm"], known) == ""
    del known[pid.offset + 1]
    assert value_text(btf, pid, known) == "d2 ·· 00 00"


def test_bit_fields_have_their_own_values() -> None:
    btf = kernel_btf()
    (row,) = [row for row in rows(btf, type_of("sk_buff"), []) if row.name == "pkt_type"]
    assert row.bits == 3
    assert value_text(btf, row, {row.offset: 0b1111_1100}) == "4"


@pytest.mark.parametrize(
    "name", ["task_struct", "sk_buff", "pt_regs", "sock", "file", "net_device", "mm_struct", "net"]
)
def test_no_type_has_too_many_rows(name: str) -> None:
    btf = kernel_btf()
    found = rows(btf, type_of(name), [(0, btf.struct(name).size)])
    assert 1 < len(found) <= MAX_ROWS
    for row in found:
        value_text(btf, row, dict.fromkeys(range(row.offset, row.offset + 9), 0x41))


def test_a_type_that_is_not_there_has_no_rows() -> None:
    assert rows(kernel_btf(), 1 << 30, [(0, 8)]) == []
