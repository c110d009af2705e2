"""Other kernels' words for the reasons that the rules of vm.verifier.rules stand for, and what they say beside one.

The rules have the words of 6.12. Here are those of other versions, from 4.4 to 7.3. A template is one as Rule.message.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vm.verifier.rules.rule import CALL, CONTEXT, LIFETIME, LIMITS, MEMORY, POLICY, REGISTER, STRUCTURE


class Wording(NamedTuple):
    """rules -- names of rules, none where 6.12 has no such reason; then `category` is that of the reason
    first, last -- kernels that have it, as far as they were read; "" for no bound
    part -- a message's last line: people quote it alone, kernels print it behind another one
    """

    template: str
    rules: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    category: str = ""
    part: bool = False


_MIN: Final = "memory-access-out-of-range-min"
_MAX: Final = "memory-access-out-of-range-max"
_ARRAY: Final = "invalid access to map value, value_size={memory_size} off={off} size={size}\n"
_PACKET: Final = "invalid access to packet, off={off} size={size}, R{regno}(id={id},off={off},r={range})\n"

WORDINGS: Final = (
    # ---- memory
    Wording(_ARRAY + "R{regno} min value is outside of the array range\n", (_MIN,), "4.9", "5.4"),
    Wording(_ARRAY + "R{regno} max value is outside of the array range\n", (_MAX,), "4.9", "5.4"),
    Wording("R{regno} min value is outside of the array range\n", (_MIN,), "4.9", "5.4", part=True),
    Wording("R{regno} max value is outside of the array range\n", (_MAX,), "4.9", "5.4", part=True),
    Wording("R{regno} min value is outside of the allowed memory range\n", (_MIN,), "5.8", part=True),
    Wording("R{regno} max value is outside of the allowed memory range\n", (_MAX,), "5.8", part=True),
    Wording(
        _PACKET + "R{regno} min value is outside of the allowed memory range\n", ("packet-access-out-of-range",), "7.2"
    ),
    Wording(
        _PACKET + "R{regno} max value is outside of the allowed memory range\n", ("packet-access-out-of-range",), "7.2"
    ),
    Wording(
        "R{regno} unbounded memory access, make sure to bounds check any array access into a map\n",
        ("offset-unbounded",),
        "4.9",
        "5.11",
    ),
    Wording("R{regno} unbounded size, use 'var &= const' or 'if (var < const)'\n", ("size-unbounded",), "5.8", "5.16"),
    Wording(
        "invalid stack type R{regno} off={off} access_size={size}\n", ("stack-access-out-of-range",), "4.4", "5.11"
    ),
    Wording("invalid stack off={off} size={size}\n", ("stack-access-out-of-range",), "4.4", "5.11"),
    Wording(
        "R{regno} stack pointer arithmetic goes out of range, prohibited for !root; off={off}\n",
        ("unprivileged-stack-arithmetic",),
        "4.20",
    ),
    Wording(
        "invalid indirect read from stack off {off}+{i} size {size}\n",
        ("stack-indirect-read-uninitialized",),
        "4.4",
        "5.11",
    ),
    Wording(
        "invalid indirect read from stack var_off {var_off}+{i} size {size}\n",
        ("stack-indirect-read-uninitialized",),
        "5.2",
        "5.11",
    ),
    Wording("invalid read from stack var_off {var_off}+{i} size {size}\n", ("stack-read-uninitialized",), "5.12"),
    Wording(
        "invalid variable-offset{access} stack R{regno} var_off={var_off} size={size}\n",
        ("stack-access-variable-out-of-range",),
        "5.10",
        "6.6",
    ),
    Wording("variable stack access var_off={var_off} off={off} size={size}\n", (), "4.14", "5.11", MEMORY),
    Wording("variable stack access var_off={var_off} off={off} size={size}", (), "4.14", "5.11", MEMORY),
    Wording("invalid variable stack read R{regno} var_off={var_off}\n", (), "4.14", "5.1", MEMORY),
    Wording("R{regno} unbounded indirect variable offset stack access\n", ("stack-access-unbounded",), "5.2", "5.11"),
    Wording("R{regno} min value is outside of stack bound\n", ("stack-access-variable-out-of-range",), "5.2", "5.11"),
    Wording("R{regno} max value is outside of stack bound\n", ("stack-access-variable-out-of-range",), "5.2", "5.11"),
    Wording(
        "R{regno} indirect variable offset stack access prohibited for !root, var_off={var_off}\n",
        ("unprivileged-variable-stack-access",),
        "5.2",
        "5.11",
    ),
    Wording("corrupted spill memory\n", ("register-fill-size",), "4.4", "5.15"),
    Wording("misaligned access off {off} size {size}\n", ("misaligned-access",), "4.4", "4.10"),
    Wording("misaligned access size {size} off {off}\n", ("misaligned-access",), "4.4", "4.10"),
    Wording(
        "misaligned packet access off {align}+{reg_off}+{off} size {size}\n",
        ("misaligned-packet-access",),
        "4.8",
        "4.13",
    ),
    Wording("misaligned packet access off {align}+{var_off}+{off} size {size}\n", ("misaligned-packet-access",), "7.2"),
    Wording("misaligned {memory}access off {var_off}+{off} size {size}\n", ("misaligned-access",), "7.2"),
    Wording("Unknown alignment. Only byte-sized access allowed in packet access.\n", (), "4.8", "4.13", MEMORY),
    Wording("Unknown alignment. Only byte-sized access allowed in value access.\n", (), "4.8", "4.13", MEMORY),
    Wording(
        "dereference of modified ctx ptr R{regno} off={off}+{reg_off}, ctx+const is allowed, ctx+const+const is not\n",
        ("pointer-modified",),
        "4.18",
        "5.4",
    ),
    Wording("dereference of modified ctx ptr R{regno} off={off} disallowed\n", ("pointer-modified",), "5.4"),
    Wording("invalid bpf_context access off={off}. Reference may already be released\n", ("context-access",), "6.15"),
    Wording(
        "invalid bpf_context access off={off} size={size}. Reference may already be released\n",
        ("context-access",),
        "6.15",
    ),
    Wording("BPF_XADD stores into R{regno} {type} is not allowed\n", ("atomic-on-memory-type",), "4.14", "5.11"),
    Wording("BPF_ST stores into R{regno} {type} is not allowed\n", ("atomic-on-memory-type",), "4.14", "6.2"),
    Wording("BPF_ATOMIC loads from R{regno} {type} is not allowed\n", ("atomic-on-memory-type",), "6.15"),
    Wording("Writes through BTF pointers are not allowed\n", ("struct-read-only",), "5.5", "5.16"),
    Wording("{type} value {value} makes {other} be out of bounds\n", ("pointer-value-out-of-bounds",), "4.14"),
    Wording("R{regno} bitwise operator {operator} on pointer prohibited\n", ("pointer-bitwise",), "4.14"),
    Wording("R{regno} 32-bit pointer arithmetic prohibited\n", ("pointer-arithmetic-32-bit",), "4.14"),
    Wording("the sum of R{regno} umin_value {value} and off {off} is too big\n", (), "6.18", "", MEMORY),
    Wording("the sum of R{regno} umax_value {value} and off {off} is too big\n", (), "6.18", "", MEMORY),
    Wording(
        "R{regno} is a pointer to in-kernel struct with non-zero offset\n", ("release-pointer-moved",), "5.5", "5.14"
    ),
    Wording(
        "invalid variable-offset{access} stack R{regno} var_off={var_off} off={off} size={size}\n",
        ("stack-access-variable-out-of-range",),
        "6.7",
    ),
    Wording(
        "reading from stack R{regno} off {off}+{i} size {size}, slot poisoned by dead code elimination\n",
        (),
        "7.1",
        "",
        MEMORY,
    ),
    Wording("store to uptr disallowed\n", (), "6.13", "", MEMORY),
    # ---- results
    Wording(
        "{where} the register {register} has value {value} should have been {allowed}\n",
        ("return-value-out-of-range",),
        "4.10",
        "6.7",
    ),
    Wording(
        "{where} the register {register} has unknown scalar value should have been in {allowed}\n",
        ("return-value-out-of-range",),
        "4.10",
        "6.7",
    ),
    Wording(
        "{where} the register {register} has unknown scalar value should have been {allowed}\n",
        ("return-value-out-of-range",),
        "4.10",
        "6.7",
    ),
    Wording(
        "In callback function the register R0 has value {value} should have been in {allowed}\n",
        ("return-value-out-of-range",),
        "5.13",
        "6.7",
    ),
    Wording(
        "In async callback the register R0 has value {value} should have been in {allowed}\n",
        ("return-value-out-of-range",),
        "5.15",
        "6.7",
    ),
    Wording("At program exit the register R0 is not a known value ({type})\n", ("return-value-not-known",), "4.10"),
    Wording(
        "In async callback the register R0 is not a known value ({type})\n", ("return-value-not-known",), "5.15", "6.7"
    ),
    # ---- calls
    Wording("unknown func {func}\n", ("helper-not-for-program-type",), "4.4", "6.11"),
    Wording("cannot pass map_type {map_type} into func {func}\n", ("map-type-not-for-helper",)),
    Wording("Caller passes invalid args into func#{func}\n", ("global-function-arguments-invalid",), "5.6", "6.4"),
    Wording("Possibly NULL pointer passed to helper {arg}\n", ("helper-argument-may-be-null",), "7.2"),
    Wording(
        "release kfunc {kfunc} expects referenced PTR_TO_BTF_ID passed to R{regno}\n",
        ("kfunc-release-not-refcounted",),
        "7.3",
    ),
    Wording("R{regno} type={type} expected={expected}, {more}\n", ("argument-type",), "5.10"),
    Wording("ARG_CONST_STACK_SIZE cannot be first argument\n", (), "4.4", "4.8", CALL),
    Wording("kernel function {kfunc} args#{arg} expected pointer to {wanted_kind} {wanted}\n", (), "5.13", "6.2", CALL),
    Wording("R{regno} must be referenced\n", ("argument-not-trusted",), "6.0", "6.1"),
    Wording("R{regno} must have zero offset when passed to release func\n", ("release-pointer-moved",), "5.19", "6.1"),
    Wording("arg#{arg} pointer type {kind} {name} not to stack\n", (), "5.19", "6.1", CALL),
    Wording("arg#{arg} pointer type {kind} {name} must be valid and initialized\n", (), "5.19", "6.1", CALL),
    Wording("invalid bpf_context access off={off} size={size}\n", ("context-access",)),
    # ---- lifetime
    Wording(
        "Unreleased reference id={id} alloc_insn={insn}\n"
        "BPF_EXIT instruction in {where} would lead to reference leak\n",
        ("reference-leak",),
        "6.13",
    ),
    Wording("BPF_EXIT instruction in {where} would lead to reference leak\n", ("reference-leak",), "6.13", part=True),
    Wording(
        "Unreleased reference id={id} alloc_insn={insn}\ntail_call would lead to reference leak\n",
        ("tail-call-leak",),
        "5.0",
    ),
    Wording("Leaking reference id={id} alloc_insn={insn}. Release it first.\n", (), "7.2", "", LIFETIME),
    Wording("reference has not been acquired before\n", ("helper-reference-not-acquired",), "4.20", "5.19"),
    Wording(
        "cannot restore irq state out of order, expected id={id} acquired at insn_idx={insn}\n",
        (),
        "6.14",
        "",
        LIFETIME,
    ),
    # ---- context
    Wording(
        "BPF_EXIT instruction in {where} cannot be used inside bpf_spin_lock-ed region\n", ("lock-still-held",), "6.13"
    ),
    Wording(
        "BPF_EXIT instruction in {where} cannot be used inside bpf_rcu_read_lock-ed region\n",
        ("rcu-still-open",),
        "6.13",
    ),
    Wording(
        "BPF_EXIT instruction in {where} cannot be used inside bpf_preempt_disable-ed region\n",
        ("preemption-still-disabled",),
        "6.13",
    ),
    Wording(
        "kernel function {kfunc} is sleepable but the program is not\n", ("kfunc-sleepable-in-program",), "6.0", "6.2"
    ),
    Wording(
        "kernel func {kfunc} is sleepable within {where}\n",
        ("kfunc-sleepable-in-rcu", "kfunc-sleepable-without-preemption"),
        "6.14",
    ),
    Wording("sleepable helper {func} within {where}\n", ("helper-sleepable-in-region",), "6.14"),
    Wording("sleepable global function {func}() called in {where}\n", (), "7.2", "", CONTEXT),
    Wording(
        "global functions that may sleep are not allowed in non-sleepable context,\n"
        "i.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context\n",
        (),
        "6.15",
        "",
        CONTEXT,
    ),
    Wording("sleepable progs cannot use bpf_spin_lock yet\n", (), "5.10", "6.4", CONTEXT),
    Wording(
        "Only fentry/fexit/fmod_ret and lsm programs can be sleepable\n", ("sleepable-program-type",), "5.10", "5.19"
    ),
    Wording(
        "Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable\n",
        ("sleepable-program-type",),
        "6.0",
        "6.1",
    ),
    Wording("Program of this type cannot be sleepable\n", ("sleepable-program-type",), "7.2"),
    Wording("Sleepable programs can only use array and hash maps\n", ("sleepable-map-type",), "5.10", "5.14"),
    Wording("Sleepable programs can only use array, hash, and ringbuf maps\n", ("sleepable-map-type",), "5.15", "6.2"),
    Wording("Sleepable programs can only use preallocated hash maps\n", ("sleepable-map-type",), "5.10", "6.1"),
    # ---- structure
    Wording("BPF map '{name}' is referenced but wasn't created", (), "", "", STRUCTURE),
    Wording("BPF_XADD uses reserved fields\n", ("stx-reserved-fields",), "4.4", "5.11"),
    Wording("jump out of range from insn {insn} to {target}\n", ("jump-out-of-range",)),
    Wording("indirect jump out of range from insn {insn} to {target}\n", ("jump-out-of-range",), "6.19"),
    Wording("pseudo btf_id {btf_id} in ldimm64 isn't KIND_VAR.\n", ("ksym-kind",), "5.10", "5.12"),
    Wording("pseudo btf id {btf_id} in ldimm64 isn't KIND_VAR.\n", ("ksym-kind",), "5.10", "5.12"),
    Wording("recursive call from {func}() to {other}()\n", (), "7.0", "", STRUCTURE),
    Wording("unexpected __bpf_trap() due to uninitialized variable?\n", (), "6.16", "", REGISTER),
    Wording("cannot tail call within callback\n", (), "7.0", "", CONTEXT),
    Wording("verifier bug: {what}\n", (), "6.16", "", STRUCTURE),
    Wording("verifier bug. {what}\n", (), "4.16", "", STRUCTURE),
    Wording("cannot call GPL only function from proprietary program\n", ("helper-gpl-only",), "4.4", "5.15"),
    # ---- policy
    Wording(
        "function calls to other bpf functions are allowed for CAP_BPF and CAP_SYS_ADMIN\n",
        ("function-calls-privilege",),
        "5.8",
        "5.12",
    ),
    Wording(
        "function calls to other bpf functions are allowed for root only\n",
        ("function-calls-privilege",),
        "4.16",
        "5.7",
    ),
    Wording(
        "R{regno} tried to {operation} from different maps or paths\n", ("speculation-different-paths",), "4.20", "5.11"
    ),
    Wording(
        "R{regno} tried to {operation} from different pointers or scalars\n",
        ("speculation-different-paths",),
        "5.0",
        "5.11",
    ),
    Wording(
        "R{regno} pointer arithmetic of map value goes out of range, prohibited for !root\n",
        ("unprivileged-map-value-arithmetic",),
        "4.20",
    ),
    Wording(
        "{type} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n",
        ("kernel-struct-access-privilege",),
        "5.8",
        "6.1",
    ),
    Wording("destructive kfunc calls require CAP_SYS_BOOT capabilities\n", ("kfunc-destructive",), "6.1", "6.1"),
    Wording("perf_event programs can only use preallocated hash map\n", (), "4.9", "6.1", POLICY),
    # ---- limits
    Wording("BPF program is too large. Proccessed {processed} insn\n", ("program-too-large",), "4.4", "5.1"),
    Wording("bpf program is too large. Proccessed {processed} insn\n", ("program-too-large",), "4.4", "4.10"),
    Wording("BPF program is too complex\n", ("jump-sequence-too-long",), "4.4", "5.1"),
    Wording("BPF: The sequence of {count} jumps is too complex.\n", ("jump-sequence-too-long",), "5.2", "5.4"),
    Wording("liveness analysis exceeded complexity limit ({count} calls)\n", (), "7.1", "", LIMITS),
    Wording("combined stack size of {count} calls is {depth}. Too large\n", ("combined-stack-size",)),
    Wording("stack size of subprog {subprog} is {depth}. Too large\n", ("combined-stack-size",), "6.12"),
    Wording("The total number of btfs per program has reached the limit of {most}\n", (), "6.14", "", LIMITS),
)
"""Reasons, in other kernels' words."""

NOT_REASONS: Final = (
    "btf_vmlinux is malformed\n",
    "in-kernel BTF is malformed\n",
    "reg type unsupported for arg#{arg} function {func}\n",
    "reg type unsupported for arg#{arg} kernel function {func}\n",
    "arg#{arg} struct doesn't have a name\n",
    "Invalid BTF of func {func}\n",
    "func '{func}' arg{arg} has btf_id {btf_id} type {kind} '{name}'\n",
    "func '{func}' arg{arg} type {kind} is not a struct\n",
    "invalid btf_id for context argument offset {off}\n",
    "trace type BPF program uses run-time allocation\n",
    "trace type programs with run-time allocated hash maps are unsafe. Switch to preallocated hash maps.\n",
    "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n",
    "frame{depth} bpf_loop iteration limit reached\n",
    "Cannot find btf of tracepoint template, fall back to {name}.\n",
    "verifier log line truncated - local buffer too short\n",
)
"""What kernels say beside a reason, or where there is none. vm.verifier.rules.notes has more of them."""
