"""Every environment variable that is read here, as docs/operating.md lists them.

`python -m playground.options` prints the table; a test holds the document to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from playground.jobs.limits import LIMITS


class Option(NamedTuple):
    """An environment variable: what holds when it is not set, and what it means."""

    name: str
    default: str
    meaning: str


OPTIONS: Final = (
    Option("HOST", "127.0.0.1", "the address to listen on"),
    Option("PORT", "8000, or the next free one", "the port to listen on; one that is given has to be free"),
    Option(
        "ALLOWED_HOSTS", "localhost, 127.0.0.1, [::1]",
        "host names it answers for, comma-separated; only their pages may open the run socket",
    ),
    Option("SECRET_KEY", "made in `var/` at the first start", "32 characters or more; what stored runs are named by"),
    Option(
        "LINK_KEY", "made in `var/` at the first start",
        "32 characters or more; under another the same program gets another link, and old links stay",
    ),
    Option("BPFSCOPE_VAR", "`var/`", "folder of the database, keys, stored runs and workers' temporary files"),
    Option("DATABASE_URL", "SQLite in `var/`", "`sqlite:///PATH` or `postgres://USER:PASSWORD@HOST:5432/NAME`"),
    Option("REDIS_URL", "none", "workers are processes of their own (`manage.py worker`), on any number of machines"),
    Option("BPFSCOPE_CLANG", "the ziglang package's", "path of another clang"),
    Option("BPFSCOPE_COMPILED", "as available", "the compiled verifier: 0 never uses it, 1 insists on it"),
    Option(
        "BPFSCOPE_SANDBOX_OFF", "none",
        "layers of the sandbox to leave out, comma-separated: to see what their absence means",
    ),
    Option(
        "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "no",
        "`yes` runs programs of every kind where the kernel has no Landlock: only where every user is "
        "trusted",
    ),
    Option(
        "BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER", "no",
        "`yes` compiles C with neither Landlock nor bubblewrap: only where every user is trusted",
    ),
    Option("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Option("DEBUG", "no", "yes shows settings in error pages: never on a server for others"),
)  # fmt: skip
COMPUTED: Final = {"WORKERS": "processors - 1"}
"""Defaults that depend on the machine."""


def rows() -> Iterator[Option]:
    """The variables that are text, then the numbers with their ranges."""
    yield from OPTIONS
    for name, (default, low, high, meaning) in LIMITS.items():
        yield Option(name, COMPUTED.get(name, f"{default:,}"), f"{meaning} ({low:,} to {high:,})")


def table() -> str:
    """The table in Markdown."""
    lines = ["| name | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
