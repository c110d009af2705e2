"""What version 1 began with goes on: its links open unchanged, its clients understand today's messages.

tests/golden/version_1 holds links and runs as the first server of version 1 stored and sent them.
"""

from __future__ import annotations

import json
import lzma
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from django.test import Client, override_settings

from playground import links
from playground.messages import programs
from playground.messages.check import checked
from playground.messages.render import fields
from playground.messages.told import TYPES
from playground.models import Link
from playground.present.run import run_job
from playground.requests import check_request
from tools.node import node_command

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests" / "golden" / "version_1"
STORED: Final = json.loads((GOLDEN / "links.json").read_text())
RUNS: Final = [json.loads(line) for line in lzma.decompress((GOLDEN / "runs.jsonl.xz").read_bytes()).splitlines()]

REMOVED: Final = {
    ("accepted", "cached"): "nothing ever read it: a stored answer is told by the same messages",
}
"""Fields of version 1 that are no longer sent, and why no client misses them."""


@pytest.fixture(params=STORED["links"], ids=lambda stored: stored["name"])
def stored(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.django_db
def test_a_link_opens_unchanged(stored: dict[str, Any], client: Client) -> None:
    row = stored["row"]
    Link.objects.create(id=stored["id"], **row)
    program = client.get(f"/s/{stored['id']}.json").json()["program"]
    for field in ("schema", "id", "title", "request", "toolchain"):
        assert program[field] == stored["program"][field]
    assert client.get(f"/s/{stored['id']}").status_code == 200
    # A page opened by the link sends this request, and it is run as it was stored.
    assert check_request(program["request"]) == program["request"]


@pytest.mark.django_db
def test_the_same_program_still_has_the_same_link(stored: dict[str, Any], client: Client) -> None:
    sent = stored["sent"]
    if "input" not in sent:
        sent = {**sent, "input": {"kind": "none"}}  # what an absent input meant then
    with override_settings(LINK_KEY=STORED["link_key"]):
        answer = client.post("/api/share", json.dumps(sent), content_type="application/json").json()
    assert answer["id"] == stored["id"]
    assert links.content(Link.objects.get(pk=stored["id"])) == links.content(Link(id=stored["id"], **stored["row"]))


@pytest.fixture(params=RUNS, ids=lambda run: run["name"])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_client_of_version_1_is_understood(run: dict[str, Any]) -> None:
    request = checked({"type": "run", "v": 1, "request": run["request"]}, programs.Run, "A message").request
    assert check_request(request)["source"] == run["request"]["source"]


Shape = Any
"""A type as text; {name: shape} of an object; [shape] of a list, None inside where nothing is known of its items."""


BY_NAME: Final = {"set", "was", "state", "regs", "x", "visits", "lines", "maps", "values"}
"""Objects whose fields are names of registers, maps, … and not of the protocol."""


def shape(value: Any, field: str = "") -> Shape:
    """The shape of a JSON value; all items of a list, or of an object by name, together are one shape."""
    if isinstance(value, dict) and field not in BY_NAME:
        return {name: shape(item, name) for name, item in value.items()}
    if isinstance(value, dict | list):
        merged = None
        for item in value.values() if isinstance(value, dict) else value:
            merged = both(merged, shape(item))
        return [merged]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def both(one: Shape, other: Shape) -> Shape:
    """Either of two shapes."""
    if one is None or one == "NoneType" or one == other:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: both(one.get(name), other.get(name)) for name in one | other}
    if isinstance(one, list) and isinstance(other, list):
        return [both(one[0], other[0])]
    return one


def lost(then: Shape, now: Shape, where: str) -> list[str]:
    """The fields of `then` that `now` lacks or has with another type. Unknown shapes and null fit everything."""
    if then is None or now is None or "NoneType" in (then, now) or then == now:
        return []
    if isinstance(then, dict) and isinstance(now, dict):
        found = []
        for name, inner in then.items():
            found += lost(inner, now[name], f"{where}.{name}") if name in now else [f"{where}.{name} is gone"]
        return found
    if isinstance(then, list) and isinstance(now, list):
        return lost(then[0], now[0], f"{where}[]")
    return [f"{where} was {then} and is {now}"]


def key(message: dict[str, Any]) -> tuple[Any, ...]:
    """Messages that are told the same way."""
    return (
        message["type"],
        message.get("stage"),
        message.get("status"),
        message.get("run") if "steps" in message else 0,
    )


def told(messages: list[dict[str, Any]]) -> dict[tuple[Any, ...], Shape]:
    found: dict[tuple[Any, ...], Shape] = {}
    for message in messages:
        found[key(message)] = both(found.get(key(message)), shape(message))
    return found


def test_every_field_of_version_1_is_still_sent(run: dict[str, Any]) -> None:
    request = run["request"]
    if "input" not in request:
        request = {**request, "input": {"kind": "none"}}
    said = (message for message in run_job(check_request(request)) if message["type"] in ("stage", "steps"))
    job = [json.loads(json.dumps(message)) for message in said]
    now = told(job)
    then = told([m for m in run["messages"] if m["type"] in ("stage", "steps")])
    wrong = []
    for name, old in then.items():
        if name[0] == "stage":
            assert name in now, f"{name} is not said any more"
        if name in now:
            wrong += lost(old, now[name], " ".join(str(part) for part in name if part is not None))
    assert wrong == []


def test_every_message_around_a_run_keeps_its_fields(run: dict[str, Any]) -> None:
    for message in run["messages"]:
        if message["type"] in TYPES:
            today = {field.name for field in fields(TYPES[message["type"]])}
            gone = {(message["type"], name) for name in set(message) - today}
            assert gone <= set(REMOVED)


def test_a_field_that_is_gone_or_another_is_found() -> None:
    then = shape({"a": [{"b": 1, "c": "x"}], "d": None, "e": {"f": True}})
    assert lost(then, shape({"a": [{"b": 1.5}], "d": 3, "e": {"f": 1}, "g": 0}), "m") == [
        "m.a[].c is gone", "m.e.f was bool and is number",
    ]  # fmt: skip


PAGE: Final = """
import { Code, Log, Machine } from "./static/src/core/model.js";
import { Reasons } from "./static/src/core/reasons.js";
import { RunWindows, WalkWindows } from "./static/src/core/windows.js";

const runs = JSON.parse(await new Response(process.stdin).text());
const answers = runs.map(({ messages }) => {
  const ask = () => {};
  const walk = new WalkWindows(ask);
  const machine = new RunWindows(ask);
  const stages = {};
  for (const m of messages) {
    if (m.type === "stage") stages[m.stage] = m;
    if (m.type === "steps" && m.stage === "verify") walk.add(m);
    if (m.type === "steps" && m.stage === "run" && !m.run) machine.add(m);
  }
  const last = walk.chunks.reduce((most, c) => Math.max(most, c.from + c.steps.length), 0) - 1;
  const ran = machine.chunks.reduce((most, c) => Math.max(most, c.from + c.steps.length), 0) - 1;
  new Reasons(stages.verify ?? null);
  return {
    insns: new Code(stages.load ?? null).insns.length,
    log: new Log(stages.verify ?? null).lines.length,
    listing: new Machine(stages.jit ?? null).listing.length,
    state: last < 0 ? [] : [...walk.at(last).state.keys()].sort(),
    r0: ran < 0 ? "" : machine.at(ran).regs.r0,
  };
});
console.log(JSON.stringify(answers));
"""


def test_the_page_understands_runs_of_version_1() -> None:
    command = node_command("npm")
    assert command is not None
    node = command[0]
    done = subprocess.run(
        [node, "--input-type=module", "-e", PAGE],
        input=json.dumps(RUNS), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for run, page in zip(RUNS, json.loads(done.stdout), strict=True):
        ended = {m["stage"]: m for m in run["messages"] if m["type"] == "stage" and m["status"] != "working"}
        assert page["insns"] == len(ended["load"].get("insns", ())), run["name"]
        log = ended["verify"].get("log", "")
        assert page["log"] == len(log.splitlines()), run["name"]
        assert page["listing"] == len(ended["jit"].get("listing", ()))
        assert page["state"] == sorted(folded(run["messages"])), run["name"]
        if runs := ended["run"].get("runs"):
            assert runs[0]["steps"] > 256 or page["r0"] == runs[0]["r0"], run["name"]


def folded(messages: list[dict[str, Any]]) -> set[str]:
    """The names that hold something after the last step of the walk that was sent."""
    names: set[str] = set()
    for message in messages:
        if message["type"] == "steps" and message["stage"] == "verify":
            names = set(message["keyframe"]["state"])
            for step in message["steps"]:
                names = (names | set(step.get("set", ()))) - set(step.get("del", ()))
    return names
