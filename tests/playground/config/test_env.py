"""Settings from the environment: meant, or refused with a sentence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from playground.config import env


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("many", "whole number"), ("0", "between 1 and 64"), ("65", "between 1 and 64"), ("1.5", "whole number")],
)
def test_numbers(monkeypatch: pytest.MonkeyPatch, value: str, sentence: str) -> None:
    monkeypatch.setenv("WORKERS", value)
    with pytest.raises(ImproperlyConfigured, match=sentence):
        env.number("WORKERS", 1, 1, 64)


def test_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="yes or no"):
        env.flag("DEBUG")
    monkeypatch.setenv("DEBUG", "On")
    assert env.flag("DEBUG") is True


def test_a_secret_is_made_once_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    path = tmp_path / "deep" / "key"
    first = env.secret("SECRET_KEY", path)
    assert env.secret("SECRET_KEY", path) == first
    assert len(first) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("")
    with pytest.raises(ImproperlyConfigured, match="does not hold a secret"):
        env.secret("SECRET_KEY", path)
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(ImproperlyConfigured, match="32 or more"):
        env.secret("SECRET_KEY", path)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("mysql://a/b", "has to be sqlite"), ("postgres:///x", "needs a host"), ("postgres://host", "needs a host")],
)
def test_databases(monkeypatch: pytest.MonkeyPatch, url: str, sentence: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=sentence):
        env.database("DATABASE_URL", Path("x"))


def test_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me:p%40ss@db.example:6543/scope")
    found = env.database("DATABASE_URL", Path("x"))
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "me",
        "p@ss",
        "db.example",
        6543,
        "scope",
    )
