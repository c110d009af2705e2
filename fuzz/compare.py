"""What the emulation says of an object, and where that is not what the kernel said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MOST_INSNS: Final = 30_000  # longer walks have no recorded log
STATE: Final = re.compile(
    r"^(\d+: |;|from \d+|func#|mark_precise|processed |frame\d+:|caller:|callee:|returning from|to caller"
    r"|propagating|\d+ ?: safe)|^\s*$"
)
# What is worst first: a program the kernel refuses and the emulation lets run.
CLASSES: Final = ("wrong accept", "crash", "wrong reject", "reason", "log", "not loaded", "not emulated")


@dataclass(frozen=True, slots=True)
class Said:
    """verdict: accept, reject, crash, not emulated, not loaded or long."""

    verdict: str
    errno: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`kind` is one of CLASSES; `kernel` and `ours` the words that differ first."""

    kind: str
    file: str
    program: str
    kernel: str
    ours: str


def emulate(path: Path) -> dict[str, Said]:
    """Each program of the object by name; an object that cannot be read is under ""."""
    from vm.elf import load_object
    from vm.errors import InputError

    try:
        loaded = load_object(path.read_bytes(), path.name)
    except InputError as error:
        return {"": Said("not loaded", log=error.message)}
    except Exception as error:  # noqa: BLE001 -- finding these is what this is for
        return {"": Said("crash", log=repr(error))}
    said = {name: Said("not loaded", log=why) for name, why in loaded.errors}
    for program in loaded.programs:
        said[program.name] = _verify(program)
    return said


def _verify(program: Any) -> Said:
    from vm import pipeline
    from vm.errors import InputError, NotEmulated

    try:
        walk = pipeline.walk(program, log_level=2, record=False)
        for _ in walk.advance():
            if walk.env.insn_processed > MOST_INSNS:
                return Said("long")
        verification = walk.result()
        if verification.verdict == "accept":
            pipeline.rewrite(walk.env)
    except NotEmulated as error:
        return Said("not emulated", log=error.message)
    except InputError as error:
        return Said("not loaded", log=error.message)
    except Exception as error:  # noqa: BLE001 -- finding these is what this is for
        return Said("crash", log=repr(error))
    return Said(verification.verdict, verification.errno, verification.log)


def tidy(log: str) -> list[str]:
    """Lines without the kernel's addresses, which change from boot to boot."""
    return [line.rstrip() for line in re.sub(r"0x[f][0-9a-f]{15}\b", "0xPTR", log).strip().split("\n")]


def reason(lines: list[str]) -> str:
    """The last line that is no state."""
    said = [line for line in lines if not STATE.match(line)]
    return said[-1] if said else ""


def disagreement(golden: dict[str, Any], said: Said) -> Disagreement | None:
    """What differs first between the kernel's record of a program and ours; None if nothing or nothing to say."""
    if golden["verdict"] == "error" or said.verdict == "long" or "log2" not in golden:
        return None
    want, have = tidy(golden["log2"]), tidy(said.log)
    kind, kernel, ours = "", reason(want), reason(have) or said.log[:200]
    if said.verdict not in ("accept", "reject"):
        kind, kernel = said.verdict, f"{golden['verdict']}: {kernel}"
    elif said.verdict != golden["verdict"]:
        kind = "wrong accept" if said.verdict == "accept" else "wrong reject"
        kernel, ours = f"{golden['verdict']}: {kernel}", f"{said.verdict}: {ours}"
    elif said.verdict == "reject" and (kernel != ours or golden["err"] != said.errno):
        kind = "reason"
        kernel, ours = f"{golden['err']} {kernel}", f"{said.errno} {ours}"
    elif want != have:
        kind = "log"
        pairs = [*zip(want, have, strict=False), (f"{len(want)} lines", f"{len(have)} lines")]
        kernel, ours = next((a, b) for a, b in pairs if a != b)
    return Disagreement(kind, golden["file"], golden["prog"], kernel, ours) if kind else None
