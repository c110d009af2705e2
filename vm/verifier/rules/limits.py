"""Limits: the program may be safe, but exceeds a limit of the verifier."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import E2BIG, EACCES, EINVAL, ENOMEM
from vm.verifier.rules.rule import LIMITS, Group, Topic

_MOST_8: Final = Group(LIMITS, "at most 8,192 branches waiting at once", Topic.LIMIT)
ASYNC_JUMP_SEQUENCE_TOO_LONG: Final = _MOST_8.rule(
    "async-jump-sequence-too-long", E2BIG, "The sequence of {count} jumps is too complex for async cb.\n"
)
JUMP_SEQUENCE_TOO_LONG: Final = _MOST_8.rule(
    "jump-sequence-too-long", E2BIG, "The sequence of {count} jumps is too complex.\n"
)

_MOST_8_FRAMES: Final = Group(LIMITS, "at most 8 frames", Topic.LIMIT)
CALL_STACK_TOO_DEEP: Final = _MOST_8_FRAMES.rule(
    "call-stack-too-deep", E2BIG, "the call stack of {depth} frames is too deep\n"
)
STATIC_CALL_STACK_TOO_DEEP: Final = _MOST_8_FRAMES.rule(
    "static-call-stack-too-deep", E2BIG, "the call stack of {depth} frames is too deep !\n"
)

_MOST_FIVE_ARGUMENTS: Final = Group(LIMITS, "at most five arguments", Topic.PROGRAM)
GLOBAL_FUNCTION_ARGUMENTS: Final = _MOST_FIVE_ARGUMENTS.rule(
    "global-function-arguments", EINVAL, "Global function {func}() with {count} > {most} args. Buggy compiler.\n"
)
KFUNC_ARGUMENTS: Final = _MOST_FIVE_ARGUMENTS.rule(
    "kfunc-arguments", EINVAL, "Function {kfunc} has {count} > 5 args\n", topic=Topic.LIMIT
)

_OBJECTS_MOST_512: Final = Group(LIMITS, "objects of at most 512 bytes", Topic.LIMIT)
PERCPU_OBJECT_SIZE: Final = _OBJECTS_MOST_512.rule(
    "percpu-object-size", EINVAL, "bpf_percpu_obj_new type size ({size}) is greater than {most}\n"
)

_WALK_MOST_1: Final = Group(
    LIMITS,
    "a walk of at most 1,000,000 instructions: fewer rounds of loops, fewer branches, or "
    "less that differs where paths meet",
    Topic.LIMIT,
)
PROGRAM_TOO_LARGE: Final = _WALK_MOST_1.rule(
    "program-too-large", E2BIG, "BPF program is too large. Processed {processed} insn\n"
)

_MOST_256_DIFFERENT: Final = Group(LIMITS, "at most 256 different kernel functions", Topic.PROGRAM)
TOO_MANY_KFUNCS: Final = _MOST_256_DIFFERENT.rule(
    "too-many-kfuncs", E2BIG, "too many different kernel function calls\n"
)

_MOST_64_MAPS: Final = Group(LIMITS, "at most 64 maps", Topic.PROGRAM)
TOO_MANY_MAPS: Final = _MOST_64_MAPS.rule(
    "too-many-maps", E2BIG, "The total number of maps per program has reached the limit of {most}\n"
)

_MOST_256_BYTES: Final = Group(LIMITS, "at most 256 bytes of stack in the frames before a tail call", Topic.LIMIT)
TAIL_CALL_STACK_DEPTH: Final = _MOST_256_BYTES.rule(
    "tail-call-stack-depth",
    EACCES,
    "tail_calls are not allowed when call stack of previous frames is {depth} bytes. Too large\n",
)

_MOST_512_BYTES: Final = Group(
    LIMITS, "at most 512 bytes of stack over all frames that are active at once", Topic.LIMIT
)
COMBINED_STACK_SIZE: Final = _MOST_512_BYTES.rule(
    "combined-stack-size", EACCES, "combined stack size of {count} calls is {depth}. Too large\n"
)

_MOST_256_FUNCTIONS: Final = Group(LIMITS, "at most 256 functions", Topic.PROGRAM)
TOO_MANY_FUNCTIONS: Final = _MOST_256_FUNCTIONS.rule("too-many-functions", E2BIG, "too many subprograms\n")

_SHORTER_DISTANCE: Final = Group(
    LIMITS,
    "a shorter distance: jumps reach 32,767 instructions, also once the kernel has rewritten what lies between",
    Topic.LIMIT,
)
PATCH_OUT_OF_RANGE: Final = _SHORTER_DISTANCE.rule(
    "patch-out-of-range", ENOMEM, "insn {insn} cannot be patched due to 16-bit range\n"
)

_SHORTER_PATH_INSTRUCTIONS: Final = Group(
    LIMITS, "a shorter path of instructions that lead one to the next", Topic.LIMIT
)
WALK_DEPTH: Final = _SHORTER_PATH_INSTRUCTIONS.rule("walk-depth", E2BIG, "")
