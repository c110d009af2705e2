"""run_job(): one request, told as the messages of docs/protocol.md while it happens. Called in a worker only."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from playground.present.machine import run_chunks, runs_json
from playground.present.walk import WalkEncoder, unfinished_json, verdict_json
from vm import pipeline
from vm.caps import NOBODY, ROOT
from vm.errors import InputError, LimitError, NotEmulated
from vm.jit.listing import listing as machine_listing
from vm.listing import listing
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program

if TYPE_CHECKING:
    from vm.compile import Compilation
    from vm.jit.image import Image
    from vm.verifier.env import VerifierEnv

STAGES = ("compile", "load", "verify", "jit", "run")
# Pieces of log kept at either end of a long walk; the page shows some thousand lines of each.
KEEP_LOG = 20_000
Message = dict[str, Any]


class StageFailed(Exception):
    """The stage said why; the ones after it are skipped."""


def run_job(request: Message) -> Iterator[Message]:
    """Everything the run socket says between `accepted` and `done`."""
    job = _Job(request)
    for number, stage in enumerate(STAGES):
        yield {"type": "stage", "stage": stage, "status": "working"}
        started = time.perf_counter()
        try:
            for message in getattr(job, f"do_{stage}")():
                if message["type"] == "stage":
                    message.setdefault("ms", round(1000 * (time.perf_counter() - started), 1))
                yield message
        except StageFailed:
            yield from _skip(number + 1)
            return
        except InputError as e:
            ms = round(1000 * (time.perf_counter() - started), 1)
            if isinstance(e, LimitError):
                yield {"type": "limit", "limit": e.limit, "message": e.message}
            failed = {"type": "stage", "stage": stage, "status": "failed", "ms": ms, "message": e.message}
            if isinstance(e, NotEmulated):
                failed["not_emulated"] = [e.what]
            if e.line is not None:
                failed["diagnostics"] = [
                    {
                        "line": e.line, "column": e.column or 1, "end_column": None, "severity": "error",
                        "message": e.message,
                    }
                ]  # fmt: skip
            yield failed
            yield from _skip(number + 1)
            return


def _skip(first: int) -> Iterator[Message]:
    for stage in STAGES[first:]:
        yield {"type": "stage", "stage": stage, "status": "skipped"}


class _Job:
    """The values handed from stage to stage."""

    def __init__(self, request: Message) -> None:
        options = request.get("options") or {}
        self.options = options
        self.input = request.get("input") or {"kind": "none"}
        self.build = BuildOptions(
            opt=options.get("opt", "O2"),
            mcpu=options.get("mcpu", "v3"),
            fix_includes=bool(options.get("fix_includes")),
            prog_type=options.get("prog_type") or "xdp",
        )
        self.kind: str = request["kind"]
        self.source = Source(self.kind, _source_bytes(request), "program")
        self.compiled: bytes | None = None
        self.env: VerifierEnv | None = None
        self.image: Image | None = None

    def do_compile(self) -> Iterator[Message]:
        if self.kind != "c":
            yield {"type": "stage", "stage": "compile", "status": "skipped", "ms": 0}
            return
        c = pipeline.compile_source(self.source, self.build)
        if c.limit:
            yield {"type": "limit", "limit": c.limit, "message": _compile_failure(c)}
        size = len(c.object) if c.object is not None else 0
        errors = sum(d.severity in ("error", "fatal error") for d in c.diagnostics)
        yield {
            "type": "stage",
            "stage": "compile",
            "status": "done" if c.ok else "failed",
            "summary": c.compiler if c.ok else f"{errors} error{'s' if errors != 1 else ''}",
            "message": "" if c.ok else _compile_failure(c),
            "compiler": c.compiler,
            "object_bytes": size,
            "diagnostics": [
                {
                    "line": d.line, "column": d.column, "end_column": d.end_column, "severity": d.severity,
                    "message": d.message,
                }
                for d in c.diagnostics
            ],
            "missing": [{"what": m.what, "add": m.add, "message": m.message} for m in c.missing],
            "added": list(c.added),
        }  # fmt: skip
        if not c.ok:
            raise StageFailed
        self.compiled = c.object

    def do_load(self) -> Iterator[Message]:
        obj = pipeline.load(self.source, self.build, self.compiled)
        program = pipeline.choose(obj, self.options.get("program", ""))
        self.program, self.object = program, obj
        yield {
            "type": "stage",
            "stage": "load",
            "status": "done",
            "summary": _load_summary(obj, program),
            "programs": _programs(obj),
            "program": program.name,
            "maps": _maps(program),
            "insns": _insns(program),
            "lines": _lines(program) if self.kind == "elf" else {},
        }

    def do_verify(self) -> Iterator[Message]:
        if not self.options.get("verify", True):
            yield {"type": "stage", "stage": "verify", "status": "skipped", "ms": 0}
            return
        walk = pipeline.walk(self.program, caps=NOBODY if self.options.get("unprivileged") else ROOT, keep_log=KEEP_LOG)
        recorder = walk.recorder
        assert recorder is not None
        encoder = WalkEncoder(self.program, recorder)
        try:
            for _ in walk.advance():
                yield from encoder.chunks(final=False)
        except NotEmulated as e:
            # No verdict; what was walked until here holds all the same.
            yield from encoder.chunks(final=True)
            yield {
                "type": "stage", "stage": "verify", "status": "failed", "summary": "not emulated", "message": e.message,
                **unfinished_json(self.program, walk.env, recorder, e.what),
            }  # fmt: skip
            raise StageFailed from None
        yield from encoder.chunks(final=True)
        verification = walk.result()
        accepted = verification.verdict == "accept"
        yield {
            "type": "stage",
            "stage": "verify",
            "status": "done" if accepted else "failed",
            "summary": f"{verification.insns_processed:,} steps",
            **verdict_json(self.program, verification, recorder),
        }
        if not accepted:
            raise StageFailed
        self.env = walk.env

    def do_jit(self) -> Iterator[Message]:
        if self.env is None:
            # What nobody verified runs in the interpreter alone, which checks its every access.
            self.rewritten = pipeline.unverified(self.program)
            yield {"type": "stage", "stage": "jit", "status": "skipped", "ms": 0}
            return
        self.rewritten = pipeline.rewrite(self.env)
        self.image = pipeline.translate(self.rewritten)
        rows = [
            {"off": row.off, "hex": row.hex, "text": row.text, "insn": row.insn_idx}
            for row in machine_listing(
                self.image,
                [m.full_name or m.name for m in self.program.maps],
                [f.name for f in self.program.func_infos],
            )
        ]
        size = len(self.image.code)
        yield {
            "type": "stage", "stage": "jit", "status": "done", "summary": f"{size:,} B", "bytes": size, "listing": rows,
        }  # fmt: skip

    def do_run(self) -> Iterator[Message]:
        from vm.runner.inputs import RunLimits

        inputs = run_inputs(self.input)
        image = self.image if self.options.get("engine", "jit") == "jit" else None  # None also if never verified
        caps = NOBODY if self.options.get("unprivileged") else ROOT
        runs = pipeline.execute(self.rewritten, image, inputs, RunLimits(), obj=self.object, caps=caps)
        for n, x in enumerate(runs):
            yield from run_chunks(n, x)
        last = runs[-1]
        yield {
            "type": "stage",
            "stage": "run",
            "status": "failed" if last.fault is not None else "done",
            "summary": last.result,
            "message": last.fault.message if last.fault is not None else "",
            "packet_in": [i.data.hex() for i in inputs if hasattr(i, "data")],
            **runs_json(self.program, runs),
        }


def _compile_failure(compilation: Compilation) -> str:
    for d in compilation.diagnostics:
        if d.severity in ("error", "fatal error"):
            where = f"line {d.line}: " if d.line else ""
            return f"{where}{d.message}"
    return "clang made no object."


def _source_bytes(request: Message) -> bytes:
    source = request.get("source", "")
    if request["kind"] != "elf":
        return str(source).encode("utf-8", "surrogatepass")
    return _from_base64(source, "The object")


def _from_base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{what} is damaged: it is no base64.") from None


def run_inputs(given: Message) -> list[Any]:
    """The request's `input` as values for the runner; several for a pcap."""
    from vm.runner import inputs as i
    from vm.runner import packets

    kind = given.get("kind", "none")
    if kind == "packet":
        return [i.PacketInput(packets.from_hex(given.get("hex", "")))]
    if kind == "form":
        return [i.PacketInput(packets.from_form(given.get("layers") or {}))]
    if kind == "pcap":
        data = _from_base64(given.get("base64", ""), "The capture")
        return [i.PacketInput(p) for p in packets.from_pcap(data)]
    if kind == "event":
        return [i.EventInput(str(given.get("name", "")), given.get("values") or {})]
    return [i.NoInput()]


def _load_summary(obj: Object, program: Program) -> str:
    maps = f"{len(program.maps)} map{'s' if len(program.maps) != 1 else ''}"
    more = f", {len(obj.programs)} programs" if len(obj.programs) > 1 else ""
    return f"{maps}, {len(program.insns)} instructions{more}"


def _programs(obj: Object) -> list[Message]:
    good = [{"name": p.name, "section": p.section, "prog_type": p.prog_type, "error": ""} for p in obj.programs]
    return good + [{"name": n, "section": "", "prog_type": 0, "error": why} for n, why in obj.errors]


def _maps(program: Program) -> list[Message]:
    from vm.kernel.names import map_type_name

    return [
        {
            "name": m.full_name or m.name, "type": map_type_name(m.map_type),
            "key_size": m.key_size, "value_size": m.value_size, "max_entries": m.max_entries, "flags": m.map_flags,
        }
        for m in program.maps
    ]  # fmt: skip


def _insns(program: Program) -> list[Message]:
    out = []
    for row in listing(program):
        insn: Message = {"idx": row.idx, "hex": row.hex, "text": row.text}
        if row.line is not None:
            insn["line"] = row.line.line
            insn["column"] = row.line.column
        else:
            insn["line"] = None
        insn["target"] = row.target
        if row.func:
            insn["func"] = row.func
        out.append(insn)
    return out


def _lines(program: Program) -> dict[str, str]:
    return {str(info.line): info.text for info in program.line_infos}
