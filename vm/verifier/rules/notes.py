"""Messages that the kernel logs in addition to a rejection's own, or before a rejection without a message."""

from __future__ import annotations

from typing import Final

from vm.verifier.rules.rule import Note

INVARIANTS_VIOLATION: Final = Note(
    "invariants-violation",
    "REG INVARIANTS VIOLATION ({where}): {found} u64=[{umin:#x}, {umax:#x}] s64=[{smin:#x}, "
    "{smax:#x}] u32=[{u32_min:#x}, {u32_max:#x}] s32=[{s32_min:#x}, {s32_max:#x}] "
    "var_off=({value:#x}, {mask:#x})\n",
)
HOOK_RETURN_TYPE: Final = Note("hook-return-type", "ret type {kind} not allowed for fmod_ret\n")
HOOK_WITHOUT_ARGUMENT: Final = Note("hook-without-argument", "func '{func}' doesn't have {arg}-th argument\n")
HOOK_ARGUMENT_OFFSET: Final = Note("hook-argument-offset", "func '{func}' offset {off} is not multiple of 8\n")
HOOK_ARGUMENT_KIND: Final = Note(
    "hook-argument-kind", "func '{func}' arg{arg} '{name}' has type {kind}. Only pointer access is allowed\n"
)
HOOK_ARGUMENT_SIZE: Final = Note("hook-argument-size", "func '{func}' size {size} must be 8\n")
HOOK_ARGUMENT_NOT_STRUCT: Final = Note(
    "hook-argument-not-struct", "func '{func}' arg{arg} type {kind} is not a struct\n"
)
STACK_OBJECT_VARIABLE_OFFSET: Final = Note("stack-object-variable-offset", "{object} has to be at a constant offset\n")
STACK_OBJECT_OFFSET: Final = Note("stack-object-offset", "cannot pass in {object} at an offset={off}\n")
STRUCT_NESTING: Final = Note("struct-nesting", "max struct nesting depth exceeded\n")
SOCKMAP_UPDATE_CONTEXT: Final = Note("sockmap-update-context", "cannot update sockmap in this context\n")
LOCK_OF_OTHER_ALLOCATION: Final = Note(
    "lock-of-other-allocation", "held lock and object are not in the same allocation\n"
)
