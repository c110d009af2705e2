"""/s/<id>: what was stored is what is shown, for good."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from playground import links
from playground.models import Link
from playground.requests import check_request

pytestmark = pytest.mark.django_db
HOSTILE = "</script><script>alert(1)</script><!-- ' \" ${1} {{ 1 }} \u2028"


@pytest.fixture
def link() -> Link:
    request = check_request({"kind": "c", "source": HOSTILE, "input": {"kind": "packet", "hex": "00"}})
    return links.save(request, HOSTILE, "ziglang 0").link


def embedded(html: str, name: str) -> Any:
    found = re.search(f'<script id="{name}" type="application/json">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def test_the_page_holds_the_program(client: Client, link: Link) -> None:
    answer = client.get(f"/s/{link.pk}")
    assert answer.status_code == 200
    html = answer.content.decode()
    program = embedded(html, "program")
    assert program["request"]["source"] == HOSTILE
    assert program["id"] == link.pk
    assert "<script>alert" not in html
    assert answer["X-Robots-Tag"] == "noindex"


def test_json_says_the_same(client: Client, link: Link) -> None:
    program = client.get(f"/s/{link.pk}.json").json()["program"]
    assert program["request"] == check_request(program["request"])
    assert program["title"] == HOSTILE
    assert program["toolchain"] == "ziglang 0"


@pytest.mark.parametrize("path", ["/s/aaaaaaaaaaaaaaaa", "/s/AAAAAAAAAAAAAAAA", "/s/x", "/s/../x", "/s/"])
def test_what_was_never_shared_is_not_found(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "no page at this address" in answer.content.decode()


def test_a_link_taken_down_says_so(client: Client, link: Link) -> None:
    Link.objects.filter(pk=link.pk).update(tombstone="It holds a password.")
    answer = client.get(f"/s/{link.pk}")
    assert answer.status_code == 410
    assert "It holds a password." in answer.content.decode()
    assert client.get(f"/s/{link.pk}.json").status_code == 410


@pytest.mark.parametrize("field", ["body", "digest", "id", "toolchain", "schema"])
def test_the_database_refuses_to_change_a_link(link: Link, field: str) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Link.objects.filter(pk=link.pk).update(**{field: 2})


def test_the_database_refuses_to_delete_a_link(link: Link) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        link.delete()
    assert Link.objects.filter(pk=link.pk).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "REPLACE INTO playground_link SELECT id, 'x', schema, 'x', toolchain, created, tombstone FROM playground_link",
        "INSERT OR REPLACE INTO playground_link (rowid, id, digest, schema, body, toolchain, created, tombstone) "
        "SELECT rowid, 'another', digest, schema, body, toolchain, created, tombstone FROM playground_link LIMIT 1",
        "INSERT OR IGNORE INTO playground_link SELECT * FROM playground_link",
        "UPDATE OR REPLACE playground_link SET rowid = (SELECT max(rowid) FROM playground_link) WHERE rowid = 1",
    ],
)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has these statements")
def test_the_database_refuses_to_put_another_link_in_its_place(link: Link, statement: str) -> None:
    second = links.save(check_request({"kind": "asm", "source": "exit"}), "", "").link
    before = list(Link.objects.order_by("pk").values())
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(Link.objects.order_by("pk").values()) == before
    assert links.save(check_request({"kind": "asm", "source": "exit"}), "", "").link == second  # shared again: the same


def test_what_was_altered_is_not_shown(client: Client, link: Link) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER playground_link_no_update")
        cursor.execute("UPDATE playground_link SET body = replace(body, 'alert', 'prompt')")
    answer = client.get(f"/s/{link.pk}")
    assert answer.status_code == 500
    assert "damaged" in answer.content.decode()
    assert "prompt" not in answer.content.decode()


def test_links_of_the_first_schema_read_for_ever() -> None:
    body = (
        '{"request":{"input":{"kind":"none"},"kind":"asm","options":{"engine":"jit","fix_includes":false,"mcpu":"v3",'
        '"opt":"O2","prog_type":"xdp","program":"","unprivileged":false,"verify":true},"source":"r0 = 0\\nexit"},'
        '"schema":1,"title":"two instructions"}'
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    stored = Link(pk="a" * 16, digest=digest, schema=1, body=body, toolchain="")
    assert links.content(stored)["title"] == "two instructions"
    assert links.content(stored)["request"]["source"] == "r0 = 0\nexit"
    assert links.canonical(json.loads(body)) == body
