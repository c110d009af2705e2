"""The main loop of the walk, until no branch is left (do_check(), do_check_common())."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vm.isa import opcodes as o
from vm.isa.insn import Insn
from vm.verifier import dispatch
from vm.verifier.call import func_args, subprog
from vm.verifier.call.leaving import check_reference_leak
from vm.verifier.check_insn import exit as exit_checks
from vm.verifier.env import BPF_COMPLEXITY_LIMIT_INSNS, VerifierEnv
from vm.verifier.events import BPF_LOG_LEVEL2
from vm.verifier.observer import Observer
from vm.verifier.prepass.classify import CALL_INSN, EXIT_INSN
from vm.verifier.prune.backtrack import push_insn_history
from vm.verifier.prune.branches import update_branch_counts
from vm.verifier.prune.visited import is_state_visited
from vm.verifier.rules.limits import PROGRAM_TOO_LARGE
from vm.verifier.rules.structure import EXIT_RESERVED_FIELDS, INSTRUCTION_INDEX_OUT_OF_RANGE
from vm.verifier.state.frame import BPF_MAIN_FUNC, FuncState
from vm.verifier.state.vstate import VerifierState

SLICE: Final = 1024


def do_check_common(env: VerifierEnv, subprogno: int, recorder: Observer | None) -> Iterator[None]:
    """Walks one function from its entry, where only its arguments are known; raises Reject.

    Yields every SLICE instructions, so that a caller can report the progress.
    """
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
        env.path = recorder.path
    env.walked_idx = -1
    env.do_print_state = False
    while not do_check(env, recorder):
        yield
    if env.pop_log():
        env.log.reset(0)
    env.explored_states.clear()


def do_check(env: VerifierEnv, recorder: Observer | None) -> bool:
    """do_check(): up to SLICE instructions from env.insn_idx on; True when no path is left."""
    insns, aux, log = env.insns, env.aux, env.log
    insn_cnt = len(insns)
    pause = env.insn_processed + SLICE
    if log.steps and env.step >= log.steps and not log.stopped:
        log.stop()
    while env.insn_processed < pause:
        env.cur_hist_ent = None
        env.prev_insn_idx = env.walked_idx
        idx = env.insn_idx
        if not 0 <= idx < insn_cnt:
            env.reject(INSTRUCTION_INDEX_OUT_OF_RANGE, idx=idx, count=insn_cnt)
        env.insn_processed += 1
        if env.insn_processed > BPF_COMPLEXITY_LIMIT_INSNS:
            env.reject(PROGRAM_TOO_LARGE, processed=env.insn_processed)
        state = env.cur_state
        state.last_insn_idx = env.walked_idx
        a = aux[idx]
        if a.prune_point and is_state_visited(env, idx):
            _say_safe(env)
            if recorder is not None:
                recorder.end_path("safe", env.pruned_by)
        else:
            if a.jmp_point:
                push_insn_history(env, state, 0, 0)
            if log.level:
                _say_insn(env, idx)
            if not state.speculative:
                a.seen = env.pass_cnt
            env.walked_idx = idx
            env.step += 1
            log.step = env.step
            insn = insns[idx]
            done = False
            if insn.code == EXIT_INSN or (insn.code == CALL_INSN and insn.src_reg == o.PSEUDO_KFUNC_CALL):
                done = _exit_or_kfunc(env, insn)
            else:
                dispatch.check_insn(env, insn)
            if recorder is not None:
                recorder.add(idx, env.cur_state, len(env.head))
            if not done:
                continue
            if recorder is not None:
                recorder.end_path("exit")
        if not _next_path(env, recorder):
            return True
    return False


def _next_path(env: VerifierEnv, recorder: Observer | None) -> bool:
    """process_bpf_exit: continues with the last pushed branch; False if there is none."""
    env.mark_verifier_state_scratched()
    update_branch_counts(env, env.cur_state)
    if not env.head:
        return False
    elem = env.head.pop()
    env.cur_state = elem.st
    if env.pop_log():
        env.log.reset(elem.log_pos)
    env.insn_idx = elem.insn_idx
    env.walked_idx = elem.prev_insn_idx
    if recorder is not None:
        recorder.begin_path(elem.path, elem.push_step, elem.st)
        env.path = recorder.path
    env.do_print_state = True
    return True


def _exit_or_kfunc(env: VerifierEnv, insn: Insn) -> bool:
    """Checks an exit or kfunc call; whether the path ends."""
    env.jmps_processed += 1
    exception_exit = False
    if insn.code == CALL_INSN:
        # Most programs call no kernel function: the module is imported with the first call.
        from vm.verifier.call import kfunc

        if not kfunc.check_call(env, insn, exit_checks.check_return_code):
            return False
        exception_exit = True
    elif insn.imm or insn.src_reg or insn.dst_reg:
        env.reject(EXIT_RESERVED_FIELDS)
    exit_checks.check_regions_closed(env, exception_exit)
    check_reference_leak(env, exception_exit)
    if exception_exit:
        return True
    if env.cur_state.curframe:
        subprog.prepare_func_exit(env)
        env.do_print_state = True
        return False
    exit_checks.check_return_code(env, o.R0, "R0")
    return True


def _say_safe(env: VerifierEnv) -> None:
    if not env.log.level:
        return
    if env.do_print_state:
        env.verbose(f"\nfrom {env.prev_insn_idx} to {env.insn_idx}{_speculative(env)}: safe\n")
    else:
        env.verbose(f"{env.insn_idx}: safe\n")


def _speculative(env: VerifierEnv) -> str:
    return " (speculative execution)" if env.cur_state.speculative else ""


def _say_insn(env: VerifierEnv, idx: int) -> None:
    log = env.log
    log.step = env.step + 1  # log entries from here on belong to the next step
    frame = env.cur_state.frame[-1]
    if log.level & BPF_LOG_LEVEL2 and env.do_print_state:
        env.verbose(f"\nfrom {env.prev_insn_idx} to {idx}{_speculative(env)}:")
        env.print_verifier_state(frame, True)
        env.do_print_state = False
    if env.scratched_regs or env.scratched_stack_slots:
        env.print_insn_state(frame)
    env.say_line(idx)
    log.insn(idx)
    env.prev_log_pos = log.pos


def do_check_subprogs(env: VerifierEnv, recorder: Observer | None) -> Iterator[None]:
    """do_check_subprogs(): verifies each called global function separately, for any arguments."""
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
            yield from do_check_common(env, i, recorder)
            env.verbose(f"Func#{i} ('{sub.name}') is safe for any args that match its prototype\n")
            sub.verified = True
            again = True
