"""The kind of cause that a rule stands for, where the facts at the instruction say nothing more particular."""

from __future__ import annotations

from functools import cache
from typing import Final

from vm.trace.root_cause import CauseKind
from vm.verifier.rules.rule import CALL, CONTEXT, LIFETIME, LIMITS, MEMORY, POLICY, REGISTER, STRUCTURE, Rule, Topic

_BY_CATEGORY: Final[dict[str, CauseKind]] = {
    REGISTER: CauseKind.NONE,
    MEMORY: CauseKind.NONE,
    LIFETIME: CauseKind.WRONG_ARGUMENT,
    CALL: CauseKind.WRONG_ARGUMENT,
    CONTEXT: CauseKind.FORBIDDEN_HERE,
    STRUCTURE: CauseKind.MALFORMED,
    POLICY: CauseKind.WRONG_PROGRAM_TYPE,
    LIMITS: CauseKind.LIMIT_EXCEEDED,
}

_BY_TOPIC: Final[dict[Topic, CauseKind]] = {
    Topic.KERNEL: CauseKind.NONE,
    Topic.POINTER: CauseKind.NONE,
    Topic.OFFSET: CauseKind.NONE,
    Topic.SIZE: CauseKind.NONE,
    Topic.PACKET: CauseKind.NONE,
    Topic.STACK: CauseKind.WRONG_SIZE,
    Topic.CONTEXT_FIELD: CauseKind.WRONG_CONTEXT_FIELD,
    Topic.RESULT: CauseKind.WRONG_RESULT,
    Topic.HELPER: CauseKind.WRONG_PROGRAM_TYPE,
    Topic.KFUNC: CauseKind.WRONG_PROGRAM_TYPE,
    Topic.HELD: CauseKind.NOT_RELEASED,
}

_BY_NAME: Final[dict[CauseKind, tuple[str, ...]]] = {
    CauseKind.NONE: ("register-invariants", "function-address-removed", "verifier-misconfigured"),
    CauseKind.NOT_A_POINTER: ("register-not-scalar", "callback-result-not-scalar"),
    CauseKind.POINTER_ARITHMETIC: (
        "pointer-arithmetic", "pointer-pair-arithmetic", "pointer-subtracted-from-scalar", "stack-pointer-subtraction",
        "pointer-bitwise", "pointer-operator", "pointer-sign-extension", "pointer-partial-copy",
        "pointer-arithmetic-on-type", "pointer-arithmetic-before-null-check", "pointer-arithmetic-32-bit",
        "frame-pointer-write", "pointer-offset-too-large", "pointer-offset-negative", "pointer-modified",
        "pointer-offset-variable", "release-pointer-moved",
    ),
    CauseKind.MALFORMED: (
        "register-number", "instruction-with-different-pointers", "map-key-without-map", "map-value-without-map",
        "map-type-without-map", "walk-not-a-struct", "struct-without-field", "field-without-size",
        "two-buffer-sizes", "static-function-types", "callback-without-func-info",
        "arena-sign-extension", "atomic-on-memory-type", "kptr-access-mode", "kptr-access-class",
    ),
    CauseKind.WRONG_CONTEXT_FIELD: ("helper-context-empty",),
    CauseKind.UNINITIALISED: (
        "register-uninitialized", "stack-read-uninitialized", "stack-indirect-read-uninitialized",
        "dynptr-not-initialized", "iterator-not-initialized", "unprivileged-uninitialized-stack-write",
    ),
    CauseKind.READ_ONLY: (
        "helper-writes-read-only-memory", "write-to-read-only", "write-to-map-key", "packet-read-only",
        "packet-write-not-allowed", "struct-read-only", "struct-write-unsupported", "struct-write-not-a-field",
        "tcp-sock-write-not-a-field", "map-struct-read-only", "struct-write-by-module", "map-access-forbidden",
        "map-write-forbidden", "kptr-store-not-zero", "special-field-direct-access", "kptr-helper-access",
        "object-field-direct-access", "dynptr-slot-write", "dynptr-const-passed-to-mutator",
    ),
    CauseKind.WRONG_SIZE: (
        "buffer-offset", "direct-value-offset-too-large", "direct-value-pointer", "zero-sized-read",
        "tcp-sock-write-beyond-member", "struct-offset-negative", "map-struct-offset-negative",
        "struct-pointer-member-width", "struct-access-beyond-member", "struct-access-beyond-end", "socket-access",
        "flow-keys-access", "kptr-access-size", "register-fill-size", "register-spill-size", "direct-read-many-entries",
        "format-data-length", "kfunc-memory-length", "percpu-object-size", "buffer-size-too-large",
    ),
    CauseKind.MISSING_CHECK: (
        "helper-argument-may-be-null", "kfunc-argument-may-be-null", "argument-may-be-null", "buffer-offset-variable",
        "struct-offset-variable", "kptr-access-variable-offset", "unprivileged-stack-variable-offset",
        "unprivileged-variable-stack-argument", "unprivileged-variable-stack-access", "argument-not-constant",
    ),
    CauseKind.MISALIGNED: ("misaligned-packet-access", "misaligned-access", "kptr-access-misaligned"),
    CauseKind.POINTER_LEAKED: (
        "pointer-leak-to-helper", "pointer-leak-by-atomic", "pointer-leak-by-exchange", "pointer-leak-by-return",
        "pointer-leak-to-memory", "pointer-leak-from-stack", "spilled-pointer-corrupted", "pointer-comparison",
        "spilled-pointer-in-variable-write", "spill-of-stack-pointer-to-caller", "stack-pointer-returned",
        "subprogram-return-not-scalar",
    ),
    CauseKind.NOT_ACQUIRED: (
        "dynptr-release-unowned", "dynptr-argument-unacquired", "release-of-unreferenced",
        "helper-reference-not-acquired", "kfunc-reference-not-acquired", "allocated-object-not-referenced",
        "kfunc-release-not-refcounted", "argument-not-owning", "rbtree-remove-owning-node", "argument-not-trusted",
        "argument-not-rcu", "graph-lock-not-held", "iterator-outside-rcu", "unlock-without-lock",
        "rcu-unlock-unmatched",
        "preempt-enable-unmatched", "unlock-of-other-lock",
    ),
    CauseKind.NOT_RELEASED: (
        "dynptr-overwritten", "dynptr-not-uninitialized", "iterator-not-uninitialized", "referenced-kptr-store",
        "second-lock", "rcu-nested", "ld-abs-with-references", "tail-call-leak",
    ),
    CauseKind.WRONG_MAP: (
        "timer-map-mismatch", "map-without-kptr", "map-without-timer", "no-lock-in-memory", "kptr-map-without-btf",
        "timer-map-without-btf", "lock-map-without-btf", "tail-call-map-unknown", "workqueue-map-mismatch",
        "callback-for-map-type", "map-type-not-for-helper", "map-without-direct-values", "map-struct-unsupported",
        "cgroup-storage-twice", "arena-twice", "struct-ops-map", "sleepable-map-type", "map-owner",
        "prog-array-program-missing", "prog-array-program-kind", "prog-array-slot", "map-fd", "string-not-read-only",
        "tracing-special-field", "socket-filter-lock",
    ),
    CauseKind.WRONG_LICENCE: (
        "helper-gpl-only", "kfunc-licence", "lsm-licence", "struct-ops-licence", "kernel-struct-access-licence",
    ),
    CauseKind.WRONG_PERMISSION: (
        "kfunc-destructive", "speculation-different-paths", "speculation-beyond-bounds", "speculation-pointer-type",
        "unprivileged-stack-arithmetic", "speculation-mixed-signs", "unprivileged-map-value-arithmetic",
        "arena-privilege", "function-calls-privilege", "kernel-struct-access-privilege", "load-struct-ops-btf",
        "load-map-btf", "load-map-privilege", "load-program-privilege",
    ),
    CauseKind.FORBIDDEN_HERE: ("helper-might-sleep", "helper-sleepable-in-region"),
    CauseKind.UNKNOWN_NAME: (
        "helper-unknown", "kfunc-not-a-function", "kfunc-without-address", "ksym-btf-id", "ksym-without-address",
        "core-relocation-unresolved", "kfunc-unresolved", "attach-target-missing", "attach-target-without-address",
        "attach-iterator-missing", "struct-ops-struct-missing", "exception-callback-missing", "lsm-hook-disabled",
    ),
    CauseKind.UNBOUNDED_LOOP: ("infinite-loop", "back-edge"),
}  # fmt: skip


@cache
def _named() -> dict[str, CauseKind]:
    return {name: kind for kind, names in _BY_NAME.items() for name in names}


def kind_of(rule: Rule) -> CauseKind:
    """The kind that holds for every rejection by the rule; NONE where it depends on the facts."""
    found = _named().get(rule.name)
    if found is None:
        found = _BY_TOPIC.get(rule.topic)
    return found if found is not None else _BY_CATEGORY[rule.category]


def named_rules() -> frozenset[str]:
    """The rules that have a kind of their own here."""
    return frozenset(_named())
