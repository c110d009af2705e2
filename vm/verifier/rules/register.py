"""Register Type Safety: operations that the type of a register does not allow."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EFAULT, EINVAL
from vm.verifier.rules.rule import REGISTER, Group, Topic

_NUMBER_REGISTER: Final = Group(REGISTER, "a number in the register")
REGISTER_NOT_SCALAR: Final = _NUMBER_REGISTER.rule("register-not-scalar", EINVAL, "R{regno} is not a scalar\n")
CALLBACK_RESULT_NOT_SCALAR: Final = _NUMBER_REGISTER.rule(
    "callback-result-not-scalar", EACCES, "R0 not a scalar value\n"
)

_ONLY_NUMBER_ADDED: Final = Group(REGISTER, "only a number added to or subtracted from a pointer keeps it a pointer")
POINTER_ARITHMETIC: Final = _ONLY_NUMBER_ADDED.rule(
    "pointer-arithmetic", EACCES, "R{regno} pointer arithmetic prohibited\n"
)
POINTER_PAIR_ARITHMETIC: Final = _ONLY_NUMBER_ADDED.rule(
    "pointer-pair-arithmetic", EACCES, "R{regno} pointer {operator} pointer prohibited\n"
)
POINTER_SUBTRACTED_FROM_SCALAR: Final = _ONLY_NUMBER_ADDED.rule(
    "pointer-subtracted-from-scalar", EACCES, "R{regno} tried to subtract pointer from scalar\n"
)
STACK_POINTER_SUBTRACTION: Final = _ONLY_NUMBER_ADDED.rule(
    "stack-pointer-subtraction", EACCES, "R{regno} subtraction from stack pointer prohibited\n"
)
POINTER_BITWISE: Final = _ONLY_NUMBER_ADDED.rule(
    "pointer-bitwise", EACCES, "R{regno} bitwise operator {operator} on pointer prohibited\n"
)
POINTER_OPERATOR: Final = _ONLY_NUMBER_ADDED.rule(
    "pointer-operator", EACCES, "R{regno} pointer arithmetic with {operator} operator prohibited\n"
)

_POINTER_COPIED_WHOLE: Final = Group(REGISTER, "a pointer copied whole, with a 64-bit move")
POINTER_SIGN_EXTENSION: Final = _POINTER_COPIED_WHOLE.rule(
    "pointer-sign-extension", EACCES, "R{regno} sign-extension part of pointer\n"
)
POINTER_PARTIAL_COPY: Final = _POINTER_COPIED_WHOLE.rule(
    "pointer-partial-copy", EACCES, "R{regno} partial copy of pointer\n"
)

_PACKET_S_SKB: Final = Group(REGISTER, "the packet's skb in r6")
LD_ABS_WITHOUT_SKB: Final = _PACKET_S_SKB.rule(
    "ld-abs-without-skb", EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb\n"
)

_POINTER_WHOSE_TYPE: Final = Group(REGISTER, "a pointer whose type allows arithmetic: this one has to stay as it is")
POINTER_ARITHMETIC_ON_TYPE: Final = _POINTER_WHOSE_TYPE.rule(
    "pointer-arithmetic-on-type", EACCES, "R{regno} pointer arithmetic on {type} prohibited\n"
)

_NULL_CHECK_COME: Final = Group(REGISTER, "the NULL check has to come before the arithmetic")
POINTER_ARITHMETIC_BEFORE_NULL_CHECK: Final = _NULL_CHECK_COME.rule(
    "pointer-arithmetic-before-null-check",
    EACCES,
    "R{regno} pointer arithmetic on {type} prohibited, null-check it first\n",
)

_POINTERS_HAVE_64: Final = Group(REGISTER, "pointers have 64 bits: 64-bit addition or subtraction")
POINTER_ARITHMETIC_32_BIT: Final = _POINTERS_HAVE_64.rule(
    "pointer-arithmetic-32-bit", EACCES, "R{regno} 32-bit pointer arithmetic prohibited\n"
)

_REGISTER_NUMBER_FROM: Final = Group(REGISTER, "a register number from 0 to 10")
REGISTER_NUMBER: Final = _REGISTER_NUMBER_FROM.rule("register-number", EINVAL, "R{regno} is invalid\n")

_R10_POINTS_STACK: Final = Group(
    REGISTER, "r10 points to the stack frame and may only be read: compute in another register"
)
FRAME_POINTER_WRITE: Final = _R10_POINTS_STACK.rule("frame-pointer-write", EACCES, "frame pointer is read only\n")

_REGISTER_WRITTEN_EVERY: Final = Group(REGISTER, "the register has to be written on every path before it is read")
REGISTER_UNINITIALIZED: Final = _REGISTER_WRITTEN_EVERY.rule("register-uninitialized", EACCES, "R{regno} !read_ok\n")

_POINTER_MEMORY_PROGRAM: Final = Group(
    REGISTER, "a pointer to memory the program may access: not a number, and not NULL", Topic.POINTER
)
INVALID_MEMORY_ACCESS: Final = _POINTER_MEMORY_PROGRAM.rule(
    "invalid-memory-access", EACCES, "R{regno} invalid mem access '{type}'\n"
)

_ONE_KIND_POINTER: Final = Group(
    REGISTER, "one kind of pointer at this instruction on every path: the kernel rewrites the access for that one kind"
)
INSTRUCTION_WITH_DIFFERENT_POINTERS: Final = _ONE_KIND_POINTER.rule(
    "instruction-with-different-pointers", EINVAL, "same insn cannot be used with different pointers\n"
)

_BOUNDS: Final = Group(REGISTER, "bounds that do not contradict each other")
REGISTER_INVARIANTS: Final = _BOUNDS.rule("register-invariants", EFAULT, "")
