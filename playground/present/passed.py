"""Inputs and outputs of each stage, and the equivalent command, for the page to show.

An item is {what, name, size, unit}: `size` is a number of `unit`s, None if there is nothing to count.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from playground.present.inputs import RECORDING
from playground.present.request import OBJECT, Asked
from vm.runner.inputs import EventInput, GivenInput, PacketInput, RunInput

if TYPE_CHECKING:
    from vm.pipeline import Verdict
    from vm.program import Object, Program
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution

Message = dict[str, Any]

KINDS: Final = {
    "c": ("C source", ".c"), "asm": ("assembly", ".s"), "hex": ("instructions in hex", ".hex"),
    "elf": ("ELF object", ".o"), "listing": ("listing", ".lst"), "log": ("verifier log", ".log"),
}  # fmt: skip
"""Kind of a source -> its name, and the file suffix by which the command line recognises it."""
MOST_NAMES: Final = 8
MOST_HEX: Final = 512
"""Largest number of hex digits of a packet in a command."""
MOST_INPUTS: Final = 4


def item(what: str, name: str = "", size: int | None = None, unit: str = "byte") -> Message:
    """One item."""
    return {"what": what, "name": name, "size": size, "unit": unit}


def source(asked: Asked) -> Message:
    """The user's source."""
    what, suffix = KINDS[asked.source.kind]
    return item(what, f"{asked.source.name}{suffix}", len(asked.source.data))


def compiled(asked: Asked, data: bytes | None) -> Message:
    """`took` and `returned` of the compiler."""
    made = [item("ELF object", f"{asked.source.name}.o", len(data))] if data is not None else []
    own = [item("C header", each.name, len(each.text.encode())) for each in asked.source.files]
    return {"took": [source(asked), *own], "returned": made}


def program(chosen: Program) -> Message:
    """A loaded program."""
    return item("BPF program", chosen.name, len(chosen.insns), "slot")


def maps(chosen: Program) -> list[Message]:
    """A program's maps."""
    names = [spec.full_name or spec.name for spec in chosen.maps]
    return [item("maps", _names(names), len(names), "map")] if names else []


def loaded(asked: Asked, data: bytes | None, obj: Object, chosen: Program) -> Message:
    """`took` and `returned` of the loader. data -- clang's object"""
    took = item("ELF object", f"{asked.source.name}.o", len(data)) if data is not None else source(asked)
    others = [p.name for p in obj.programs if p is not chosen]
    more = [item("other programs", _names(others), len(others), "program")] if others else []
    return {"took": [took], "returned": [program(chosen), *maps(chosen), *more]}


def verified(chosen: Program, verdict: Verdict, steps: int) -> Message:
    """`took` and `returned` of the verifier."""
    made = [item("verdict", verdict.verdict), item("states", "", steps, "step")]
    if verdict.log:
        made.append(item("log", "level 2", len(verdict.log.encode())))
    return {"took": [program(chosen), *maps(chosen)], "returned": made}


def translated(chosen: Program, rewritten: Rewritten, size: int) -> Message:
    """`took` and `returned` of the JIT, including the verifier's rewrites before it."""
    return {
        "took": [program(chosen)],
        "returned": [as_rewritten(rewritten), item("x86-64 code", chosen.name, size)],
    }


def as_rewritten(rewritten: Rewritten) -> Message:
    """The rewritten program."""
    return item("rewritten program", rewritten.program.name, len(rewritten.insns), "slot")


def ran(code: Message, inputs: Sequence[RunInput], runs: Sequence[Execution]) -> Message:
    """`took` and `returned` of the run. code -- the executed item"""
    last = runs[-1]
    took = [code, *(_input(each) for each in inputs[:MOST_INPUTS])]
    if len(inputs) > MOST_INPUTS:
        took.append(item("more packets", "", len(inputs) - MOST_INPUTS, "packet"))
    made = [item("result" if len(runs) == 1 else "last result", last.result, last.insns, "instruction")]
    if last.packet_out is not None:
        made.append(item("packet", "", len(last.packet_out)))
    if last.maps:
        made.append(item("maps", _names(last.maps), len(last.maps), "map"))
    if events := sum(len(run.events) for run in runs):
        made.append(item("events", "", events, "event"))
    return {"took": took, "returned": made}


def _input(given: RunInput) -> Message:
    if isinstance(given, PacketInput):
        return item("packet", "", len(given.data))
    if isinstance(given, EventInput):
        return item("event", given.name, len(given.values), "value")
    if isinstance(given, GivenInput):
        return item("input of a counterexample")
    return item("no input")


def _names(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:MOST_NAMES]) + (", …" if len(found) > MOST_NAMES else "")


# -- the command line -------------------------------------------------------------------------------------------------


def command(stage: str, asked: Asked) -> str:
    """The command that is equivalent to a stage, for a file with the source in the current directory."""
    if stage == "run" and (asked.input or {}).get("kind") == RECORDING:
        program = _program(asked) or ["--program=NAME"]
        return shlex.join(["python", "-m", "vm", "recording", "program.rec", *program])
    verb, options = _COMMANDS[stage]
    file = f"{asked.source.name}{KINDS[asked.source.kind][1]}"
    return shlex.join(["python", "-m", "vm", verb, file, *_build(asked), *options(asked)])


def _build(asked: Asked) -> list[str]:
    """The options of compiling and loading that are not the default ones."""
    build = asked.build
    found = []
    if asked.source.kind == "c":
        found += [f"--opt={build.opt}"] if build.opt != "O2" else []
        found += [f"--mcpu={build.mcpu}"] if build.mcpu != "v3" else []
        found += ["--fix-includes"] if build.fix_includes else []
        # Those of other folders too: where the source lies in its own is not known here.
        found += [f"--file={each.name}={each.name}" for each in asked.source.files]
    elif asked.source.kind in ("asm", "hex", "listing") and build.prog_type != "xdp":
        found.append(f"--prog-type={build.prog_type}")
    return found


def _program(asked: Asked) -> list[str]:
    return [f"--program={asked.program}"] if asked.program else []


def _user(asked: Asked) -> list[str]:
    return _program(asked) + ([] if asked.caps else ["--unprivileged"])


def _verify(asked: Asked) -> list[str]:
    return [*_user(asked), "--log-level=2"]


def _run(asked: Asked) -> list[str]:
    how = [] if asked.verify else ["--unverified"]
    engine = [f"--engine={asked.engine}"] if asked.engine != "jit" and asked.verify and not asked.unchecked else []
    given = asked.input or {}
    return [*_user(asked), *how, *engine, *(_INPUTS[given["kind"]](given) if given.get("kind") in _INPUTS else [])]


def _socket(given: Message) -> list[str]:
    return [f"--socket={given['socket']}"] if given.get("socket", "packet") != "packet" else []


def _packet(given: Message) -> list[str]:
    digits = str(given.get("hex", ""))
    return [f"--packet={digits if len(digits) <= MOST_HEX else 'packet.bin'}", *_socket(given)]


def _event(given: Message) -> list[str]:
    plain = {name: value for name, value in (given.get("values") or {}).items() if isinstance(value, (int, str))}
    words = [str(given.get("name", "")), *(f"{name}={value}" for name, value in plain.items())]
    return ["--event=" + ",".join(words)]


_INPUTS: Final[dict[str, Callable[[Message], list[str]]]] = {
    "packet": _packet,
    "form": lambda given: ["--packet=packet.bin", *_socket(given)],
    "pcap": lambda given: ["--packet=capture.pcap", *_socket(given)],
    "event": _event,
    "given": lambda _: ["--input=input.json"],
}
"""Kind of an input -> options of `run`; there are none for the default input."""

_COMMANDS: Final[dict[str, tuple[str, Callable[[Asked], list[str]]]]] = {
    "compile": ("compile", lambda _: []),
    "load": ("disasm", _program),
    "verify": ("verify", _verify),
    "jit": ("jit", _user),
    "run": ("run", _run),
}
"""Stage -> verb of the command line, and its options beside those of _build()."""


def read(size: int, chosen: str, slots: int, steps: int) -> dict[str, Message]:
    """`took` and `returned` of the stages that read a log of `size` bytes, by stage."""
    log = item("verifier log", f"{OBJECT}.log", size)
    instructions = item("instructions", chosen, slots, "instruction")
    return {
        "load": {"took": [log], "returned": [instructions]},
        "verify": {"took": [log], "returned": [instructions, item("states", "", steps, "step")]},
    }


def log_command(options: Message) -> str:
    """The command that reads a log as the page does."""
    chosen = [f"--program={options['program']}"] if options.get("program") else []
    return shlex.join(["python", "-m", "vm", "log", f"{OBJECT}.log", *chosen])
