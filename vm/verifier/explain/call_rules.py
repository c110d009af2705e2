"""Call Type Safety: arguments and results of helpers, kernel functions, callbacks and the program itself."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "arguments that the function's own declaration allows: it is verified for these alone",
        ("Caller passes invalid args into func#{} ('{}')",),
    ),
    (
        "an argument of the type the function takes",
        (
            "R{} type={} expected={}",
            "R{} is of type {} but {} is expected",
            "arg#{} is {}expected {} or socket",
            "arg#{} is {} expected {} or socket",
            "expected {} or socket",
            "kernel function {} args#{} expected pointer to {} {} but R{} has a pointer to {} {}",
            "arg#{} expected pointer to ctx, but got {}",
            "arg{} expected pointer to func",
            "arg#{} expects pointer to ctx",
            "R{} is not a pointer to arena or scalar.",
            "Helper has invalid btf_id in R{}",
            "Helper has invalid btf/btf_id in R1",
            "pointer in R{} isn't map pointer",
            "Unsupported reg type {} for bpf_dynptr_from_mem data",
            "arg#{} pointer type {} {} must point to {}scalar, or struct with scalar",
            "invalid kptr access, R{} type={}{}",
            "arg#{} arg#{} memory, len pair leads to invalid memory access",
            "arg#{} doesn't point to a const string",
            "arg#{} doesn't point to a map value",
            "arg#{} doesn't point to a type with bpf_refcount field",
        ),
    ),
    (
        "a pointer that cannot be NULL: check it before the call",
        (
            "Possibly NULL pointer passed to trusted arg{}",
            "Possibly NULL pointer passed to helper arg{}",
            "arg#{} is expected to be non-NULL",
        ),
    ),
    (
        "a value that is one known constant here",
        (
            "R{} must be a known constant",
            "R{} is not a known constant'",
            "R{} is not a const",
            "R{} rdonly/rdwr_buf_size exceeds u32 max",
            "R{} is not a constant address'",
        ),
    ),
    ("one map of programs in r2, the same on every path", ("tail_call abusing map_ptr",)),
    ("flags of 0 in r2", ("get_local_storage() doesn't support non-zero flags",)),
    (
        "a constant, zero-terminated string in read-only data, and arguments that fit its formats",
        (
            "R{} does not point to a readonly map'",
            "direct value access on string failed",
            "string is not zero-terminated",
            "Invalid format string",
        ),
    ),
    (
        "a pointer to the special field itself, at its constant offset",
        (
            "R{} doesn't have constant offset. {} has to be at the constant offset",
            "R{} has no valid kptr",
            "off={} doesn't point to kptr",
            "off={} kptr isn't referenced kptr",
            "{} has no valid bpf_spin_lock",
            "{} has no valid bpf_timer",
            "off {} doesn't point to 'struct bpf_{}' that is at {}",
            "{} not found at offset={}",
            "operation on {} expects arg#1 {} at offset={} in struct {}, but arg is at offset={} in struct {}",
            "arg#1 offset={}, but expected {} at offset={} in struct {}",
            "timer pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
            "workqueue pointer in R1 map_uid={} doesn't match map pointer in R2 map_uid={}",
        ),
    ),
    (
        "a map made with BTF, so that the kernel knows where its special fields are",
        ("map '{}' has to have BTF in order to use {}",),
    ),
    (
        "a return value in the range the caller takes",
        (
            "{} should have been in [{}, {}]",
            "{} the register R{} is not a known value ({})",
            "At subprogram exit the register R{} is not a scalar value ({})",
            "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
        ),
    ),
    (
        "a function of a type that the kernel can check on its own",
        (
            "arg#{} type doesn't have a name",
            "arg#{} should be void pointer",
            "arg#{} should be `struct {} *`",
            "arg#{} type tag is not supported in static functions",
            "arg#{} has unsupported set of tags",
            "arg#{} reference type('{} {}') {}",
            "arg#{} has invalid combination of tags",
            "arg#{} arena cannot be combined with any other tags",
            "arg#{} has pointer tag, but is not a pointer type",
            "Arg#{} type {} in {}() is not supported yet.",
            "Global function {}() doesn't return scalar. Only those are supported.",
            "exception cb only supports single integer argument",
        ),
    ),
    (
        "a kernel function whose types a program can use",
        (
            "kern ctx type id {} is not a struct",
            "kernel function {} args#{} pointer type {} {} is not supported",
            "Unrecognized arg#{} type {}",
            "2 or more rdonly/rdwr_buf_size parameters for kfunc",
            "kernel function {} returns pointer type {} {} is not supported",
            "acquire kernel function does not return PTR_TO_BTF_ID",
        ),
    ),
    (
        "the type id of a struct of the program's own BTF: bpf_obj_new(struct name)",
        (
            "local type ID argument must be in range [0, U32_MAX]",
            "bpf_obj_new/bpf_percpu_obj_new requires prog BTF",
            "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct",
            "bpf_percpu_obj_new type ID argument must be of a struct of scalars",
            "bpf_percpu_obj_new type ID argument must not contain special fields",
        ),
    ),
    ("the type id of a struct of the kernel", ("kfunc {} type ID argument must be of a struct",)),
    (
        "a static function of this program as callback",
        ("callback function not static", "callback function cannot be the main program", "missing btf func_info"),
    ),
    (
        "an argument the tracing hook has, and that is a pointer to a kernel type",
        (
            "func '{}' doesn't have {}-th argument",
            "func '{}' offset {} is not multiple of 8",
            "func '{}' arg{} '{}' has type {}. Only pointer access is allowed",
            "func '{}' size {} must be 8",
            "func '{}' arg{} type {} is not a struct",
        ),
    ),
)
