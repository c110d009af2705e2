"""Memory Safety: bounds, size and alignment of accesses."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EFAULT, EINVAL, ENOTSUPP, EOPNOTSUPP, ERANGE
from vm.verifier.rules.rule import MEMORY, Group, Topic

_ACCESS: Final = Group(MEMORY, "an access that only reads: this memory may not be written")
HELPER_WRITES_READ_ONLY_MEMORY: Final = _ACCESS.rule(
    "helper-writes-read-only-memory", EACCES, "{func}() may write into memory pointed by R{regno} type={type}\n"
)
WRITE_TO_READ_ONLY: Final = _ACCESS.rule("write-to-read-only", EACCES, "R{regno} cannot write into {type}\n")
WRITE_TO_MAP_KEY: Final = _ACCESS.rule("write-to-map-key", EACCES, "write to change key R{regno} not allowed\n")

_OFFSET_WITHIN_MEMORY: Final = Group(
    MEMORY, "an offset within the memory on every path: compare it with the size before the access"
)
MAP_KEY_WITHOUT_MAP: Final = _OFFSET_WITHIN_MEMORY.rule(
    "map-key-without-map", EACCES, "invalid map_ptr to access map->key\n"
)
MAP_VALUE_WITHOUT_MAP: Final = _OFFSET_WITHIN_MEMORY.rule(
    "map-value-without-map", EACCES, "invalid map_ptr to access map->value\n"
)
MAP_TYPE_WITHOUT_MAP: Final = _OFFSET_WITHIN_MEMORY.rule(
    "map-type-without-map", EACCES, "invalid map_ptr to access map->type\n"
)
BUFFER_OFFSET: Final = _OFFSET_WITHIN_MEMORY.rule(
    "buffer-offset", EACCES, "R{regno} invalid {buffer} buffer access: off={off}, size={size}\n"
)
BUFFER_OFFSET_VARIABLE: Final = _OFFSET_WITHIN_MEMORY.rule(
    "buffer-offset-variable", EACCES, "R{regno} invalid variable buffer offset: off={off}, var_off={var_off}\n"
)
OFFSET_UNBOUNDED: Final = _OFFSET_WITHIN_MEMORY.rule(
    "offset-unbounded",
    EACCES,
    "R{regno} unbounded memory access, make sure to bounds check any such access\n",
    topic=Topic.OFFSET,
)
DIRECT_VALUE_OFFSET_TOO_LARGE: Final = _OFFSET_WITHIN_MEMORY.rule(
    "direct-value-offset-too-large", EINVAL, "direct value offset of {off} is not allowed\n"
)
DIRECT_VALUE_POINTER: Final = _OFFSET_WITHIN_MEMORY.rule(
    "direct-value-pointer",
    EINVAL,
    "invalid access to map value pointer, value_size={value_size} off={off}\n",
    also=(
        ENOTSUPP,
        ERANGE,
    ),
)
MEMORY_ACCESS_OUT_OF_RANGE_MIN: Final = _OFFSET_WITHIN_MEMORY.rule(
    "memory-access-out-of-range-min",
    EACCES,
    "invalid access to {memory}={memory_size} off={off} size={size}\n"
    "R{regno} min value is outside of the allowed memory range\n",
    topic=Topic.OFFSET,
)
MEMORY_ACCESS_OUT_OF_RANGE_MAX: Final = _OFFSET_WITHIN_MEMORY.rule(
    "memory-access-out-of-range-max",
    EACCES,
    "invalid access to {memory}={memory_size} off={off} size={size}\n"
    "R{regno} max value is outside of the allowed memory range\n",
    topic=Topic.OFFSET,
)

_SIZE_WITH_BOUNDS: Final = Group(
    MEMORY, "a size with bounds: `size &= mask`, or `if (size < limit)` with an unsigned size", Topic.SIZE
)
SIZE_MAY_BE_NEGATIVE: Final = _SIZE_WITH_BOUNDS.rule(
    "size-may-be-negative", EACCES, "R{regno} min value is negative, either use unsigned or 'var &= const'\n"
)
SIZE_UNBOUNDED: Final = _SIZE_WITH_BOUNDS.rule(
    "size-unbounded", EACCES, "R{regno} unbounded memory access, use 'var &= const' or 'if (var < const)'\n"
)

_SIZE_LEAST_ONE: Final = Group(MEMORY, "a size of at least one byte")
SIZE_MAY_BE_ZERO: Final = _SIZE_LEAST_ONE.rule(
    "size-may-be-zero", EACCES, "R{regno} invalid zero-sized read: u64=[{umin},{umax}]\n", topic=Topic.SIZE
)
ZERO_SIZED_READ: Final = _SIZE_LEAST_ONE.rule("zero-sized-read", EACCES, "invalid zero-sized read\n")
HELPER_CONTEXT_EMPTY: Final = _SIZE_LEAST_ONE.rule("helper-context-empty", EACCES, "")

_NUMBER_WITH_BOUNDS: Final = Group(MEMORY, "a number with bounds before it is added to a pointer", Topic.OFFSET)
POINTER_OFFSET_TOO_LARGE: Final = _NUMBER_WITH_BOUNDS.rule(
    "pointer-offset-too-large", EINVAL, "{type} pointer offset {off} is not allowed\n", topic=Topic.VALUE
)
POINTER_MATH_UNBOUNDED_MIN: Final = _NUMBER_WITH_BOUNDS.rule(
    "pointer-math-unbounded-min",
    EINVAL,
    "math between {type} pointer and register with unbounded min value is not allowed\n",
)
POINTER_VALUE_OUT_OF_BOUNDS: Final = _NUMBER_WITH_BOUNDS.rule(
    "pointer-value-out-of-bounds", EINVAL, "value {value} makes {type} pointer be out of bounds\n"
)
POINTER_MATH_VALUE_TOO_LARGE: Final = _NUMBER_WITH_BOUNDS.rule(
    "pointer-math-value-too-large", EINVAL, "math between {type} pointer and {value} is not allowed\n"
)

_OFFSET: Final = Group(
    MEMORY, "an offset that cannot be negative: an unsigned index, or a check that it is >= 0", Topic.OFFSET
)
OFFSET_MAY_BE_NEGATIVE: Final = _OFFSET.rule(
    "offset-may-be-negative",
    EACCES,
    "R{regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n",
)

_POINTER_GIVEN: Final = Group(MEMORY, "the pointer as it was given, without offset")
POINTER_OFFSET_NEGATIVE: Final = _POINTER_GIVEN.rule(
    "pointer-offset-negative", EACCES, "negative offset {type} ptr R{regno} off={off} disallowed\n"
)
POINTER_MODIFIED: Final = _POINTER_GIVEN.rule(
    "pointer-modified", EACCES, "dereference of modified {type} ptr R{regno} off={off} disallowed\n"
)
POINTER_OFFSET_VARIABLE: Final = _POINTER_GIVEN.rule(
    "pointer-offset-variable", EACCES, "variable {type} access var_off={var_off} disallowed\n"
)

_POINTER_SPILLED_FILLED: Final = Group(MEMORY, "a pointer spilled and filled as 8 aligned bytes, in its own frame")
SPILLED_POINTER_IN_VARIABLE_WRITE: Final = _POINTER_SPILLED_FILLED.rule(
    "spilled-pointer-in-variable-write",
    EINVAL,
    "spilled ptr in range of var-offset stack write; insn {insn}, ptr off: {off}",
)
REGISTER_FILL_SIZE: Final = _POINTER_SPILLED_FILLED.rule(
    "register-fill-size", EACCES, "invalid size of register fill\n"
)
REGISTER_SPILL_SIZE: Final = _POINTER_SPILLED_FILLED.rule(
    "register-spill-size", EACCES, "invalid size of register spill\n"
)
SPILL_OF_STACK_POINTER_TO_CALLER: Final = _POINTER_SPILLED_FILLED.rule(
    "spill-of-stack-pointer-to-caller", EINVAL, "cannot spill pointers to stack into stack frame of the caller\n"
)

_STACK_BYTES: Final = Group(MEMORY, "stack bytes that were written before, on every path")
STACK_READ_UNINITIALIZED: Final = _STACK_BYTES.rule(
    "stack-read-uninitialized", EACCES, "invalid read from stack off {off}+{i} size {size}\n"
)
STACK_INDIRECT_READ_UNINITIALIZED: Final = _STACK_BYTES.rule(
    "stack-indirect-read-uninitialized", EACCES, "invalid{access} read from stack R{regno} {where}{i} size {size}\n"
)

_WITHIN_FRAME: Final = Group(MEMORY, "an offset that stays within the 512 bytes of the stack frame", Topic.STACK)
STACK_ACCESS_UNBOUNDED: Final = _WITHIN_FRAME.rule(
    "stack-access-unbounded", EACCES, "invalid unbounded variable-offset{access} stack R{regno}\n", topic=Topic.OFFSET
)
STACK_ACCESS_OUT_OF_RANGE: Final = _WITHIN_FRAME.rule(
    "stack-access-out-of-range",
    EACCES,
    "invalid{access} stack R{regno} off={off} size={size}\n",
    also=(EINVAL, EFAULT),
)
STACK_ACCESS_VARIABLE_OUT_OF_RANGE: Final = _WITHIN_FRAME.rule(
    "stack-access-variable-out-of-range",
    EACCES,
    "invalid variable-offset{access} stack R{regno} var_off={var_off} off={off} size={size}\n",
    also=(EINVAL, EFAULT),
)

_OFFSET_3: Final = Group(MEMORY, "an offset that is a multiple of the size")
MISALIGNED_PACKET_ACCESS: Final = _OFFSET_3.rule(
    "misaligned-packet-access", EACCES, "misaligned packet access off {align}+{var_off}+{reg_off}+{off} size {size}\n"
)
MISALIGNED_ACCESS: Final = _OFFSET_3.rule(
    "misaligned-access", EACCES, "misaligned {memory}access off {var_off}+{reg_off}+{off} size {size}\n"
)

_COMPARISON_POINTER_WITH: Final = Group(
    MEMORY, "a comparison of the pointer with the packet's end, for as many bytes as are accessed", Topic.PACKET
)
PACKET_ACCESS_OUT_OF_RANGE: Final = _COMPARISON_POINTER_WITH.rule(
    "packet-access-out-of-range",
    EACCES,
    "invalid access to packet, off={off} size={size}, R{regno}(id={id},off={off},r={range})\n"
    "R{regno} offset is outside of the packet\n",
)
PACKET_ACCESS_BEYOND_END: Final = _COMPARISON_POINTER_WITH.rule(
    "packet-access-beyond-end", EINVAL, "R{regno} offset is outside of the packet\n"
)

_LOAD_WITHOUT_SIGN: Final = Group(MEMORY, "a load without sign extension")
ARENA_SIGN_EXTENSION: Final = _LOAD_WITHOUT_SIGN.rule(
    "arena-sign-extension", EOPNOTSUPP, "sign extending loads from arena are not supported yet\n"
)
