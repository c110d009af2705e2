"""The sequence of the verifier's passes (bpf_check())."""

from __future__ import annotations

from collections.abc import Iterator

from vm.program import Program
from vm.trace.blocks import Storage
from vm.trace.recorder import Recorder
from vm.trace.records import Verification
from vm.trace.stored import StoredTrace
from vm.verifier import loop
from vm.verifier.call.names import call_name
from vm.verifier.env import BPF_COMPLEXITY_LIMIT_INSNS, Reject, VerifierEnv, VerifyOptions
from vm.verifier.events import STATE, TEXT, Log, LogEntry
from vm.verifier.fixups.rewritable import check_rewritable
from vm.verifier.prepass.attach import check_attach
from vm.verifier.prepass.btf_info import check_btf_info, check_btf_info_early
from vm.verifier.prepass.cfg import check_cfg
from vm.verifier.prepass.fastcall import mark_fastcall_patterns
from vm.verifier.prepass.permission import check_permission
from vm.verifier.prepass.pseudo import resolve_pseudo_ldimm64
from vm.verifier.prepass.stack_depth import check_max_stack_depth
from vm.verifier.prepass.subprogs import add_subprog_and_kfunc, check_subprogs
from vm.verifier.report.log_text import LogText
from vm.verifier.report.state_text import TypeNames
from vm.verifier.report.unresolved import rule_of, say_unresolved, unresolved_at

_SETTLE = 16_384  # entries of the log that are not text yet; an entry takes ten times the memory of its text
_BEGINNING = 150  # entries of a log that was stopped

PREPASSES = (
    check_permission,
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
    """The kernel's result for `program`: verdict, log and the trace of the walk.

    Raises NotEmulated where the emulation does not cover what the program uses; never guesses.
    """
    walk = Walk(program, options)
    for _ in walk.advance():
        pass
    return walk.result()


def stored_trace(program: Program, storage: Storage) -> StoredTrace:
    """The trace of a walk of `program` that was stored in `storage`; it has no blocks before add_block()."""
    env = VerifierEnv(program, VerifyOptions(record=False))
    return StoredTrace(storage, TypeNames(program.maps), program.insns, call_name(env), program.btf)


class Walk:
    """One verification in slices: advance(), reading `recorder` meanwhile, then result().

    `env` is the verifier's state, which the fixups read. storage: receives the blocks of the trace; None keeps them in
    memory.
    """

    def __init__(self, program: Program, options: VerifyOptions | None = None, storage: Storage | None = None) -> None:
        options = options or VerifyOptions()
        self.env = VerifierEnv(program, options)
        journal = self.env.journal
        self.recorder = (
            Recorder(TypeNames(program.maps), program.insns, call_name(self.env), journal, program.btf, storage)
            if journal is not None
            else None
        )
        self._text = self._new_text()
        self.rejected: Reject | None = None
        self.in_step = False  # whether it was an instruction that was refused

    def advance(self) -> Iterator[None]:
        """The passes of bpf_check(), pausing every thousand instructions or so."""
        env, recorder = self.env, self.recorder
        try:
            for prepass in PREPASSES:
                env.insn_idx = 0
                prepass(env)
            env.insn_idx = 0
            for _ in loop.do_check_common(env, 0, recorder):
                self._settle()
                yield
            for _ in loop.do_check_subprogs(env, recorder):
                self._settle()
                yield
            check_max_stack_depth(env)
            check_rewritable(env)
        except Reject as e:
            self.rejected = e
            if recorder is not None and len(recorder) == env.step:
                recorder.add_failed(env.insn_idx)
                self.in_step = True
            if recorder is not None and len(recorder):
                recorder.end_path("reject")

    def _new_text(self) -> LogText:
        env = self.env
        return LogText(
            env.program,
            env.program.insns,
            call_name(env),
            allow_ptr_leaks=env.allow_ptr_leaks,
            with_steps=self.recorder is not None or env.log.keep > 0,
        )

    def _settle(self) -> None:
        """Converts the beginning of a long log to text, up to the position to which the log may be reset (level 1)."""
        log, waiting = self.env.log, self.env.head
        if log.keep or log.steps or len(log.entries) < _SETTLE:
            return
        if not log.settled:
            self._text = self._new_text()
        self._text.add(log.take(waiting[0].log_pos if waiting and self.env.pop_log() else log.pos))

    def result(self) -> Verification:
        """Verdict, log and trace of a finished walk."""
        env, recorder, rejected = self.env, self.recorder, self.rejected
        if env.refused and rejected is not None:
            from vm.explain.failure import refusal

            return Verification(
                "reject", -rejected.errno, rejected.sentence, 0, "", recorder, refusal(rejected), rule=rejected.rule
            )
        if rejected is not None:
            rejected = self.rejected = _as_libbpf(env, rejected)
        env.verbose(
            f"processed {env.insn_processed} insns (limit {BPF_COMPLEXITY_LIMIT_INSNS}) "
            f"max_states_per_insn {env.max_states_per_insn} total_states {env.total_states} "
            f"peak_states {env.peak_states} mark_read {env.longest_mark_read_walk}\n"
        )
        if not env.log.settled:
            self._text = self._new_text()
        self._text.add(_kept(env.log))
        rendered = self._text.rendered()
        if recorder is not None:
            recorder.set_log_steps(rendered.line_steps)
        told = None
        if rejected is not None:
            from vm.explain.failure import failure

            told = failure(env, recorder, rejected, self.in_step)
        return Verification(
            verdict="accept" if rejected is None else "reject",
            errno=0 if rejected is None else -rejected.errno,
            message="" if rejected is None else rejected.sentence,
            insns_processed=env.insn_processed,
            log=rendered.text,
            trace=recorder,
            failure=told,
            rule=None if rejected is None else rejected.rule,
            log_stopped=env.log.stopped,
            log_lines=rendered.line_steps,
        )


def _kept(log: Log) -> list[LogEntry]:
    """The log's entries; of a log that was stopped only the beginning and the end.

    Writing a log takes longer than the walk: for the rest of it the program is verified again.
    """
    entries = log.all()
    last = len(log.last) + 1
    if not log.stopped or len(entries) <= _BEGINNING + last:
        return entries
    cut = _BEGINNING
    while entries[cut].kind == STATE:  # it stands on the line before
        cut += 1
    gap = f"… the log after step {entries[cut - 1].step:,} is left out …\n"
    return [*entries[:cut], LogEntry(TEXT, 0, gap, None, -1), *log.last]


def _as_libbpf(env: VerifierEnv, rejected: Reject) -> Reject:
    """The rejection as libbpf tells it: of what it could not resolve, where the instruction stands for that."""
    missing = unresolved_at(env.program, rejected.rule, env.insn_idx)
    if missing is None:
        return rejected
    rule, values = rule_of(missing), {"name": missing.name}
    replaced = Reject(rule, {**values}, rejected.errno, needed=rule.needed)
    replaced.sentence = rule.text(values)
    say_unresolved(env.log, missing, replaced.sentence)
    return replaced
