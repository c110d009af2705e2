"""Resource Lifetime Safety: references, dynamic pointers, iterators, objects."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "everything acquired has to be released on every path, once",
        (
            "Unreleased reference id={} alloc_insn={}",
            "tail_call would lead to reference leak",
            "BPF_LD_[ABS|IND] cannot be mixed with socket references",
        ),
    ),
    (
        "a pointer that was acquired on this path and not released yet",
        (
            "func {} reference has not been acquired before",
            "kfunc {}#{} reference has not been acquired before",
            "arg {} is an unacquired reference",
            "R{} must be referenced when passed to release function",
            "release kernel function {} expects refcounted PTR_TO_BTF_ID",
            "cannot release unowned const bpf_dynptr",
            "allocated object must be referenced",
        ),
    ),
    (
        "a pointer the kernel vouches for: acquired, or trusted where it came from; not one read through memory",
        ("R{} must be referenced or trusted",),
    ),
    (
        "a pointer protected by RCU: read between bpf_rcu_read_lock() and bpf_rcu_read_unlock(), and checked for NULL",
        ("R{} must be a rcu pointer",),
    ),
    (
        "the pointer as it was given: the call takes it without an offset",
        ("R{} must have zero offset when passed to release func or trusted arg to kfunc",),
    ),
    (
        "an owning or non-owning reference to an allocated object",
        (
            "arg#{} is neither owning or non-owning ref",
            "rbtree_remove node input must be non-owning ref",
            "arg#{} expected pointer to allocated object",
            "arg#{} expected for bpf_obj_drop_impl()",
            "arg#{} expected for bpf_percpu_obj_drop_impl()",
            "arg#{} expected pointer to map value or allocated object",
        ),
    ),
    (
        "a dynptr in the state the call expects: initialised before it is used, uninitialised before it is made",
        (
            "Expected an initialized dynptr as arg #{}",
            "Dynptr has to be an uninitialized dynptr",
            "Expected a dynptr of type {} as arg #{}",
            "arg#{} expected pointer to stack or const struct bpf_dynptr",
            "cannot pass pointer to const bpf_dynptr, the helper mutates it",
        ),
    ),
    (
        "the dynptr released first (submitted or discarded): its slots may not be written over",
        ("cannot overwrite referenced dynptr", "potential write to dynptr at off={} disallowed"),
    ),
    (
        "the dynptr or iterator at a constant, 8-byte aligned place on the stack, passed by its own address",
        ("{} has to be at a constant offset", "cannot pass in {} at an offset={}"),
    ),
    (
        "an iterator in the state the call expects: made once, used, destroyed once",
        (
            "expected an initialized iter_{} as arg #{}",
            "expected uninitialized iter_{} as arg #{}",
            "arg#{} expected pointer to an iterator on stack",
            "expected valid iter pointer as arg #{}",
        ),
    ),
    (
        "bpf_kptr_xchg() to change a referenced kernel pointer: a store would lose the reference",
        ("store to referenced kptr disallowed",),
    ),
    ("a caller's frame does not outlive its callee's pointers", ("cannot return stack pointer to the caller",)),
)
