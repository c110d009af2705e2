"""What libbpf still does once the programs are loaded: fill the program arrays that the source initialises."""

from __future__ import annotations

import errno
from collections.abc import Collection
from typing import NamedTuple

from vm.kernel import types as t
from vm.program import Object


class Unfilled(NamedTuple):
    """The first slot that could not be filled, and the error (negative) that makes the object's load fail."""

    map_name: str
    slot: int
    target: str
    errno: int

    def __str__(self) -> str:
        why = (
            f"'{self.target}' was not loaded with it"
            if self.errno == -errno.EBADF
            else "the map has fewer slots than that"
        )
        return (
            f"map '{self.map_name}': failed to initialize slot [{self.slot}] to prog '{self.target}' "
            f"({errno.errorcode[-self.errno]}): {why}."
        )


def first_unfilled(obj: Object, loaded: Collection[str]) -> Unfilled | None:
    """Where filling the program arrays of an object fails if only the programs `loaded` were loaded.

    libbpf fills them after all programs passed the verifier (bpf_object_init_prog_arrays), in the order of the maps and
    slots. A program that was not loaded has no file descriptor: -EBADF; a slot past the end is -E2BIG
    (bpf_fd_array_map_update_elem asks for that first).
    """
    for spec in obj.maps:
        if spec.map_type != t.BPF_MAP_TYPE_PROG_ARRAY:
            continue
        for slot, target in sorted((slot, str(target)) for slot, target in spec.init_slots):
            if slot >= spec.max_entries:
                return Unfilled(spec.full_name, slot, target, -errno.E2BIG)
            if target not in loaded:
                return Unfilled(spec.full_name, slot, target, -errno.EBADF)
    return None
