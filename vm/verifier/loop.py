"""The walk itself: one step after the other until no branch is left (do_check(), do_check_common())."""

from __future__ import annotations

import time

from vm.errors import LimitError
from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier import dispatch
from vm.verifier.backtrack import push_insn_history
from vm.verifier.call import func_args, kfunc, subprog
from vm.verifier.check_insn import exit as exit_checks
from vm.verifier.classify import CALL_INSN, EXIT_INSN
from vm.verifier.env import (
    BPF_COMPLEXITY_LIMIT_INSNS,
    E2BIG,
    EFAULT,
    EINVAL,
    Reject,
    VerifierEnv,
)
from vm.verifier.prune.branches import update_branch_counts
from vm.verifier.prune.visited import is_state_visited
from vm.verifier.recorder import Recorder
from vm.verifier.state.frame import BPF_MAIN_FUNC, FuncState
from vm.verifier.state.vstate import VerifierState

_CLOCK_EVERY = 1024


def do_check_common(env: VerifierEnv, subprogno: int, recorder: Recorder | None) -> None:
    """Walks one function from its entry with nothing known but its arguments; raises Reject."""
    env.prev_linfo = -1
    env.pass_cnt += 1
    state = VerifierState()
    state.frame.append(FuncState(BPF_MAIN_FUNC, 0, subprogno))
    state.first_insn_idx = env.subprogs[subprogno].start
    env.cur_state = state
    env.mark_verifier_state_scratched()
    func_args.init_args(env, subprogno)
    if recorder is not None:
        recorder.begin_function(state)
    do_check(env, recorder)
    if env.pop_log():
        env.log.reset(0)
    env.explored_states.clear()


def do_check(env: VerifierEnv, recorder: Recorder | None) -> None:
    """do_check(): every path from env.insn_idx on."""
    prev_insn_idx = -1
    do_print_state = False
    insns, aux, log = env.insns, env.aux, env.log
    insn_cnt = len(insns)
    deadline = time.monotonic() + env.options.max_seconds if env.options.max_seconds else 0.0
    while True:
        env.cur_hist_ent = None
        env.prev_insn_idx = prev_insn_idx
        idx = env.insn_idx
        if not 0 <= idx < insn_cnt:
            env.reject(EFAULT, f"invalid insn idx {idx} insn_cnt {insn_cnt}\n")
        env.insn_processed += 1
        if env.insn_processed > BPF_COMPLEXITY_LIMIT_INSNS:
            env.reject(E2BIG, f"BPF program is too large. Processed {env.insn_processed} insn\n")
        if deadline and env.insn_processed % _CLOCK_EVERY == 0 and time.monotonic() > deadline:
            raise LimitError("The walk took longer than this server allows.", "time")
        state = env.cur_state
        state.last_insn_idx = prev_insn_idx
        a = aux[idx]
        done = False
        if a.prune_point and is_state_visited(env, idx):
            _say_safe(env, do_print_state)
            if recorder is not None:
                recorder.end_path("safe", env.pruned_by)
            done = True
        if not done:
            if a.jmp_point:
                push_insn_history(env, state, 0, 0)
            if log.level:
                _say_insn(env, idx, do_print_state)
                if log.level & 2:
                    do_print_state = False
            a.seen = env.pass_cnt
            prev_insn_idx = idx
            env.step += 1
            log.step = env.step
            insn = insns[idx]
            left_function = False
            if insn.code == EXIT_INSN or (insn.code == CALL_INSN and insn.src_reg == o.PSEUDO_KFUNC_CALL):
                done, left_function = _exit_or_kfunc(env, insn)
            else:
                dispatch.CHECKS[insn.code & 0x07](env, insn)
            if recorder is not None:
                recorder.add(idx, env.cur_state)
            if not done:
                do_print_state = do_print_state or left_function
                continue
            if recorder is not None:
                recorder.end_path("exit")
        # process_bpf_exit
        env.mark_verifier_state_scratched()
        update_branch_counts(env, env.cur_state)
        if not env.head:
            return
        elem = env.head.pop()
        env.cur_state = elem.st
        if env.pop_log():
            log.reset(elem.log_pos)
        env.insn_idx = elem.insn_idx
        prev_insn_idx = elem.prev_insn_idx
        if recorder is not None:
            recorder.begin_path(elem.path, elem.push_step, elem.st)
            env.path = recorder.path
        do_print_state = True


def _exit_or_kfunc(env: VerifierEnv, insn: Insn) -> tuple[bool, bool]:
    """(the path is over, a called function returned)."""
    exception_exit = False
    if insn.code == CALL_INSN:
        env.jmps_processed += 1
        if not kfunc.check_call(env, insn):
            return False, False
        exception_exit = True
    else:
        env.jmps_processed += 1
        if insn.code != EXIT_INSN or insn.imm or insn.src_reg or insn.dst_reg:
            env.reject(EINVAL, "BPF_EXIT uses reserved fields\n")
    exit_checks.check_regions_closed(env, exception_exit)
    exit_checks.check_reference_leak(env, exception_exit)
    if exception_exit:
        return True, False
    if env.cur_state.curframe:
        subprog.prepare_func_exit(env)
        return False, True
    exit_checks.check_return_code(env, o.R0, "R0")
    return True, False


def _say_safe(env: VerifierEnv, do_print_state: bool) -> None:
    if not env.log.level:
        return
    if do_print_state:
        env.verbose(f"\nfrom {env.prev_insn_idx} to {env.insn_idx}{_speculative(env)}: safe\n")
    else:
        env.verbose(f"{env.insn_idx}: safe\n")


def _speculative(env: VerifierEnv) -> str:
    return " (speculative execution)" if env.cur_state.speculative else ""


def _say_insn(env: VerifierEnv, idx: int, do_print_state: bool) -> None:
    log = env.log
    frame = env.cur_state.frame[-1]
    if log.level & 2 and do_print_state:
        env.verbose(f"\nfrom {env.prev_insn_idx} to {idx}{_speculative(env)}:")
        env.print_verifier_state(frame, True)
    if env.scratched_regs or env.scratched_stack_slots:
        env.print_insn_state(frame)
    say_line(env, idx)
    log.insn(idx)
    env.prev_log_pos = log.pos


def say_line(env: VerifierEnv, idx: int) -> None:
    """verbose_linfo(): the source line, if it is another one than the last said."""
    record = env.line_record(idx)
    if record < 0 or record == env.prev_linfo:
        return
    infos = env.program.line_infos
    prev = env.prev_linfo
    if prev >= 0 and infos[prev].file == infos[record].file and infos[prev].line == infos[record].line:
        return
    env.log.line(record)
    env.prev_linfo = record


def do_check_subprogs(env: VerifierEnv, recorder: Recorder | None) -> None:
    """do_check_subprogs(): each global function that is called, on its own, for any arguments."""
    if not env.program.func_infos:
        return
    if env.exception_callback_subprog:
        env.subprogs[env.exception_callback_subprog].called = True
    again = True
    while again:
        again = False
        for i in range(1, len(env.subprogs)):
            sub = env.subprogs[i]
            if not sub.is_global or not sub.called or sub.verified:
                continue
            env.insn_idx = sub.start
            do_check_common(env, i, recorder)
            env.verbose(f"Func#{i} ('{sub.name}') is safe for any args that match its prototype\n")
            sub.verified = True
            again = True


__all__ = ["Reject", "do_check_common", "do_check_subprogs"]
