"""Sizes that maps cannot have, and map types that are covered."""

from __future__ import annotations

import pytest

from vm.errors import InputError
from vm.kernel import types as t
from vm.program import MapSpec
from vm.runner.maps import BEHAVIOUR, MAX_ELEMENT, NOT_EMULATED, check_spec


def test_each_map_type_behaves_or_says_why_not() -> None:
    types = {value for name, value in vars(t).items() if name.startswith("BPF_MAP_TYPE_")}
    assert BEHAVIOUR.keys() | NOT_EMULATED.keys() == types - {t.BPF_MAP_TYPE_UNSPEC}
    assert not BEHAVIOUR.keys() & NOT_EMULATED.keys()


@pytest.mark.parametrize(
    ("map_type", "key", "value", "entries", "said"),
    [
        (t.BPF_MAP_TYPE_ARRAY, -1, 8, 1, "negative size"),
        (t.BPF_MAP_TYPE_ARRAY, 8, 8, 1, "key of 8 bytes; arrays have keys of 4"),
        (t.BPF_MAP_TYPE_ARRAY_OF_MAPS, 2, 4, 1, "key of 2 bytes"),
        (t.BPF_MAP_TYPE_HASH, 4, 8, 0, "max_entries 0"),
        (t.BPF_MAP_TYPE_RINGBUF, 0, 0, 4095, "max_entries 4095; it must be a power of two and a multiple of 4096"),
        (t.BPF_MAP_TYPE_RINGBUF, 0, 0, 12288, "it must be a power of two"),
        (t.BPF_MAP_TYPE_LRU_HASH, 4, MAX_ELEMENT - 4, 1, "the kernel takes less than 4,194,256"),
        (t.BPF_MAP_TYPE_HASH, 0, 8, 1, "key of 0 bytes"),
        (t.BPF_MAP_TYPE_LPM_TRIE, 4, 8, 1, "key of 4 bytes; it must have 5 to 260"),
        (t.BPF_MAP_TYPE_LPM_TRIE, 261, 8, 1, "key of 261 bytes"),
    ],
)
def test_sizes_bpf_map_create_refuses(map_type: int, key: int, value: int, entries: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_spec(MapSpec("m", map_type, key, value, entries))


@pytest.mark.parametrize(
    ("map_type", "key", "value", "entries"),
    [
        (t.BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0),
        (t.BPF_MAP_TYPE_RINGBUF, 0, 0, 8192),
        (t.BPF_MAP_TYPE_LRU_HASH, 4, MAX_ELEMENT - 5, 1),
        (t.BPF_MAP_TYPE_LPM_TRIE, 260, 8, 1),
    ],
)
def test_sizes_it_takes(map_type: int, key: int, value: int, entries: int) -> None:
    check_spec(MapSpec("m", map_type, key, value, entries))
