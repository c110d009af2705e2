"""What the emulation says of an object, and where that is not what the kernel said."""

from __future__ import annotations

import re
import signal
import struct
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vm.isa.insn import Insn, decode
from vm.isa.opcodes import LD_IMM64

MOST_INSNS: Final = 20_000  # longer walks have no recorded log
MOST_SECONDS: Final = 60
MOST_LOG: Final = 4_000_000  # the kernel keeps the end of a longer one
# The log did not fit into the loader's buffer, or the walk was broken off: nothing about the program.
NO_ANSWER: Final = (-28, -11)
# Types the kernel or libbpf refuses: only the commonest reasons are emulated, and libbpf goes on without types.
NO_BTF: Final = re.compile(r"Error loading (\.BTF into kernel|ELF section \.BTF)")
NO_KCONFIG: Final = "failed to open system Kconfig"  # of the guest, which has no file system
STATE: Final = re.compile(
    r"^(\d+: |;|from \d+|func#|mark_precise|processed |frame\d+:|caller:|callee:|returning from|to caller"
    r"|propagating|\d+ ?: safe)|^\s*$"
)
# What is worst first: a program the kernel refuses and the emulation lets run.
CLASSES: Final = (
    "wrong accept", "crash", "wrong reject", "reason", "level 1", "level 2", "rewritten", "image", "unrefused",
    "not loaded", "not emulated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """verdict: accept, reject, crash, not emulated, not loaded or long.

    log1, log2 -- the logs at both levels; of a crash, the traceback
    xlated, image -- of an accepted program, with the byte ranges that hold addresses
    """

    verdict: str
    errno: int = 0
    log1: str = ""
    log2: str = ""
    xlated: bytes = b""
    xlated_addresses: tuple[tuple[int, int], ...] = ()
    image: bytes = b""
    image_addresses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`kind` is one of CLASSES; `kernel` and `ours` the words that differ first."""

    kind: str
    file: str
    program: str
    kernel: str
    ours: str

    @property
    def signature(self) -> str:
        """Equal for disagreements that look alike: numbers left out, of states only what differs first."""
        return f"{self.kind}: {_shape(self.kernel, self.ours)}"


class TooSlow(Exception):
    """The emulation did not answer in time."""


def emulate(path: Path, name: str = "") -> dict[str, Said]:
    """Each program of the object by name; an object that cannot be read is under "". `name`: of the file."""
    from vm import pipeline
    from vm.errors import InputError

    try:
        source = pipeline.Source("elf", path.read_bytes(), name or path.name)
        loaded = pipeline.load(source, pipeline.BuildOptions(untyped="socket"))
    except InputError as error:
        return {"": Said("not loaded", log2=error.message)}
    except Exception:  # noqa: BLE001 -- finding these is what this is for
        return {"": Said("crash", log2=traceback.format_exc(limit=-4))}
    said = {name: Said("not loaded", log2=why) for name, why in loaded.errors}
    for program in loaded.programs:
        said[program.name] = verify(program)
    return said


def _ring(*_: object) -> None:
    raise TooSlow(f"no answer in {MOST_SECONDS} s")


def verify(program: Any) -> Said:
    """What the emulation says of one program, at both log levels and with its code."""
    from vm.errors import InputError, NotEmulated

    before = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
    try:
        return _verify(program)
    except NotEmulated as error:
        return Said("not emulated", log2=error.message)
    except InputError as error:
        return Said("not loaded", log2=error.message)
    except Exception:  # noqa: BLE001 -- finding these is what this is for
        return Said("crash", log2=traceback.format_exc(limit=-4))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _verify(program: Any) -> Said:
    from vm import pipeline

    walk = pipeline.walk(program, log_level=2, record=False)
    for _ in walk.advance():
        if walk.env.insn_processed > MOST_INSNS:
            return Said("long")
    full = walk.result()
    short, _ = pipeline.verify(program, log_level=1, record=False)
    if (short.verdict, short.errno) != (full.verdict, full.errno):
        raise AssertionError(f"level 1 says {short.verdict} {short.errno}, level 2 {full.verdict} {full.errno}")
    if full.verdict != "accept":
        return Said(full.verdict, full.errno, short.log, full.log)
    rewritten = pipeline.rewrite(walk.env)
    code = pipeline.code(rewritten, pipeline.translate(rewritten))
    return Said(full.verdict, 0, short.log, full.log, code.xlated, code.xlated_relocs, code.image, code.image_relocs)


def tidy(log: str) -> list[str]:
    """Lines without addresses of the kernel and of arenas in user space, which change from boot to boot."""
    hidden = re.sub(r"0x(f[0-9a-f]{15}|7f[0-9a-f]{10}|10000[0-9a-f]{7})\b", "0xPTR", log)
    return [line.rstrip() for line in hidden.strip().split("\n")]


def reason(lines: list[str]) -> str:
    """The last line that is no state."""
    said = [line for line in lines if not STATE.match(line)]
    return said[-1] if said else ""


def without(code: bytes, ranges: tuple[tuple[int, int], ...]) -> bytes:
    """`code` with zeros where addresses are."""
    masked = bytearray(code)
    for offset, size in ranges:
        masked[offset : offset + size] = bytes(len(masked[offset : offset + size]))
    return bytes(masked)


def disagreement(golden: dict[str, Any], said: Said) -> Disagreement | None:
    """What differs first between the kernel's record of a program and ours; None if nothing or nothing to say."""
    if said.verdict == "long" or golden["err"] in NO_ANSWER or NO_BTF.search(str(golden.get("libbpf"))):
        return None

    def found(kind: str, kernel: str, ours: str) -> Disagreement:
        return Disagreement(kind, golden["file"], golden["prog"], kernel, ours)

    if "failed to initialize slot" in str(golden.get("libbpf", "")):
        # The verifier was content; what libbpf could not do came after.
        golden = {**golden, "verdict": "accept", "err": 0}
    blamed = re.search(r"prog '([^']*)': BPF program load failed", str(golden.get("libbpf", "")))
    if blamed and blamed[1] != golden["prog"]:
        # Operations of one struct are loaded together: the errno is another's.
        return None
    if said.verdict == "crash":
        return found("crash", str(golden["verdict"]), said.log2)
    if golden["verdict"] == "error":
        complaint = str(golden.get("libbpf"))
        refused = said.verdict in ("not loaded", "not emulated", "reject")
        others = set(re.findall(r"prog '([^']*)'", complaint)) - {golden["prog"]}
        refused = refused or NO_KCONFIG in complaint or bool(others)
        return None if refused else found("unrefused", f"{golden['err']} {golden.get('libbpf', '')}", said.verdict)
    if "log2" not in golden or len(golden["log2"]) > MOST_LOG:
        return None
    want, have = tidy(golden["log2"]), tidy(said.log2)
    kernel, ours = reason(want), reason(have)
    if said.verdict not in ("accept", "reject"):
        return found(said.verdict, f"{golden['verdict']}: {kernel}", said.log2[:300])
    if said.verdict != golden["verdict"]:
        kind = "wrong accept" if said.verdict == "accept" else "wrong reject"
        return found(kind, f"{golden['verdict']}: {kernel}", f"{said.verdict}: {ours}")
    if said.verdict == "reject" and (kernel != ours or golden["err"] != said.errno):
        return found("reason", f"{golden['err']} {kernel}", f"{said.errno} {ours}")
    short = tidy(golden["log1"]) if "log1" in golden else tidy(said.log1)  # not asked for every time
    for kind, one, other in (("level 2", want, have), ("level 1", short, tidy(said.log1))):
        if one != other:
            pairs = [*zip(one, other, strict=False), (f"{len(one)} lines", f"{len(other)} lines")]
            return found(kind, *next((a, b) for a, b in pairs if a != b))
    return _code(golden, said, found) if golden["verdict"] == "accept" and "xlated" in golden else None


def _code(golden: dict[str, Any], said: Said, found: Any) -> Disagreement | None:
    from vm.isa.text import insn_text

    both = [decode(without(code, said.xlated_addresses)) for code in (bytes.fromhex(golden["xlated"]), said.xlated)]
    kernel_words, our_words = _kernel_addresses(both[0]), _kernel_addresses(both[1])
    one, other = (_hidden(insns) for insns in both)
    if one != other:
        at = next((n for n in range(min(len(one), len(other))) if one[n] != other[n]), -1)
        texts = [f"{at}: {insn_text(i, at)}" if at >= 0 else f"{len(i)} slots" for i in (one, other)]
        return found("rewritten", *texts)  # type: ignore[no-any-return]
    want = without(bytes.fromhex(golden["image"]), said.image_addresses)
    have = without(said.image, said.image_addresses)
    for word, ours in zip(kernel_words, our_words, strict=False):
        want, have = want.replace(word, bytes(4)), have.replace(ours, bytes(4))
    if want != have:
        at = next((n for n in range(min(len(want), len(have))) if want[n] != have[n]), min(len(want), len(have)))
        return found("image", f"{at:#x}: {want[at : at + 12].hex()}", f"{at:#x}: {have[at : at + 12].hex()}")  # type: ignore[no-any-return]
    return None


def _is_kernel_address(insns: tuple[Insn, ...], at: int) -> bool:
    """Whether a 64-bit constant is the address libbpf found for a symbol without a type."""
    return insns[at].code == LD_IMM64 and at + 1 < len(insns) and insns[at + 1].imm == -1 and insns[at].imm < 0


def _kernel_addresses(insns: tuple[Insn, ...]) -> list[bytes]:
    return [struct.pack("<i", insns[at].imm) for at in range(len(insns)) if _is_kernel_address(insns, at)]


def _hidden(insns: tuple[Insn, ...]) -> tuple[Insn, ...]:
    return tuple(insn._replace(imm=0) if _is_kernel_address(insns, at) else insn for at, insn in enumerate(insns))


def _shape(kernel: str, ours: str) -> str:
    """The words that differ first, without numbers."""

    def words(text: str) -> list[str]:
        return re.findall(r"[A-Za-z_][\w.']*|[^\w\s]|\d[\w]*", text)

    one, other = words(kernel), words(ours)
    if re.match(r"^\d+: \(|^from \d|^mark_precise|^\d+: R", kernel):
        at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        one, other = one[max(0, at - 2) : at + 2], other[max(0, at - 2) : at + 2]
    text = " ".join(one) + " / " + " ".join(other[-24:])
    return re.sub(r"\b\d\w*|\b[0-9a-f]{8,}\b", "N", re.sub(r"\b([RrWwfp]+)\d+", r"\1N", text))[:300]
