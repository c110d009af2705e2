"""`run FILE...`: programs on packets, events or bytes of memory."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.cli.inputs import IN_THE_INTERPRETER, run_inputs
from vm.cli.options import add_checking, add_server, user
from vm.cli.report import BAD_INPUT, LIMIT, REJECTED, Reporter, status_of
from vm.cli.sources import chosen, objects
from vm.errors import InputError
from vm.program import Object, Program
from vm.runner.sockets import DEFAULT, SOCKETS

if TYPE_CHECKING:
    from vm.btf.variables import Variable
    from vm.caps import Caps
    from vm.runner.execution import Execution

HELP: Final = "run programs on a packet or an event (by default one that fits the program)"
MAX_REPEAT: Final = 100_000  # the results of all runs are kept until the last one ends
LIMIT_FAULTS: Final = ("insns", "time")  # kinds of faults that mean that a limit was hit


def arguments(p: ArgumentParser) -> None:
    add_checking(p)
    what = p.add_mutually_exclusive_group()
    what.add_argument("--packet", metavar="X.pcap|X.bin|HEX", help="the packet(s)")
    what.add_argument("--event", metavar="NAME,k=v...", help="an event and its values (sk.FIELD=v, current.pid=v)")
    what.add_argument(
        "--input", metavar="FILE.json",
        help="context, maps and results of helpers (docs/counterexample.md; - is standard input)",
    )  # fmt: skip
    what.add_argument(
        "--memory", metavar="HEX", help="raw instructions: r1 = address of these bytes, r2 = their number"
    )
    p.add_argument(
        "--socket", choices=SOCKETS, default=DEFAULT,
        help="the socket a filter is attached to: packet (AF_PACKET, the default), dgram, ip, transport, or test_run",
    )  # fmt: skip
    p.add_argument("--engine", choices=["jit", "interpreter"], default=None)
    p.add_argument("--repeat", type=_repeats, default=1, metavar="N", help="run N times, maps kept")
    p.add_argument("--unverified", action="store_true", help="run without verification")
    add_server(p)


def _repeats(text: str) -> int:
    """The number of --repeat."""
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text[:12]) <= MAX_REPEAT:
        raise ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_REPEAT:,}")
    return int(text)


def run(options: Namespace, out: Reporter) -> int:
    """One line a run of the first program of each object, or of the one asked for; by default on its own input."""
    if options.server:
        from vm.cli import remote

        return remote.run(options, out)
    from vm.runner.defaults import default_input

    try:
        caps = user(options)
        given = run_inputs(options)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path, obj in objects(options, out, {}):
        programs = chosen(path, obj, options, out)
        for program in programs if options.program else programs[:1]:
            try:
                inputs = given if given is not None else [default_input(program)]
                inputs = inputs * options.repeat
                for result in _run_one(path, obj, program, inputs, caps, options, out):
                    out.line(run_record(path, program, result), _run_text(path, program, result))
                    if result.fault is not None:
                        status = LIMIT if result.fault.kind in LIMIT_FAULTS else BAD_INPUT
                        out.complain(f"{path}: {program.name}: {result.fault.message}", status)
            except InputError as e:
                out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
    return out.status


def _run_one(
    path: str, obj: Object, program: Program, inputs: list[Any], caps: Caps, options: Namespace, out: Reporter
) -> list[Execution]:
    from vm.runner.inputs import RunLimits

    # Unverified programs see the UAPI ctx, which only the interpreter has: the kernel's rewrites need the walk's types.
    given = options.input is not None
    if given and options.engine == "jit":
        raise InputError(IN_THE_INTERPRETER)
    engine = options.engine or ("interpreter" if options.unverified or given else "jit")
    if options.unverified or given or options.memory is not None:
        rewritten = pipeline.unverified(program)
    else:
        v = pipeline.check(obj, program, alone=options.alone, caps=caps)
        if v.error is not None:
            raise v.error
        if not v.accepted or v.env is None:
            out.complain(f"{path}: {program.name}: rejected: {v.message}", REJECTED)
            return []
        rewritten = pipeline.rewrite(v.env)
    image = pipeline.translate(rewritten) if engine == "jit" else None
    return pipeline.execute(
        rewritten, image, inputs, RunLimits(), record=False, obj=obj, alone=options.alone, caps=caps
    )


def run_record(path: str, program: Program, x: Execution) -> dict[str, Any]:
    """The JSON line of one run."""
    return {
        "file": path,
        "program": program.name,
        "engine": x.engine,
        "r0": x.r0,
        "result": x.result,
        "packet_out": x.packet_out.hex() if x.packet_out is not None else None,
        "maps": {name: [[k.hex(), v.hex()] for k, v in entries] for name, entries in x.maps.items()},
        "variables": {name: [v._asdict() for v in found] for name, found in global_variables(program, x).items()},
        "events": [{"step": e.step, "kind": e.kind, "text": e.text, "data": e.data.hex()} for e in x.events],
        "insns": x.insns,
        "fault": x.fault._asdict() if x.fault is not None else None,
    }


def global_variables(program: Program, x: Execution) -> dict[str, tuple[Variable, ...]]:
    """The program's global variables after a run, by section; a section without BTF is left out."""
    from vm.btf.variables import variables

    found = {}
    # A run's maps begin with the program's own, in their order.
    for spec, (name, entries) in zip(program.maps, x.maps.items(), strict=False):
        in_section = variables(program.btf, spec.btf_value_type_id, entries[0][1]) if entries else ()
        if in_section:
            found[name] = in_section
    return found


def _run_text(path: str, program: Program, x: Execution) -> str:
    from vm.btf.format import RecordText
    from vm.kernel.btf import is_kernel_type

    lines = [f"{path}: {program.name}: {x.result} (r0 = {x.r0}) after {x.insns} instructions, {x.engine}"]
    records = RecordText(program.btf, is_kernel_type) if any(e.data for e in x.events) else None
    for e in x.events:
        decoded = records.text(e.data) if records is not None and e.data else ""
        lines.append(f"  {e.kind}: {e.text}" + (f": {decoded}" if decoded else ""))
    found = global_variables(program, x)
    for name, entries in x.maps.items():
        if name in found:
            lines.append(f"  {name}:")
            lines += [f"    {v.name} = {v.value}  ({v.type})" for v in found[name]]
            continue
        lines.append(f"  map {name}: {len(entries)} entries")
        lines += [f"    {k.hex()} -> {v.hex()}" for k, v in entries[:16]]
    return "\n".join(lines)
