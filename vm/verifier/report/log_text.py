"""The verifier's log as text, byte for byte as the kernel writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vm.isa.insn import Insn
from vm.isa.text import insn_text
from vm.namedtuples import NamedTuple
from vm.program import LineInfo, Program
from vm.verifier.events import INSN, INSTEAD, LINE, MARK, STATE, TEXT, LogEntry
from vm.verifier.report.mask_text import reg_mask_text, stack_mask_text
from vm.verifier.report.state_text import TypeNames, state_text

BPF_LOG_MIN_ALIGNMENT = 8
BPF_LOG_ALIGNMENT = 40
_MOST_PRINTED = 1023  # bytes of one verbose(): BPF_VERIFIER_TMP_LOG_SIZE less the end of the text

# isspace() in the kernel's C locale (and 0xa0, which UTF-8 text never holds alone).
_SPACE = " \t\n\v\f\r"
# Where maps would lie in a kernel: any address of that shape, the same at every run.
_MAP_ADDRESS = 0xFFFF888100000000
_MAP_TYPE_ARENA = 33
_ARENA_ADDRESS = 1 << 44
_VALUE_ADDRESS = 0xFFFFC90000000000


class RenderedLog(NamedTuple):
    """text, and (line number, step) for every line that belongs to a step of the trace."""

    text: str
    line_steps: tuple[tuple[int, int], ...]


def line_text(info: LineInfo) -> str:
    """The text verbose_linfo() prints for a record, with its newline; the end of a very long line is missing."""
    file = info.file.rsplit("/", 1)[-1]
    text = info.text.lstrip(_SPACE)
    if len(text) > _MOST_PRINTED // 4:  # of no character are there more than four bytes
        text = text.encode("utf-8", "surrogateescape")[:_MOST_PRINTED].decode("utf-8", "replace")
    return f"{text} @ {file}:{info.line}\n"


def vlog_alignment(pos: int) -> int:
    """vlog_alignment(): width of the gap before a joined state."""
    wanted = max(pos + BPF_LOG_MIN_ALIGNMENT // 2, BPF_LOG_ALIGNMENT)
    return (wanted + BPF_LOG_MIN_ALIGNMENT - 1) // BPF_LOG_MIN_ALIGNMENT * BPF_LOG_MIN_ALIGNMENT - pos - 1


def address_text(insn: Insn, imm: int) -> str:
    """What a pseudo 64-bit load prints: a made-up address for maps, the symbol's own, or the number."""
    if insn.src_reg in (1, 5):
        return f"{_MAP_ADDRESS + ((imm & 0xFFFFFFFF) << 12):#x}"
    if insn.src_reg in (2, 6):
        return f"{_VALUE_ADDRESS + ((imm & 0xFFFFFFFF) << 24) + (imm >> 32):#x}"
    if insn.src_reg == 3:
        return f"{_symbol_address(imm & 0xFFFFFFFF):#x}"
    return f"{imm:#x}"


def _symbol_address(btf_id: int) -> int:
    """Where the kernel symbol of a BTF id lies, as without address randomisation; per-CPU ones are offsets."""
    from vm.kernel.btf import kernel_btf
    from vm.kernel.symbols import ksym_address

    btf = kernel_btf()
    address = ksym_address(btf.type(btf_id).name) if 0 < btf_id < len(btf) else None
    return address if address is not None else 0xFFFFFFFF81000000 + (btf_id & 0xFFFFFF)


class LogText:
    """The kernel's text of a log that is added piece by piece. The first entry added is never a state to be joined.

    with_steps -- whether to note which lines belong to which step
    """

    def __init__(
        self,
        program: Program,
        insns: Sequence[Insn],
        call_name: Callable[[Insn], str | None] | None = None,
        *,
        allow_ptr_leaks: bool = True,
        with_steps: bool = True,
    ) -> None:
        self._program = program
        self._insns = insns
        self._call_name = call_name
        self._allow_ptr_leaks = allow_ptr_leaks
        self._with_steps = with_steps
        self._names = TypeNames(program.maps)
        self._texts: dict[int, str] = {}
        self._done: list[str] = []
        self._line_steps: list[tuple[int, int]] = []
        self._line = 0

    def add(self, entries: Sequence[LogEntry]) -> None:
        """The next entries; no state that is joined to an instruction may be cut off from it."""
        out: list[str] = []
        line, line_steps = self._line, self._line_steps
        width = 0
        for e in entries:
            if e.kind == TEXT:
                piece = e.text
            elif e.kind == INSTEAD:
                piece = f"{e.number}: {e.text}\n"
            elif e.kind == LINE:
                piece = "; " + line_text(self._program.line_infos[e.number])
            elif e.kind in (INSN, MARK):
                piece = f"{e.number}: {self._insn(e.number)}\n"
                if e.kind == MARK:
                    frame, regs, slots = e.mark
                    before = f"regs={reg_mask_text(regs)} stack={stack_mask_text(slots)} before "
                    piece = f"mark_precise: frame{frame}: {before}{piece}"
                else:
                    # The kernel measures the line with its newline.
                    width = len(piece.encode())
                if e.text:
                    piece = piece[:-1] + e.text
            else:
                assert e.state is not None
                text = state_text(e.state, self._names)
                if e.number == -1:
                    out[-1] = out[-1][:-1]
                    line -= 1
                    # "%*c;": a blank right-aligned in the gap's width, then the semicolon.
                    piece = " " * vlog_alignment(width) + ";" + text + "\n"
                elif e.number == -2:
                    piece = text + "\n"
                else:
                    piece = f"{e.number}:{text}\n"
            if (
                self._with_steps
                and e.kind in (INSN, INSTEAD, STATE)
                and e.step >= 0
                and (not line_steps or line_steps[-1][0] != line)
            ):
                line_steps.append((line, e.step))
            out.append(piece)
            line += piece.count("\n")
        self._done.append("".join(out))
        self._line = line

    def rendered(self) -> RenderedLog:
        """All that was added."""
        return RenderedLog("".join(self._done), tuple(self._line_steps))

    def _insn(self, number: int) -> str:
        if number not in self._texts:
            self._texts[number] = insn_text(
                self._insns,
                number,
                call_name=self._call_name,
                imm_name=self._imm_name,
                allow_ptr_leaks=self._allow_ptr_leaks,
            )
        return self._texts[number]

    def _imm_name(self, insn: Insn, imm: int) -> str:
        if insn.src_reg in (2, 6):
            spec = self._program.maps[imm & 0xFFFFFFFF]
            if spec.map_type == _MAP_TYPE_ARENA:  # a user address: where the map's creator put it
                return f"{(spec.map_extra or _ARENA_ADDRESS) + (imm >> 32):#x}"
        return address_text(insn, imm)


def render(entries: Sequence[LogEntry], program: Program, insns: Sequence[Insn]) -> RenderedLog:
    """The text of these entries."""
    text = LogText(program, insns)
    text.add(entries)
    return text.rendered()
