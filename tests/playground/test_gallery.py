"""/errors/: the list, the search by pasting, a page for each error, and its programs in the playground."""

from __future__ import annotations

import json
import time

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape

from playground.gallery import Error, gallery, search
from tests.corpus import sampled
from tests.playground.test_shared import embedded

PACKET = "packet-access-out-of-range"
LOG = """libbpf: prog 'f': BPF program load failed: Permission denied
libbpf: prog 'f': -- BEGIN PROG LOAD LOG --
0: R1=ctx() R10=fp0
; void *data = (void *)(long)ctx->data; @ p.c:9
0: (61) r1 = *(u32 *)(r1 +0)          ; R1_w=pkt(r=0)
1: (71) r2 = *(u8 *)(r1 +72)
invalid access to packet, off=72 size=4, R1(id=0,off=72,r=74)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --"""

# What people paste -> the page that has to come first. The first ones are from reports, in their words.
PASTED = {
    "invalid access to packet, off=72 size=4, R1(id=0,off=72,r=74)": PACKET,
    "R1 invalid mem access 'scalar'": "invalid-memory-access",
    "R1 invalid mem access 'inv'": "invalid-memory-access",
    "R3 !read_ok": "register-uninitialized",
    "R0 invalid mem access 'map_value_or_null'": "invalid-memory-access",
    "R1 type=map_value expected=map_ptr": "argument-type",
    "R2 min value is negative, either use unsigned or 'var &= const'": "size-may-be-negative",
    "R4 invalid zero-sized read: u64=[0,191]": "size-may-be-zero",
    "invalid bpf_context access off=96 size=4": "context-access",
    "R4 unbounded memory access, use 'var &= const' or 'if (var < const)'": "size-unbounded",
    "math between pkt pointer and register with unbounded min value is not allowed": "pointer-math-unbounded-min",
    "invalid indirect read from stack R3 off -32+10 size 16": "stack-indirect-read-uninitialized",
    "program of this type cannot use helper bpf_probe_read#4": "helper-not-for-program-type",
    "BPF program is too large. Processed 1000001 insn": "program-too-large",
    "The sequence of 8193 jumps is too complex.": "jump-sequence-too-long",
    "back-edge from insn 271 to 69": "back-edge",
    "infinite loop detected at insn 63": "infinite-loop",
    "At program exit the register R0 has value (0x2; 0x0) should have been in (0x0; 0x1)": "return-value-out-of-range",
    "Unreleased reference id=3 alloc_insn=10": "reference-leak",
    "cannot call GPL-restricted function from non-GPL compatible program": "helper-gpl-only",
    "[ 12.3] kernel: R1 type=map_value expected=map_ptr  ": "argument-type",
    LOG: PACKET,
}


@pytest.mark.parametrize("text", PASTED)
def test_a_pasted_message_finds_its_page(text: str) -> None:
    assert search(text)[0].error.name == PASTED[text]


def test_every_message_finds_its_own_page() -> None:
    """Filled in with values, each message is found by its own page among the best."""
    for error in gallery().errors.values():
        text = "\n".join("".join(part + ("7" if name else "") for part, name in line) for line in error.pieces)
        if sum(map(len, (part for line in error.parts for part in line))) < 12:
            continue
        assert error.name in [found.error.name for found in search(text)], text


def _words(error: Error) -> str:
    """What was said of the page's program."""
    return str(error.said["message"]) if error.said else error.name


@pytest.mark.parametrize("version", ["6.12", "7.3"])
def test_what_a_kernel_wrote_finds_its_page(version: str) -> None:
    """Whole logs, as that kernel wrote them; few are those where another page comes first."""
    lines = (settings.GALLERY_DIR / "recorded" / f"{version}.jsonl").read_text().splitlines()
    logs = {record["path"]: record.get("log", "") for record in map(json.loads, lines) if record["verdict"] == "reject"}
    places = []
    for path, log in logs.items():
        error = gallery().errors[path.rpartition("/")[2].partition(".")[0]]
        if error.message and error.by == "verifier":  # what others refuse is in no log of the verifier
            # Two rules may say the same words of their programs: then either page is right.
            found = [each.error.name == error.name or _words(each.error) == _words(error) for each in search(log)]
            assert any(found), path
            places.append(found.index(True))
    assert len(places) > 100
    assert sum(place == 0 for place in places) > 0.95 * len(places)


def test_words_find_pages_and_nothing_finds_none() -> None:
    assert PACKET in [found.error.name for found in search("packet  END")]
    cut = search("R2 min value is negative, either use unsi")
    assert "size-may-be-negative" in [found.error.name for found in cut]
    assert search("nothing knows xyzzy plugh frobnicate") == []
    assert search("  \n ") == []


def test_a_hostile_text_takes_no_time() -> None:
    begun = time.process_time()
    for text in ("R" * 60_000, "R \n" * 30_000, "invalid access to =" * 3_000, "type= expected" * 4_000, "\0" * 60_000):
        search(text)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("name", sampled(gallery().errors))
def test_each_error_has_a_page(client: Client, name: str) -> None:
    error = gallery().errors[name]
    html = client.get(f"/errors/{name}").content.decode()
    assert f"<h1>{name}</h1>" in html and escape(error.text) in html
    for which, sample in (("rejected", error.program), ("fixed", error.fixed)):
        answer = client.get(f"/errors/{name}/{which}")
        assert answer.status_code == (200 if sample else 404)
        if sample:
            assert escape(sample.source) in html and f'href="{sample.url}"' in html
            assert embedded(answer.content.decode(), "program")["request"] == sample.request


def test_options_are_named(client: Client) -> None:
    html = client.get("/errors/back-edge").content.decode()
    assert html.count("Options: unprivileged") == 2
    assert "Options" not in client.get(f"/errors/{PACKET}").content.decode()


def test_the_list_is_a_page_or_a_piece_of_one(client: Client) -> None:
    whole = client.get("/errors/").content.decode()
    piece = client.post("/errors/", {"q": LOG}, headers={"hx-request": "true"}).content.decode()
    assert "<html" in whole and "<html" not in piece
    assert all(f'href="{error.url}"' in whole for error in gallery().errors.values())
    assert piece.index(f'href="/errors/{PACKET}"') and "in your text" in piece
    memory = client.get("/errors/?category=memory-safety").content.decode()
    assert f"/errors/{PACKET}" in memory and "/errors/register-uninitialized" not in memory


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> R3 !read_ok",
        '"><img src=x onerror=alert(1)> R3 !read_ok',
        "</textarea><svg onload=alert(1)> R3 !read_ok",
        "{{ 7|add:7 }}{% debug %} R3 !read_ok",
        "R3 !read_ok \u202e\u2066<b>",
    ],
)
def test_hostile_text_is_escaped(client: Client, text: str) -> None:
    for answer in (client.post("/errors/", {"q": text}), client.get("/errors/", {"q": text})):
        html = answer.content.decode()
        assert answer.status_code == 200 and "/errors/register-uninitialized" in html
        assert escape(text) in html
        for part in ("<script>alert", "<img", "<svg", "<b>", "{{ 7"):
            assert part not in html or part == "{{ 7" and part in text


def test_what_is_not_there_and_what_is_too_long(client: Client) -> None:
    assert client.get("/errors/no-such-rule").status_code == 404
    assert client.get("/errors/no-such-rule/fixed").status_code == 404
    assert client.get(f"/errors/{PACKET}/else").status_code == 404
    assert client.get(f"/errors/../{PACKET}").status_code == 404
    assert client.post("/errors/", {"q": "x" * 70_000}).status_code == 413
    assert client.put("/errors/").status_code == 405
