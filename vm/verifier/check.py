"""verify(): the list of passes and nothing else (bpf_check())."""

from __future__ import annotations

from vm.program import Program
from vm.verifier import loop
from vm.verifier.call.names import call_name
from vm.verifier.env import BPF_COMPLEXITY_LIMIT_INSNS, Reject, VerifierEnv, VerifyOptions
from vm.verifier.prepass.attach import check_attach
from vm.verifier.prepass.btf_info import check_btf_info, check_btf_info_early
from vm.verifier.prepass.cfg import check_cfg
from vm.verifier.prepass.fastcall import mark_fastcall_patterns
from vm.verifier.prepass.pseudo import resolve_pseudo_ldimm64
from vm.verifier.prepass.stack_depth import check_max_stack_depth
from vm.verifier.prepass.subprogs import add_subprog_and_kfunc, check_subprogs
from vm.verifier.recorder import Recorder
from vm.verifier.report.log_text import render
from vm.verifier.report.state_text import TypeNames
from vm.verifier.trace import Failure, Verification

PREPASSES = (
    check_btf_info_early,
    add_subprog_and_kfunc,
    check_subprogs,
    check_btf_info,
    resolve_pseudo_ldimm64,
    check_cfg,
    check_attach,
    mark_fastcall_patterns,
)


def verify(program: Program, options: VerifyOptions | None = None) -> Verification:
    """What Linux 6.12 would say of `program`: verdict, log and the trace of the walk.

    Raises NotEmulated where the emulation does not cover what the program uses, and LimitError
    past options.max_seconds; never guesses.
    """
    return verify_env(program, options)[0]


def verify_env(program: Program, options: VerifyOptions | None = None) -> tuple[Verification, VerifierEnv]:
    """verify(), and the environment it left: the fixups read its per-instruction data."""
    options = options or VerifyOptions()
    env = VerifierEnv(program, options)
    recorder = Recorder(TypeNames(program.maps)) if options.record else None
    reject: Reject | None = None
    try:
        for prepass in PREPASSES:
            prepass(env)
        env.insn_idx = 0
        loop.do_check_common(env, 0, recorder)
        loop.do_check_subprogs(env, recorder)
        check_max_stack_depth(env)
    except Reject as e:
        reject = e
        if recorder is not None and env.step == len(recorder):
            recorder.add_failed(env.insn_idx)
    if recorder is not None and reject is not None and len(recorder):
        recorder.end_path("reject")
    said = len(env.log.entries)
    env.verbose(
        f"processed {env.insn_processed} insns (limit {BPF_COMPLEXITY_LIMIT_INSNS}) "
        f"max_states_per_insn {env.max_states_per_insn} total_states {env.total_states} "
        f"peak_states {env.peak_states} mark_read {env.longest_mark_read_walk}\n"
    )
    rendered = render(
        env.log.entries, program, program.insns, call_name(env), allow_ptr_leaks=env.allow_ptr_leaks
    )
    if recorder is not None:
        recorder.set_log_steps(rendered.line_steps)
    message = env.log.last_words(said) if reject is not None else ""
    failure = None
    if reject is not None:
        step = len(recorder) - 1 if recorder is not None and env.step >= 0 else -1
        where = f"r{reject.regno}" if reject.regno >= 0 else f"fp-{8 * (reject.spi + 1)}" if reject.spi >= 0 else ""
        failure = Failure(step, env.insn_idx, where, message)
    verification = Verification(
        verdict="accept" if reject is None else "reject",
        errno=0 if reject is None else -reject.errno,
        message=message,
        insns_processed=env.insn_processed,
        log=rendered.text,
        trace=recorder,
        failure=failure,
    )
    return verification, env
