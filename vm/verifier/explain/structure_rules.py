"""Program Structure: instructions, jumps, functions, BTF; and what the kernel calls its own bugs."""

from __future__ import annotations

from typing import Final

from vm.verifier.explain.register_rules import Rules

RULES: Final[Rules] = (
    (
        "an instruction of the BPF instruction set, its unused fields zero",
        (
            "{} uses reserved fields",
            "invalid BPF_LD mode",
            "invalid BPF_ALU opcode {}",
            "invalid BPF_JMP/JMP32 opcode {}",
            "BPF_ATOMIC uses invalid atomic opcode {}",
            "invalid atomic operand size",
            "invalid may_goto off {} imm {}",
            "invalid BPF_LD_IMM insn",
            "invalid bpf_ld_imm64 insn",
            "unrecognized bpf_ld_imm64 insn",
            "unknown opcode {}",
            "fd_idx without fd_array is invalid",
            "addr_space_cast insn can only convert between address space 1 and 0",
            "addr_space_cast insn can only be used in a program that has an associated arena",
        ),
    ),
    ("a divisor that is not the constant 0", ("div by zero",)),
    ("a shift by less than the operand's bits", ("invalid shift {}",)),
    (
        "code that every instruction of can be reached, and that jumps only within its function",
        (
            "unreachable insn {}",
            "jump out of range from insn {} to {}",
            "jump into the middle of ldimm64 insn {}",
            "invalid insn idx {} insn_cnt {}",
            "last insn is not an exit or jmp",
            "call to invalid destination",
        ),
    ),
    (
        "a loop whose end the verifier can see: a counter with a bound, bpf_loop(), or bpf_for()",
        ("infinite loop detected at insn {}", "back-edge from insn {} to {}"),
    ),
    (
        "a map, function or symbol that exists",
        (
            "fd {} is not pointing to valid bpf_map",
            "failed to find BTF for kernel function",
            "negative offset disallowed for kernel module function call",
            "kfunc offset > 0 without fd_array is invalid",
            "cannot find address for kernel function {}",
            "invalid module BTF object FD specified.",
            "kernel btf_id {} is not a function",
            "ldimm64 insn specifies invalid btf_id {}.",
            "pseudo btf_id {} in ldimm64 isn't KIND_VAR or KIND_FUNC",
            "ldimm64 failed to find the address for kernel symbol '{}'.",
            "ldimm64 unable to resolve the size of type '{}': -22",
            "kfunc '{}' is referenced but wasn't resolved",
        ),
    ),
    (
        "a type, field or value that the running kernel has: ask with bpf_core_field_exists() or its kin first",
        ("failed to resolve CO-RE relocation {}",),
    ),
    (
        "code that the kernel can rewrite once it is verified: fields of the context as a whole, functions that exist",
        ("bpf verifier is misconfigured", "invalid kernel function call not eliminated in verifier pass"),
    ),
    (
        "BTF that fits the program: a record for each function, in order",
        (
            "LD_ABS is not allowed in subprogs without BTF",
            "tail_call is not allowed in subprogs without BTF",
            "LD_ABS is only allowed in functions that return 'int'.",
            "tail_call is only allowed in functions that return 'int'.",
            "invalid type id {} in func info",
            "nonzero insn_off {} for the first func info record",
            "same or smaller insn offset ({}) than previous func info record ({})",
            "number of funcs in func_info doesn't match number of subprogs",
            "func_info BTF section doesn't match subprog layout in BPF program",
            "missing bpf_line_info for {}",
            "Invalid line_info[{}].insn_off:{} (prev_offset:{} prog->len:{})",
            "Invalid insn code at line_info[{}].insn_off",
        ),
    ),
    (
        "one exception callback, a global function of this program",
        (
            "multiple exception callback tags for main subprog",
            "exception callback '{}' could not be found in BTF",
            "exception callback '{}' must have global linkage",
            "exception callback type id not found in func_info",
            "invalid exception callback insn_off in func_info: 0",
        ),
    ),
    (
        "",
        (
            "BUG{}",
            "Verifier bug{}",
            "verifier bug{}",
            "verifier BUG",
            "bug: {}",
            "verifier internal error{}",
            "kernel subsystem misconfigured verifier",
            "kernel function {} unhandled dynamic return type",
            "invalid return type {} of func {}",
            "unknown return type {} of func {}",
            "invalid arg_type for sockmap/sockhash",
        ),
    ),
)
