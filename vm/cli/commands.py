"""One function a verb: reads files, calls the pipeline, reports."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vm import pipeline
from vm.caps import NOBODY, ROOT, Caps, parse
from vm.cli.facts import facts
from vm.cli.inputs import build_options, read_source, run_inputs
from vm.cli.report import BAD_INPUT, LIMIT, REJECTED, Reporter
from vm.errors import InputError, LimitError
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.compile import Compilation
    from vm.rewritten import Rewritten
    from vm.runner.execution import Execution
    from vm.verifier.trace import Verification


def status_of(error: InputError) -> int:
    return LIMIT if isinstance(error, LimitError) else BAD_INPUT


def compile_(options: Namespace, out: Reporter) -> int:
    """`compile FILE.c [-o FILE.o]`."""
    path = options.files[0]
    try:
        source = read_source(path)
        if source.kind != "c":
            raise InputError(f"{path}: compile takes C.")
        result = pipeline.compile_source(source, build_options(options))
    except InputError as e:
        out.line(_compile_record(path, None, e))
        out.complain(f"{path}: {e.message}", status_of(e))
        return out.status
    output = ""
    if result.ok and result.object is not None:
        output = options.output or str(Path(path).with_suffix(".o"))
        Path(output).write_bytes(result.object)
    say_diagnostics(path, result, out)
    record = _compile_record(path, result, None)
    record["object"] = output or None
    out.line(record, f"{output}: {len(result.object or b'')} bytes, {result.compiler}" if output else "")
    return out.status


def _compile_record(path: str, result: Compilation | None, error: InputError | None) -> dict[str, Any]:
    if result is None:
        limit = error.limit if isinstance(error, LimitError) else None
        message = error.message if error else ""
        found = [{"line": error.line if error else None, "column": None, "severity": "error", "message": message}]
        return {"file": path, "ok": False, "object": None, "diagnostics": found, "added": [], "limit": limit}
    return {
        "file": path,
        "ok": result.ok,
        "object": None,
        "diagnostics": [
            {"line": d.line, "column": d.column, "severity": d.severity, "message": d.message}
            for d in result.diagnostics
        ],
        "added": list(result.added),
        "limit": result.limit,
    }


def say_diagnostics(path: str, result: Compilation, out: Reporter) -> None:
    """clang's diagnostics on standard error, what is missing, and the exit status they mean."""
    for d in result.diagnostics:
        out.complain(f"{path}:{d.line}:{d.column}: {d.severity}: {d.message}", 0)
    for text in result.added:
        out.complain(f"{path}: added: {text}", 0)
    for m in result.missing:
        out.complain(f"{path}: {m.message} (--fix-includes adds it)", 0)
    if result.limit:
        out.complain(f"{path}: clang was stopped: its {result.limit} limit was hit.", LIMIT)
    elif not result.ok:
        out.worst(REJECTED)


def objects(options: Namespace, out: Reporter, record: dict[str, Any]) -> Iterator[tuple[str, Object]]:
    """Each file as an object; one that cannot be loaded is reported and passed over."""
    build = build_options(options)
    for path in options.files:
        try:
            source = read_source(path)
            compiled = None
            if source.kind == "c":
                result = pipeline.compile_source(source, build)
                say_diagnostics(path, result, out)
                if not result.ok:
                    out.line({"file": path, "program": "", **record, "message": "the source does not compile"})
                    continue
                compiled = result.object
            obj = pipeline.load(source, build, compiled)
            for name, section in obj.untyped:
                out.complain(
                    f"{path}: {name}: libbpf knows no section '{section}'; it counts as '{build.untyped}' (--untyped)",
                    0,
                )
            yield path, obj
        except InputError as e:
            out.line({"file": path, "program": "", **record, "message": e.message})
            out.complain(f"{path}: {e.message}", status_of(e))


def disasm(options: Namespace, out: Reporter) -> int:
    """`disasm FILE...`."""
    from vm.isa.opcodes import LD_IMM64
    from vm.isa.text import insn_text

    for path, obj in objects(options, out, {}):
        for p in obj.programs:
            lines = []
            idx = 0
            while idx < len(p.insns):
                lines.append(f"{idx:4}: {insn_text(p.insns, idx)}")
                idx += 2 if p.insns[idx].code == LD_IMM64 else 1
            record = {"file": path, "program": p.name, "section": p.section, "insns": [s.strip() for s in lines]}
            out.line(record, f"{p.name} ({p.section}):\n" + "\n".join(lines))
    return out.status


ERROR: Final = {"verdict": "error", "errno": 0, "insns_processed": 0, "log": ""}


def verify(options: Namespace, out: Reporter) -> int:
    """`verify FILE...`: what loading each program alone would end with, as libbpf with autoload of one does.

    With --whole the object's programs count as loaded together, which program arrays filled by the source need.
    With --trace FILE what each walk did is written there (docs/trace.md).
    """
    from vm.elf.prog_arrays import first_unfilled

    if options.trace:
        try:
            Path(options.trace).write_text("")
        except OSError as e:
            out.complain(f"{options.trace}: {e.strerror}.", BAD_INPUT)
            return out.status
    for path, obj in objects(options, out, dict(ERROR)):
        for name, why in obj.errors:
            if options.program in ("", name):
                out.line({"file": path, "program": name, "section": "", **ERROR, "message": why})
                out.complain(f"{path}: {name}: {why}", BAD_INPUT)
        for program in chosen(path, obj, options, out):
            base = {"file": path, "program": program.name, "section": program.section}
            try:
                v, _ = pipeline.verify(
                    program, log_level=options.log_level, record=bool(options.trace), caps=user(options)
                )
            except InputError as e:
                out.line({**base, **ERROR, "message": e.message})
                out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
                continue
            if options.trace:
                write_trace(options.trace, path, program, v)
            verdict, code, text = v.verdict, v.errno, f"{path}: {program.name}: {v.verdict}\n{v.log}"
            if verdict == "reject" and not v.log:
                text += f"{v.message}\n"  # refused before the verifier
            loaded = {p.name for p in obj.programs} if options.whole else {program.name}
            unfilled = first_unfilled(obj, loaded) if verdict == "accept" else None
            if unfilled is not None:
                verdict, code = "reject", unfilled.errno
                text += f"Loaded alone, libbpf refuses it: {unfilled} (--whole loads the object's programs together.)\n"
            if verdict == "reject":
                out.worst(REJECTED)
            record = {
                **base, "verdict": verdict, "errno": code, "insns_processed": v.insns_processed, "log": v.log,
            }  # fmt: skip
            if unfilled is not None:
                record["message"] = str(unfilled)
            elif verdict == "reject" and not v.log:
                record["message"] = v.message
            out.line(record, text)
    return out.status


def user(options: Namespace) -> Caps:
    """What the user the options name may do; root, if they name none."""
    if options.caps is not None:
        return parse(options.caps)
    return NOBODY if options.unprivileged else ROOT


def write_trace(to: str, path: str, program: Program, v: Verification) -> None:
    """Appends the program's walk as JSON lines (docs/trace.md)."""
    from vm.verifier import as_json
    from vm.verifier.recorder import Recorder

    if not isinstance(v.trace, Recorder):
        return  # refused before the verifier
    about = {"file": path, "program": program.name, "section": program.section}
    with open(to, "a", encoding="utf-8") as f:
        for line in as_json.lines(v, v.trace, program.line_of, about):
            f.write(line + "\n")


def chosen(path: str, obj: Object, options: Namespace, out: Reporter) -> tuple[Program, ...]:
    """All programs, or the one asked for."""
    if not options.program:
        return obj.programs
    found = tuple(p for p in obj.programs if p.name == options.program)
    if not found and options.program not in dict(obj.errors):
        out.complain(f"{path}: there is no program {options.program!r}.", BAD_INPUT)
    return found


def accepted(path: str, program: Program, options: Namespace, out: Reporter) -> tuple[Verification, Rewritten] | None:
    """The program after the fixups, None (and said why) if it is refused."""
    v, env = pipeline.verify(program, log_level=1, record=False, caps=user(options))
    if v.verdict != "accept":
        out.complain(f"{path}: {program.name}: rejected: {v.message}", REJECTED)
        return None
    return v, pipeline.rewrite(env)


def jit(options: Namespace, out: Reporter) -> int:
    """`jit FILE...`."""
    from vm.isa.insn import encode
    from vm.verifier.fixups.dump import xlated

    for path, obj in objects(options, out, {}):
        for program in chosen(path, obj, options, out):
            try:
                ok = accepted(path, program, options, out)
                if ok is None:
                    continue
                rewritten = ok[1]
                image = pipeline.translate(rewritten)
            except InputError as e:
                out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
                continue
            # Functions the verifier added are not in what bpf_prog_info tells.
            shown = [n for n, flags in zip(image.func_lens, rewritten.func_flags, strict=True) if "hidden" not in flags]
            record = {
                "file": path,
                "program": program.name,
                "image": image.code[: sum(shown)].hex(),
                "image_relocs": [[r.offset, r.size] for r in image.relocs],
                "func_lens": shown,
                "xlated": encode(xlated(rewritten)).hex(),
                "xlated_relocs": xlated_relocs(rewritten),
            }
            out.line(record, _listing_text(path, program, rewritten, image))
    return out.status


def xlated_relocs(rewritten: Rewritten) -> list[list[int]]:
    """Byte ranges of the rewritten program that hold run-time addresses: immediates of calls and 64-bit loads."""
    from vm.isa.opcodes import LD_IMM64

    out = []
    for slot in sorted(rewritten.refs):
        out.append([8 * slot + 4, 4])
        if rewritten.insns[slot].code == LD_IMM64:
            out.append([8 * slot + 12, 4])
    return out


def _listing_text(path: str, program: Program, rewritten: Rewritten, image: Any) -> str:
    from vm.jit.listing import listing

    rows = [
        f"{row.off:5x}: {row.hex:<32} {row.text}"
        for row in listing(image, [m.full_name or m.name for m in program.maps])
    ]
    return f"{path}: {program.name}: {len(image.code)} bytes\n" + "\n".join(rows)


def run(options: Namespace, out: Reporter) -> int:
    """`run FILE...`."""
    try:
        inputs = run_inputs(options) * max(1, min(options.repeat, 1_000_000))
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    # Unverified programs see the UAPI ctx, which only the interpreter has: the kernel's rewrites need the walk's types.
    engine = options.engine or ("interpreter" if options.unverified else "jit")
    for path, obj in objects(options, out, {}):
        programs = chosen(path, obj, options, out)
        for program in programs if options.program else programs[:1]:
            try:
                for result in _run_one(path, obj, program, engine, inputs, options, out):
                    out.line(run_record(path, program, result), _run_text(path, program, result))
                    if result.fault is not None:
                        limit = result.fault.kind in ("insns", "time")
                        out.complain(f"{path}: {program.name}: {result.fault.message}", LIMIT if limit else BAD_INPUT)
            except InputError as e:
                out.complain(f"{path}: {program.name}: {e.message}", status_of(e))
    return out.status


def _run_one(
    path: str, obj: Object, program: Program, engine: str, inputs: list[Any], options: Namespace, out: Reporter
) -> list[Execution]:
    from vm.runner.inputs import RunLimits

    if options.unverified or options.memory is not None:
        rewritten = pipeline.unverified(program)
    else:
        ok = accepted(path, program, options, out)
        if ok is None:
            return []
        rewritten = ok[1]
    image = pipeline.translate(rewritten) if engine == "jit" else None
    return pipeline.execute(rewritten, image, inputs, RunLimits(), record=False, obj=obj, caps=user(options))


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
        "events": [{"step": e.step, "kind": e.kind, "text": e.text, "data": e.data.hex()} for e in x.events],
        "insns": x.insns,
        "fault": x.fault._asdict() if x.fault is not None else None,
    }


def _run_text(path: str, program: Program, x: Execution) -> str:
    lines = [f"{path}: {program.name}: {x.result} (r0 = {x.r0}) after {x.insns} instructions, {x.engine}"]
    lines += [f"  {e.kind}: {e.text}" for e in x.events]
    for name, entries in x.maps.items():
        lines.append(f"  map {name}: {len(entries)} entries")
        lines += [f"    {k.hex()} -> {v.hex()}" for k, v in entries[:16]]
    return "\n".join(lines)


VERBS: Final[dict[str, Callable[[Namespace, Reporter], int]]] = {
    "compile": compile_,
    "disasm": disasm,
    "verify": verify,
    "jit": jit,
    "run": run,
    "facts": facts,
}
