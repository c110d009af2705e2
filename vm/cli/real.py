"""`real FILE...`: a run on a real kernel, all programs attached while a workload runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from vm import pipeline
from vm.cli.options import add_build, add_files, build_options
from vm.cli.report import Reporter, status_of
from vm.cli.sources import read_source, say_diagnostics
from vm.errors import InputError
from vm.kernel.release import VERSION
from vm.pipeline import Build, Setup

HELP = "attach the programs on a real kernel and run a workload"


def arguments(p: ArgumentParser) -> None:
    add_files(p)
    add_build(p)
    p.add_argument(
        "--kernel", default=VERSION, metavar="NAME", help="one of those that are there; without it the emulated one"
    )
    what = p.add_mutually_exclusive_group()
    what.add_argument("--workload", default="shell", help=f"{', '.join(pipeline.workloads())} (shell)")
    what.add_argument("--shell", default="", metavar="COMMAND", help="a line for busybox's shell")
    p.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="initial value of a global variable, as in C"
    )
    p.add_argument("--map", action="append", default=[], metavar="NAME=SIZE", help="max_entries of a map")
    p.add_argument(
        "--entry", action="append", default=[], metavar="MAP:KEY=VALUE",
        help="an entry that a map has before the programs are attached",
    )  # fmt: skip
    p.add_argument(
        "--target", action="append", default=[], metavar="PROGRAM=TARGET",
        help="what a program is attached to instead: a function, hook, tracepoint or network device",
    )  # fmt: skip
    p.add_argument("--seconds", type=float, default=5.0, metavar="S", help="how long the workload may run (5)")


def run(options: Namespace, out: Reporter) -> int:
    """One line for each file."""
    try:
        if options.workload not in pipeline.workloads():
            raise InputError(f"--workload takes {', '.join(pipeline.workloads())}.")
        setup = given(options)
        (state,) = pipeline.guests([options.kernel])
    except InputError as e:
        out.complain(e.message, status_of(e))
        return out.status
    for path in options.files:
        record: dict[str, Any] = {
            "file": path, "kernel": state.name, "release": state.release, "attached": [], "printk": [], "shell": [],
            "records": [],
            "maps": {}, "lost": 0, "left_out": [0, 0], "recorded": [],
        }  # fmt: skip
        try:
            build = _build(path, options, out)
            if build is None:
                continue
            for events in pipeline.real(
                build, state, workload=options.workload, shell=options.shell, seconds=options.seconds, setup=setup
            ):
                for event in events:
                    _keep(record, event)
        except InputError as e:
            out.complain(f"{path}: {e.message}", status_of(e))
        out.line(record, _text(record))
    return out.status


def given(options: Namespace) -> Setup:
    """What --set, --map, --entry and --target change. InputError."""
    sizes = {}
    for name, text in (_parts(each, "--map", "NAME=SIZE") for each in options.map):
        if not text.isascii() or not text.isdecimal():
            raise InputError(f"--map takes NAME=SIZE with a whole number; {text[:80]!r} is none.")
        sizes[name] = int(text[:20])
    entries = []
    for each in options.entry:
        place, value = _parts(each, "--entry", "MAP:KEY=VALUE")
        name, colon, key = place.partition(":")
        if not colon or not name or not key:
            raise InputError(f"--entry takes MAP:KEY=VALUE; {each[:80]!r} is not that.")
        entries.append((name, key, value))
    values = dict(_parts(each, "--set", "NAME=VALUE") for each in options.set)
    targets = dict(_parts(each, "--target", "PROGRAM=TARGET") for each in options.target)
    return Setup(values, sizes, tuple(entries), targets)


def _parts(text: str, option: str, form: str) -> tuple[str, str]:
    """What stands before and behind the last equals sign that may be meant: keys can hold some in braces."""
    at = text.find("=") if "{" not in text.partition("=")[0] else text.rfind("}=") + 1
    name, value = (text[:at].strip(), text[at + 1 :].strip()) if at > 0 else ("", "")
    if not name or not value:
        raise InputError(f"{option} takes {form}; {text[:80]!r} is not that.")
    return name, value


def _build(path: str, options: Namespace, out: Reporter) -> Build | None:
    source = read_source(path, options.file)
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
    else:
        record["lost"], record["left_out"] = event["lost"], event["left_out"]


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
    if record["lost"]:
        lines.append(f"  {record['lost']} records were lost")
    if any(record["left_out"]):
        lines.append("  {} records and {} bytes of printed text are left out".format(*record["left_out"]))
    return "\n".join(lines)
