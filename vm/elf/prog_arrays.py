"""What libbpf still does once the programs are loaded: fill the program arrays that the source initialises."""

from __future__ import annotations

from collections.abc import Collection

from vm.elf.prog_owners import difference, owner_of
from vm.kernel import types as t
from vm.namedtuples import NamedTuple
from vm.program import Object
from vm.verifier.rules.loader import PROG_ARRAY_PROGRAM_KIND, PROG_ARRAY_PROGRAM_MISSING, PROG_ARRAY_SLOT
from vm.verifier.rules.rule import Rule


class Unfilled(NamedTuple):
    """The first slot that could not be filled, and the rule by which libbpf refuses the object.

    owner, what -- of a program of another kind than the map's: whose kind that is, and what is different
    """

    map_name: str
    slot: int
    target: str
    rule: Rule
    owner: str = ""
    what: str = ""

    @property
    def errno(self) -> int:
        """Negative, as the load returns it."""
        return -self.rule.errno

    def __str__(self) -> str:
        return self.rule.text(
            {
                "map": self.map_name, "slot": self.slot, "program": self.target, "owner": self.owner,
                "difference": self.what,
            }
        )  # fmt: skip


def first_unfilled(obj: Object, loaded: Collection[str]) -> Unfilled | None:
    """Where filling the program arrays of an object fails if only the programs `loaded` were loaded.

    libbpf fills them after all programs passed the verifier (bpf_object_init_prog_arrays), in the order of the maps and
    slots. A program that was not loaded has no file descriptor: -EBADF; a slot past the end is -E2BIG
    (bpf_fd_array_map_update_elem asks for that first); a program of another kind than the map's owner is -EINVAL.
    """
    programs = [program for program in obj.programs if program.name in loaded]
    by_name = {program.name: program for program in programs}
    for spec in obj.maps:
        if spec.map_type != t.BPF_MAP_TYPE_PROG_ARRAY:
            continue
        owner = owner_of(spec, programs)
        for slot, target in sorted((slot, str(target)) for slot, target in spec.init_slots):
            if slot >= spec.max_entries:
                return Unfilled(spec.full_name, slot, target, PROG_ARRAY_SLOT)
            if target not in loaded:
                return Unfilled(spec.full_name, slot, target, PROG_ARRAY_PROGRAM_MISSING)
            program = by_name.get(target)
            if program is None:
                continue  # it cannot be loaded, and has an error of its own
            owner = owner or program
            what = difference(owner, program, spec)
            if what:
                return Unfilled(spec.full_name, slot, target, PROG_ARRAY_PROGRAM_KIND, owner.name, what)
    return None
