"""Packets as the page encodes and decodes them, held against the packets the runner builds from the same form."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.browser.conftest import ROOT
from tools.node import node_command
from vm.runner import packets

FORMS: list[dict[str, Any]] = [
    {"eth": {}},
    {"eth": {}, "payload": {"text": "hello, this is long enough"}},
    {"eth": {"type": 0x806}, "payload": {"hex": "0001080006040001"}},
    {"eth": {}, "ip": {}},
    {"eth": {}, "ip": {"proto": 50, "ttl": 3}, "payload": {"hex": "010203"}},
    {"eth": {}, "vlan": {"id": 5, "prio": 2}, "ip": {"src": "1.2.3.4"}, "tcp": {"flags": "SAN"}},
    {"eth": {}, "ip": {}, "tcp": {"flags": 0, "seq": 4_000_000_000, "ack": 7, "window": 1}, "payload": {"text": "x"}},
    {"eth": {}, "ip": {"tos": 4, "id": 9}, "udp": {"sport": 1, "dport": 65535}, "payload": {"text": "abc"}},
    {"eth": {}, "ip": {}, "icmp": {"type": 0, "id": 3, "seq": 4}, "payload": {"text": "ping"}},
    {"eth": {}, "ip": {}, "icmp": {"type": 3, "code": 1}},
    {"eth": {}, "ipv6": {}, "udp": {"sport": 1, "dport": 2}},
    {"eth": {}, "ipv6": {"src": "2001:db8::5", "hlim": 1}, "icmp": {}, "payload": {"text": "6"}},
    {"eth": {}, "ipv6": {"nh": 58}, "payload": {"hex": "00"}},
    {"eth": {}, "ipv6": {}, "tcp": {}},
]
SCRIPT = """
import { decode, encode } from %s;
const hex = (data) => data.map((b) => b.toString(16).padStart(2, "0")).join("");
const unhex = (text) => (text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
const { forms, frames } = JSON.parse(await new Response(process.stdin).text());
const read = frames.map((frame) => decode(unhex(frame)));
console.log(JSON.stringify({
  made: forms.map((form) => hex(encode(form))),
  read,
  again: read.map((found) => found && hex(encode(found.layers))),
}));
"""


def ask(forms: list[Any], frames: list[str]) -> dict[str, Any]:
    node = node_command("node")
    if node is None:
        pytest.skip("node is not installed")
    source = SCRIPT % json.dumps((ROOT / "static" / "src" / "core" / "frames.js").as_uri())
    done = subprocess.run(
        [*node, "--input-type=module", "-e", source],
        input=json.dumps({"forms": forms, "frames": frames}),
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_page_makes_the_bytes_that_the_runner_makes() -> None:
    built = [packets.from_form(form).hex() for form in FORMS]
    assert ask(FORMS, [])["made"] == built


def test_what_is_read_gives_the_same_bytes_again() -> None:
    built = [packets.from_form(form).hex() for form in FORMS]
    answer = ask([], built)
    assert answer["again"] == built
    for form, found in zip(FORMS, answer["read"], strict=True):
        # A number of the next protocol that is given by hand may name a header that is not there.
        if not any(name in part for part in form.values() for name in ("proto", "nh")):
            assert set(form) - {"eth", "payload"} <= set(found["layers"]), (form, found)


def test_a_wrong_checksum_is_named_and_other_damage_stays_bytes() -> None:
    good = packets.from_form({"eth": {}, "ip": {}, "udp": {}, "payload": {"text": "abc"}}).hex()
    wrong = good[:80] + "0000" + good[84:]
    padded, short = good + "0000", good[:20]
    fragment = good[:40] + "2000" + good[44:]
    answer = ask([], [good, wrong, padded, short, fragment])
    assert [found and found["sums"] for found in answer["read"]] == [[], ["UDP"], [], None, []]
    assert answer["again"][0] == answer["again"][1] == good
    assert answer["again"][2] == padded and answer["again"][4] == fragment
    assert "kept as bytes" in answer["read"][2]["note"] and "kept as bytes" in answer["read"][4]["note"]
