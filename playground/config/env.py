"""Settings from the environment. An invalid value stops the server at start, with a message."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from playground.config.limits import LIMITS


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool = False) -> bool:
    """yes/no, true/false, on/off or 1/0."""
    value = text(name).lower()
    if not value:
        return default
    if value in ("1", "yes", "true", "on"):
        return True
    if value in ("0", "no", "false", "off"):
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: it has to be yes or no.")


def number(name: str, default: int, low: int, high: int) -> int:
    value = text(name)
    if not value:
        return default
    try:
        result = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}: it has to be a whole number.") from None
    if not low <= result <= high:
        raise ImproperlyConfigured(f"{name} is {result}: it has to be between {low} and {high}.")
    return result


def limit(name: str) -> int:
    """The number of that name in playground/config/limits.py, or what the environment says instead."""
    default, low, high, _ = LIMITS[name]
    return number(name, default, low, high)


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or list(default)


def choice(name: str, allowed: tuple[str, ...]) -> str:
    """One of several words; the first if it is not set."""
    value = text(name, allowed[0])
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} is {value!r}: it has to be one of {', '.join(allowed)}.")
    return value


def networks(name: str, default: tuple[str, ...]) -> list[str]:
    """A list of addresses and networks separated by commas."""
    found = words(name, default)
    for each in found:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError:
            raise ImproperlyConfigured(f"{name} holds {each!r}, which is neither an address nor a network.") from None
    return found


def secret(name: str, path: Path) -> str:
    """The value of `name`, or of the file at `path`, made on the first start and readable by its owner alone."""
    value = text(name)
    if value:
        if len(value) < 32:
            raise ImproperlyConfigured(f"{name} has {len(value)} characters: it has to have 32 or more.")
        return value
    try:
        if not path.exists():
            _make_secret(path)
        value = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read ({error.strerror}); set {name} or mend the file.") from None
    if len(value) < 32:
        raise ImproperlyConfigured(f"{path} does not hold a secret of 32 characters or more; delete it or set {name}.")
    return value


def _make_secret(path: Path) -> None:
    """Write a new secret whole or not at all; of two processes that start at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_urlsafe(48) + "\n")
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


POOL_SIZE: Final = 8
"""Largest number of connections of one web process to PostgreSQL."""


def database(name: str, default: Path) -> dict[str, Any]:
    """sqlite:///PATH or postgres://USER:PASSWORD@HOST:PORT/NAME; SQLite at `default` when not set.

    SQLite runs in WAL mode with synchronous=FULL: a link that was answered for is on the disk.
    """
    url = urlsplit(text(name))
    if not url.scheme or url.scheme == "sqlite":
        path = unquote(url.path.removeprefix("/")) if url.scheme else ""
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path or default,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    if url.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"{name} starts with {url.scheme}:// — it has to be sqlite:///PATH or postgres://…")
    if not url.hostname or not url.path.strip("/"):
        raise ImproperlyConfigured(f"{name} needs a host and a database: postgres://USER:PASSWORD@HOST:5432/NAME")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": url.port or 5432,
        # A connection of the pool for each request that uses the database, checked when it is taken.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "pool": {"min_size": 1, "max_size": POOL_SIZE, "timeout": 10}},
    }
