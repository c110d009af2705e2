"""A verdict as text for people, from its JSON line: the same where it was found here and on a server."""

from __future__ import annotations

import json
from typing import Any


def verdict_text(record: dict[str, Any]) -> str:
    """The JSON line of a verdict as text for people: "" without a verdict."""
    if record["verdict"] == "error":
        return ""
    said = f"{record['file']}: {record['program']}: {record['verdict']}"
    said += f": {record['message']}\n{record['log']}" if record["message"] else f"\n{record['log']}"
    failure = record["failure"]
    if failure is None:
        return said
    told = (("why", failure["explanation"]), ("needed", failure["needed"]))
    said += "".join(f"{name}: {text}\n" for name, text in told if text)
    for fix in failure["fixes"][:1]:
        said += f"fix: {fix['title']}\n{fix['diff']}"
    shown = failure.get("counterexample")
    return said + (_counterexample_text(record, shown) if shown is not None else "")


def _counterexample_text(record: dict[str, Any], shown: dict[str, Any]) -> str:
    import shlex

    said = f"counterexample: {shown['status']}: {shown['why']}\n"
    if shown["forgotten"]:
        said += f"forgotten: {shown['forgotten']}\n"
    if shown["fault"] is not None:
        registers = " ".join(f"r{i}={int(value):#x}" for i, value in enumerate(shown["fault"]["registers"]))
        said += f"registers: {registers}\n"
    if shown["input"] is not None:
        command = ["python", "-m", "vm", "run", record["file"], "--program", record["program"], "--input", "-"]
        said += f"run it: echo {shlex.quote(json.dumps(shown['input']))} | {shlex.join(command)}\n"
    return said
