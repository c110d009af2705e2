"""The commands of manage.py, as an operator runs them."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection

from playground import links
from playground.models import Link
from playground.requests import check_request
from vm import compile as compiler
from vm.sandbox.check import Row


def stored(count: int) -> list[Link]:
    return [
        links.save(check_request({"kind": "c", "source": f"int x{n};"}), f"number {n}", "ziglang 0").link
        for n in range(count)
    ]


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS playground_link_no_delete")
        cursor.execute("DELETE FROM playground_link")


@pytest.mark.django_db
def test_links_come_back_as_they_went(tmp_path: Path) -> None:
    before = {link.pk: (link.body, link.digest, link.created) for link in stored(3)}
    Link.objects.filter(pk=min(before)).update(tombstone="gone")
    path = tmp_path / "links.jsonl"
    call_command("export_links", path, stderr=StringIO())
    empty()
    call_command("import_links", path, stderr=StringIO())
    call_command("import_links", path, stderr=StringIO())  # twice is as good as once
    assert {link.pk: (link.body, link.digest, link.created) for link in Link.objects.all()} == before
    assert Link.objects.get(pk=min(before)).tombstone == "gone"


@pytest.mark.django_db(transaction=True)
def test_an_altered_export_is_refused_whole(tmp_path: Path) -> None:
    stored(2)
    path = tmp_path / "links.jsonl"
    call_command("export_links", path, stderr=StringIO())
    first, second = path.read_text().splitlines()
    path.write_text(first + "\n" + second.replace("int x", "int y") + "\n")
    empty()
    with pytest.raises(CommandError, match="line 2"):
        call_command("import_links", path, stderr=StringIO())
    assert Link.objects.count() == 0


ROWS = [
    Row("rlimits", True, "", ()),
    Row("landlock", True, "", ()),
    Row("seccomp", True, "", ()),
    Row("bubblewrap", False, "bwrap is not installed", ()),
    Row("supervisor", True, "", ()),
    Row("together", True, "", ()),
    Row("compiler", True, "", ()),
]


@pytest.mark.parametrize(
    ("layer", "change", "good"),
    [
        ("bubblewrap", {}, True),
        ("seccomp", {"active": False, "why": "no such kernel"}, True),
        ("landlock", {"active": False, "why": "no such kernel"}, False),
        ("rlimits", {"active": False}, False),
        ("supervisor", {"active": False}, False),
        ("together", {"active": False, "leaks": ("read a file",)}, False),
        ("compiler", {"active": False, "leaks": ("#line",)}, False),
        ("landlock", {"leaks": ("read a file",)}, False),
    ],
)
def test_sandbox_check_passes_only_what_holds(
    monkeypatch: pytest.MonkeyPatch, layer: str, change: dict[str, Any], good: bool
) -> None:
    rows = [row._replace(**change) if row.layer == layer else row for row in ROWS]
    monkeypatch.setattr(compiler, "measure", lambda: rows)
    out = StringIO()
    if good:
        call_command("sandbox_check", stdout=out)
    else:
        with pytest.raises(SystemExit):
            call_command("sandbox_check", stdout=out)
    assert f"{layer} " in out.getvalue()
    assert ("NOT CONFINED" in out.getvalue()) is not good


def test_sandbox_check_says_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "measure", lambda: ROWS)
    out = StringIO()
    call_command("sandbox_check", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert said["ok"] is True
    assert {row["layer"] for row in said["layers"]} >= {"landlock", "compiler"}


def warned() -> list[str | None]:
    return [found.id for found in checks.run_checks() if not found.is_silenced()]


def test_checks_warn_where_nothing_guards_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not warned()
    monkeypatch.setenv("BPFSCOPE_SANDBOX_OFF", "landlock,bubblewrap")
    monkeypatch.delenv("BPFSCOPE_ALLOW_UNSANDBOXED_WORKER")
    assert warned() == ["playground.W005", "playground.W002"]
    monkeypatch.setenv("BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER", "yes")
    monkeypatch.setenv("BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "yes")
    assert warned() == ["playground.W004", "playground.W001"]


def test_a_server_for_others_is_no_debugging_one(settings: Any) -> None:
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["*"]
    found = {message.id for message in checks.run_checks(include_deployment_checks=True)}
    assert {"playground.E001", "playground.E002"} <= found
