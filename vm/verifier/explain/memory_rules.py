"""Memory Safety: where an access may go, how long and how aligned it is."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "a comparison of the pointer with the packet's end, for as many bytes as are accessed",
        ("R{} offset is outside of the packet", "invalid access to packet, off={} size={}, R{}(id={},off={},r={})"),
    ),
    (
        "an offset within the memory on every path: compare it with the size before the access",
        (
            "R{} min value is outside of the allowed memory range",
            "R{} max value is outside of the allowed memory range",
            "invalid access to memory, mem_size={} off={} size={}",
            "invalid access to map value, value_size={} off={} size={}",
            "invalid access to map key, key_size={} off={} size={}",
            "invalid access to map value pointer, value_size={} off={}",
            "R{} unbounded memory access, make sure to bounds check any such access",
            "direct value offset of {} is not allowed",
            "invalid map_ptr to access map->key",
            "invalid map_ptr to access map->value",
            "invalid map_ptr to access map->type",
            "R{} invalid {} buffer access: off={}, size={}",
            "R{} invalid variable buffer offset: off={}, var_off={}",
        ),
    ),
    (
        "an offset that cannot be negative: an unsigned index, or a check that it is >= 0",
        ("R{} min value is negative, either use unsigned index or do a if (index >=0) check.",),
    ),
    (
        "a size with bounds: `size &= mask`, or `if (size < limit)` with an unsigned size",
        (
            "R{} min value is negative, either use unsigned or 'var &= const'",
            "R{} unbounded memory access, use 'var &= const' or 'if (var < const)'",
        ),
    ),
    ("a size of at least one byte", ("R{} invalid zero-sized read: u64=[{},{}]", "invalid zero-sized read")),
    (
        "an offset that stays within the 512 bytes of the stack frame",
        (
            "invalid{} stack R{} off={} size={}",
            "invalid variable-offset{} stack R{} var_off={} off={} size={}",
            "invalid unbounded variable-offset{} stack R{}",
        ),
    ),
    (
        "stack bytes that were written before, on every path",
        ("invalid read from stack off {}+{} size {}", "invalid{} read from stack R{} {}{} size {}"),
    ),
    (
        "a pointer spilled and filled as 8 aligned bytes, in its own frame",
        (
            "invalid size of register spill",
            "invalid size of register fill",
            "cannot spill pointers to stack into stack frame of the caller",
            "spilled ptr in range of var-offset stack write; insn {}, ptr off: {}",
        ),
    ),
    (
        "a number with bounds before it is added to a pointer",
        (
            "math between {} pointer and register with unbounded min value is not allowed",
            "math between {} pointer and {} is not allowed",
            "value {} makes {} pointer be out of bounds",
            "{} pointer offset {} is not allowed",
        ),
    ),
    (
        "the pointer as it was given, without offset",
        (
            "negative offset {} ptr R{} off={} disallowed",
            "dereference of modified {} ptr R{} off={} disallowed",
            "variable {} access var_off={} disallowed",
        ),
    ),
    (
        "a field of this program type's context, with the size it has, and writable if it is written",
        (
            "invalid bpf_context access off={} size={}",
            "BPF_ATOMIC stores into R{} {} is not allowed",
        ),
    ),
    (
        "a field of the object, with the size it has",
        (
            "R{} invalid {} access off={} size={}",
            "invalid access to flow keys off={} size={}",
            "R{} is ptr_{} invalid negative access: off={}",
            "R{} is ptr_{} invalid variable offset: off={}, var_off={}",
            "R{} is {} invalid negative access: off={}",
            "Type '{}' is not a struct",
            "struct {} doesn't have field at offset {}",
            "access beyond struct {} at off {} size {}",
            "field {} doesn't have size",
            "access beyond the end of member {} (mend:{}) in struct {} with off {} size {}",
            "cannot access ptr member {} with moff {} in struct {} with off {} size {}",
            "write access at off {} with size {} beyond the member of {} ended at {}",
        ),
    ),
    (
        "memory the program may access directly",
        ("R{} is ptr_{} access {} memory: off={}",),
    ),
    (
        "an access that only reads: this memory may not be written",
        (
            "R{} cannot write into {}",
            "{}() may write into memory pointed by R{} type={}",
            "only read is supported",
            "only read from {} is supported",
            "{} is supported",
            "write to change key R{} not allowed",
            "write access at off {} with size {}",
            "no write support to {} at off {}",
        ),
    ),
    (
        "the map's own access rights: see BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG",
        ("{} map forbidden, value_size={} off={} size={}",),
    ),
    (
        "the helper that is made for the special field: it may not be loaded or stored",
        (
            "{} cannot be accessed directly by load/store",
            "direct access to {} is disallowed",
            "kptr cannot be accessed indirectly by helper",
        ),
    ),
    (
        "a kernel pointer in a map read or written as 8 aligned bytes at a constant offset",
        (
            "kptr access cannot have variable offset",
            "kptr access misaligned expected={} off={}",
            "kptr access size must be BPF_DW",
            "kptr in map can only be accessed using BPF_MEM instruction mode",
            "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST",
            "BPF_ST imm must be 0 when storing to kptr at off={}",
        ),
    ),
    ("a load without sign extension", ("sign extending loads from arena are not supported yet",)),
    (
        "an offset that is a multiple of the size",
        ("misaligned packet access off {}+{}+{}+{} size {}", "misaligned {}access off {}+{}+{} size {}"),
    ),
)
