"""Call Type Safety: the program's own functions: their types, arguments and results."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EINVAL, ENOENT, EOPNOTSUPP, ESRCH
from vm.verifier.rules.rule import AS_CAUSE, CALL, Group, Topic

_FUNCTION_TYPE: Final = Group(CALL, "a function of a type that the kernel can check on its own", Topic.PROGRAM)
CONTEXT_ARGUMENT_WITHOUT_NAME: Final = _FUNCTION_TYPE.rule(
    "context-argument-without-name", EINVAL, "arg#{arg} type doesn't have a name\n", topic=Topic.VALUE
)
CONTEXT_ARGUMENT_NOT_VOID: Final = _FUNCTION_TYPE.rule(
    "context-argument-not-void", EINVAL, "arg#{arg} should be void pointer\n", topic=Topic.VALUE
)
CONTEXT_ARGUMENT_STRUCT: Final = _FUNCTION_TYPE.rule(
    "context-argument-struct", EINVAL, "arg#{arg} should be `struct {wanted} *`\n", topic=Topic.VALUE
)
ARGUMENT_REFERENCE_ANONYMOUS: Final = _FUNCTION_TYPE.rule(
    "argument-reference-anonymous", EINVAL, "arg#{arg} reference type('{kind} (anon)') candidate matching error: -22\n"
)
ARGUMENT_TAGS_COMBINED: Final = _FUNCTION_TYPE.rule(
    "argument-tags-combined", EINVAL, "arg#{arg} has invalid combination of tags\n"
)
ARGUMENT_SIZE_UNKNOWN: Final = _FUNCTION_TYPE.rule(
    "argument-size-unknown",
    EINVAL,
    "arg#{arg} reference type('{kind} {name}') size cannot be determined: -22\n",
    topic=Topic.VALUE,
)
ARGUMENT_TAG_ON_VALUE: Final = _FUNCTION_TYPE.rule(
    "argument-tag-on-value", EINVAL, "arg#{arg} has pointer tag, but is not a pointer type\n"
)
GLOBAL_FUNCTION_RETURN_TYPE: Final = _FUNCTION_TYPE.rule(
    "global-function-return-type",
    EINVAL,
    "Global function {func}() doesn't return scalar. Only those are supported.\n",
    topic=Topic.VALUE,
)
ARGUMENT_TAG_IN_STATIC_FUNCTION: Final = _FUNCTION_TYPE.rule(
    "argument-tag-in-static-function", EOPNOTSUPP, "arg#{arg} type tag is not supported in static functions\n"
)
ARGUMENT_TAGS_UNSUPPORTED: Final = _FUNCTION_TYPE.rule(
    "argument-tags-unsupported", EOPNOTSUPP, "arg#{arg} has unsupported set of tags\n"
)
ARENA_TAG_COMBINED: Final = _FUNCTION_TYPE.rule(
    "arena-tag-combined", EINVAL, "arg#{arg} arena cannot be combined with any other tags\n", topic=Topic.VALUE
)
EXCEPTION_CALLBACK_ARGUMENTS: Final = _FUNCTION_TYPE.rule(
    "exception-callback-arguments", EINVAL, "exception cb only supports single integer argument\n"
)
ARGUMENT_REFERENCE_MISSING: Final = _FUNCTION_TYPE.rule(
    "argument-reference-missing", ENOENT, "arg#{arg} reference type('{kind} {name}') has no matches\n"
)
ARGUMENT_REFERENCE_AMBIGUOUS: Final = _FUNCTION_TYPE.rule(
    "argument-reference-ambiguous", ESRCH, "arg#{arg} reference type('{kind} {name}') is ambiguous\n"
)
GLOBAL_FUNCTION_ARGUMENT_TYPE: Final = _FUNCTION_TYPE.rule(
    "global-function-argument-type", EINVAL, "Arg#{arg} type {kind} in {func}() is not supported yet.\n"
)

_ARGUMENT_TYPE_FUNCTION: Final = Group(CALL, "an argument of the type the function takes")
ARGUMENT_NOT_CONTEXT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "argument-not-context", EINVAL, "arg#{arg} expects pointer to ctx\n"
)
ARGUMENT_NOT_ARENA: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "argument-not-arena", EINVAL, "R{regno} is not a pointer to arena or scalar.\n"
)

_POINTER: Final = Group(CALL, "a pointer that cannot be NULL: check it before the call")
ARGUMENT_MAY_BE_NULL: Final = _POINTER.rule("argument-may-be-null", EINVAL, "arg#{arg} is expected to be non-NULL\n")

_RETURN_VALUE_RANGE: Final = Group(CALL, "a return value in the range the caller takes", Topic.RESULT)
RETURN_VALUE_NOT_KNOWN: Final = _RETURN_VALUE_RANGE.rule(
    "return-value-not-known", EINVAL, "{where} the register R{regno} is not a known value ({type})\n"
)
SUBPROGRAM_RETURN_NOT_SCALAR: Final = _RETURN_VALUE_RANGE.rule(
    "subprogram-return-not-scalar",
    EINVAL,
    "At subprogram exit the register R{regno} is not a scalar value ({type})\n",
    topic=Topic.VALUE,
)
RETURN_VALUE_OUT_OF_RANGE: Final = _RETURN_VALUE_RANGE.rule(
    "return-value-out-of-range",
    EINVAL,
    "{where} the register {register} has{bounds} should have been in [{minval}, {maxval}]\n",
)
LSM_CGROUP_VOID_RETURN: Final = _RETURN_VALUE_RANGE.rule(
    "lsm-cgroup-void-return",
    EINVAL,
    "{where} the register {register} has{bounds} should have been in [{minval}, {maxval}]\n"
    "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n",
    sentence=0,
)

_STATIC_FUNCTION_PROGRAM: Final = Group(CALL, "a static function of this program as callback")
CALLBACK_WITHOUT_FUNC_INFO: Final = _STATIC_FUNCTION_PROGRAM.rule(
    "callback-without-func-info", EINVAL, "missing btf func_info\n"
)
CALLBACK_NOT_STATIC: Final = _STATIC_FUNCTION_PROGRAM.rule(
    "callback-not-static", EINVAL, "callback function not static\n"
)
CALLBACK_IS_MAIN: Final = _STATIC_FUNCTION_PROGRAM.rule(
    "callback-is-main", EINVAL, "callback function cannot be the main program\n"
)

_ARGUMENTS: Final = Group(
    CALL, "arguments that the function's own declaration allows: it is verified for these alone", Topic.PROGRAM
)
GLOBAL_FUNCTION_ARGUMENTS_INVALID: Final = _ARGUMENTS.rule(
    "global-function-arguments-invalid", AS_CAUSE, "Caller passes invalid args into func#{func} ('{name}')\n"
)
GLOBAL_FUNCTION_MEMORY: Final = _ARGUMENTS.rule("global-function-memory", EINVAL, "", topic=Topic.VALUE)
