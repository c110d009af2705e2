"""Policy: who may do it, in which kind of program, under which licence."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "a helper this program type may call",
        (
            "program of this type cannot use helper {}",
            "invalid func {}",
            "helper call is not allowed in probe",
            "func {} supported only for fentry/fexit/fmod_ret programs",
            "func {} not supported for program type {}",
        ),
    ),
    (
        "a kernel function this program type may call",
        ("calling kernel function {} is not allowed", "metadata kfuncs require device-bound program"),
    ),
    (
        'a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL"',
        (
            "cannot call GPL-restricted function from non-GPL compatible program",
            "cannot call kernel function from non-GPL compatible program",
            "Cannot access kernel 'struct {}' from non-GPL compatible program",
            "LSM programs must have a GPL compatible license",
            "struct ops programs must have a GPL compatible license",
        ),
    ),
    (
        "CAP_BPF and CAP_PERFMON: without them a program may do less",
        (
            "'struct {}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
            "CAP_BPF and CAP_PERFMON are required to use arena",
            "destructive kfunc calls require CAP_SYS_BOOT capability",
            "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN",
            "R{}{} variable offset stack access prohibited for !root, var_off={}",
            "variable offset stack pointer cannot be passed into helper function; var_off={} off={} size={}",
            "uninit stack in range of var-offset write prohibited for !root; insn {}, off: {}",
            "R{} variable stack access prohibited for !root, var_off={} off={}",
            "R{} stack pointer arithmetic goes out of range, prohibited for !root; off={}",
            "R{} pointer arithmetic of map value goes out of range, prohibited for !root",
            "R{} tried to {} from different maps, paths or scalars, {}",
            "R{} tried to {} beyond pointer bounds, {}",
            "R{} has pointer with unsupported alu operation, {}",
            "R{} has unknown scalar with mixed signed bounds, {}",
        ),
    ),
    (
        "no kernel address where user space can read it, without CAP_PERFMON",
        (
            "R{} leaks addr into {}",
            "R{} leaks addr as return value",
            "leaking pointer from stack off {}",
            "R{} pointer comparison prohibited",
            "attempt to corrupt spilled pointer on stack",
        ),
    ),
    (
        "a map of a type that the helper works on",
        (
            "cannot pass map_type {} into func {}",
            "callback function not allowed for map",
            "map_ptr access not supported for map type {}",
            "no direct value access support for this map type",
        ),
    ),
    (
        "a map this program type may use",
        (
            "bpf_struct_ops map cannot be used in prog",
            "socket filter progs cannot use bpf_spin_lock yet",
            "tracing progs cannot use {} yet",
            "only one cgroup storage of each type is allowed",
            "Only one arena per program",
        ),
    ),
    (
        "a program type that may write packets",
        (
            "cannot write into packet",
            "helper access to the packet is not allowed",
            "the prog does not allow writes to packet data",
        ),
    ),
    ("a map the program may write", ("write into map forbidden",)),
    (
        "an instruction this program type may use",
        ("BPF_LD_[ABS|IND] instructions not allowed for this program type",),
    ),
    (
        "a hook that allows it",
        (
            "{}() is not modifiable",
            "Attaching fexit/fmod_ret to __noreturn functions is rejected.",
            "attach_btf_id {} points to disabled hook {}",
            "attach_btf_id {} is not a supported struct",
            "attach to invalid member idx {} of struct {}",
            "attach to invalid member {}(@idx {}) of struct {}",
            "attach to unsupported member {} of struct {}",
            "ret type {} not allowed for fmod_ret",
            "Cannot replace kernel functions",
            "Tracing programs must provide btf_id",
            "Attach to function {} with a >8 byte return value is not supported for this attach type",
            "The address of function {} cannot be found",
            "attach_btf_id {} points to wrong type name {}",
        ),
    ),
    (
        "a kernel function whose arguments a program can be given: at most 12, of plain types",
        (
            "The function {} has {} arguments. Too many.",
            "The function {} return type {} is unsupported.",
            "The function {} with variable args is unsupported.",
            "The function {} arg{} type {} is unsupported.",
            "The function {} has malformed void argument.",
        ),
    ),
)
