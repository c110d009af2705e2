"""`real FILE...`: a run on a real kernel, all programs attached while a workload runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, Final

from vm import pipeline
from vm.cli.guest_options import add_guest, given
from vm.cli.options import add_build, add_files, build_options
from vm.cli.report import Reporter, status_of
from vm.cli.sources import read_source, say_diagnostics
from vm.errors import InputError
from vm.pipeline import Build

HELP = "attach the programs on a real kernel and run a workload"


def arguments(p: ArgumentParser) -> None:
    add_files(p)
    add_build(p)
    add_guest(p)


def run(options: Namespace, out: Reporter) -> int:
    """One line for each file."""
    try:
        asked = given(options)
        (state,) = pipeline.guests([options.kernel])
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path in options.files:
        record: dict[str, Any] = {
            "file": path, "kernel": state.name, "release": state.release, "attached": [], "printk": [], "shell": [],
            "records": [],
            "maps": {}, "bars": {}, "lost": 0, "left_out": [0, 0], "stopped": "", "recorded": [],
        }  # fmt: skip
        try:
            build = _build(path, options, out)
            if build is None:
                continue
            for events in pipeline.real(build, state, **asked):
                for event in events:
                    _keep(record, event)
        except InputError as e:
            out.complain(f"{path}: {e.message}", status_of(e))
        out.line(record, _text(record))
    return out.status


def _build(path: str, options: Namespace, out: Reporter) -> Build | None:
    source = read_source(path, options)
    if source.kind != "c":
        return Build(source, build_options(options))
    made, build = pipeline.built(source, build_options(options))
    say_diagnostics(path, made, out)
    return build


def _keep(record: dict[str, Any], event: dict[str, Any]) -> None:
    what = event.pop("what")
    if what == "attached":
        record["attached"].append(event)
    elif what in ("printk", "shell"):
        record[what].append(event["text"])
    elif what == "record":
        record["records"].append({name: event[name] for name in ("map", "decoded", "bytes")})
    elif what == "map":
        record["maps"][event["map"]] = event["entries"]
        record["bars"][event["map"]] = event["bars"]
    else:
        record |= {name: event[name] for name in ("lost", "left_out", "stopped")}


_WIDTH: Final = 40
"""Characters of the longest bar."""


def _drawn(name: str, group: dict[str, Any]) -> Iterator[str]:
    """A histogram, a line for each count."""
    yield f"  {name}" + (f", {group['title']}:" if group["title"] else ":")
    bars = group["bars"]
    widest = max(len(bar["label"]) for bar in bars)
    most = max(bar["count"] for bar in bars)
    for bar in bars:
        filled = -(-_WIDTH * bar["count"] // most) if most > 0 else 0
        yield f"    {bar['label']:>{widest}} |{'*' * filled:<{_WIDTH}}| {bar['count']}"


def _text(record: dict[str, Any]) -> str:
    lines = [f"{record['file']}: Linux {record['release']}"]
    for each in record["attached"]:
        on = f" to {each['device']}" if each["device"] else ""
        lines.append(f"  {each['program']}: " + (f"attached{on}" if each["ok"] else f"not attached: {each['why']}"))
    lines += [f"  workload: {text}" for text in record["shell"]]
    lines += [f"  printk: {text}" for text in record["printk"]]
    lines += [f"  {each['map']}: {each['decoded'] or each['bytes']}" for each in record["records"]]
    for name, entries in record["maps"].items():
        lines += [f"  {name}[{e['key_text'] or e['key']}] = {e['value_text'] or e['value']}" for e in entries]
        lines += [line for group in record["bars"][name] for line in _drawn(name, group)]
    if record["lost"]:
        lines.append(f"  {record['lost']} records were lost")
    if any(record["left_out"]):
        lines.append("  {} records and {} bytes of printed text are left out".format(*record["left_out"]))
    if record["stopped"]:
        lines.append(f"  {record['stopped']}")
    return "\n".join(lines)
