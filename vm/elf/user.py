"""What libbpf hands to the kernel for users who may not do everything.

libbpf tries out what the kernel can, as the user: what that user may not do counts as something the kernel cannot
(tools/lib/bpf/features.c), and programs are changed to do without.
"""

from __future__ import annotations

from dataclasses import replace

from vm import caps as c
from vm.elf.sections import section_def
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.program import MapSpec, Program

PROBE_READ: dict[int, int] = {
    112: 4,  # bpf_probe_read_user -> bpf_probe_read
    113: 4,  # bpf_probe_read_kernel
    114: 45,  # bpf_probe_read_user_str -> bpf_probe_read_str
    115: 45,  # bpf_probe_read_kernel_str
}


def as_user(program: Program, caps: c.Caps) -> Program:
    """`program` as libbpf loads it for a user with these capabilities."""
    if not c.capable(caps, c.BPF):
        # BPF_BTF_LOAD requires CAP_BPF: neither the program nor its maps have types.
        maps = tuple(_untyped(spec) for spec in program.maps)
        program = replace(program, btf=None, func_infos=(), line_infos=(), maps=maps, typed=program)
    if not (c.capable(caps, c.BPF) and c.capable(caps, c.NET_ADMIN)) and _may_go_without(program):
        # FEAT_EXP_ATTACH_TYPE is tried out with a cgroup_sock program.
        program = replace(program, expected_attach_type=0)
    if not (c.capable(caps, c.BPF) and c.capable(caps, c.PERFMON)):
        # FEAT_PROBE_READ_KERN is tried out with a tracepoint program.
        program = replace(program, insns=tuple(_older(insn) for insn in program.insns))
    return program


def _untyped(spec: MapSpec) -> MapSpec:
    inner = _untyped(spec.inner) if spec.inner is not None else None
    return replace(spec, btf_key_type_id=0, btf_value_type_id=0, inner=inner)


def _may_go_without(program: Program) -> bool:
    """SEC_EXP_ATTACH_OPT: the section's attach type is left out where the kernel does not know of attach types."""
    known = section_def(program.section)
    return known is not None and known.attach_optional


def _older(insn: Insn) -> Insn:
    if insn.code == o.JMP | o.CALL and not insn.src_reg and insn.imm in PROBE_READ:
        return insn._replace(imm=PROBE_READ[insn.imm])
    return insn
