"""Maps as libbpf 0.x and iproute2 read them: structs of numbers in the section "maps".

libbpf 1.0 refuses such objects; they are loaded here as libbpf 0.x did (bpf_object__init_user_maps).
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Final

from vm.elf.placed import NAME_LEN, PlacedMap
from vm.elf.reader import STT_SECTION, ElfFile
from vm.errors import InputError
from vm.kernel import types as t
from vm.program import MapSpec

LEGACY_SECTION: Final = "maps"
# struct bpf_map_def: type, key_size, value_size, max_entries, map_flags; longer ones begin with the same numbers.
_MAP_DEF: Final = struct.Struct("<5I")
_SHORTEST: Final = 16  # map_flags came later
# struct bpf_elf_map of iproute2 goes on with id, pinning, inner_id, inner_idx.
_ELF_MAP: Final = struct.Struct("<9I")
_HOLD_MAPS: Final = frozenset({t.BPF_MAP_TYPE_ARRAY_OF_MAPS, t.BPF_MAP_TYPE_HASH_OF_MAPS})


def legacy_maps(elf: ElfFile) -> list[PlacedMap]:
    """The maps of section "maps", by their place in it. InputError names what cannot be read."""
    section = elf.section(LEGACY_SECTION)
    if section is None:
        return []
    symbols = sorted(
        (s for s in elf.symbols if s.section == section.index and s.type != STT_SECTION and s.name),
        key=lambda s: s.value,
    )
    if not symbols:
        return []
    size, rest = divmod(len(section.data), len(symbols))
    if rest or size < _SHORTEST:
        raise InputError(
            f"The legacy section 'maps' has {len(section.data)} bytes for {len(symbols)} symbols, which are no "
            'map definitions of one size; define maps with __uint() and __type() in SEC(".maps").'
        )
    out: list[PlacedMap] = []
    by_id: dict[int, MapSpec] = {}
    inner_ids: list[int] = []
    for symbol in symbols:
        raw = section.data[symbol.value : symbol.value + size]
        if len(raw) != size:
            raise InputError(f"The definition of map '{symbol.name}' lies outside the section 'maps'.")
        map_type, key_size, value_size, max_entries, flags = _MAP_DEF.unpack_from(raw.ljust(_MAP_DEF.size, b"\0"))
        spec = MapSpec(
            name=symbol.name[: NAME_LEN - 1],
            map_type=map_type,
            key_size=key_size,
            value_size=value_size,
            max_entries=max_entries or (1 if map_type == t.BPF_MAP_TYPE_PERF_EVENT_ARRAY else 0),  # of one CPU
            map_flags=flags,
            full_name=symbol.name,
        )
        number, inner = (_ELF_MAP.unpack(raw)[5], _ELF_MAP.unpack(raw)[7]) if size == _ELF_MAP.size else (0, 0)
        if number:
            by_id.setdefault(number, spec)
        inner_ids.append(inner)
        out.append(PlacedMap(spec, section.index, symbol.value, False))
    return [
        placed._replace(spec=replace(placed.spec, inner=by_id[inner]))
        if placed.spec.map_type in _HOLD_MAPS and inner in by_id
        else placed
        for placed, inner in zip(out, inner_ids, strict=True)
    ]
