"""Call Type Safety: arguments and results of kernel functions (kfuncs)."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EINVAL
from vm.verifier.rules.rule import AS_CAUSE, CALL, Group

_ARGUMENT_TYPE_FUNCTION: Final = Group(CALL, "an argument of the type the function takes")
KFUNC_ARGUMENT_NOT_CONTEXT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-context", EINVAL, "arg#{arg} expected pointer to ctx, but got {type}\n"
)
KFUNC_ARGUMENT_NOT_STRUCT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-struct", EINVAL, "arg#{arg} is {have} expected {type} or socket\n"
)
KFUNC_ARGUMENT_STRUCT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-struct",
    EINVAL,
    "kernel function {kfunc} args#{arg} expected pointer to {wanted_kind} {wanted} but "
    "R{regno} has a pointer to {kind} {have}\n",
)
KFUNC_ARGUMENT_NOT_FUNCTION: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-function", EINVAL, "arg{arg} expected pointer to func\n"
)
KFUNC_ARGUMENT_NO_REFCOUNT: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-no-refcount", EINVAL, "arg#{arg} doesn't point to a type with bpf_refcount field\n"
)
KFUNC_ARGUMENT_NOT_CONST_STRING: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-const-string", EINVAL, "arg#{arg} doesn't point to a const string\n"
)
KFUNC_ARGUMENT_NOT_MAP_VALUE: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-map-value", EINVAL, "arg#{arg} doesn't point to a map value\n"
)
KFUNC_ARGUMENT_NOT_SCALARS: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-argument-not-scalars",
    EINVAL,
    "arg#{arg} pointer type {kind} {name} must point to {void}scalar, or struct with scalar\n",
)
ARGUMENT_NOT_MAP: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "argument-not-map", EINVAL, "pointer in R{regno} isn't map pointer\n"
)
KFUNC_MEMORY_LENGTH: Final = _ARGUMENT_TYPE_FUNCTION.rule(
    "kfunc-memory-length", AS_CAUSE, "arg#{arg} arg#{length} memory, len pair leads to invalid memory access\n"
)

_POINTER_SPECIAL_FIELD: Final = Group(CALL, "a pointer to the special field itself, at its constant offset")
WORKQUEUE_OFFSET: Final = _POINTER_SPECIAL_FIELD.rule(
    "workqueue-offset", EINVAL, "off {off} doesn't point to 'struct bpf_wq' that is at {at}\n"
)
WORKQUEUE_MAP_MISMATCH: Final = _POINTER_SPECIAL_FIELD.rule(
    "workqueue-map-mismatch",
    EINVAL,
    "workqueue pointer in R1 map_uid={work_uid} doesn't match map pointer in R2 map_uid={map_uid}\n",
)
GRAPH_OFFSET_NOT_CONSTANT: Final = _POINTER_SPECIAL_FIELD.rule(
    "graph-offset-not-constant",
    EINVAL,
    "R{regno} doesn't have constant offset. {field} has to be at the constant offset\n",
)
GRAPH_FIELD_NOT_FOUND: Final = _POINTER_SPECIAL_FIELD.rule(
    "graph-field-not-found", EINVAL, "{field} not found at offset={off}\n"
)
GRAPH_NODE_STRUCT: Final = _POINTER_SPECIAL_FIELD.rule(
    "graph-node-struct",
    EINVAL,
    "operation on {graph} expects arg#1 {field} at offset={wanted_off} in struct {wanted}, "
    "but arg is at offset={off} in struct {have}\n",
)
GRAPH_NODE_OFFSET: Final = _POINTER_SPECIAL_FIELD.rule(
    "graph-node-offset", EINVAL, "arg#1 offset={off}, but expected {field} at offset={wanted_off} in struct {wanted}\n"
)

_POINTER: Final = Group(CALL, "a pointer that cannot be NULL: check it before the call")
KFUNC_ARGUMENT_MAY_BE_NULL: Final = _POINTER.rule(
    "kfunc-argument-may-be-null", EACCES, "Possibly NULL pointer passed to trusted arg{arg}\n"
)

_KERNEL_FUNCTION_WHOSE: Final = Group(CALL, "a kernel function whose types a program can use")
KERNEL_CONTEXT_NOT_STRUCT: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "kernel-context-not-struct", EINVAL, "kern ctx type id {type_id} is not a struct\n"
)
KFUNC_POINTER_TYPE_UNSUPPORTED: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "kfunc-pointer-type-unsupported",
    EINVAL,
    "kernel function {kfunc} args#{arg} pointer type {kind} {name} is not supported\n",
)
TWO_BUFFER_SIZES: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "two-buffer-sizes", EINVAL, "2 or more rdonly/rdwr_buf_size parameters for kfunc"
)
KFUNC_ARGUMENT_UNRECOGNIZED: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "kfunc-argument-unrecognized", EINVAL, "Unrecognized arg#{arg} type {kind}\n"
)
KFUNC_RETURN_TYPE_UNSUPPORTED: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "kfunc-return-type-unsupported",
    EINVAL,
    "kernel function {kfunc} returns pointer type {kind} {name} is not supported\n",
)
ACQUIRE_WITHOUT_BTF_ID: Final = _KERNEL_FUNCTION_WHOSE.rule(
    "acquire-without-btf-id", EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID\n"
)

_VALUE: Final = Group(CALL, "a value that is one known constant here")
ARGUMENT_NOT_CONSTANT: Final = _VALUE.rule("argument-not-constant", EINVAL, "R{regno} must be a known constant\n")
BUFFER_SIZE_NOT_CONSTANT: Final = _VALUE.rule("buffer-size-not-constant", EINVAL, "R{regno} is not a const\n")
BUFFER_SIZE_TOO_LARGE: Final = _VALUE.rule(
    "buffer-size-too-large", EINVAL, "R{regno} rdonly/rdwr_buf_size exceeds u32 max\n"
)

_TYPE_ID_STRUCT: Final = Group(CALL, "the type id of a struct of the program's own BTF: bpf_obj_new(struct name)")
LOCAL_TYPE_ID_RANGE: Final = _TYPE_ID_STRUCT.rule(
    "local-type-id-range", EINVAL, "local type ID argument must be in range [0, U32_MAX]\n"
)
OBJECT_WITHOUT_BTF: Final = _TYPE_ID_STRUCT.rule(
    "object-without-btf", EINVAL, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF\n"
)
OBJECT_TYPE_NOT_STRUCT: Final = _TYPE_ID_STRUCT.rule(
    "object-type-not-struct", EINVAL, "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct\n"
)
PERCPU_OBJECT_NOT_SCALARS: Final = _TYPE_ID_STRUCT.rule(
    "percpu-object-not-scalars", EINVAL, "bpf_percpu_obj_new type ID argument must be of a struct of scalars\n"
)
PERCPU_OBJECT_SPECIAL_FIELDS: Final = _TYPE_ID_STRUCT.rule(
    "percpu-object-special-fields", EINVAL, "bpf_percpu_obj_new type ID argument must not contain special fields\n"
)

_KERNEL_TYPE_ID: Final = Group(CALL, "the type id of a struct of the kernel")
RDONLY_CAST_TYPE: Final = _KERNEL_TYPE_ID.rule(
    "rdonly-cast-type", EINVAL, "kfunc bpf_rdonly_cast type ID argument must be of a struct\n"
)
