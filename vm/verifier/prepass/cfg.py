"""Control-flow checks: unreachable instructions, and pruning points (check_cfg, visit_insn)."""

from __future__ import annotations

from bisect import bisect_right
from typing import final

from vm.isa import opcodes as op
from vm.isa.insn import Insn
from vm.kernel.types import BRANCH, DISCOVERED, EXPLORED, FALLTHROUGH
from vm.verifier.env import VerifierEnv
from vm.verifier.prepass.btf_info import line_infos
from vm.verifier.prepass.classify import (
    helper_changes_pkt_data,
    insn_size,
    is_async_callback_calling_function,
    is_helper_call,
    is_ldimm64,
    is_may_goto_insn,
    is_pseudo_func,
    is_pseudo_kfunc_call,
    is_sync_callback_calling_function,
)
from vm.verifier.prepass.kfuncs import kfunc_call_kind
from vm.verifier.prepass.subprogs import find_containing_subprog
from vm.verifier.rules.limits import WALK_DEPTH
from vm.verifier.rules.structure import (
    BACK_EDGE,
    INDIRECT_JUMP,
    JUMP_INTO_LDIMM64,
    JUMP_OUT_OF_RANGE,
    UNREACHABLE_INSTRUCTION,
)


@final
class _Walk:
    """Iterative depth-first search: the state of each slot, and the stack of slots."""

    __slots__ = ("env", "state", "stack")

    def __init__(self, env: VerifierEnv) -> None:
        self.env = env
        self.state = [0] * len(env.insns)
        self.stack: list[int] = []

    def run(self, start: int) -> None:
        self.state[start] = DISCOVERED
        self.stack = [start]
        while self.stack:
            t = self.stack[-1]
            if not self.visit(t):
                self.state[t] = EXPLORED
                self.stack.pop()

    def push(self, t: int, w: int, edge: int) -> bool:
        """push_insn(): follows the edge t -> w once; true if w has to be explored first."""
        state = self.state
        env = self.env
        if state[t] >= DISCOVERED | edge:
            return False
        if w < 0 or w >= len(state):
            self.say_line(t, f"{t}: ")
            env.reject(JUMP_OUT_OF_RANGE, insn=t, target=w, insn_idx=t)
        if edge == BRANCH:
            aux = env.aux[w]
            aux.prune_point = True
            aux.jmp_point = True
            aux.jump_target = True
        if state[w] == 0:
            state[t] = DISCOVERED | edge
            state[w] = DISCOVERED
            if len(self.stack) >= len(state):
                env.reject(WALK_DEPTH, insn_idx=t)
            self.stack.append(w)
            return True
        if state[w] == EXPLORED:
            state[t] = DISCOVERED | edge
        elif not env.bpf_capable:
            self.say_line(t, f"{t}: ")
            self.say_line(w, f"{w}: ")
            env.reject(BACK_EDGE, insn=t, target=w, insn_idx=t)
        return False

    def say_line(self, insn_off: int, prefix: str) -> None:
        """verbose_linfo(): the source line of a slot, once."""
        lines = line_infos(self.env.program)
        record = bisect_right(lines, insn_off, key=lambda line: line.insn_off) - 1
        if record < 0 or record == self.env.prev_linfo:
            return
        self.env.verbose(prefix)
        self.env.log.line(record)
        self.env.prev_linfo = record

    def visit(self, t: int) -> bool:
        """Follows the next unexplored edge of slot t; false if there is none."""
        env = self.env
        insn = env.insns[t]
        if is_pseudo_func(insn):
            return self.visit_call(t, insn, True)
        insn_class = insn.code & 7
        if insn_class not in (op.JMP, op.JMP32):
            return self.push(t, t + insn_size(insn), FALLTHROUGH)
        kind = insn.code & 0xF0
        if kind == op.EXIT:
            return False
        if kind == op.CALL:
            self.mark_call(t, insn)
            return self.visit_call(t, insn, insn.src_reg == op.PSEUDO_CALL)
        if kind == op.JA:
            return self.visit_ja(t, insn)
        env.aux[t].prune_point = True
        if is_may_goto_insn(insn):
            env.aux[t].force_checkpoint = True
        return self.push(t, t + 1, FALLTHROUGH) or self.push(t, t + insn.off + 1, BRANCH)

    def visit_ja(self, t: int, insn: Insn) -> bool:
        if insn.code & op.X:
            self.env.reject(INDIRECT_JUMP, insn_idx=t)
        w = t + 1 + (insn.off if insn.code & 7 == op.JMP else insn.imm)
        if self.push(t, w, FALLTHROUGH):
            return True
        aux = self.env.aux[w]
        aux.prune_point = True
        aux.jmp_point = True
        aux.jump_target = True
        return False

    def visit_call(self, t: int, insn: Insn, visit_callee: bool) -> bool:
        env = self.env
        after = t + insn_size(insn)
        if self.push(t, after, FALLTHROUGH):
            return True
        # Coming back from a function is a jump: precision backtracking needs it in the history.
        env.aux[after].prune_point = True
        env.aux[after].jmp_point = True
        if not visit_callee:
            return False
        w = t + insn.imm + 1
        env.aux[t].prune_point = True
        self.merge_callee_effects(t, w)
        return self.push(t, w, BRANCH)

    def merge_callee_effects(self, t: int, w: int) -> None:
        """A caller changes packet data if its callee does; the search leaves callees before their callers."""
        env = self.env
        if env.subprogs[find_containing_subprog(env, w)].changes_pkt_data:
            env.subprogs[find_containing_subprog(env, t)].changes_pkt_data = True

    def mark_call(self, t: int, insn: Insn) -> None:
        """Marks pruning points that callbacks and iterators of the called function require."""
        env = self.env
        aux = env.aux[t]
        helper = is_helper_call(insn)
        kfunc = kfunc_call_kind(env, insn) if is_pseudo_kfunc_call(insn) else ""
        if (helper and is_async_callback_calling_function(insn.imm)) or kfunc == "async_callback":
            # Without a pruning point each visit would push another asynchronous state.
            aux.prune_point = True
        if (helper and is_sync_callback_calling_function(insn.imm)) or kfunc == "sync_callback":
            # The callback is verified repeatedly until its state repeats, which is detected here.
            aux.calls_callback = True
            aux.force_checkpoint = True
            aux.prune_point = True
            aux.jmp_point = True
        if helper and helper_changes_pkt_data(insn.imm):
            env.subprogs[find_containing_subprog(env, t)].changes_pkt_data = True
        if kfunc == "iter_next":
            aux.prune_point = True
            aux.force_checkpoint = True


def check_cfg(env: VerifierEnv) -> None:
    """Walk all edges from slot 0 (and the exception callback); mark prune, jump and checkpoint slots in env.aux.

    Rejects jumps out of the program, slots nothing reaches, jumps into a 64-bit load's second slot,
    and without CAP_BPF back edges.
    """
    walk = _Walk(env)
    walk.run(0)
    if env.exception_callback_subprog:
        walk.run(env.subprogs[env.exception_callback_subprog].start)
    i = 0
    count = len(env.insns)
    while i < count:
        if walk.state[i] != EXPLORED:
            env.reject(UNREACHABLE_INSTRUCTION, insn=i, insn_idx=i)
        if is_ldimm64(env.insns[i]):
            if walk.state[i + 1]:
                env.reject(JUMP_INTO_LDIMM64, insn=i, insn_idx=i)
            i += 1
        i += 1
    env.changes_pkt_data = env.subprogs[0].changes_pkt_data
