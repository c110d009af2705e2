"""What the passes before and after the walk mark and refuse."""

from __future__ import annotations

import pytest

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel.types import BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_PROG_TYPE_XDP
from vm.program import MapSpec, Program
from vm.verifier.env import Reject, VerifierEnv, VerifyOptions
from vm.verifier.prepass.cfg import check_cfg
from vm.verifier.prepass.pseudo import INSN_TABLE, resolve_pseudo_ldimm64
from vm.verifier.prepass.stack_depth import check_max_stack_depth
from vm.verifier.prepass.subprogs import add_subprog_and_kfunc, check_subprogs

EXIT = Insn(op.JMP | op.EXIT)
MOV0 = Insn(op.ALU64 | op.MOV | op.K, 0, 0, 0, 0)


def call(off: int) -> Insn:
    return Insn(op.JMP | op.CALL, 0, op.PSEUDO_CALL, 0, off)


def jump_if(off: int) -> Insn:
    return Insn(op.JMP | op.JEQ | op.K, 0, 0, off, 0)


def ldimm64(src: int = 0, imm: int = 0, imm2: int = 0) -> list[Insn]:
    return [Insn(op.LD_IMM64, 1, src, 0, imm), Insn(0, 0, 0, 0, imm2)]


def env_for(insns: list[Insn], maps: tuple[MapSpec, ...] = (), *, privileged: bool = True) -> VerifierEnv:
    program = Program("p", "xdp", BPF_PROG_TYPE_XDP, tuple(insns), maps)
    return VerifierEnv(program, VerifyOptions(log_level=2, privileged=privileged))


def said(env: VerifierEnv) -> str:
    return "".join(entry.text for entry in env.log.entries)


def prepared(insns: list[Insn], *, privileged: bool = True) -> VerifierEnv:
    env = env_for(insns, privileged=privileged)
    add_subprog_and_kfunc(env)
    check_subprogs(env)
    return env


def refused(run: object, env: VerifierEnv) -> tuple[int, str]:
    assert callable(run)
    before = len(env.log.entries)
    with pytest.raises(Reject) as caught:
        run(env)
    return caught.value.errno, "".join(entry.text for entry in env.log.entries[before:])


def test_functions_are_found_in_order() -> None:
    env = prepared([call(3), call(1), EXIT, EXIT, EXIT])
    assert [s.start for s in env.subprogs] == [0, 3, 4]
    assert said(env) == "func#0 @0\nfunc#1 @3\nfunc#2 @4\n"


def test_call_out_of_the_program() -> None:
    assert refused(add_subprog_and_kfunc, env_for([call(5), EXIT])) == (22, "call to invalid destination\n")


def test_unprivileged_programs_have_no_functions() -> None:
    errno, text = refused(add_subprog_and_kfunc, env_for([call(1), EXIT, EXIT], privileged=False))
    assert errno == 1
    assert text.startswith("loading/calling other bpf or kernel functions are allowed")


def test_jump_out_of_a_function() -> None:
    env = env_for([call(1), EXIT, jump_if(-3), EXIT])
    add_subprog_and_kfunc(env)
    assert refused(check_subprogs, env) == (22, "jump out of range from insn 2 to 0\n")


def test_last_insn() -> None:
    env = env_for([EXIT, MOV0])
    add_subprog_and_kfunc(env)
    assert refused(check_subprogs, env) == (22, "last insn is not an exit or jmp\n")


def test_prune_and_jump_points() -> None:
    env = prepared([MOV0, jump_if(1), MOV0, EXIT])
    check_cfg(env)
    assert [a.prune_point for a in env.aux] == [False, True, False, True]
    assert [a.jmp_point for a in env.aux] == [False, False, False, True]
    assert [a.jump_target for a in env.aux] == [False, False, False, True]


def test_points_around_a_call() -> None:
    env = prepared([MOV0, call(1), EXIT, MOV0, EXIT])
    check_cfg(env)
    assert [a.prune_point for a in env.aux] == [False, True, True, True, False]
    assert [a.jmp_point for a in env.aux] == [False, False, True, True, False]


def test_callback_helpers_force_checkpoints() -> None:
    env = prepared([Insn(op.JMP | op.CALL, 0, 0, 0, 181), EXIT])
    check_cfg(env)
    aux = env.aux[0]
    assert (aux.calls_callback, aux.force_checkpoint, aux.prune_point, aux.jmp_point) == (True, True, True, True)


def test_packet_changes_reach_the_caller() -> None:
    env = prepared([call(1), EXIT, Insn(op.JMP | op.CALL, 0, 0, 0, 44), EXIT])
    check_cfg(env)
    assert [s.changes_pkt_data for s in env.subprogs] == [True, True]


def test_unreachable() -> None:
    env = prepared([EXIT, MOV0, EXIT])
    assert refused(check_cfg, env) == (22, "unreachable insn 1\n")


def test_middle_of_a_wide_load() -> None:
    env = prepared([jump_if(1), *ldimm64(), EXIT])
    assert refused(check_cfg, env) == (22, "jump into the middle of ldimm64 insn 1\n")


def test_back_edges_need_a_privilege() -> None:
    loop = [MOV0, jump_if(-2), EXIT]
    check_cfg(prepared(loop))
    assert refused(check_cfg, prepared(loop, privileged=False)) == (22, "back-edge from insn 1 to 0\n")


def test_wide_loads() -> None:
    array = MapSpec("a", BPF_MAP_TYPE_ARRAY, 4, 8, 1)
    hash_map = MapSpec("h", BPF_MAP_TYPE_HASH, 4, 8, 1)
    env = env_for([*ldimm64(op.PSEUDO_MAP_FD, 1), *ldimm64(op.PSEUDO_MAP_VALUE, 0, 4), EXIT], (array, hash_map))
    resolve_pseudo_ldimm64(env)
    assert env.used_maps == [1, 0]
    assert (env.aux[0].map_index, env.aux[2].map_index, env.aux[2].map_off) == (1, 0, 4)
    for insns, expected in (
        (ldimm64(op.PSEUDO_MAP_VALUE, 0, 8), "invalid access to map value pointer, value_size=8 off=8\n"),
        (ldimm64(op.PSEUDO_MAP_VALUE, 1, 0), "no direct value access support for this map type\n"),
        (ldimm64(op.PSEUDO_MAP_FD, 0, 1), "unrecognized bpf_ld_imm64 insn\n"),
        (ldimm64(op.PSEUDO_MAP_FD, 2), "fd 2 is not pointing to valid bpf_map\n"),
        ([Insn(op.LD_IMM64), EXIT], "invalid bpf_ld_imm64 insn\n"),
        ([Insn(op.LDX | op.MEM | op.W, 0, 1, 0, 1)], "BPF_LDX uses reserved fields\n"),
        ([Insn(0x8D)], "unknown opcode 8d\n"),
    ):
        assert refused(resolve_pseudo_ldimm64, env_for([*insns, EXIT], (array, hash_map)))[1] == expected


def test_every_defined_opcode_is_in_the_table_once() -> None:
    # RFC 9669 and the kernel's may_goto: 6 ALU extras, 24 operations in two classes, jumps, loads, stores, atomics.
    assert len(INSN_TABLE) == 24 * 2 + 2 + 3 + 22 * 2 + 5 + 12 + 3 + 2 + 6 + 1
    assert 0x8D not in INSN_TABLE


def test_stack_over_all_frames() -> None:
    env = prepared([call(1), EXIT, call(1), EXIT, MOV0, EXIT])
    for info, depth in zip(env.subprogs, (256, 200, 56), strict=True):
        info.stack_depth = depth
    assert refused(check_max_stack_depth, env) == (13, "combined stack size of 3 calls is 528. Too large\n")
    env.subprogs[2].stack_depth = 40
    check_max_stack_depth(env)


def test_eight_frames() -> None:
    def chain(frames: int) -> list[Insn]:
        return [insn for _ in range(frames - 1) for insn in (call(1), EXIT)] + [EXIT]

    check_max_stack_depth(prepared(chain(8)))
    assert refused(check_max_stack_depth, prepared(chain(9))) == (
        7,
        "the call stack of 8 frames is too deep !\n",
    )


def test_tail_calls_below_large_frames() -> None:
    env = prepared([call(1), EXIT, Insn(op.JMP | op.CALL, 0, 0, 0, 12), EXIT])
    check_max_stack_depth(env)
    assert [s.tail_call_reachable for s in env.subprogs] == [True, True]
    env.subprogs[0].stack_depth = 256
    errno, text = refused(check_max_stack_depth, env)
    assert errno == 13
    assert text.startswith("tail_calls are not allowed when call stack of previous frames is 256 bytes.")
