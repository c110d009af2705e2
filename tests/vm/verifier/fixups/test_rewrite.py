"""Each rewrite by itself, on programs whose verification is written down here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from vm.isa import opcodes as bpf
from vm.isa.insn import Insn
from vm.isa.text import insn_text
from vm.kernel.errno import EFAULT
from vm.program import MapSpec, Program
from vm.rewritten import AddressRef, Rewritten
from vm.verifier.env import Reject, VerifierEnv, VerifyOptions
from vm.verifier.fixups import rewrite
from vm.verifier.fixups.build import (
    alu64_imm,
    alu64_reg,
    call,
    ja,
    jmp_imm,
    ldx,
    mov64_imm,
    mov64_reg,
    stx,
)
from vm.verifier.fixups.code import JCOND
from vm.verifier.fixups.ctx.recipe import offset
from vm.verifier.fixups.dump import xlated
from vm.verifier.state import reg_types as types
from vm.verifier.state.aux import InsnAux, SubprogInfo

EXIT = Insn(bpf.JMP | bpf.EXIT)
SOCKET_FILTER, TC, XDP, TRACEPOINT, TRACING = 1, 3, 6, 5, 26
HASH, ARRAY, PROG_ARRAY, PERCPU_ARRAY, LRU = 1, 2, 3, 6, 9


def accepted(
    insns: Sequence[Insn],
    aux: dict[int, dict[str, object]] | None = None,
    *,
    prog_type: int = SOCKET_FILTER,
    maps: tuple[MapSpec, ...] = (),
    starts: tuple[int, ...] = (0,),
    depth: int = 16,
    unreached: Sequence[int] = (),
    privileged: bool = True,
    change: Callable[[VerifierEnv], None] | None = None,
) -> Rewritten:
    """rewrite() of `insns`, with what the walk would have left: `aux` by slot, all slots but `unreached` seen."""
    env = VerifierEnv(Program("test", "", prog_type, tuple(insns), maps), VerifyOptions(privileged=privileged))
    for i, one in enumerate(env.aux):
        one.seen = int(i not in unreached)
        for name, value in (aux or {}).get(i, {}).items():
            assert hasattr(InsnAux(0), name)
            setattr(one, name, value)
    env.subprogs = [SubprogInfo(start) for start in starts]
    for info in env.subprogs:
        info.stack_depth = depth
    if change is not None:
        change(env)
    return rewrite(env)


def text(rewritten: Rewritten) -> list[str]:
    lines, skip = [], False
    insns = xlated(rewritten)
    for i, insn in enumerate(insns):
        if skip:
            skip = False
            continue
        skip = insn.code == bpf.LD_IMM64
        lines.append(insn_text(insns, i).split(") ", 1)[1])
    return lines


def load_map(index: int, dst: int = 1) -> list[Insn]:
    return [Insn(bpf.LD_IMM64, dst, bpf.PSEUDO_MAP_FD, 0, index), Insn(0)]


def test_nothing_to_do_leaves_everything() -> None:
    insns = [mov64_imm(0, 1), jmp_imm(bpf.JEQ, 0, 1, 1), mov64_imm(0, 2), EXIT]
    done = accepted(insns)
    assert done.insns == tuple(insns)
    assert done.orig_idx == (0, 1, 2, 3)
    assert done.func_starts == (0,)
    assert done.stack_depths == (16,)


def test_a_branch_never_taken_goes_with_its_code() -> None:
    insns = [mov64_imm(0, 1), jmp_imm(bpf.JEQ, 0, 2, 1), EXIT, mov64_imm(0, 2), ja(-3)]
    done = accepted(insns, unreached=[3, 4])
    assert done.insns == (mov64_imm(0, 1), EXIT)
    assert done.orig_idx == (0, 2)


def test_a_branch_always_taken_becomes_a_jump_and_vanishes() -> None:
    insns = [jmp_imm(bpf.JNE, 10, 0, 2), mov64_imm(0, 2), EXIT, mov64_imm(0, 3), EXIT]
    done = accepted(insns, unreached=[1, 2])
    assert done.insns == (mov64_imm(0, 3), EXIT)


def test_jumps_over_removed_code_are_counted_anew() -> None:
    insns = [jmp_imm(bpf.JEQ, 1, 0, 3), mov64_imm(0, 9), ja(0), mov64_imm(0, 8), mov64_imm(0, 1), ja(-6)]
    done = accepted(insns)
    assert done.insns == (jmp_imm(bpf.JEQ, 1, 0, 2), mov64_imm(0, 9), mov64_imm(0, 8), mov64_imm(0, 1), ja(-5))


def address(off: int) -> tuple[Insn, Insn]:
    return Insn(bpf.LD_IMM64, 1, bpf.PSEUDO_FUNC, 0, off), Insn(0)


def test_an_address_of_removed_code_leads_as_far_behind_it() -> None:
    calls = Insn(bpf.JMP | bpf.CALL, 0, bpf.PSEUDO_CALL, 0, 4)
    # The main function, one of two slots that nothing reaches, one that is called: its address becomes the other's.
    insns = [*address(4), calls, mov64_imm(0, 0), EXIT, *[mov64_imm(0, 0), EXIT] * 2]
    found = accepted(insns, starts=(0, 5, 7), unreached=(5, 6))
    assert found.func_starts == (0, 5)
    assert found.refs[0] == AddressRef("func", "1")
    with pytest.raises(Reject) as refused:
        accepted([*address(6), calls._replace(imm=2), *insns[3:]], starts=(0, 5, 7), unreached=(7, 8))
    assert refused.value.errno == EFAULT


def test_a_program_left_with_one_function_keeps_distances() -> None:
    insns = [*address(5), *address(5), mov64_imm(0, 0), EXIT, *[mov64_imm(0, 0), EXIT] * 2]
    found = accepted(insns, starts=(0, 6, 8), unreached=(6, 7, 8, 9))
    assert (found.insns[0].imm, found.insns[2].imm) == (5, 5)


def test_a_function_nobody_reaches_is_removed() -> None:
    insns = [mov64_imm(0, 0), EXIT, mov64_imm(0, 1), EXIT, mov64_imm(0, 2), EXIT]
    insns[0] = Insn(bpf.JMP | bpf.CALL, 0, bpf.PSEUDO_CALL, 0, 3)
    done = accepted(insns, starts=(0, 2, 4), unreached=[2, 3])
    assert done.func_starts == (0, 2)
    assert done.insns[0] == Insn(bpf.JMP | bpf.CALL, 0, bpf.PSEUDO_CALL, 1, 1)


def test_the_unprivileged_keep_dead_code_as_traps() -> None:
    done = accepted([EXIT, mov64_imm(0, 2), EXIT], unreached=[1, 2], privileged=False)
    assert done.insns == (EXIT, ja(-1), ja(-1))


@pytest.mark.parametrize(
    ("field", "size", "expected"),
    [
        ("data", bpf.W, ["r2 = *(u64 *)(r1 +0)"]),
        ("data_end", bpf.W, ["r2 = *(u64 *)(r1 +8)"]),
        (
            "ingress_ifindex",
            bpf.W,
            ["r2 = *(u64 *)(r1 +32)", "r2 = *(u64 *)(r2 +0)", f"r2 = *(u32 *)(r2 +{offset('net_device.ifindex')})"],
        ),
    ],
)
def test_xdp_context(field: str, size: int, expected: list[str]) -> None:
    insn = ldx(size, 2, 1, offset(f"xdp_md.{field}"))
    assert text(accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_CTX}}, prog_type=XDP)) == [*expected, "exit"]


def test_a_narrow_load_is_a_wide_one_cut() -> None:
    insn = ldx(bpf.B, 2, 1, offset("__sk_buff.mark") + 1)
    done = accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_CTX, "ctx_field_size": 4}}, prog_type=TC)
    assert text(done) == [f"r2 = *(u32 *)(r1 +{offset('sk_buff.mark')})", "w2 >>= 8", "w2 &= 255", "exit"]
    assert done.orig_idx == (0, 0, 0, 1)


def test_a_narrow_load_of_a_field_as_small_is_not_cut() -> None:
    insn = ldx(bpf.H, 2, 1, offset("__sk_buff.protocol"))
    done = accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_CTX, "ctx_field_size": 4}}, prog_type=TC)
    assert text(done) == [f"r2 = *(u16 *)(r1 +{offset('sk_buff.protocol')})", "exit"]


def test_a_store_to_the_context() -> None:
    insn = stx(bpf.W, 1, 2, offset("__sk_buff.cb") + 4)
    done = accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_CTX}})
    at = offset("sk_buff.cb", "qdisc_skb_cb.data") + 4
    assert text(done) == [f"*(u32 *)(r1 +{at}) = r2", "exit"]


def test_other_contexts_stay_as_they_are() -> None:
    insn = ldx(bpf.DW, 2, 1, 8)
    done = accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_CTX}}, prog_type=TRACEPOINT)
    assert done.insns == (insn, EXIT)


def test_packets_written_directly_are_made_private_first() -> None:
    def writes(env: VerifierEnv) -> None:
        env.seen_direct_write = True

    done = accepted([mov64_imm(0, 0), ja(-2)], prog_type=TC, change=writes)
    lines = text(done)
    assert lines[0] == f"r6 = *(u8 *)(r1 +{offset('sk_buff.__cloned_offset')})"
    assert lines[2] == "if r6 == 0x0 goto pc+7"
    assert done.refs[5] == AddressRef("helper", "bpf_skb_pull_data")
    assert done.insns[-2:] == (mov64_imm(0, 0), ja(-2))
    assert done.func_starts == (0,)


@pytest.mark.parametrize(
    ("op", "off", "expected"),
    [
        (bpf.DIV, 0, ["if r2 != 0x0 goto pc+2", "w1 ^= w1", "goto pc+1", "r1 /= r2"]),
        (bpf.MOD, 0, ["if r2 == 0x0 goto pc+1", "r1 %= r2"]),
        (
            bpf.DIV,
            1,
            [
                "r11 = r2", "r11 += 1", "if r11 > 0x1 goto pc+4", "if r11 == 0x0 goto pc+1", "r1 = 0", "r1 = -r1",
                "goto pc+1", "r1 s/= r2",
            ],
        ),
        (
            bpf.MOD,
            1,
            [
                "r11 = r2", "r11 += 1", "if r11 > 0x1 goto pc+3", "if r11 == 0x1 goto pc+3", "w1 = 0", "goto pc+1",
                "r1 s%= r2",
            ],
        ),
    ],
)  # fmt: skip
def test_division_never_traps(op: int, off: int, expected: list[str]) -> None:
    insn = Insn(bpf.ALU64 | op | bpf.X, 1, 2, off)
    assert text(accepted([insn, EXIT])) == [*expected, "exit"]


def test_signed_division_by_minus_one() -> None:
    divide = Insn(bpf.ALU64 | bpf.DIV | bpf.K, 1, 0, 1, -1)
    modulo = Insn(bpf.ALU | bpf.MOD | bpf.K, 2, 0, 1, -1)
    assert text(accepted([divide, modulo, EXIT])) == ["r1 = -r1", "w2 = 0", "exit"]


ENTRY = offset("bpf_array.value")


@pytest.mark.parametrize(
    ("map_type", "value_size", "expected"),
    [
        (
            ARRAY,
            24,
            [
                f"r1 += {ENTRY}", "r0 = *(u32 *)(r2 +0)", "if r0 >= 0x7 goto pc+3", "r0 *= 24", "r0 += r1",
                "goto pc+1", "r0 = 0",
            ],
        ),
        (
            PERCPU_ARRAY,
            8,
            [
                f"r1 += {ENTRY}", "r0 = *(u32 *)(r2 +0)", "if r0 >= 0x7 goto pc+5", "r0 <<= 3", "r0 += r1",
                "r0 = *(u64 *)(r0 +0)", "r0 = &(void __percpu *)(r0)", "goto pc+1", "r0 = 0",
            ],
        ),
    ],
)  # fmt: skip
def test_array_lookups_are_written_out(map_type: int, value_size: int, expected: list[str]) -> None:
    spec = MapSpec("m", map_type, 4, value_size, 7)
    done = accepted([*load_map(0), call(1), EXIT], {0: {"map_index": 0}, 2: {"map_ptr": 0}}, maps=(spec,))
    assert text(done)[1:] == [*expected, "exit"]
    assert done.refs == {0: AddressRef("map", "0")}


def test_hash_lookups_call_the_map_itself() -> None:
    spec = MapSpec("m", HASH, 12, 8, 7)
    done = accepted(
        [*load_map(0), call(1), call(2), EXIT],
        {0: {"map_index": 0}, 2: {"map_ptr": 0}, 3: {"map_ptr": 0}},
        maps=(spec,),
    )
    assert text(done)[2:4] == ["if r0 == 0x0 goto pc+1", f"r0 += {offset('htab_elem.key') + 16}"]
    assert done.refs[2] == AddressRef("map_helper", "__htab_map_lookup_elem")
    assert done.refs[5] == AddressRef("map_helper", "htab_map_update_elem")


def test_a_call_with_several_maps_stays_a_helper() -> None:
    done = accepted([call(1), EXIT], {0: {"map_ptr": -2}})
    assert done.refs == {0: AddressRef("helper", "bpf_map_lookup_elem")}


def test_a_known_tail_call_names_its_slot() -> None:
    spec = MapSpec("m", PROG_ARRAY, 4, 4, 7)
    done = accepted([call(12), EXIT], {0: {"map_ptr": 0, "map_key_state": 1 << 62 | 3}}, maps=(spec,))
    assert done.refs == {0: AddressRef("tail_call", "0:3")}
    assert xlated(done)[0] == call(12)


def test_a_tail_call_to_an_unknown_slot() -> None:
    spec = MapSpec("m", PROG_ARRAY, 4, 4, 7)
    done = accepted([call(12), EXIT], {0: {"map_ptr": 0, "map_key_state": 3 << 62}}, maps=(spec,))
    assert not done.refs
    assert done.insns[0].imm == 0


def test_may_goto_counts_down_below_the_stack() -> None:
    insns = [mov64_imm(0, 0), Insn(JCOND, 0, 0, 1), ja(-3), EXIT]
    done = accepted(insns)
    assert text(done) == [
        "*(u64 *)(r10 -24) = 8388608",
        "r0 = 0",
        "r11 = *(u64 *)(r10 -24)",
        "if r11 == 0x0 goto pc+3",
        "r11 -= 1",
        "*(u64 *)(r10 -24) = r11",
        "goto pc-6",
        "exit",
    ]
    assert done.stack_depths == (24,)


def test_a_known_loop_callback_is_called_in_a_loop() -> None:
    callback = [mov64_imm(0, 0), EXIT]
    done = accepted(
        [call(181), EXIT, *callback],
        {0: {"loop_fit_for_inline": True, "loop_callback_subprogno": 1}},
        starts=(0, 2),
        depth=12,
    )
    assert done.func_starts == (0, 20)
    assert done.stack_depths == (12 + 4 + 24, 12)
    assert done.insns[12] == Insn(bpf.JMP | bpf.CALL, 0, bpf.PSEUDO_CALL, 7, 1)
    assert done.orig_idx[:20] == (0,) * 19 + (1,)


def test_spills_around_calls_that_do_not_clobber_go() -> None:
    insns = [stx(bpf.DW, 10, 1, -24), call(8), ldx(bpf.DW, 1, 10, -24), EXIT]

    def low(env: VerifierEnv) -> None:
        env.subprogs[0].fastcall_stack_off = -16
        env.subprogs[0].stack_depth = 24

    done = accepted(insns, {1: {"fastcall_spills_num": 1}}, change=low)
    assert len(done.insns) == 4
    assert done.stack_depths == (16,)
    assert text(done)[1:] == ["r0 = &(void __percpu *)(r0)", "r0 = *(u32 *)(r0 +0)", "exit"]


def test_loads_from_the_packet_by_offset() -> None:
    insns = [mov64_reg(6, 1), Insn(bpf.LD | bpf.ABS | bpf.H, 0, 0, 0, 12), EXIT]
    done = accepted(insns)
    assert text(done)[1:3] == ["r2 = 12", "r1 = r6"]
    assert done.refs == {3: AddressRef("helper", "bpf_skb_load_helper_16_no_cache")}


def test_what_may_fault_is_probed_and_shown_as_a_load() -> None:
    insn = ldx(bpf.DW, 1, 2, 16)
    done = accepted([insn, EXIT], {0: {"ptr_type": types.PTR_TO_BTF_ID}}, prog_type=TRACING)
    assert done.insns[0].code == bpf.LDX | bpf.PROBE_MEM | bpf.DW
    assert xlated(done)[0] == insn


def test_unprivileged_pointer_arithmetic_is_masked() -> None:
    add = alu64_reg(bpf.ADD, 1, 2)
    done = accepted([add, EXIT], {0: {"alu_state": 1, "alu_limit": 31}}, privileged=False)
    assert done.insns[-2] == alu64_reg(bpf.ADD, 1, 11)
    assert text(done)[:2] == ["w11 = 31", "r11 -= r2"]


def test_a_thrown_exception_gets_a_callback() -> None:
    def throws(env: VerifierEnv) -> None:
        env.seen_exception = True

    done = accepted([mov64_imm(0, 0), EXIT], change=throws)
    assert done.func_starts == (0, 2)
    assert done.func_flags == (frozenset({"exception_boundary"}), frozenset({"exception_cb", "hidden"}))


def test_a_compare_and_exchange_of_32_bits_is_extended_where_it_matters() -> None:
    exchange = Insn(bpf.STX | bpf.ATOMIC | bpf.W, 10, 2, -4, bpf.CMPXCHG)
    assert len(accepted([exchange, EXIT]).insns) == 2
    assert accepted([exchange, EXIT], {0: {"zext_dst": True}}).insns[1] == Insn(bpf.ALU | bpf.MOV | bpf.X, 0, 0, 0, 1)


def test_alu_stays() -> None:
    assert accepted([alu64_imm(bpf.ADD, 1, 4), EXIT]).insns[0] == alu64_imm(bpf.ADD, 1, 4)
