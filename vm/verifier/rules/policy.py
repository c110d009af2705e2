"""Policy: capabilities, program types and licences."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EBUSY, EINVAL, ENOTSUPP, EPERM
from vm.verifier.rules.rule import POLICY, Group, Topic

_PROGRAM_TYPE: Final = Group(POLICY, "a program type that may write packets")
HELPER_PACKET_ACCESS: Final = _PROGRAM_TYPE.rule(
    "helper-packet-access", EACCES, "helper access to the packet is not allowed\n"
)
PACKET_WRITE_NOT_ALLOWED: Final = _PROGRAM_TYPE.rule(
    "packet-write-not-allowed", EINVAL, "the prog does not allow writes to packet data\n"
)
PACKET_READ_ONLY: Final = _PROGRAM_TYPE.rule("packet-read-only", EACCES, "cannot write into packet\n")

_NO_KERNEL_ADDRESS: Final = Group(POLICY, "no kernel address where user space can read it, without CAP_PERFMON")
POINTER_LEAK_TO_HELPER: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-to-helper", EACCES, "R{regno} leaks addr into helper function\n"
)
POINTER_LEAK_BY_ATOMIC: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-by-atomic", EACCES, "R{regno} leaks addr into mem\n"
)
POINTER_LEAK_BY_EXCHANGE: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-by-exchange", EACCES, "R0 leaks addr into mem\n"
)
POINTER_LEAK_BY_RETURN: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-by-return", EACCES, "R{regno} leaks addr as return value\n"
)
POINTER_COMPARISON: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-comparison", EACCES, "R{regno} pointer comparison prohibited\n"
)
POINTER_LEAK_TO_MEMORY: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-to-memory", EACCES, "R{regno} leaks addr into {memory}\n"
)
SPILLED_POINTER_CORRUPTED: Final = _NO_KERNEL_ADDRESS.rule(
    "spilled-pointer-corrupted", EACCES, "attempt to corrupt spilled pointer on stack\n"
)
POINTER_LEAK_FROM_STACK: Final = _NO_KERNEL_ADDRESS.rule(
    "pointer-leak-from-stack", EACCES, "leaking pointer from stack off {off}\n"
)

_MAP_TYPE: Final = Group(POLICY, "a map of a type that the helper works on")
CALLBACK_FOR_MAP_TYPE: Final = _MAP_TYPE.rule(
    "callback-for-map-type", ENOTSUPP, "callback function not allowed for map\n"
)
MAP_TYPE_NOT_FOR_HELPER: Final = _MAP_TYPE.rule(
    "map-type-not-for-helper", EINVAL, "cannot pass map_type {map_type} into func {func}\n"
)
MAP_WITHOUT_DIRECT_VALUES: Final = _MAP_TYPE.rule(
    "map-without-direct-values", EINVAL, "no direct value access support for this map type\n", also=(EACCES,)
)
MAP_STRUCT_UNSUPPORTED: Final = _MAP_TYPE.rule(
    "map-struct-unsupported", ENOTSUPP, "map_ptr access not supported for map type {map_type}\n"
)

_HELPER_PROGRAM_TYPE: Final = Group(POLICY, "a helper this program type may call", Topic.HELPER)
HELPER_UNKNOWN: Final = _HELPER_PROGRAM_TYPE.rule("helper-unknown", EINVAL, "invalid func {func}\n")
HELPER_NOT_FOR_PROGRAM_TYPE: Final = _HELPER_PROGRAM_TYPE.rule(
    "helper-not-for-program-type", EINVAL, "program of this type cannot use helper {func}\n"
)
HELPER_NOT_ALLOWED_IN_PROBE: Final = _HELPER_PROGRAM_TYPE.rule(
    "helper-not-allowed-in-probe", EINVAL, "helper call is not allowed in probe\n"
)
HELPER_ONLY_FOR_TRAMPOLINES: Final = _HELPER_PROGRAM_TYPE.rule(
    "helper-only-for-trampolines", ENOTSUPP, "func {func} supported only for fentry/fexit/fmod_ret programs\n"
)
HELPER_NOT_FOR_ATTACH_TYPE: Final = _HELPER_PROGRAM_TYPE.rule(
    "helper-not-for-attach-type", ENOTSUPP, "func {func} not supported for program type {prog_type}\n"
)

_GPL_COMPATIBLE_LICENCE: Final = Group(
    POLICY, 'a GPL-compatible license: char LICENSE[] SEC("license") = "GPL"', Topic.HELPER
)
HELPER_GPL_ONLY: Final = _GPL_COMPATIBLE_LICENCE.rule(
    "helper-gpl-only", EINVAL, "cannot call GPL-restricted function from non-GPL compatible program\n"
)
KERNEL_STRUCT_ACCESS_LICENCE: Final = _GPL_COMPATIBLE_LICENCE.rule(
    "kernel-struct-access-licence",
    EINVAL,
    "Cannot access kernel 'struct {struct}' from non-GPL compatible program\n",
    topic=Topic.PROGRAM,
)
KFUNC_LICENCE: Final = _GPL_COMPATIBLE_LICENCE.rule(
    "kfunc-licence", EINVAL, "cannot call kernel function from non-GPL compatible program\n", topic=Topic.KFUNC
)

_KERNEL_FUNCTION_PROGRAM: Final = Group(POLICY, "a kernel function this program type may call", Topic.KFUNC)
KFUNC_NOT_ALLOWED: Final = _KERNEL_FUNCTION_PROGRAM.rule(
    "kfunc-not-allowed", EACCES, "calling kernel function {func} is not allowed\n"
)
KFUNC_DEVICE_BOUND: Final = _KERNEL_FUNCTION_PROGRAM.rule(
    "kfunc-device-bound", EINVAL, "metadata kfuncs require device-bound program\n"
)

_CAP_BPF_CAP: Final = Group(POLICY, "CAP_BPF and CAP_PERFMON: without them a program may do less")
KFUNC_DESTRUCTIVE: Final = _CAP_BPF_CAP.rule(
    "kfunc-destructive", EACCES, "destructive kfunc calls require CAP_SYS_BOOT capability\n"
)
SPECULATION_DIFFERENT_PATHS: Final = _CAP_BPF_CAP.rule(
    "speculation-different-paths",
    EACCES,
    "R{regno} tried to {operation} from different maps, paths or scalars, pointer arithmetic "
    "with it prohibited for !root\n",
)
SPECULATION_BEYOND_BOUNDS: Final = _CAP_BPF_CAP.rule(
    "speculation-beyond-bounds",
    EACCES,
    "R{regno} tried to {operation} beyond pointer bounds, pointer arithmetic with it prohibited for !root\n",
)
SPECULATION_POINTER_TYPE: Final = _CAP_BPF_CAP.rule(
    "speculation-pointer-type",
    EACCES,
    "R{regno} has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root\n",
)
UNPRIVILEGED_STACK_VARIABLE_OFFSET: Final = _CAP_BPF_CAP.rule(
    "unprivileged-stack-variable-offset",
    EACCES,
    "R{regno} variable stack access prohibited for !root, var_off={var_off} off={off}\n",
)
UNPRIVILEGED_STACK_ARITHMETIC: Final = _CAP_BPF_CAP.rule(
    "unprivileged-stack-arithmetic",
    EACCES,
    "R{regno} stack pointer arithmetic goes out of range, prohibited for !root; off={off}\n",
)
SPECULATION_MIXED_SIGNS: Final = _CAP_BPF_CAP.rule(
    "speculation-mixed-signs",
    EACCES,
    "R{regno} has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root\n",
)
UNPRIVILEGED_MAP_VALUE_ARITHMETIC: Final = _CAP_BPF_CAP.rule(
    "unprivileged-map-value-arithmetic",
    EACCES,
    "R{regno} pointer arithmetic of map value goes out of range, prohibited for !root\n",
)
KERNEL_STRUCT_ACCESS_PRIVILEGE: Final = _CAP_BPF_CAP.rule(
    "kernel-struct-access-privilege",
    EPERM,
    "'struct {struct}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n",
    topic=Topic.PROGRAM,
)
UNPRIVILEGED_UNINITIALIZED_STACK_WRITE: Final = _CAP_BPF_CAP.rule(
    "unprivileged-uninitialized-stack-write",
    EINVAL,
    "uninit stack in range of var-offset write prohibited for !root; insn {insn}, off: {off}",
)
UNPRIVILEGED_VARIABLE_STACK_ARGUMENT: Final = _CAP_BPF_CAP.rule(
    "unprivileged-variable-stack-argument",
    EACCES,
    "variable offset stack pointer cannot be passed into helper function; var_off={var_off} off={off} size={size}\n",
)
UNPRIVILEGED_VARIABLE_STACK_ACCESS: Final = _CAP_BPF_CAP.rule(
    "unprivileged-variable-stack-access",
    EACCES,
    "R{regno}{access} variable offset stack access prohibited for !root, var_off={var_off}\n",
)
ARENA_PRIVILEGE: Final = _CAP_BPF_CAP.rule(
    "arena-privilege", EPERM, "CAP_BPF and CAP_PERFMON are required to use arena\n"
)
FUNCTION_CALLS_PRIVILEGE: Final = _CAP_BPF_CAP.rule(
    "function-calls-privilege",
    EPERM,
    "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN\n",
)

_MAP_PROGRAM_WRITE: Final = Group(POLICY, "a map the program may write")
MAP_WRITE_FORBIDDEN: Final = _MAP_PROGRAM_WRITE.rule("map-write-forbidden", EACCES, "write into map forbidden\n")

_INSTRUCTION_PROGRAM_TYPE: Final = Group(POLICY, "an instruction this program type may use")
LD_ABS_PROGRAM_TYPE: Final = _INSTRUCTION_PROGRAM_TYPE.rule(
    "ld-abs-program-type", EINVAL, "BPF_LD_[ABS|IND] instructions not allowed for this program type\n"
)

_MAP_PROGRAM_TYPE: Final = Group(POLICY, "a map this program type may use")
SOCKET_FILTER_LOCK: Final = _MAP_PROGRAM_TYPE.rule(
    "socket-filter-lock", EINVAL, "socket filter progs cannot use bpf_spin_lock yet\n"
)
TRACING_SPECIAL_FIELD: Final = _MAP_PROGRAM_TYPE.rule(
    "tracing-special-field", EINVAL, "tracing progs cannot use {field} yet\n"
)
CGROUP_STORAGE_TWICE: Final = _MAP_PROGRAM_TYPE.rule(
    "cgroup-storage-twice", EBUSY, "only one cgroup storage of each type is allowed\n"
)
ARENA_TWICE: Final = _MAP_PROGRAM_TYPE.rule("arena-twice", EBUSY, "Only one arena per program\n")
