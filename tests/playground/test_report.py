"""Reports about shared programs, and taking them down."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from playground import links
from playground.models import Link, Report
from playground.requests import check_request
from playground.views import report as view

pytestmark = pytest.mark.django_db
PROGRAM = {"kind": "asm", "source": "r0 = 7\nexit"}
HOSTILE = "<script>alert(1)</script>\x1b[2J"


@pytest.fixture
def link() -> Link:
    return links.save(check_request(PROGRAM), "seven", "ziglang 0").link


def takedown(*args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command("takedown", *args, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_report_is_stored_and_listed(client: Client, link: Link, caplog: Any) -> None:
    assert "What is wrong with it?" in client.get(f"/s/{link.pk}/report").content.decode()
    answer = client.post(f"/s/{link.pk}/report", {"reason": "private", "details": HOSTILE})
    assert answer.status_code == 200 and "Thank you" in answer.content.decode()
    (report,) = Report.objects.all()
    assert (report.link.pk, report.reason, report.details) == (link.pk, "private", HOSTILE)
    assert link.pk in caplog.text and "alert" not in caplog.text
    listed = takedown()
    assert f"/s/{link.pk} private" in listed and "\x1b" not in listed


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 400, "Choose what is wrong"),
        ({"reason": "none"}, 400, "Choose what is wrong"),
        ({"reason": "spam", "details": "x" * 1001}, 400, "1,000 characters"),
    ],
)
def test_what_a_report_lacks_is_said(
    client: Client, link: Link, fields: dict[str, str], status: int, said: str
) -> None:
    answer = client.post(f"/s/{link.pk}/report", fields)
    assert answer.status_code == status and said in answer.content.decode()
    assert not Report.objects.exists()


def test_what_was_written_is_shown_again_and_escaped(client: Client, link: Link) -> None:
    html = client.post(f"/s/{link.pk}/report", {"details": HOSTILE}).content.decode()
    assert "&lt;script&gt;alert(1)" in html and "<script>alert" not in html


def test_reports_are_limited(client: Client, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MOST_OF_A_LINK", 1)
    with override_settings(REPORTS_PER_HOUR=2):
        answers = [client.post(f"/s/{link.pk}/report", {"reason": "spam"}).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert Report.objects.count() == 1


def test_a_page_of_another_site_reports_nothing(client: Client, link: Link) -> None:
    answer = client.post(f"/s/{link.pk}/report", {"reason": "spam"}, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403 and not Report.objects.exists()


def test_a_program_is_taken_down_everywhere(client: Client, link: Link) -> None:
    client.post(f"/s/{link.pk}/report", {"reason": "private"})
    said = takedown(f"http://testserver/s/{link.pk}#step=4", reason="It contains a password.")
    assert "taken down; 1 report removed" in said
    for path in (
        f"/s/{link.pk}", f"/s/{link.pk}.json", f"/s/{link.pk}/picture.png", f"/s/{link.pk}/report",
        f"/embed/{link.pk}", f"/oembed?url=http://testserver/s/{link.pk}",
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 410, path
    assert "It contains a password." in client.get(f"/s/{link.pk}").content.decode()
    again = client.post("/api/share", {**PROGRAM, "title": "seven"}, content_type="application/json")
    assert again.status_code == 410 and "contains a password" in again.json()["error"]
    takedown(link.pk, undo=True)
    assert client.get(f"/s/{link.pk}").status_code == 200


def test_a_report_is_dismissed(client: Client, link: Link) -> None:
    client.post(f"/s/{link.pk}/report", {"reason": "other"})
    assert "still public; 1 report removed" in takedown(link.pk, dismiss=True)
    assert not Report.objects.exists() and client.get(f"/s/{link.pk}").status_code == 200


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (("nonsense",), {"dismiss": True}),
        (("a" * 16,), {"reason": "It is gone."}),
        (("LINK",), {}),
        (("LINK",), {"reason": "x", "undo": True}),
        (("LINK",), {"reason": "two\nlines"}),
    ],
)
def test_what_cannot_be_done_is_said(link: Link, args: tuple[str, ...], options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        takedown(*(link.pk if arg == "LINK" else arg for arg in args), **options)
    assert not Link.objects.exclude(tombstone="").exists()
