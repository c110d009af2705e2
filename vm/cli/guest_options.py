"""Options of the commands that attach programs in a real kernel while a workload runs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from vm import pipeline
from vm.cli.options import seconds
from vm.errors import InputError
from vm.kernel.release import VERSION
from vm.pipeline import Setup


def add_guest(p: ArgumentParser) -> None:
    """Which kernel, what runs meanwhile, and what is changed before."""
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
    p.add_argument("--seconds", type=seconds, default=5.0, metavar="S", help="how long the workload may run (5)")


def given(options: Namespace) -> dict[str, Any]:
    """The options as real() and record() of the pipeline take them. InputError."""
    if options.workload not in pipeline.workloads():
        raise InputError(f"--workload takes {', '.join(pipeline.workloads())}.")
    return {
        "workload": options.workload, "shell": options.shell, "seconds": options.seconds, "setup": setup_of(options),
    }  # fmt: skip


def setup_of(options: Namespace) -> Setup:
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
