"""Execution Context Safety: locks, RCU, preemption, sleeping, callbacks."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "bpf_spin_unlock() before any other call: nothing may be called while a lock is held",
        (
            "function calls are not allowed while holding a lock",
            "use static function instead",
            "global function calls are not allowed while holding a lock,\n{}",
        ),
    ),
    (
        "the lock that lies in the same allocation as the list or tree, held",
        ("bpf_spin_lock at off={} must be held for {}", "held lock and object are not in the same allocation"),
    ),
    (
        "one lock at a time, given back where it was taken: bpf_spin_unlock() of that very lock",
        (
            "bpf_spin_unlock without taking a lock",
            "bpf_spin_unlock of different lock",
            "Locking two bpf_spin_locks are not allowed",
            "bpf_spin_unlock is missing",
            "can't spin_{lock,unlock} in rbtree cb",
        ),
    ),
    (
        "every region that was entered has to be left first: bpf_spin_unlock(), bpf_rcu_read_unlock(), "
        "bpf_preempt_enable()",
        (
            "tail_call cannot be used inside {}-ed region",
            "bpf_throw cannot be used inside {}-ed region",
            "BPF_LD_[ABS|IND] cannot be used inside {}-ed region",
            "bpf_rcu_read_unlock is missing",
            "{} bpf_preempt_enable is missing",
            "{} bpf_preempt_enable(s) are missing",
        ),
    ),
    (
        "preemption enabled before a global function is called",
        ("global function calls are not allowed with preemption disabled,\n{}",),
    ),
    (
        "bpf_rcu_read_lock() and bpf_rcu_read_unlock() in pairs, not nested",
        (
            "unmatched rcu read unlock (kernel function {})",
            "nested rcu read lock (kernel function {})",
            "Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback",
        ),
    ),
    ("an RCU read section around it", ("expected an RCU CS when using {}",)),
    (
        "bpf_preempt_disable() before bpf_preempt_enable()",
        ("unmatched attempt to enable preemption (kernel function {})",),
    ),
    (
        "a sleepable program (section name with .s), outside of RCU, lock and preempt-disabled regions",
        (
            "helper call might sleep in a non-sleepable prog",
            "sleepable helper {} in {}",
            "kernel func {} is sleepable within rcu_read_lock region",
            "kernel func {} is sleepable within non-preemptible region",
            "program must be sleepable to call sleepable kfunc {}",
            "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs",
        ),
    ),
    (
        "a hook at which the kernel may sleep, or a program that does not",
        (
            "{} is not sleepable",
            "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable",
            "Syscall programs can only be sleepable",
        ),
    ),
    (
        "maps a sleepable program may use: arrays, hashes, ring buffers and local storage",
        ("Sleepable programs can only use array, hash, ringbuf and local storage maps",),
    ),
    (
        "code outside of a callback",
        (
            "cannot use BPF_LD_[ABS|IND] within callback",
            "cannot tail call within exception cb",
            "bpf_throw kfunc (insn {}) cannot be called from callback subprog {}",
            "insn {} cannot call exception cb directly",
            "rbtree_remove not allowed in rbtree cb",
        ),
    ),
    ("a hook that fires in a context where this helper works", ("cannot update sockmap in this context",)),
)
