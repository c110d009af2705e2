"""`--server URL`: verbs whose work a playground server does. The JSON lines are those of the verb done here."""

from __future__ import annotations

import base64
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from vm.cli.inputs import event_values
from vm.cli.report import BAD_INPUT, ERROR, LIMIT, REJECTED, Reporter, status_of
from vm.cli.sources import is_hex, read_packet, read_source
from vm.errors import InputError

if TYPE_CHECKING:
    from vm.remote import Connection

LOCAL_ONLY: Final[Mapping[str, Any]] = {
    "untyped": None, "caps": None, "alone": False, "trace": None, "memory": None, "repeat": 1, "output": None,
    "counterexample": False, "input": None,
}  # fmt: skip
"""Options that the protocol does not have, with their defaults."""
LOG_LEVEL: Final = 2
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
        if getattr(options, name, default) != default:
            raise InputError(f"--{name.replace('_', '-')} cannot be used with --server: the server has no such option.")
    if getattr(options, "log_level", None) not in (None, LOG_LEVEL):
        raise InputError(f"--log-level: a server's log has level {LOG_LEVEL}.")


def verify(options: Namespace, out: Reporter) -> int:
    """`verify` on the server: one line a program."""
    return _each(options, out, _verify_file)


def run(options: Namespace, out: Reporter) -> int:
    """`run` on the server: one line a run."""
    return _each(options, out, _run_file)


def _each(options: Namespace, out: Reporter, do: Callable[[str, Connection, Namespace, Reporter], None]) -> int:
    from vm.remote import Connection

    try:
        checked(options)
        with Connection(options.server) as server:
            for path in options.files:
                try:
                    do(path, server, options, out)
                except InputError as e:
                    out.complain(f"{path}: {e.message}", status_of(e))
    except InputError as e:
        out.complain(e.message, status_of(e))
    return out.status


def request(path: str, options: Namespace, program: str) -> Message:
    """What is sent for a file."""
    source = read_source(path)
    text = base64.b64encode(source.data).decode() if source.kind == "elf" else source.data.decode("utf-8", "replace")
    chosen = {
        "program": program, "opt": options.opt, "mcpu": options.mcpu, "fix_includes": options.fix_includes,
        "prog_type": options.prog_type, "unprivileged": options.unprivileged,
    }  # fmt: skip
    if getattr(options, "unverified", False):
        chosen |= {"verify": False, "engine": options.engine or "interpreter"}
    elif getattr(options, "engine", None):
        chosen["engine"] = options.engine
    return {"kind": source.kind, "source": text, "options": chosen, "input": _input(options)}


def _input(options: Namespace) -> Message:
    """--packet or --event as the protocol has it; the program's default input without them."""
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
    """Run a request; the last message of each stage. Limits and errors are complaints."""
    ended: dict[str, Message] = {}
    for message in server.run(asked):
        if message["type"] == "stage" and message["status"] != "working":
            ended[message["stage"]] = message
        elif message["type"] == "limit":
            out.complain(f"{path}: {message['message']}", LIMIT)
        elif message["type"] == "error":
            out.complain(f"{path}: {message['message']}", BAD_INPUT)
    return ended


def _loaded(path: str, ended: dict[str, Message], out: Reporter) -> bool:
    """Whether there is a program; what the compiler and the loader said goes to standard error."""
    compiled = ended.get("compile", {})
    for d in compiled.get("diagnostics", ()):
        out.complain(f"{path}:{d['line']}:{d['column']}: {d['severity']}: {d['message']}", 0)
    for text in compiled.get("added", ()):
        out.complain(f"{path}: added: {text}", 0)
    if compiled.get("status") == "failed":
        out.worst(REJECTED)
        return False
    load = ended.get("load", {})
    if load.get("status") == "failed":
        out.complain(f"{path}: {load['message']}", BAD_INPUT)
    return load.get("status") == "done"


def _verify_file(path: str, server: Connection, options: Namespace, out: Reporter) -> None:
    asked = request(path, options, options.program)
    first = _stages(server, asked, out, path)
    if not _loaded(path, first, out):
        why = first.get("load", {}).get("message") or "the source does not compile"
        out.line({"file": path, "program": "", **ERROR, "message": why})
        return
    load = first["load"]
    for entry in load["programs"]:
        name = entry["name"]
        if options.program not in ("", name):
            continue
        if entry["error"]:
            out.line({"file": path, "program": name, **ERROR, "message": entry["error"]})
            out.complain(f"{path}: {name}: {entry['error']}", BAD_INPUT)
            continue
        ended = first if name == load["program"] else _stages(server, request(path, options, name), out, path)
        if "verify" in ended:
            _say(path, name, entry["section"], ended, server, out)


def _say(path: str, name: str, section: str, ended: dict[str, Message], server: Connection, out: Reporter) -> None:
    told = ended["verify"]
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
        "failure": failure(told["fail"]), "remarks": remarks,
    }  # fmt: skip
    out.line(line, f"{path}: {name}: {verdict}\n{log}")
    if verdict != "accept":
        out.worst(REJECTED)


def failure(fail: Message | None) -> Message | None:
    """The Failure of a JSON line from a `verify` message's `fail`."""
    if fail is None:
        return None
    told = {"proven" if key == "proven_text" else key: fail.get(key, "") for key in FAILURE}
    return told | {"fixes": []}  # the server looks for them where it is asked to, by another message


def _run_file(path: str, server: Connection, options: Namespace, out: Reporter) -> None:
    ended = _stages(server, request(path, options, options.program), out, path)
    if not _loaded(path, ended, out):
        return
    program = ended["load"]["program"]
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
        events = [e for e in told["events"] if e["run"] == number]
        yield {
            "file": path, "program": program, "engine": told["engine"], "r0": int(one["r0"], 16),
            "result": one["result"], "packet_out": one["packet_out"],
            "maps": {name: [entry[:2] for entry in found["entries"]] for name, found in maps.items()},
            "variables": {name: found["variables"] for name, found in maps.items() if "variables" in found},
            "events": [{"step": e["step"], "kind": e["kind"], "text": e["text"], "data": e["hex"]} for e in events],
            "insns": one["insns"], "fault": one["fault"],
        }  # fmt: skip
