"""Policy: what a program may be attached to."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP
from vm.verifier.rules.rule import POLICY, Group, Topic

_HOOK: Final = Group(POLICY, "a hook that allows it", Topic.PROGRAM)
ATTACH_TARGET_MISSING: Final = _HOOK.rule("attach-target-missing", EINVAL, "Tracing programs must provide btf_id\n")
ATTACH_TARGET_WITHOUT_ADDRESS: Final = _HOOK.rule(
    "attach-target-without-address", ENOENT, "The address of function {func} cannot be found\n"
)
ATTACH_TARGET_NORETURN: Final = _HOOK.rule(
    "attach-target-noreturn", EINVAL, "Attaching fexit/fmod_ret to __noreturn functions is rejected.\n"
)
LSM_HOOK_DISABLED: Final = _HOOK.rule(
    "lsm-hook-disabled", EINVAL, "attach_btf_id {btf_id} points to disabled hook {func}\n"
)
RAW_TRACEPOINT_TYPE_NAME: Final = _HOOK.rule(
    "raw-tracepoint-type-name", EINVAL, "attach_btf_id {btf_id} points to wrong type name {name}\n"
)
ATTACH_TARGET_WIDE_RESULT: Final = _HOOK.rule(
    "attach-target-wide-result",
    EOPNOTSUPP,
    "Attach to function {func} with a >8 byte return value is not supported for this attach type\n",
)
ATTACH_TARGET_NOT_MODIFIABLE: Final = _HOOK.rule("attach-target-not-modifiable", EINVAL, "{func}() is not modifiable\n")
REPLACE_KERNEL_FUNCTION: Final = _HOOK.rule("replace-kernel-function", EINVAL, "Cannot replace kernel functions\n")
STRUCT_OPS_MEMBER_UNSUPPORTED: Final = _HOOK.rule(
    "struct-ops-member-unsupported",
    EINVAL,
    "attach to unsupported member {member} of struct {struct}\n",
    also=(ENOTSUPP,),
)
STRUCT_OPS_STRUCT: Final = _HOOK.rule(
    "struct-ops-struct", ENOTSUPP, "attach_btf_id {btf_id} is not a supported struct\n"
)
STRUCT_OPS_MEMBER_INDEX: Final = _HOOK.rule(
    "struct-ops-member-index", EINVAL, "attach to invalid member idx {index} of struct {struct}\n"
)
STRUCT_OPS_MEMBER_KIND: Final = _HOOK.rule(
    "struct-ops-member-kind", EINVAL, "attach to invalid member {member}(@idx {index}) of struct {struct}\n"
)

_GPL_COMPATIBLE_LICENCE: Final = Group(
    POLICY, 'a GPL-compatible license: char LICENSE[] SEC("license") = "GPL"', Topic.PROGRAM
)
LSM_LICENCE: Final = _GPL_COMPATIBLE_LICENCE.rule(
    "lsm-licence", EINVAL, "LSM programs must have a GPL compatible license\n"
)
STRUCT_OPS_LICENCE: Final = _GPL_COMPATIBLE_LICENCE.rule(
    "struct-ops-licence", EINVAL, "struct ops programs must have a GPL compatible license\n"
)

_KERNEL_FUNCTION_WHOSE: Final = Group(
    POLICY, "a kernel function whose arguments a program can be given: at most 12, of plain types", Topic.PROGRAM
)
FUNC_MODEL_TOO_MANY_ARGUMENTS: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "func-model-too-many-arguments", EINVAL, "The function {func} has {count} arguments. Too many.\n"
)
FUNC_MODEL_RETURN_TYPE: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "func-model-return-type", EINVAL, "The function {func} return type {kind} is unsupported.\n"
)
FUNC_MODEL_VARIABLE_ARGUMENTS: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "func-model-variable-arguments", EINVAL, "The function {func} with variable args is unsupported.\n"
)
FUNC_MODEL_ARGUMENT_TYPE: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "func-model-argument-type", EINVAL, "The function {func} arg{arg} type {kind} is unsupported.\n"
)
FUNC_MODEL_VOID_ARGUMENT: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "func-model-void-argument", EINVAL, "The function {func} has malformed void argument.\n"
)

_MAP_PROGRAM_TYPE: Final = Group(POLICY, "a map this program type may use", Topic.PROGRAM)
STRUCT_OPS_MAP: Final = _MAP_PROGRAM_TYPE.rule("struct-ops-map", EINVAL, "bpf_struct_ops map cannot be used in prog\n")

_ATTACH_TYPE: Final = Group(POLICY, "an attach type that tracing programs have")
TRACING_ATTACH_TYPE: Final = _ATTACH_TYPE.rule("tracing-attach-type", EINVAL, "", also=(ENOTSUPP,))

_FUNCTION: Final = Group(
    POLICY, "a function that may be traced: this one is on the list of functions that must not be", Topic.PROGRAM
)
ATTACH_TARGET_DENIED: Final = _FUNCTION.rule("attach-target-denied", EINVAL, "")

_ITERATOR: Final = Group(POLICY, "an iterator that the kernel has", Topic.PROGRAM)
ATTACH_ITERATOR_MISSING: Final = _ITERATOR.rule("attach-iterator-missing", EINVAL, "")

_STRUCT_KERNEL: Final = Group(POLICY, "a struct of the kernel that programs may implement", Topic.PROGRAM)
STRUCT_OPS_STRUCT_MISSING: Final = _STRUCT_KERNEL.rule("struct-ops-struct-missing", ENOTSUPP, "")
