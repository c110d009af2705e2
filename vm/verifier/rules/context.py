"""Execution Context Safety: locks, RCU, preemption, sleeping, callbacks."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EACCES, EINVAL, EPROTO
from vm.verifier.rules.rule import CONTEXT, JOINED, Group, Topic

_SLEEPABLE_PROGRAM: Final = Group(
    CONTEXT, "a sleepable program (section name with .s), outside of RCU, lock and preempt-disabled regions"
)
HELPER_MIGHT_SLEEP: Final = _SLEEPABLE_PROGRAM.rule(
    "helper-might-sleep", EINVAL, "helper call might sleep in a non-sleepable prog\n", topic=Topic.HELPER
)
HELPER_SLEEPABLE_IN_REGION: Final = _SLEEPABLE_PROGRAM.rule(
    "helper-sleepable-in-region", EINVAL, "sleepable helper {func} in {where}\n", topic=Topic.PROGRAM
)
KFUNC_SLEEPABLE_IN_PROGRAM: Final = _SLEEPABLE_PROGRAM.rule(
    "kfunc-sleepable-in-program", EACCES, "program must be sleepable to call sleepable kfunc {kfunc}\n"
)
KFUNC_SLEEPABLE_IN_RCU: Final = _SLEEPABLE_PROGRAM.rule(
    "kfunc-sleepable-in-rcu", EACCES, "kernel func {kfunc} is sleepable within rcu_read_lock region\n"
)
KFUNC_SLEEPABLE_WITHOUT_PREEMPTION: Final = _SLEEPABLE_PROGRAM.rule(
    "kfunc-sleepable-without-preemption", EACCES, "kernel func {kfunc} is sleepable within non-preemptible region\n"
)
CSS_ITERATOR_CONTEXT: Final = _SLEEPABLE_PROGRAM.rule(
    "css-iterator-context", EINVAL, "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs\n"
)

_EVERY_REGION: Final = Group(
    CONTEXT,
    "every region that was entered has to be left first: bpf_spin_unlock(), "
    "bpf_rcu_read_unlock(), bpf_preempt_enable()",
)
TAIL_CALL_UNDER_LOCK: Final = _EVERY_REGION.rule(
    "tail-call-under-lock", EINVAL, "tail_call cannot be used inside bpf_spin_lock-ed region\n"
)
TAIL_CALL_IN_RCU: Final = _EVERY_REGION.rule(
    "tail-call-in-rcu", EINVAL, "tail_call cannot be used inside bpf_rcu_read_lock-ed region\n"
)
TAIL_CALL_WITHOUT_PREEMPTION: Final = _EVERY_REGION.rule(
    "tail-call-without-preemption", EINVAL, "tail_call cannot be used inside bpf_preempt_disable-ed region\n"
)
THROW_IN_REGION: Final = _EVERY_REGION.rule(
    "throw-in-region", EINVAL, "bpf_throw cannot be used inside {region}-ed region\n"
)
LD_ABS_UNDER_LOCK: Final = _EVERY_REGION.rule(
    "ld-abs-under-lock", EINVAL, "BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region\n"
)
LD_ABS_IN_RCU: Final = _EVERY_REGION.rule(
    "ld-abs-in-rcu", EINVAL, "BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region\n"
)
LD_ABS_WITHOUT_PREEMPTION: Final = _EVERY_REGION.rule(
    "ld-abs-without-preemption", EINVAL, "BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region\n"
)
RCU_STILL_OPEN: Final = _EVERY_REGION.rule(
    "rcu-still-open", EINVAL, "bpf_rcu_read_unlock is missing\n", topic=Topic.HELD
)
PREEMPTION_STILL_DISABLED: Final = _EVERY_REGION.rule(
    "preemption-still-disabled", EINVAL, "{count} bpf_preempt_enable{verb} missing\n", topic=Topic.HELD
)

_BPF_RCU_READ: Final = Group(CONTEXT, "bpf_rcu_read_lock() and bpf_rcu_read_unlock() in pairs, not nested")
RCU_NESTED: Final = _BPF_RCU_READ.rule("rcu-nested", EINVAL, "nested rcu read lock (kernel function {kfunc})\n")
RCU_UNLOCK_UNMATCHED: Final = _BPF_RCU_READ.rule(
    "rcu-unlock-unmatched", EINVAL, "unmatched rcu read unlock (kernel function {kfunc})\n"
)
RCU_IN_RBTREE_CALLBACK: Final = _BPF_RCU_READ.rule(
    "rcu-in-rbtree-callback", EACCES, "Calling bpf_rcu_read_{{lock,unlock}} in unnecessary rbtree callback\n"
)

_BPF_SPIN_UNLOCK: Final = Group(
    CONTEXT, "bpf_spin_unlock() before any other call: nothing may be called while a lock is held"
)
CALL_UNDER_LOCK: Final = _BPF_SPIN_UNLOCK.rule(
    "call-under-lock", EINVAL, "function calls are not allowed while holding a lock\n"
)
GLOBAL_CALL_UNDER_LOCK: Final = _BPF_SPIN_UNLOCK.rule(
    "global-call-under-lock",
    EINVAL,
    "global function calls are not allowed while holding a lock,\nuse static function instead\n",
    sentence=JOINED,
)

_BPF_PREEMPT_DISABLE: Final = Group(CONTEXT, "bpf_preempt_disable() before bpf_preempt_enable()")
PREEMPT_ENABLE_UNMATCHED: Final = _BPF_PREEMPT_DISABLE.rule(
    "preempt-enable-unmatched", EINVAL, "unmatched attempt to enable preemption (kernel function {kfunc})\n"
)

_LOCK: Final = Group(CONTEXT, "the lock that lies in the same allocation as the list or tree, held")
GRAPH_LOCK_NOT_HELD: Final = _LOCK.rule(
    "graph-lock-not-held", EINVAL, "bpf_spin_lock at off={off} must be held for {field}\n"
)

_CODE_OUTSIDE_CALLBACK: Final = Group(CONTEXT, "code outside of a callback")
RBTREE_REMOVE_IN_CALLBACK: Final = _CODE_OUTSIDE_CALLBACK.rule(
    "rbtree-remove-in-callback", EINVAL, "rbtree_remove not allowed in rbtree cb\n"
)
LD_ABS_IN_CALLBACK: Final = _CODE_OUTSIDE_CALLBACK.rule(
    "ld-abs-in-callback", EINVAL, "cannot use BPF_LD_[ABS|IND] within callback\n"
)
THROW_IN_CALLBACK: Final = _CODE_OUTSIDE_CALLBACK.rule(
    "throw-in-callback", EINVAL, "bpf_throw kfunc (insn {insn}) cannot be called from callback subprog {subprog}\n"
)
EXCEPTION_CALLBACK_CALLED: Final = _CODE_OUTSIDE_CALLBACK.rule(
    "exception-callback-called", EINVAL, "insn {insn} cannot call exception cb directly\n", topic=Topic.PROGRAM
)
TAIL_CALL_IN_EXCEPTION_CALLBACK: Final = _CODE_OUTSIDE_CALLBACK.rule(
    "tail-call-in-exception-callback", EINVAL, "cannot tail call within exception cb\n"
)

_RCU_READ_SECTION: Final = Group(CONTEXT, "an RCU read section around it")
ITERATOR_OUTSIDE_RCU: Final = _RCU_READ_SECTION.rule(
    "iterator-outside-rcu", EPROTO, "expected an RCU CS when using {kfunc}\n"
)

_ONE_LOCK_TIME: Final = Group(
    CONTEXT, "one lock at a time, given back where it was taken: bpf_spin_unlock() of that very lock"
)
UNLOCK_WITHOUT_LOCK: Final = _ONE_LOCK_TIME.rule(
    "unlock-without-lock", EINVAL, "bpf_spin_unlock without taking a lock\n"
)
UNLOCK_OF_OTHER_LOCK: Final = _ONE_LOCK_TIME.rule("unlock-of-other-lock", EINVAL, "bpf_spin_unlock of different lock\n")
SECOND_LOCK: Final = _ONE_LOCK_TIME.rule("second-lock", EINVAL, "Locking two bpf_spin_locks are not allowed\n")
LOCK_IN_RBTREE_CALLBACK: Final = _ONE_LOCK_TIME.rule(
    "lock-in-rbtree-callback", EACCES, "can't spin_{{lock,unlock}} in rbtree cb\n"
)
LOCK_STILL_HELD: Final = _ONE_LOCK_TIME.rule(
    "lock-still-held", EINVAL, "bpf_spin_unlock is missing\n", topic=Topic.HELD
)

_PREEMPTION_ENABLED_BEFORE: Final = Group(CONTEXT, "preemption enabled before a global function is called")
GLOBAL_CALL_WITHOUT_PREEMPTION: Final = _PREEMPTION_ENABLED_BEFORE.rule(
    "global-call-without-preemption",
    EINVAL,
    "global function calls are not allowed with preemption disabled,\nuse static function instead\n",
    sentence=JOINED,
)

_HOOK_WHICH_KERNEL: Final = Group(
    CONTEXT, "a hook at which the kernel may sleep, or a program that does not", Topic.PROGRAM
)
SLEEPABLE_PROGRAM_TYPE: Final = _HOOK_WHICH_KERNEL.rule(
    "sleepable-program-type",
    EINVAL,
    "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable\n",
)
SLEEPABLE_ATTACH_TARGET: Final = _HOOK_WHICH_KERNEL.rule("sleepable-attach-target", EINVAL, "{func} is not sleepable\n")
SYSCALL_NOT_SLEEPABLE: Final = _HOOK_WHICH_KERNEL.rule(
    "syscall-not-sleepable", EINVAL, "Syscall programs can only be sleepable\n"
)

_MAPS_SLEEPABLE_PROGRAM: Final = Group(
    CONTEXT, "maps a sleepable program may use: arrays, hashes, ring buffers and local storage", Topic.PROGRAM
)
SLEEPABLE_MAP_TYPE: Final = _MAPS_SLEEPABLE_PROGRAM.rule(
    "sleepable-map-type", EINVAL, "Sleepable programs can only use array, hash, ringbuf and local storage maps\n"
)
