"""Offsets the run uses are those of the kernel's BTF."""

from __future__ import annotations

import pytest

from vm.kernel.btf import kernel_btf
from vm.runner.layout import OFFSETS, PT_REGS, SIZES

# Bit-fields and members behind a flexible array are found through a neighbour.
PLACES = {
    "sk_buff.pkt_type": "sk_buff.__pkt_type_offset",
    "sk_buff.tstamp_type": "sk_buff.__mono_tc_offset",
    "sock_common.skc_dport": "sock_common.skc_dport",
}


@pytest.mark.parametrize(("name", "offset"), sorted(OFFSETS.items()))
def test_offsets(name: str, offset: int) -> None:
    struct, _, path = PLACES.get(name, name).partition(".")
    assert kernel_btf().offset_of(struct, path) == offset


@pytest.mark.parametrize(("name", "size"), sorted(SIZES.items()))
def test_sizes(name: str, size: int) -> None:
    found = kernel_btf().struct(name)
    assert found.size == size


def test_pt_regs_order() -> None:
    assert [kernel_btf().offset_of("pt_regs", reg) for reg in PT_REGS] == [8 * i for i in range(len(PT_REGS))]
