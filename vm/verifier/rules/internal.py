"""Program Structure: errors of the verifier itself."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EFAULT, EINVAL
from vm.verifier.rules.rule import STRUCTURE, Group, Topic

_KERNEL_REPORTS_INCONSISTENCY: Final = Group(
    STRUCTURE, "the kernel reports an inconsistency of its own: nothing the program is known to do wrong", Topic.KERNEL
)
BACKTRACK_FUNCTION_ENTRY: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "backtrack-function-entry",
    EFAULT,
    "BUG backtracking func entry subprog {subprog} reg_mask {regs:x} stack_mask {slots:x}\n",
)
BACKTRACK_REGISTERS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("backtrack-registers", EFAULT, "BUG regs {regs:x}\n")
BACKTRACK_STACK_SLOTS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "backtrack-stack-slots", EFAULT, "BUG stack slots {slots:x}\n"
)
BACKTRACK_ENTER: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "backtrack-enter", EFAULT, "BUG subprog enter from frame {depth}\n"
)
BACKTRACK_EXIT: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("backtrack-exit", EFAULT, "BUG subprog exit from frame 0\n")
BACKTRACK_SLOT: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "backtrack-slot", EFAULT, "BUG backtracking (stack slot {slot}, total slots {count})\n"
)
BACKTRACK_INSTRUCTION: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "backtrack-instruction", EFAULT, "BUG backtracking idx {insn}\n"
)
UNSUPPORTED_ARGUMENT_TYPE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "unsupported-argument-type", EFAULT, "verifier internal error: unsupported arg type {arg_type}\n"
)
NO_COMPATIBLE_BTF_ID: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "no-compatible-btf-id", EFAULT, "verifier internal error: missing arg compatible BTF ID\n"
)
REGISTER_WITHOUT_BTF_ID: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "register-without-btf-id", EFAULT, "verifier internal error: invalid PTR_TO_BTF_ID register for type match\n"
)
ALLOCATED_ARGUMENT_UNHANDLED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "allocated-argument-unhandled", EFAULT, "verifier internal error: unimplemented handling of MEM_ALLOC\n"
)
TWO_RELEASE_ARGUMENTS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "two-release-arguments", EFAULT, "verifier internal error: more than one release argument\n"
)
SOCKMAP_ARGUMENT_TYPE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "sockmap-argument-type", EINVAL, "invalid arg_type for sockmap/sockhash\n"
)
TWO_REFERENCED_ARGUMENTS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "two-referenced-arguments",
    EFAULT,
    "verifier internal error: more than one arg with ref_obj_id R{regno} {first} {second}\n",
)
NO_DYNPTR_ARGUMENT: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "no-dynptr-argument", EFAULT, "verifier internal error: no dynptr arg found\n"
)
DYNPTR_REFERENCE_MISCONFIGURED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "dynptr-reference-misconfigured", EFAULT, "verifier internal error: misconfigured ref_obj_id\n"
)
FUNCTION_WITHOUT_BTF: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("function-without-btf", EFAULT, "Verifier bug\n")
FUNCTION_BTF_UNRELIABLE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "function-btf-unreliable", EFAULT, "Verifier bug in function {func}()\n"
)
REFERENCE_SET_TWICE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "reference-set-twice", EFAULT, "verifier internal error: meta.ref_obj_id already set\n"
)
REFCOUNT_RECORD_MISSING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "refcount-record-missing", EFAULT, "verifier internal error: Couldn't find btf_record\n"
)
TWO_CONSTANT_ARGUMENTS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "two-constant-arguments", EFAULT, "verifier internal error: only one constant argument permitted\n"
)
DYNPTR_CLONE_TYPE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "dynptr-clone-type", EFAULT, "verifier internal error: no dynptr type for parent of clone\n"
)
DYNPTR_CLONE_REFERENCE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "dynptr-clone-reference", EFAULT, "verifier internal error: missing ref obj id for parent of clone\n"
)
GRAPH_HEAD_OF_UNKNOWN_KFUNC: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "graph-head-of-unknown-kfunc", EFAULT, "verifier internal error: {field} head arg for unknown kfunc\n"
)
GRAPH_HEAD_REPEATED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "graph-head-repeated", EFAULT, "verifier internal error: repeating {field} arg\n"
)
GRAPH_NODE_OF_UNKNOWN_KFUNC: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "graph-node-of-unknown-kfunc", EFAULT, "verifier internal error: {field} node arg for unknown kfunc\n"
)
ITERATOR_PARENT_STATE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "iterator-parent-state", EFAULT, "bug: bad parent state for iter next call"
)
ITERATOR_STATE_UNEXPECTED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "iterator-state-unexpected", EFAULT, "verifier internal error: unexpected iterator state {state}\n"
)
DYNPTR_SLICE_SIZE_MISSING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "dynptr-slice-size-missing", EFAULT, "verifier internal error: bpf_dynptr_slice(_rdwr) no constant size\n"
)
DYNPTR_ID_MISSING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "dynptr-id-missing", EFAULT, "verifier internal error: no dynptr id\n"
)
KFUNC_RETURN_UNHANDLED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "kfunc-return-unhandled", EFAULT, "kernel function {kfunc} unhandled dynamic return type\n"
)
KERNEL_MISCONFIGURED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "kernel-misconfigured", EINVAL, "kernel subsystem misconfigured verifier\n"
)
HELPER_RETURN_TYPE_UNKNOWN: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "helper-return-type-unknown", EINVAL, "unknown return type {return_type} of func {func}\n"
)
HELPER_RETURN_TYPE_INVALID: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "helper-return-type-invalid", EINVAL, "invalid return type {return_type} of func {func}\n"
)
TIMER_RECORD_MISSING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "timer-record-missing", EFAULT, "verifier internal error\n"
)
TIMER_TWO_MAPS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "timer-two-maps", EFAULT, "verifier bug. Two map pointers in a timer helper\n"
)
CALL_TARGET_WITHOUT_FUNCTION: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "call-target-without-function", EFAULT, "verifier bug. No program starts at insn {target}\n"
)
CALLBACK_SITE_NOT_CALLING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "callback-site-not-calling", EFAULT, "BUG: in callback at {insn}, callsite {callsite} !calls_callback\n"
)
READ_MARK_CONTRADICTS: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("read-mark-contradicts", EFAULT, "verifier BUG\n")
NON_OWNING_WITHOUT_LOCK: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "non-owning-without-lock", EFAULT, "verifier internal error: ref_set_non_owning w/o active lock\n"
)
NON_OWNING_ALREADY_SET: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "non-owning-already-set", EFAULT, "verifier internal error: NON_OWN_REF already set\n"
)
OWNING_REFERENCE_ZERO: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "owning-reference-zero", EFAULT, "verifier internal error: ref_obj_id is zero for owning -> non-owning conversion\n"
)
OWNING_REFERENCE_MISSING: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "owning-reference-missing", EFAULT, "verifier internal error: ref state missing for ref_obj_id\n"
)
ALLOCATED_OBJECT_UNREFERENCED: Final = _KERNEL_REPORTS_INCONSISTENCY.rule(
    "allocated-object-unreferenced",
    EFAULT,
    "verifier internal error: ref_obj_id for allocated object must be non-zero\n",
)
PRECISION_OF_POINTER: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("precision-of-pointer", EFAULT, "")
BACKTRACK_CALL_TARGET: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("backtrack-call-target", EFAULT, "")
RBTREE_ROOT_TYPE: Final = _KERNEL_REPORTS_INCONSISTENCY.rule("rbtree-root-type", EFAULT, "")
