"""`--server URL`: verbs whose work a playground server does. The JSON lines are those of the verb done here."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from vm.cli.inputs import IN_THE_INTERPRETER, event_values, given_bytes, run_inputs
from vm.cli.report import BAD_INPUT, ERROR, LIMIT, REJECTED, Reporter, status_of
from vm.cli.sources import is_hex, read_packet, read_source
from vm.cli.verdict import verdict_text
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.remote import Connection

LOCAL_ONLY: Final[Mapping[str, Any]] = {
    "untyped": None, "caps": None, "alone": False, "trace": None, "memory": None, "repeat": 1, "output": None,
}  # fmt: skip
"""Options that the protocol does not have, with their defaults."""
SERVERS: Final[Mapping[str, Any]] = {"untyped": ""}
"""What a server does where it is not what is done here by default."""
LOG_LEVEL: Final = 2
NAME_LENGTH: Final = 128
"""Characters of an object's name that the protocol takes."""
FAILURE: Final = (
    "rule",
    "category",
    "message",
    "explanation",
    "insn",
    "line",
    "reg",
    "proven_text",
    "needed",
    "causes",
    "cause",
)

Message = dict[str, Any]


def checked(options: Namespace) -> None:
    """InputError for an option that has no meaning with --server."""
    for name, default in LOCAL_ONLY.items():
        if getattr(options, name, default) not in (default, SERVERS.get(name, default)):
            raise InputError(f"--{name.replace('_', '-')} cannot be used with --server: the server has no such option.")
    if getattr(options, "log_level", None) not in (None, LOG_LEVEL):
        raise InputError(f"--log-level: a server's log has level {LOG_LEVEL}.")


def checked_input(options: Namespace) -> None:
    """InputError for an input that is none; --input becomes its content, for standard input can be read once."""
    if options.input is None:
        run_inputs(options)
        return
    from vm.runner import given

    if options.engine == "jit":
        raise InputError(IN_THE_INTERPRETER)
    options.input = given_bytes(options.input)
    given.parse(options.input)


def verify(options: Namespace, out: Reporter) -> int:
    """`verify` on the server: one line a program."""
    return _each(options, out, _verify_file, ERROR)


def run(options: Namespace, out: Reporter) -> int:
    """`run` on the server: one line a run."""
    try:
        checked_input(options)
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    return _each(options, out, _run_file, {})


def _each(
    options: Namespace,
    out: Reporter,
    do: Callable[[str, Connection, Namespace, Reporter], None],
    fields: Mapping[str, Any],
) -> int:
    """Each file; `fields` are those of the JSON line of one that cannot be read, or that the server refuses."""
    from vm.remote import Connection

    try:
        checked(options)
        with Connection(options.server) as server:
            for path in options.files:
                try:
                    do(path, server, options, out)
                except InputError as e:
                    out.line({"file": path, "program": "", **fields, "message": e.message})
                    out.complain(f"{path}: {e.message}", status_of(e))
    except InputError as e:
        out.complain(e.message, status_of(e))
    return out.status


def request(path: str, options: Namespace, program: str) -> Message:
    """What is sent for a file."""
    source = read_source(path, options)
    if source.kind != "elf":
        source.text()
    text = base64.b64encode(source.data).decode() if source.kind == "elf" else source.data.decode("utf-8", "replace")
    chosen = {
        "program": program, "opt": options.opt, "mcpu": options.mcpu, "fix_includes": options.fix_includes,
        "prog_type": options.prog_type, "unprivileged": options.unprivileged,
    }  # fmt: skip
    if getattr(options, "unverified", False):
        chosen |= {"verify": False, "engine": options.engine or "interpreter"}
    elif getattr(options, "engine", None):
        chosen["engine"] = options.engine
    return {
        "kind": source.kind, "source": text, "options": chosen, "input": _input(options),
        "name": source.name[:NAME_LENGTH],
        **({"files": {file.name: file.text for file in source.files}} if source.files else {}),
    }  # fmt: skip


def _input(options: Namespace) -> Message:
    """--packet, --event or --input as the protocol has it; the program's default input without them."""
    if getattr(options, "input", None) is not None:
        return {"kind": "given", "json": options.input.decode()}
    event, packet = getattr(options, "event", None), getattr(options, "packet", None)
    if event is not None:
        name, _, rest = event.partition(",")
        values = {k: {"hex": v.hex()} if isinstance(v, bytes) else v for k, v in event_values(rest).items()}
        return {"kind": "event", "name": name, "values": values}
    if packet is None:
        return {"kind": "auto"}
    if is_hex(packet):
        return {"kind": "packet", "hex": packet.replace(":", ""), "socket": options.socket}
    data = read_packet(packet)
    if packet.endswith((".pcap", ".pcapng", ".cap")):
        return {"kind": "pcap", "base64": base64.b64encode(data).decode(), "socket": options.socket}
    return {"kind": "packet", "hex": data.hex(), "socket": options.socket}


def _stages(server: Connection, asked: Message, out: Reporter, path: str) -> dict[str, Message]:
    """Run a request; the last message of each stage. Limits and errors are complaints; InputError for an error that
    the server says instead of all stages.
    """
    ended: dict[str, Message] = {}
    for message in server.run(asked):
        if message["type"] == "stage" and message["status"] != "working":
            ended[message["stage"]] = message
        elif message["type"] == "replayed" and "run" in ended:
            ended["run"] = {**ended["run"], **message, "type": "stage"}
        elif message["type"] == "limit":
            out.complain(f"{path}: {message['message']}", LIMIT)
        elif message["type"] == "error" and not ended:
            raise InputError(message["message"])
        elif message["type"] == "error":
            out.complain(f"{path}: {message['message']}", BAD_INPUT)
    return ended


def _object(path: str, ended: dict[str, Message], fields: Message, out: Reporter) -> Message | None:
    """The `load` message of an object that could be read, None for others; what the compiler and the loader said goes
    to standard error. fields -- of the JSON line of an object that could not be read
    """
    compiled, load = ended.get("compile", {}), ended.get("load", {})
    for d in compiled.get("diagnostics", ()):
        out.complain(f"{d.get('file', path)}:{d['line']}:{d['column']}: {d['severity']}: {d['message']}", 0)
    for text in compiled.get("added", ()):
        out.complain(f"{path}: added: {text}", 0)
    if "programs" in load:
        return load
    why, found = "the source does not compile", {}
    if compiled.get("status") == "failed":
        out.worst(REJECTED)
        found = {"diagnostics": [_diagnostic(each) for each in compiled.get("diagnostics", ())]}
    elif load.get("status") == "failed":
        why = load["message"]
        out.complain(f"{path}: {why}", BAD_INPUT)
    out.line({"file": path, "program": "", **fields, "message": why, **found})
    return None


def _diagnostic(said: Message) -> Message:
    return {name: said[name] for name in ("line", "column", "severity", "message", "file") if name in said}


def _programs(load: Message, path: str, options: Namespace, out: Reporter) -> list[Message]:
    """The programs that were asked for, first those that cannot be loaded, as in the lines here; a complaint for each
    of these, or if there are none.
    """
    chosen = [entry for entry in load["programs"] if options.program in ("", entry["name"])]
    for entry in chosen:
        if entry["error"]:
            out.complain(f"{path}: {entry['name']}: {entry['error']}", BAD_INPUT)
    if not chosen:
        out.complain(f"{path}: {load['message']}", BAD_INPUT)
    return sorted(chosen, key=lambda entry: not entry["error"])


def _verify_file(path: str, server: Connection, options: Namespace, out: Reporter) -> None:
    asked = request(path, options, options.program)
    first = _stages(server, asked, out, path)
    load = _object(path, first, ERROR, out)
    if load is None:
        return
    for entry in _programs(load, path, options, out):
        name = entry["name"]
        if entry["error"]:
            out.line({"file": path, "program": name, **ERROR, "message": entry["error"]})
            continue
        asked = request(path, options, name)
        ended = first if name == load["program"] else _stages(server, asked, out, path)
        if "verify" in ended:
            _say(path, asked, entry["section"], ended, server, options, out)


def _say(
    path: str,
    asked: Message,
    section: str,
    ended: dict[str, Message],
    server: Connection,
    options: Namespace,
    out: Reporter,
) -> None:
    told = ended["verify"]
    name = asked["options"]["program"]
    verdict = told.get("verdict", "none")
    remarks = [*ended["compile"].get("remarks", ()), *ended["load"].get("remarks", ())]
    if verdict == "none":
        line = {**ERROR, "section": section, "message": told["message"], "remarks": remarks}
        out.line({"file": path, "program": name, **line})
        out.complain(f"{path}: {name}: {told['message']}", BAD_INPUT)
        return
    log = server.log()["log"] if told.get("log_more") else told["log"]
    line = {
        "file": path, "program": name, "section": section, "verdict": verdict, "errno": told["errno"],
        "insns_processed": told["insns_processed"], "log": log, "message": told["message"],
        "failure": _failure(path, asked, told["fail"], server, options, out), "remarks": remarks,
    }  # fmt: skip
    out.line(line, verdict_text(line))
    if verdict != "accept":
        out.worst(REJECTED)


def _failure(
    path: str, asked: Message, fail: Message | None, server: Connection, options: Namespace, out: Reporter
) -> Message | None:
    """The Failure of a JSON line from a `verify` message's `fail`, with what the server says when it is asked."""
    if fail is None:
        return None
    told: Message = {"proven" if key == "proven_text" else key: fail.get(key, "") for key in FAILURE}
    told["fixes"] = []
    told |= {"source_file": fail["file"]} if "file" in fail else {}
    try:
        if options.fixes and asked["kind"] == "c":
            told["fixes"] = [_fix(each, asked) for each in server.ask("fixes", asked) if each["type"] == "fix"]
    except InputError as e:
        out.complain(f"{path}: no fixes: {e.message}", 0)
    if options.counterexample:
        told["counterexample"] = None
        try:
            told["counterexample"] = counterexample(*server.ask("counterexample", asked))
        except InputError as e:
            out.complain(f"{path}: no counterexample: {e.message}", status_of(e))
    return told


def _fix(message: Message, asked: Message) -> Message:
    """One of a Failure's fixes from a `fix` message. Its diff is that of the file as it is named here."""
    if any("file" in edit for edit in message["edits"]):
        return {"title": message["title"], "why": message["why"], "diff": message["diff"]}
    _, _, changes = message["diff"].split("\n", 2)
    name = asked["name"] if asked["name"].endswith(".c") else f"{asked['name']}.c"
    return {"title": message["title"], "why": message["why"], "diff": f"--- a/{name}\n+++ b/{name}\n{changes}"}


def counterexample(message: Message) -> Message | None:
    """A Failure's counterexample from the message of that name."""
    if message["status"] == "other":
        return None
    found = {key: message[key] for key in ("status", "why", "forgotten", "fault")}
    return found | {"input": json.loads(message["input"]) if message["input"] is not None else None}


def _run_file(path: str, server: Connection, options: Namespace, out: Reporter) -> None:
    ended = _stages(server, request(path, options, options.program), out, path)
    load = _object(path, ended, {}, out)
    if load is None:
        return
    _programs(load, path, options, out)
    if "program" not in load:
        return
    program = load["program"]
    told = ended.get("run", {})
    if "runs" not in told:
        failed = next((m for m in ended.values() if m["status"] == "failed"), None)
        if failed is not None and failed.get("verdict") == "reject":
            out.complain(f"{path}: {program}: rejected: {failed['message']}", REJECTED)
        elif failed is not None:
            out.complain(f"{path}: {program}: {failed['message']}", BAD_INPUT)
        return
    for line in run_records(path, program, told):
        out.line(line, f"{path}: {program}: {line['result']} (r0 = {line['r0']}) after {line['insns']} instructions")
        if line["fault"] is not None:
            status = LIMIT if line["fault"]["kind"] in ("insns", "time") else BAD_INPUT
            out.complain(f"{path}: {program}: {line['fault']['message']}", status)


def run_records(path: str, program: str, told: Message) -> Iterator[Message]:
    """The JSON lines of a `run` stage message. Maps are told as the last run left them, so only its line has them."""
    last = len(told["runs"]) - 1
    for number, one in enumerate(told["runs"]):
        maps = told["maps"] if number == last else {}
        # A run of the command line records no steps, so its events and faults are at none.
        events = [{**e, "step": 0} for e in told["events"] if e["run"] == number]
        yield {
            "file": path, "program": program, "engine": told["engine"], "r0": int(one["r0"], 16),
            "result": one["result"], "packet_out": one["packet_out"],
            "maps": {name: [entry[:2] for entry in found["entries"]] for name, found in maps.items()},
            "variables": {name: found["variables"] for name, found in maps.items() if "variables" in found},
            "events": [{"step": e["step"], "kind": e["kind"], "text": e["text"], "data": e["hex"]} for e in events],
            "insns": one["insns"],
            "fault": one["fault"] | {"step": 0} if one["fault"] is not None else None,
        }  # fmt: skip
