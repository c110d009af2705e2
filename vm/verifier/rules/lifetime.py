"""Resource Lifetime Safety: references, dynamic pointers, iterators, objects."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EINVAL, ERANGE
from vm.verifier.rules.rule import LIFETIME, Group, Topic

_POINTER_GIVEN: Final = Group(LIFETIME, "the pointer as it was given: the call takes it without an offset")
RELEASE_POINTER_MOVED: Final = _POINTER_GIVEN.rule(
    "release-pointer-moved",
    EINVAL,
    "R{regno} must have zero offset when passed to release func or trusted arg to kfunc\n",
)

_POINTER: Final = Group(LIFETIME, "a pointer that was acquired on this path and not released yet")
DYNPTR_RELEASE_UNOWNED: Final = _POINTER.rule(
    "dynptr-release-unowned", EINVAL, "cannot release unowned const bpf_dynptr\n"
)
DYNPTR_ARGUMENT_UNACQUIRED: Final = _POINTER.rule(
    "dynptr-argument-unacquired", EINVAL, "arg {arg} is an unacquired reference\n"
)
RELEASE_OF_UNREFERENCED: Final = _POINTER.rule(
    "release-of-unreferenced", EINVAL, "R{regno} must be referenced when passed to release function\n"
)
HELPER_REFERENCE_NOT_ACQUIRED: Final = _POINTER.rule(
    "helper-reference-not-acquired", EINVAL, "func {func} reference has not been acquired before\n"
)
KFUNC_REFERENCE_NOT_ACQUIRED: Final = _POINTER.rule(
    "kfunc-reference-not-acquired", EINVAL, "kfunc {kfunc}#{func_id} reference has not been acquired before\n"
)
ALLOCATED_OBJECT_NOT_REFERENCED: Final = _POINTER.rule(
    "allocated-object-not-referenced", EINVAL, "allocated object must be referenced\n"
)
KFUNC_RELEASE_NOT_REFCOUNTED: Final = _POINTER.rule(
    "kfunc-release-not-refcounted", EINVAL, "release kernel function {kfunc} expects refcounted PTR_TO_BTF_ID\n"
)

_DYNPTR_STATE_CALL: Final = Group(
    LIFETIME, "a dynptr in the state the call expects: initialised before it is used, uninitialised before it is made"
)
DYNPTR_NOT_UNINITIALIZED: Final = _DYNPTR_STATE_CALL.rule(
    "dynptr-not-uninitialized", EINVAL, "Dynptr has to be an uninitialized dynptr\n"
)
DYNPTR_ARGUMENT_NOT_ON_STACK: Final = _DYNPTR_STATE_CALL.rule(
    "dynptr-argument-not-on-stack", EINVAL, "arg#{arg} expected pointer to stack or const struct bpf_dynptr\n"
)
DYNPTR_CONST_PASSED_TO_MUTATOR: Final = _DYNPTR_STATE_CALL.rule(
    "dynptr-const-passed-to-mutator", EINVAL, "cannot pass pointer to const bpf_dynptr, the helper mutates it\n"
)
DYNPTR_NOT_INITIALIZED: Final = _DYNPTR_STATE_CALL.rule(
    "dynptr-not-initialized", EINVAL, "Expected an initialized dynptr as arg #{arg}\n"
)
DYNPTR_TYPE: Final = _DYNPTR_STATE_CALL.rule("dynptr-type", EINVAL, "Expected a dynptr of type {kind} as arg #{arg}\n")

_OWNING_NON_OWNING: Final = Group(LIFETIME, "an owning or non-owning reference to an allocated object")
ARGUMENT_NOT_OWNING: Final = _OWNING_NON_OWNING.rule(
    "argument-not-owning", EINVAL, "arg#{arg} is neither owning or non-owning ref\n"
)
ARGUMENT_NOT_OBJECT: Final = _OWNING_NON_OWNING.rule(
    "argument-not-object", EINVAL, "arg#{arg} expected for bpf_obj_drop_impl()\n"
)
ARGUMENT_NOT_ALLOCATED_OBJECT: Final = _OWNING_NON_OWNING.rule(
    "argument-not-allocated-object", EINVAL, "arg#{arg} expected pointer to allocated object\n"
)
ARGUMENT_NOT_PERCPU_OBJECT: Final = _OWNING_NON_OWNING.rule(
    "argument-not-percpu-object", EINVAL, "arg#{arg} expected for bpf_percpu_obj_drop_impl()\n"
)
ARGUMENT_NOT_MAP_VALUE_OR_OBJECT: Final = _OWNING_NON_OWNING.rule(
    "argument-not-map-value-or-object", EINVAL, "arg#{arg} expected pointer to map value or allocated object\n"
)
RBTREE_REMOVE_OWNING_NODE: Final = _OWNING_NON_OWNING.rule(
    "rbtree-remove-owning-node", EINVAL, "rbtree_remove node input must be non-owning ref\n"
)

_POINTER_KERNEL_VOUCHES: Final = Group(
    LIFETIME, "a pointer the kernel vouches for: acquired, or trusted where it came from; not one read through memory"
)
ARGUMENT_NOT_TRUSTED: Final = _POINTER_KERNEL_VOUCHES.rule(
    "argument-not-trusted", EINVAL, "R{regno} must be referenced or trusted\n"
)

_POINTER_PROTECTED_BY: Final = Group(
    LIFETIME,
    "a pointer protected by RCU: read between bpf_rcu_read_lock() and bpf_rcu_read_unlock(), and checked for NULL",
)
ARGUMENT_NOT_RCU: Final = _POINTER_PROTECTED_BY.rule("argument-not-rcu", EINVAL, "R{regno} must be a rcu pointer\n")

_ITERATOR_STATE_CALL: Final = Group(
    LIFETIME, "an iterator in the state the call expects: made once, used, destroyed once"
)
ITERATOR_NOT_ON_STACK: Final = _ITERATOR_STATE_CALL.rule(
    "iterator-not-on-stack", EINVAL, "arg#{arg} expected pointer to an iterator on stack\n"
)
ITERATOR_TYPE: Final = _ITERATOR_STATE_CALL.rule("iterator-type", EINVAL, "expected valid iter pointer as arg #{arg}\n")
ITERATOR_NOT_UNINITIALIZED: Final = _ITERATOR_STATE_CALL.rule(
    "iterator-not-uninitialized", EINVAL, "expected uninitialized iter_{iterator} as arg #{arg}\n"
)
ITERATOR_NOT_INITIALIZED: Final = _ITERATOR_STATE_CALL.rule(
    "iterator-not-initialized", EINVAL, "expected an initialized iter_{iterator} as arg #{arg}\n"
)

_CALLER_S_FRAME: Final = Group(LIFETIME, "a caller's frame does not outlive its callee's pointers")
STACK_POINTER_RETURNED: Final = _CALLER_S_FRAME.rule(
    "stack-pointer-returned", EINVAL, "cannot return stack pointer to the caller\n"
)

_EVERYTHING_ACQUIRED_RELEASED: Final = Group(
    LIFETIME, "everything acquired has to be released on every path, once", Topic.HELD
)
LD_ABS_WITH_REFERENCES: Final = _EVERYTHING_ACQUIRED_RELEASED.rule(
    "ld-abs-with-references", EINVAL, "BPF_LD_[ABS|IND] cannot be mixed with socket references\n"
)
TAIL_CALL_LEAK: Final = _EVERYTHING_ACQUIRED_RELEASED.rule(
    "tail-call-leak", EINVAL, "tail_call would lead to reference leak\n"
)
REFERENCE_LEAK: Final = _EVERYTHING_ACQUIRED_RELEASED.rule(
    "reference-leak", EINVAL, "Unreleased reference id={id} alloc_insn={insn}\n"
)

_DYNPTR_RELEASED_FIRST: Final = Group(
    LIFETIME, "the dynptr released first (submitted or discarded): its slots may not be written over"
)
DYNPTR_OVERWRITTEN: Final = _DYNPTR_RELEASED_FIRST.rule(
    "dynptr-overwritten", EINVAL, "cannot overwrite referenced dynptr\n"
)
DYNPTR_SLOT_WRITE: Final = _DYNPTR_RELEASED_FIRST.rule(
    "dynptr-slot-write", EACCES, "potential write to dynptr at off={off} disallowed\n"
)

_BPF_KPTR_XCHG: Final = Group(
    LIFETIME, "bpf_kptr_xchg() to change a referenced kernel pointer: a store would lose the reference"
)
REFERENCED_KPTR_STORE: Final = _BPF_KPTR_XCHG.rule(
    "referenced-kptr-store", EACCES, "store to referenced kptr disallowed\n"
)

_DYNPTR_ITERATOR_CONSTANT: Final = Group(
    LIFETIME, "the dynptr or iterator at a constant, 8-byte aligned place on the stack, passed by its own address"
)
DYNPTR_PLACE: Final = _DYNPTR_ITERATOR_CONSTANT.rule("dynptr-place", EINVAL, "", also=(ERANGE,))
ITERATOR_PLACE: Final = _DYNPTR_ITERATOR_CONSTANT.rule("iterator-place", EINVAL, "", also=(ERANGE,))

_DYNPTR_TYPE: Final = Group(LIFETIME, "a dynptr of a type that the call can make")
DYNPTR_TYPE_UNSUPPORTED: Final = _DYNPTR_TYPE.rule("dynptr-type-unsupported", EINVAL, "")
