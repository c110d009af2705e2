"""Kernel functions programs may call: their flags, the sets they are registered in, destructors of kernel pointers."""

from __future__ import annotations

import struct

from scripts.facts.calls import Calls
from scripts.facts.kernel import Kernel


def kfunc_sets(kernel: Kernel, calls: Calls) -> tuple[dict[str, dict[str, object]], list[dict[str, object]]]:
    """Kfuncs by name with their flags, and which sets of them programs of which type may call."""
    image, btf = kernel.image, kernel.btf
    kfuncs: dict[str, dict[str, object]] = {}
    sets: dict[int, dict[str, object]] = {}

    def add(kset: int, prog_type: int | str) -> None:
        _owner, ids, callback = struct.unpack("<3Q", image.read(kset, 24))
        count, flags = struct.unpack("<2I", image.read(ids, 8))
        names = []
        for index in range(count):
            btf_id, flag = struct.unpack("<2I", image.read(ids + 8 + 8 * index, 8))
            found = btf.type(btf_id)
            names.append(found.name)
            kfuncs[found.name] = {"id": btf_id, "flags": flag}
        entry = sets.setdefault(
            kset,
            {
                "name": image.by_address[kset][0],
                "flags": flags,
                "prog_types": [],
                "filter": image.by_address[callback][-1] if callback else "",
                "kfuncs": sorted(names),
            },
        )
        types = entry["prog_types"]
        assert isinstance(types, list)
        types.append(prog_type)

    for prog_type, kset, _ in calls.of("register_btf_kfunc_id_set"):
        if prog_type is None or kset is None:
            kernel.note("not understood: a call of register_btf_kfunc_id_set")
            continue
        add(kset, prog_type)
    for kset, _, _ in calls.of("register_btf_fmodret_id_set"):
        if kset is not None:
            add(kset, "fmod_ret")
    for entry in sets.values():
        types = entry["prog_types"]
        assert isinstance(types, list)
        types.sort(key=str)
    return kfuncs, sorted(sets.values(), key=lambda s: str(s["name"]))


def destructors(kernel: Kernel) -> dict[str, str]:
    """Kernel type of a referenced kptr -> kfunc that frees it, from the BTF_ID_LISTs of such pairs."""
    image, btf = kernel.image, kernel.btf
    out = {}
    for symbol in image.symbols:
        if "dtor_ids" in symbol.name or "dtor_kfunc_ids" in symbol.name:
            kind, kfunc = struct.unpack("<2I", image.read(symbol.address, 8))
            out[btf.type(kind).name] = btf.type(kfunc).name
    return out
