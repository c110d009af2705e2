"""One walk's context (struct bpf_verifier_env): the program, options, counters, the log and the states.

It is the first argument of every check. It has no logic except for its invariants.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NoReturn, final

from vm.caps import BPF, NOBODY, PERFMON, ROOT, Caps, capable
from vm.isa.insn import Insn
from vm.kernel.helper_facts import FuncProto
from vm.namedtuples import NamedTuple
from vm.native import mypyc_attr
from vm.program import Program
from vm.verifier.events import BPF_LOG_LEVEL2, Log, snapshot
from vm.verifier.journal import Journal
from vm.verifier.rules.limits import JUMP_SEQUENCE_TOO_LONG
from vm.verifier.rules.rule import AS_CAUSE, Note, Rule
from vm.verifier.state.attach_target import AttachTarget
from vm.verifier.state.aux import InsnAux, SubprogInfo
from vm.verifier.state.backtrack import Backtrack
from vm.verifier.state.frame import FuncState
from vm.verifier.state.map_facts import MapFacts
from vm.verifier.state.memo import AluMemo, JumpMemo
from vm.verifier.state.reg import RegState
from vm.verifier.state.vstate import VerifierState, copy_verifier_state

BPF_COMPLEXITY_LIMIT_INSNS: Final = 1_000_000
BPF_COMPLEXITY_LIMIT_JMP_SEQ: Final = 8192
BPF_COMPLEXITY_LIMIT_STATES: Final = 64

BPF_F_STRICT_ALIGNMENT: Final = 1 << 0
BPF_F_ANY_ALIGNMENT: Final = 1 << 1
BPF_F_TEST_STATE_FREQ: Final = 1 << 3
BPF_F_SLEEPABLE: Final = 1 << 4
BPF_F_XDP_HAS_FRAGS: Final = 1 << 5
BPF_F_TEST_REG_INVARIANTS: Final = 1 << 7


class Reject(Exception):
    """The program is rejected by `rule`; the values are the fields of its message.

    errno -- positive (EACCES); sentence -- the line of the kernel's message with the reason ("" if there is no
    message); partners -- the other lines about the rejection, in the log's order.
    regno -- register at fault, or -1; spi -- stack slot at fault (8-byte index) of frame `frame`, or -1.
    needed -- what would have been accepted, as a sentence, if the rule alone does not say it.
    held -- kinds of holdings (trace.Holding) that were not released; ref_id -- the reference, or 0.
    also -- another relevant register: the size of the memory at fault; insn_idx -- the instruction, if it is not the
    current one; only_null -- the register would be accepted if it could not be NULL.
    """

    def __init__(
        self, rule: Rule, values: dict[str, object], errno: int, regno: int = -1, spi: int = -1, needed: str = "",
        frame: int = 0, held: tuple[str, ...] = (), ref_id: int = 0, insn_idx: int = -1,
    ) -> None:  # fmt: skip
        super().__init__(rule.name)
        self.rule = rule
        self.values = values
        self.errno = errno
        self.sentence = ""
        self.partners: tuple[str, ...] = ()
        self.regno = regno
        self.spi = spi
        self.needed = needed
        self.frame = frame
        self.held = held
        self.ref_id = ref_id
        self.insn_idx = insn_idx
        self.also = -1
        self.only_null = False


class VerifyOptions(NamedTuple):
    """log_level 0-2; record: keep the trace; privileged: as root (False: as an unprivileged user).

    caps: the user's capabilities, if they are neither all nor none.
    keep_log, log_steps: see Log.keep and Log.steps.
    prog_flags are added to the program's own (BPF_F_TEST_STATE_FREQ and the like).
    """

    log_level: int = 2
    record: bool = True
    privileged: bool = True
    prog_flags: int = 0
    keep_log: int = 0
    log_steps: int = 0
    caps: Caps | None = None

    @property
    def granted(self) -> Caps:
        """The user's capabilities."""
        if self.caps is not None:
            return self.caps
        return ROOT if self.privileged else NOBODY


@final
class StackElem:
    """struct bpf_verifier_stack_elem: a pushed branch. push_step and path are for the trace."""

    __slots__ = ("st", "insn_idx", "prev_insn_idx", "log_pos", "push_step", "path")

    def __init__(
        self, st: VerifierState, insn_idx: int, prev_insn_idx: int, log_pos: int, push_step: int, path: int
    ) -> None:
        self.st: VerifierState = st
        self.insn_idx: int = insn_idx
        self.prev_insn_idx: int = prev_insn_idx
        self.log_pos: int = log_pos
        self.push_step: int = push_step
        self.path: int = path


@mypyc_attr(free_list_len=1)
@final
class HistEntry:
    """struct bpf_insn_hist_entry."""

    __slots__ = ("idx", "prev_idx", "flags", "linked_regs")

    def __init__(self, idx: int, prev_idx: int, flags: int, linked_regs: int) -> None:
        self.idx: int = idx
        self.prev_idx: int = prev_idx
        self.flags: int = flags
        self.linked_regs: int = linked_regs  # 64 bits


NO_HIST_ENTRY: Final = HistEntry(-1, -1, 0, 0)


@final
class StateListEntry:
    """struct bpf_verifier_state_list: one checkpoint of an instruction, newest first in its list."""

    __slots__ = ("state", "miss_cnt", "hit_cnt")

    def __init__(self, state: VerifierState) -> None:
        self.state: VerifierState = state
        self.miss_cnt: int = 0
        self.hit_cnt: int = 0


@final
class VerifierEnv:
    """struct bpf_verifier_env."""

    def __init__(self, program: Program, options: VerifyOptions) -> None:
        self.program: Program = program
        self.options: VerifyOptions = options
        self.insns: list[Insn] = list(program.insns)
        self.aux: list[InsnAux] = [InsnAux(i) for i in range(len(program.insns))]
        self.subprogs: list[SubprogInfo] = []
        self.insn_idx: int = 0
        self.prev_insn_idx: int = -1
        self.log: Log = Log(options.log_level, options.keep_log, options.log_steps)
        self.refused: bool = False  # before the verifier was asked
        self._notes: list[tuple[int, str]] = []  # (insn_processed, log lines about a rejection)

        flags = program.prog_flags | options.prog_flags
        self.caps: Caps = options.granted
        perfmon = capable(self.caps, PERFMON)
        self.allow_ptr_leaks: bool = perfmon
        self.allow_uninit_stack: bool = perfmon
        self.bpf_capable: bool = capable(self.caps, BPF)
        # The kernel's command line does not switch mitigations off.
        self.bypass_spec_v1: bool = perfmon
        self.bypass_spec_v4: bool = perfmon
        self.explore_alu_limits: bool = False
        self.strict_alignment: bool = bool(flags & BPF_F_STRICT_ALIGNMENT) and not flags & BPF_F_ANY_ALIGNMENT
        self.test_state_freq: bool = self.bpf_capable and bool(flags & BPF_F_TEST_STATE_FREQ)
        self.test_reg_invariants: bool = bool(flags & BPF_F_TEST_REG_INVARIANTS)
        self.sleepable: bool = bool(flags & BPF_F_SLEEPABLE)
        self.seen_direct_write: bool = False
        self.seen_exception: bool = False
        self.exception_callback_subprog: int = 0
        self.hidden_subprog_cnt: int = 0
        self.changes_pkt_data: bool = False  # a freplace or main program's own mark

        self.cur_state: VerifierState = VerifierState()
        self.head: list[StackElem] = []
        self.explored_states: dict[int, list[StateListEntry]] = {}
        self.insn_hist: list[HistEntry] = []
        self.cur_hist_ent: HistEntry | None = None
        self.backtrack: Backtrack = Backtrack()
        # Per instruction: its immediate as a register, and its last operands with the result.
        self.imm_regs: list[RegState | None] = [None] * len(program.insns)
        self.alu_memos: list[AluMemo | None] = [None] * len(program.insns)
        self.jump_memos: list[JumpMemo | None] = [None] * len(program.insns)
        self.touches: list[int] = []  # per instruction, once precision is walked back: see backtrack.py
        self.id_gen: int = 0
        self.used_maps: list[int] = []
        self.map_facts: dict[int, MapFacts] = {}  # by index into Program.maps << 1 | inner_map
        self.helper_protos: dict[int, FuncProto] = {}  # of the helpers called so far, by number
        self.kfuncs: set[int] = set()  # BTF ids of the kernel functions the program calls
        self.attach_target: AttachTarget | None = None
        self.arena_map: int = -1  # index into Program.maps
        self.tstamp_type_access: bool = False  # the program reads __sk_buff.tstamp_type

        self.pass_cnt: int = 0
        self.insn_processed: int = 0
        self.prev_insn_processed: int = 0
        self.jmps_processed: int = 0
        self.prev_jmps_processed: int = 0
        self.max_states_per_insn: int = 0
        self.total_states: int = 0
        self.peak_states: int = 0
        self.longest_mark_read_walk: int = 0

        # State of do_check() between two slices: the last instruction, and whether a new path has just started.
        self.walked_idx: int = -1
        self.do_print_state: bool = False
        self.scratched_regs: int = 0
        self.scratched_stack_slots: int = 0
        self.prev_log_pos: int = 0
        self.prev_linfo: int = -1

        # The trace's own counters; see vm/trace/recorder.py.
        self.step: int = -1
        self.path: int = 0
        self.pruned_by: int = -1  # step of the checkpoint that covered the last pruned path
        self.prune_rule: int = 0  # how the last checkpoint was compared, see journal.py
        self.journal: Journal | None = Journal() if options.record else None
        self._line_starts: list[int] = [info.insn_off for info in program.line_infos]

    # -- shorthands ----------------------------------------------------------

    @property
    def cur(self) -> FuncState:
        """The current frame (cur_func())."""
        return self.cur_state.frame[-1]

    @property
    def regs(self) -> list[RegState]:
        """Registers of the current frame (cur_regs())."""
        return self.cur_state.frame[-1].regs

    def func(self, reg: RegState) -> FuncState:
        """The frame a stack pointer points into (func())."""
        return self.cur_state.frame[reg.frameno]

    def new_id(self) -> int:
        """++env->id_gen."""
        self.id_gen += 1
        return self.id_gen

    def line_record(self, insn_idx: int) -> int:
        """find_linfo(): index into program.line_infos of the record that covers insn_idx, -1 without any."""
        return max(bisect_right(self._line_starts, insn_idx) - 1, 0) if self._line_starts else -1

    # -- messages ------------------------------------------------------------

    def verbose(self, text: str) -> None:
        """verbose(): a piece of log text, exactly as in the kernel."""
        self.log.text(text)

    def note(self, note: Note, **values: object) -> None:
        """verbose() of a line that belongs to the rejection that may follow."""
        self._beside(note.text(values))

    def warn(self, rule: Rule, **values: object) -> None:
        """verbose() the message of a rule without refusing the program (yet)."""
        self._beside(rule.text(values))

    def _beside(self, text: str) -> None:
        self.log.text(text)
        if self._notes and self._notes[-1][0] != self.insn_processed:
            self._notes.clear()
        self._notes.append((self.insn_processed, text.strip("\n")))

    def reject(
        self, rule: Rule, regno: int = -1, spi: int = -1, needed: str = "", frame: int = 0,
        held: tuple[str, ...] = (), ref_id: int = 0, insn_idx: int = -1, errno: int = 0,
        also: int = -1, because: Reject | None = None, states: tuple[tuple[str, FuncState], ...] = (),
        only_null: bool = False, **values: object,
    ) -> NoReturn:  # fmt: skip
        """verbose() the rule's message and return -errno, as nearly every check ends.

        errno -- one of rule.also, if the caller returns another error than rule.errno.
        because -- the rejection that caused this one: its message is in the log already and becomes a partner.
        states -- (heading, frame) that the kernel prints after the message.
        only_null -- Reject.only_null.
        values -- the fields of the message; `regno` is one of them. The rest is Reject's.
        """
        if regno >= 0:
            values["regno"] = regno
        text = rule.text(values)
        self.log.text(text)
        for heading, state in states:
            self.log.text(heading)
            self.print_verifier_state(state, True)
        if rule.errno == AS_CAUSE and because is not None:
            errno = because.errno
        rejected = Reject(rule, values, errno or rule.errno, regno, spi, needed, frame, held, ref_id, insn_idx)
        said = [note for at, note in self._notes if at == self.insn_processed]
        if because is not None:
            said = [*because.partners, because.sentence] if because.sentence else said
        sentence, others = rule.split(text)
        if not sentence and said:
            sentence = said.pop()
        rejected.sentence = sentence
        rejected.partners = (*said, *others)
        rejected.also = also
        rejected.only_null = only_null
        raise rejected

    def refuse(self, rule: Rule, **values: object) -> NoReturn:
        """Return -errno before the verifier runs; such a load has no log."""
        self.refused = True
        rejected = Reject(rule, values, rule.errno)
        rejected.sentence = rule.text(values)
        raise rejected

    def say_line(self, insn_idx: int) -> None:
        """verbose_linfo(): the source line, if it differs from the last one in the log."""
        record = self.line_record(insn_idx)
        prev = self.prev_linfo
        if record < 0 or record == prev:
            return
        infos = self.program.line_infos
        if prev >= 0 and infos[prev].file == infos[record].file and infos[prev].line == infos[record].line:
            return
        self.log.line(record)
        self.prev_linfo = record

    def print_verifier_state(self, state: FuncState, print_all: bool) -> None:
        """print_verifier_state() after other text on the same line."""
        if self.log.level:
            self.log.state(snapshot(state, print_all, self.scratched_regs, self.scratched_stack_slots), -2)
        if not print_all:
            self.mark_verifier_state_clean()

    def print_insn_state(self, state: FuncState) -> None:
        """print_insn_state(): on the instruction's line if it is the last one, else on a new line."""
        joined = self.prev_log_pos and self.prev_log_pos == self.log.pos
        if self.log.level:
            s = snapshot(state, False, self.scratched_regs, self.scratched_stack_slots)
            self.log.state(s, -1 if joined else self.insn_idx)
        self.mark_verifier_state_clean()

    # -- which slots changed since the last print ----------------------------

    def mark_reg_scratched(self, regno: int) -> None:
        self.scratched_regs |= 1 << regno

    def mark_stack_slot_scratched(self, spi: int) -> None:
        if self.log.level:
            self.scratched_stack_slots |= 1 << spi

    def mark_verifier_state_clean(self) -> None:
        self.scratched_regs = 0
        self.scratched_stack_slots = 0

    def mark_verifier_state_scratched(self) -> None:
        self.scratched_regs = 0xFFFFFFFF
        self.scratched_stack_slots = 0xFFFFFFFFFFFFFFFF

    # -- branches still to be walked -----------------------------------------

    def push_stack(self, insn_idx: int, prev_insn_idx: int, speculative: bool) -> VerifierState:
        """push_stack(): save the other branch for later; the caller may still change the returned state."""
        st = copy_verifier_state(self.cur_state)
        st.speculative = st.speculative or speculative
        self.push_elem(st, insn_idx, prev_insn_idx)
        if st.parent is not None:
            st.parent.branches += 1
        return st

    def push_elem(self, st: VerifierState, insn_idx: int, prev_insn_idx: int) -> None:
        self.head.append(StackElem(st, insn_idx, prev_insn_idx, self.log.pos, self.step, self.path))
        if len(self.head) > BPF_COMPLEXITY_LIMIT_JMP_SEQ:
            self.reject(JUMP_SEQUENCE_TOO_LONG, count=len(self.head))

    def pop_log(self) -> bool:
        """Whether the log of a finished path is removed (level 1)."""
        return not self.log.level & BPF_LOG_LEVEL2
