"""What is refused by libbpf, or by the system call before the verifier runs: error values are theirs, messages ours."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import E2BIG, EBADF, EINVAL, EOPNOTSUPP, EPERM
from vm.verifier.rules.rule import LIMITS, POLICY, By, Group, Topic

_CAP_BPF_USER: Final = Group(POLICY, "CAP_BPF for the user who loads it", Topic.PROGRAM, by=By.KERNEL)
LOAD_STRUCT_OPS_BTF: Final = _CAP_BPF_USER.rule(
    "load-struct-ops-btf", EOPNOTSUPP, "The object's struct_ops variables need its BTF loaded, which takes CAP_BPF."
)
LOAD_MAP_BTF: Final = _CAP_BPF_USER.rule(
    "load-map-btf", EINVAL, "The map '{map}' needs types, and loading BTF takes CAP_BPF."
)

_CAPABILITY: Final = Group(
    POLICY, "the capability that the message names, for the user who loads it", Topic.PROGRAM, by=By.KERNEL
)
LOAD_MAP_PRIVILEGE: Final = _CAPABILITY.rule(
    "load-map-privilege", EPERM, "Making the map '{map}' ({type}) takes CAP_{capability}."
)
LOAD_PROGRAM_PRIVILEGE: Final = _CAPABILITY.rule(
    "load-program-privilege", EPERM, "Loading a program of type {type} takes CAP_{capability}."
)

_SMALLER_PROGRAM: Final = Group(
    LIMITS, "a smaller program, or CAP_BPF for the user who loads it", Topic.PROGRAM, by=By.KERNEL
)
LOAD_PROGRAM_SIZE: Final = _SMALLER_PROGRAM.rule(
    "load-program-size", E2BIG, "The program has {count:,} instructions; this user may load {most:,}."
)

_EVERY_PROGRAM: Final = Group(
    POLICY, "every program that the slots of a program array name, loaded together with it", Topic.PROGRAM, by=By.LIBBPF
)
PROG_ARRAY_PROGRAM_MISSING: Final = _EVERY_PROGRAM.rule(
    "prog-array-program-missing",
    EBADF,
    "map '{map}': failed to initialize slot [{slot}] to prog '{program}' (EBADF): '{program}' was not loaded with it.",
)

_SLOTS_BELOW_MAX: Final = Group(LIMITS, "slots below the max_entries of the program array", Topic.PROGRAM, by=By.LIBBPF)
PROG_ARRAY_SLOT: Final = _SLOTS_BELOW_MAX.rule(
    "prog-array-slot",
    E2BIG,
    "map '{map}': failed to initialize slot [{slot}] to prog '{program}' (E2BIG): the map has fewer slots than that.",
)

_ONE_KIND: Final = Group(
    POLICY,
    "programs of one kind in a map of programs: type, attach type and flags of its first user",
    Topic.PROGRAM,
    by=By.LIBBPF,
)
PROG_ARRAY_PROGRAM_KIND: Final = _ONE_KIND.rule(
    "prog-array-program-kind",
    EINVAL,
    "map '{map}': failed to initialize slot [{slot}] to prog '{program}' (EINVAL): "
    "the map belongs to programs of the kind of '{owner}', and {difference}.",
)

_FIRST_USER: Final = Group(
    POLICY,
    "a map of programs that only programs of one kind use: type, attach type and flags of its first user",
    Topic.PROGRAM,
    by=By.KERNEL,
)
MAP_OWNER: Final = _FIRST_USER.rule(
    "map-owner", EINVAL, "map '{map}' belongs to programs of the kind of '{owner}': {difference}."
)
