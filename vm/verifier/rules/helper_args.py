"""Call Type Safety: arguments of helpers."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EFAULT, EINVAL
from vm.verifier.rules.rule import CALL, Group, Topic

_ARGUMENT_TYPE_FUNCTION: Final = Group(CALL, "an argument of the type the function takes")
ARGUMENT_TYPE: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "argument-type", EACCES, "R{regno} type={type} expected={expected}\n"
)
ARGUMENT_STRUCT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "argument-struct", EACCES, "R{regno} is of type {have} but {wanted} is expected\n"
)
PERCPU_ARGUMENT_BTF_ID: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "percpu-argument-btf-id", EACCES, "Helper has invalid btf_id in R{regno}\n"
)
KPTR_ARGUMENT_BTF_ID: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kptr-argument-btf-id", EFAULT, "Helper has invalid btf/btf_id in R1\n"
)
DYNPTR_DATA_TYPE: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "dynptr-data-type", EACCES, "Unsupported reg type {type} for bpf_dynptr_from_mem data\n"
)
KPTR_TYPE: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kptr-type", EACCES, "invalid kptr access, R{regno} type={type} expected={expected}\n"
)
KPTR_TYPE_OR_UNTRUSTED: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kptr-type-or-untrusted", EACCES, "invalid kptr access, R{regno} type={type} expected={expected} or {untrusted}\n"
)

_POINTER: Final = Group(CALL, "a pointer that cannot be NULL: check it before the call")
HELPER_ARGUMENT_MAY_BE_NULL: Final = _POINTER.rule(
    "helper-argument-may-be-null", EACCES, "Possibly NULL pointer passed to helper arg{regno}\n"
)

_POINTER_SPECIAL_FIELD: Final = Group(CALL, "a pointer to the special field itself, at its constant offset")
TIMER_MAP_MISMATCH: Final = _POINTER_SPECIAL_FIELD.rule(
    "timer-map-mismatch",
    EINVAL,
    "timer pointer in R1 map_uid={timer_uid} doesn't match map pointer in R2 map_uid={map_uid}\n",
)
KPTR_OFFSET_NOT_CONSTANT: Final = _POINTER_SPECIAL_FIELD.rule(
    "kptr-offset-not-constant", EINVAL, "R{regno} doesn't have constant offset. kptr has to be at the constant offset\n"
)
MAP_WITHOUT_KPTR: Final = _POINTER_SPECIAL_FIELD.rule("map-without-kptr", EINVAL, "R{regno} has no valid kptr\n")
KPTR_NOT_AT_OFFSET: Final = _POINTER_SPECIAL_FIELD.rule(
    "kptr-not-at-offset", EACCES, "off={off} doesn't point to kptr\n"
)
KPTR_NOT_REFERENCED: Final = _POINTER_SPECIAL_FIELD.rule(
    "kptr-not-referenced", EACCES, "off={off} kptr isn't referenced kptr\n"
)
LOCK_OFFSET_NOT_CONSTANT: Final = _POINTER_SPECIAL_FIELD.rule(
    "lock-offset-not-constant",
    EINVAL,
    "R{regno} doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n",
)
NO_LOCK_IN_MEMORY: Final = _POINTER_SPECIAL_FIELD.rule(
    "no-lock-in-memory", EINVAL, "{memory} has no valid bpf_spin_lock\n"
)
LOCK_NOT_AT_OFFSET: Final = _POINTER_SPECIAL_FIELD.rule(
    "lock-not-at-offset", EINVAL, "off {off} doesn't point to 'struct bpf_spin_lock' that is at {at}\n"
)
TIMER_OFFSET_NOT_CONSTANT: Final = _POINTER_SPECIAL_FIELD.rule(
    "timer-offset-not-constant",
    EINVAL,
    "R{regno} doesn't have constant offset. bpf_timer has to be at the constant offset\n",
)
MAP_WITHOUT_TIMER: Final = _POINTER_SPECIAL_FIELD.rule(
    "map-without-timer", EINVAL, "map '{map}' has no valid bpf_timer\n"
)
TIMER_NOT_AT_OFFSET: Final = _POINTER_SPECIAL_FIELD.rule(
    "timer-not-at-offset", EINVAL, "off {off} doesn't point to 'struct bpf_timer' that is at {at}\n"
)

_VALUE: Final = Group(CALL, "a value that is one known constant here")
ALLOCATION_SIZE_NOT_CONSTANT: Final = _VALUE.rule(
    "allocation-size-not-constant", EACCES, "R{regno} is not a known constant'\n"
)
STRING_ADDRESS_NOT_CONSTANT: Final = _VALUE.rule(
    "string-address-not-constant", EACCES, "R{regno} is not a constant address'\n"
)

_FLAGS_0_R2: Final = Group(CALL, "flags of 0 in r2")
LOCAL_STORAGE_FLAGS: Final = _FLAGS_0_R2.rule(
    "local-storage-flags", EINVAL, "get_local_storage() doesn't support non-zero flags\n"
)

_CONSTANT: Final = Group(
    CALL, "a constant, zero-terminated string in read-only data, and arguments that fit its formats"
)
FORMAT_STRING: Final = _CONSTANT.rule("format-string", EINVAL, "Invalid format string\n")
STRING_NOT_READ_ONLY: Final = _CONSTANT.rule(
    "string-not-read-only", EACCES, "R{regno} does not point to a readonly map'\n"
)
STRING_NOT_DIRECT: Final = _CONSTANT.rule("string-not-direct", EINVAL, "direct value access on string failed\n")
STRING_NOT_TERMINATED: Final = _CONSTANT.rule("string-not-terminated", EINVAL, "string is not zero-terminated\n")
STRING_NOT_MAP_VALUE: Final = _CONSTANT.rule("string-not-map-value", EINVAL, "")

_MAP_MADE_WITH: Final = Group(CALL, "a map made with BTF, so that the kernel knows where its special fields are")
KPTR_MAP_WITHOUT_BTF: Final = _MAP_MADE_WITH.rule(
    "kptr-map-without-btf", EINVAL, "map '{map}' has to have BTF in order to use bpf_kptr_xchg\n"
)
TIMER_MAP_WITHOUT_BTF: Final = _MAP_MADE_WITH.rule(
    "timer-map-without-btf", EINVAL, "map '{map}' has to have BTF in order to use bpf_timer\n"
)
LOCK_MAP_WITHOUT_BTF: Final = _MAP_MADE_WITH.rule(
    "lock-map-without-btf", EINVAL, "map '{map}' has to have BTF in order to use bpf_spin_lock\n"
)

_ONE_MAP_PROGRAMS: Final = Group(CALL, "one map of programs in r2, the same on every path")
TAIL_CALL_MAP_UNKNOWN: Final = _ONE_MAP_PROGRAMS.rule("tail-call-map-unknown", EINVAL, "tail_call abusing map_ptr\n")

_FUNCTION_TYPE: Final = Group(CALL, "a function of a type that the kernel can check on its own", Topic.PROGRAM)
STATIC_FUNCTION_TYPES: Final = _FUNCTION_TYPE.rule("static-function-types", EINVAL, "")

_LENGTH_DATA: Final = Group(CALL, "a length of the data that is a multiple of 8: an array of u64")
FORMAT_DATA_LENGTH: Final = _LENGTH_DATA.rule("format-data-length", EINVAL, "")
