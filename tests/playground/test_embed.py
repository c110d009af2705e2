"""/embed/<id>, its picture and oEmbed: what the link shows, framed anywhere, with all text as text."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from playground import links
from playground.models import Link
from playground.picture import picture
from playground.requests import check_request
from playground.snapshot import Row, Snapshot, Value, snapshot, visible
from playground.views import embed

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e{{ 1 }}"
SAID: list[dict[str, Any]] = [
    {"type": "stage", "stage": "load", "status": "done", "program": "prog", "insns": [
        {"idx": n, "text": f"r{n} = {HOSTILE}" if n == 3 else f"r{n} = 0", "line": n // 2 + 1} for n in range(9)
    ]},
    {"type": "stage", "stage": "verify", "status": "done", "verdict": "reject",
     "fail": {"message": f"R1 {HOSTILE}", "step": 3, "line": 2}},
]  # fmt: skip
STEPS = {
    "type": "steps", "stage": "verify", "from": 0, "total": 9,
    "keyframe": {"state": {"r1": {"k": "ctx", "t": "ctx()"}, "r10": {"k": "stack", "t": "fp0"}}, "depth": 1},
    "steps": [
        {"insn": 0, "set": {"r2": {"k": "number", "t": "0"}}},
        {"insn": 1, "set": {"fp-8": {"k": "number", "t": "1"}}},
        {"insn": 2, "del": ["r1"]},
        {"insn": 3, "set": {"r3": {"k": "number", "t": HOSTILE}}, "wrote": ["r3"]},
        {"insn": 4, "set": {"r2": {"k": "number", "t": "9"}}},
    ],
}  # fmt: skip
REQUEST = {"kind": "c", "source": "".join(f"line {n}\n" for n in range(1, 40)) + HOSTILE}


def test_a_snapshot_is_the_state_after_the_step() -> None:
    shown = snapshot(REQUEST, "", {}, SAID, [STEPS])
    assert (shown.title, shown.outcome, shown.where) == ("prog", "rejected", "step 4 of 9")
    assert [value.name for value in shown.values] == ["r2", "r3", "r10", "fp-8"]
    assert [value.name for value in shown.values if value.changed] == ["r3"]
    assert [row.number for row in shown.insns if row.here] == [3]
    assert [row.number for row in shown.lines if row.here] == [2]
    later = snapshot(REQUEST, "t", {"step": 4}, SAID, [STEPS])
    assert (later.title, later.where) == ("t", "step 5 of 9")
    assert [value.text for value in later.values if value.changed] == ["9"]


def test_a_snapshot_of_a_run_has_the_machines_registers() -> None:
    first = {"insn": 0, "regs": {"r0": "0x2"}}
    steps = {**STEPS, "stage": "run", "keyframe": {"regs": {"r1": "0x1"}}, "steps": [first]}
    shown = snapshot(REQUEST, "", {"stage": "run", "step": 0}, SAID, [steps])
    assert [(each.name, each.text, each.changed) for each in shown.values] == [
        ("r0", "0x2", True), ("r1", "0x1", False),
    ]  # fmt: skip


def test_what_is_not_known_is_absent() -> None:
    nothing = snapshot(REQUEST, "", {"step": 700}, [], [])
    assert (nothing.outcome, nothing.where, nothing.values, nothing.insns) == ("", "", (), ())
    assert nothing.lines[0] == Row(1, "line 1", False)
    failed = [{"type": "stage", "stage": "compile", "status": "failed", "message": "no"}]
    assert snapshot(REQUEST, "", {}, failed, []).said == "no"


def test_text_hides_nothing() -> None:
    assert visible("a\u202eb\x00\tc") == "a\\u{202e}b\\u{0}    c"
    assert len(visible("x" * 5000)) == 201


def test_a_picture_is_drawn_of_any_text() -> None:
    rows = tuple(Row(n, ("\U0001f600" + HOSTILE) * 9, n == 1) for n in range(13))
    values = tuple(Value("r" * 200, HOSTILE * 5, "number", bool(n % 2)) for n in range(12))
    for shown in (
        Snapshot(HOSTILE * 9, "rejected", HOSTILE * 9, "step 1 of 2", rows, rows, values),
        Snapshot("", "", "", "", (), (), ()),
        Snapshot("\udfff", "accepted", "", "", (Row(1, " " * 200 + "x", True),), (), ()),
    ):
        image = Image.open(io.BytesIO(picture(shown)))
        assert (image.format, image.size) == ("PNG", (1200, 630))


@pytest.fixture
def link() -> Link:
    return links.save(check_request({"kind": "c", "source": HOSTILE}), HOSTILE, "ziglang 0", {"step": 3}).link


@pytest.mark.django_db
def test_an_embed_runs_nothing_and_is_framed_anywhere(client: Client, link: Link) -> None:
    answer = client.get(f"/embed/{link.pk}")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "frame-ancestors *" in answer["Content-Security-Policy"] and "X-Frame-Options" not in answer
    assert "<script" not in text and "<img" not in text and "&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text and "Not run yet" in text
    assert not answer.cookies and answer["X-Robots-Tag"] == "noindex"
    assert f'href="/s/{link.pk}"' in text


@pytest.mark.django_db
def test_only_embeds_are_framed(client: Client, link: Link) -> None:
    others = ("/", "/about", "/examples/", "/errors/", f"/s/{link.pk}", f"/s/{link.pk}.json", "/healthz",
              f"/oembed?url=http://testserver/s/{link.pk}", f"/s/{link.pk}/picture.png", "/embed/nobody")  # fmt: skip
    for path in others:
        assert client.get(path)["Content-Security-Policy"] == settings.CONTENT_SECURITY_POLICY, path
    assert settings.CONTENT_SECURITY_POLICY.replace("'self'", "*").count("frame-ancestors *") == 1
    assert embed.POLICY != settings.CONTENT_SECURITY_POLICY


@pytest.mark.django_db
def test_an_embeds_looks_are_in_its_address(client: Client, link: Link) -> None:
    plain = client.get(f"/embed/{link.pk}").content.decode()
    assert "data-theme" not in plain and 'href="?live=1"' in plain
    dark = client.get(f"/embed/{link.pk}?theme=dark&edit=1").content.decode()
    assert 'data-theme="dark"' in dark and 'href="?live=1&amp;theme=dark&amp;edit=1"' in dark
    assert "data-theme" not in client.get(f'/embed/{link.pk}?theme="><b>').content.decode()
    live = client.get(f"/embed/{link.pk}?live=1&theme=light").content.decode()
    assert 'data-frame="embed" data-fixed data-theme="light"' in live
    assert "data-fixed" not in client.get(f"/embed/{link.pk}?live=1&edit=1").content.decode()[:400]


@pytest.mark.django_db
def test_a_removed_link_has_no_embed_and_no_picture(client: Client, link: Link) -> None:
    Link.objects.filter(pk=link.pk).update(tombstone="asked for")
    for path in (f"/embed/{link.pk}", f"/s/{link.pk}/picture.png", f"/oembed?url=http://testserver/s/{link.pk}"):
        assert client.get(path).status_code == 410
    assert client.get("/embed/" + "a" * 16).status_code == 404


@pytest.mark.django_db
def test_a_links_page_names_its_picture_and_oembed(client: Client, link: Link) -> None:
    text = client.get(f"/s/{link.pk}").content.decode()
    assert f'<meta property="og:image" content="http://testserver/s/{link.pk}/picture.png">' in text
    assert f'title="oEmbed" href="http://testserver/oembed?url=http%3A%2F%2Ftestserver%2Fs%2F{link.pk}"' in text
    assert "<script>alert" not in text
    answer = client.get(f"/s/{link.pk}/picture.png")
    assert answer["Content-Type"] == "image/png" and answer["Cache-Control"] == "no-store"
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)


@pytest.mark.django_db
def test_oembed(client: Client, link: Link) -> None:
    address = f"http://testserver/s/{link.pk}"
    answer = client.get("/oembed", {"url": f"{address}#step=3", "maxwidth": "400", "maxheight": "10"})
    value = json.loads(answer.content)
    assert (value["version"], value["type"], value["width"], value["height"]) == ("1.0", "rich", 400, 240)
    assert value["title"] == HOSTILE and f'src="http://testserver/embed/{link.pk}"' in value["html"]
    assert "alert" not in value["html"]
    assert client.get("/oembed", {"url": address, "format": "xml"}).status_code == 501
    for url in ("", "x", "http://elsewhere.example/s/" + link.pk, "http://testserver/", "http://[", address + "x" * 9):
        assert client.get("/oembed", {"url": url}).status_code == 404, url
