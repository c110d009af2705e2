"""Memory Safety: fields of the context, of kernel structs, and special fields of map values and objects."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EFAULT, EINVAL, ENOTSUPP
from vm.verifier.rules.rule import MEMORY, Group, Topic

_FIELD_PROGRAM_TYPE: Final = Group(
    MEMORY, "a field of this program type's context, with the size it has, and writable if it is written"
)
ATOMIC_ON_MEMORY_TYPE: Final = _FIELD_PROGRAM_TYPE.rule(
    "atomic-on-memory-type", EACCES, "BPF_ATOMIC stores into R{regno} {type} is not allowed\n"
)
CONTEXT_ACCESS: Final = _FIELD_PROGRAM_TYPE.rule(
    "context-access", EACCES, "invalid bpf_context access off={off} size={size}\n", topic=Topic.CONTEXT_FIELD
)

_FIELD_OBJECT: Final = Group(MEMORY, "a field of the object, with the size it has")
TCP_SOCK_WRITE_BEYOND_MEMBER: Final = _FIELD_OBJECT.rule(
    "tcp-sock-write-beyond-member",
    EACCES,
    "write access at off {off} with size {size} beyond the member of tcp_sock ended at {end}\n",
)
STRUCT_OFFSET_NEGATIVE: Final = _FIELD_OBJECT.rule(
    "struct-offset-negative", EACCES, "R{regno} is ptr_{struct} invalid negative access: off={off}\n"
)
STRUCT_OFFSET_VARIABLE: Final = _FIELD_OBJECT.rule(
    "struct-offset-variable", EACCES, "R{regno} is ptr_{struct} invalid variable offset: off={off}, var_off={var_off}\n"
)
MAP_STRUCT_OFFSET_NEGATIVE: Final = _FIELD_OBJECT.rule(
    "map-struct-offset-negative", EACCES, "R{regno} is {struct} invalid negative access: off={off}\n"
)
STRUCT_POINTER_MEMBER_WIDTH: Final = _FIELD_OBJECT.rule(
    "struct-pointer-member-width",
    EACCES,
    "cannot access ptr member {member} with moff {place} in struct {struct} with off {off} size {size}\n",
)
WALK_NOT_A_STRUCT: Final = _FIELD_OBJECT.rule("walk-not-a-struct", EINVAL, "Type '{name}' is not a struct\n")
STRUCT_WITHOUT_FIELD: Final = _FIELD_OBJECT.rule(
    "struct-without-field", EINVAL, "struct {struct} doesn't have field at offset {off}\n"
)
FIELD_WITHOUT_SIZE: Final = _FIELD_OBJECT.rule("field-without-size", EFAULT, "field {member} doesn't have size\n")
STRUCT_ACCESS_BEYOND_MEMBER: Final = _FIELD_OBJECT.rule(
    "struct-access-beyond-member",
    EACCES,
    "access beyond the end of member {member} (mend:{end}) in struct {struct} with off {off} size {size}\n",
)
STRUCT_ACCESS_BEYOND_END: Final = _FIELD_OBJECT.rule(
    "struct-access-beyond-end", EACCES, "access beyond struct {struct} at off {off} size {size}\n"
)
SOCKET_ACCESS: Final = _FIELD_OBJECT.rule(
    "socket-access", EACCES, "R{regno} invalid {type} access off={off} size={size}\n"
)
FLOW_KEYS_ACCESS: Final = _FIELD_OBJECT.rule(
    "flow-keys-access", EACCES, "invalid access to flow keys off={off} size={size}\n"
)

_ACCESS: Final = Group(MEMORY, "an access that only reads: this memory may not be written")
STRUCT_READ_ONLY: Final = _ACCESS.rule("struct-read-only", EACCES, "only read is supported\n")
STRUCT_WRITE_UNSUPPORTED: Final = _ACCESS.rule("struct-write-unsupported", EACCES, "{what} is supported\n")
STRUCT_WRITE_NOT_A_FIELD: Final = _ACCESS.rule(
    "struct-write-not-a-field", EACCES, "write access at off {off} with size {size}\n"
)
TCP_SOCK_WRITE_NOT_A_FIELD: Final = _ACCESS.rule(
    "tcp-sock-write-not-a-field", EACCES, "no write support to tcp_sock at off {off}\n"
)
MAP_STRUCT_READ_ONLY: Final = _ACCESS.rule("map-struct-read-only", EACCES, "only read from {struct} is supported\n")
STRUCT_WRITE_BY_MODULE: Final = _ACCESS.rule("struct-write-by-module", EACCES, "")

_MEMORY_PROGRAM_ACCESS: Final = Group(MEMORY, "memory the program may access directly")
STRUCT_MEMORY_SPACE: Final = _MEMORY_PROGRAM_ACCESS.rule(
    "struct-memory-space", EACCES, "R{regno} is ptr_{struct} access {space} memory: off={off}\n"
)

_KERNEL_POINTER_MAP: Final = Group(
    MEMORY, "a kernel pointer in a map read or written as 8 aligned bytes at a constant offset"
)
KPTR_ACCESS_MODE: Final = _KERNEL_POINTER_MAP.rule(
    "kptr-access-mode", EACCES, "kptr in map can only be accessed using BPF_MEM instruction mode\n"
)
KPTR_ACCESS_CLASS: Final = _KERNEL_POINTER_MAP.rule(
    "kptr-access-class", EACCES, "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST\n"
)
KPTR_STORE_NOT_ZERO: Final = _KERNEL_POINTER_MAP.rule(
    "kptr-store-not-zero", EACCES, "BPF_ST imm must be 0 when storing to kptr at off={off}\n"
)
KPTR_ACCESS_VARIABLE_OFFSET: Final = _KERNEL_POINTER_MAP.rule(
    "kptr-access-variable-offset", EACCES, "kptr access cannot have variable offset\n"
)
KPTR_ACCESS_MISALIGNED: Final = _KERNEL_POINTER_MAP.rule(
    "kptr-access-misaligned", EACCES, "kptr access misaligned expected={expected} off={off}\n"
)
KPTR_ACCESS_SIZE: Final = _KERNEL_POINTER_MAP.rule("kptr-access-size", EACCES, "kptr access size must be BPF_DW\n")

_MAP_S_OWN: Final = Group(MEMORY, "the map's own access rights: see BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG")
MAP_ACCESS_FORBIDDEN: Final = _MAP_S_OWN.rule(
    "map-access-forbidden", EACCES, "{forbidden} map forbidden, value_size={value_size} off={off} size={size}\n"
)

_HELPER: Final = Group(MEMORY, "the helper that is made for the special field: it may not be loaded or stored")
SPECIAL_FIELD_DIRECT_ACCESS: Final = _HELPER.rule(
    "special-field-direct-access", EACCES, "{field} cannot be accessed directly by load/store\n"
)
KPTR_HELPER_ACCESS: Final = _HELPER.rule("kptr-helper-access", EACCES, "kptr cannot be accessed indirectly by helper\n")
OBJECT_FIELD_DIRECT_ACCESS: Final = _HELPER.rule(
    "object-field-direct-access", EACCES, "direct access to {field} is disallowed\n"
)

_READ_ONLY_ARRAY: Final = Group(MEMORY, "a read-only array of one entry, or a map that is not frozen")
DIRECT_READ_MANY_ENTRIES: Final = _READ_ONLY_ARRAY.rule("direct-read-many-entries", ENOTSUPP, "")
