"""Every environment variable that the server reads, as docs/operating.md lists them.

`python -m playground.config.options` prints the table; a test compares it with the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from playground.config.limits import LIMITS


class Option(NamedTuple):
    """An environment variable: its default and its meaning."""

    name: str
    default: str
    meaning: str


OPTIONS: Final = (
    Option("HOST", "127.0.0.1", "the address to listen on"),
    Option("PORT", "8000, or the next free one", "the port to listen on; if set, the port must be free"),
    Option(
        "ALLOWED_HOSTS", "localhost, 127.0.0.1, [::1]",
        "host names the server answers for, comma-separated; only their pages may open the WebSocket",
    ),
    Option(
        "SECRET_KEY", "generated in `var/` at the first start",
        "at least 32 characters; key of the names of stored runs",
    ),
    Option(
        "LINK_KEY", "generated in `var/` at the first start",
        "at least 32 characters; with another key a program gets another link; existing links stay valid",
    ),
    Option("BPFSCOPE_VAR", "`var/`", "directory of the database, keys, stored runs and workers' temporary files"),
    Option("DATABASE_URL", "SQLite in `var/`", "`sqlite:///PATH` or `postgres://USER:PASSWORD@HOST:5432/NAME`"),
    Option(
        "REDIS_URL", "none",
        "if set, workers are separate processes (`manage.py worker`) on any number of machines",
    ),
    Option(
        "JOB_KEY", "generated in `var/` at the first start",
        "with `REDIS_URL`: at least 32 characters, the same for all web processes and workers; signs what they write",
    ),
    Option("BPFSCOPE_CLANG", "clang of the ziglang package", "path of another clang"),
    Option("BPFSCOPE_COMPILERS", "see kernels.md", "folder of other versions of clang"),
    Option("BPFSCOPE_KERNELS", "see kernels.md", "folder of kernels for guests"),
    Option("BPFSCOPE_GUESTS", "see kernels.md", "folder of the saved states of guests"),
    Option("BPFSCOPE_QEMU", "`qemu-system-x86_64` of the path", "the QEMU that runs guests"),
    Option("BPFSCOPE_GUESTS_AT_ONCE", "number of processors, at least 2", "guests of all workers together"),
    Option("BPFSCOPE_GUEST_KVM", "no", "`yes` lets guests use KVM"),
    Option("BPFSCOPE_CACHE", "`~/.cache`", "folder that holds compilers, kernels and guests, where they are not named"),
    Option("BPFSCOPE_COMPILED", "as available", "the compiled verifier: 0 never uses it, 1 requires it"),
    Option(
        "BPFSCOPE_SANDBOX_OFF", "none",
        "sandbox layers to disable, comma-separated, to see the effect of their absence",
    ),
    Option(
        "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "no",
        "`yes` runs programs of every kind even if the kernel has no Landlock: only if all users are trusted",
    ),
    Option(
        "BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER", "no",
        "`yes` compiles C without Landlock and bubblewrap: only if all users are trusted",
    ),
    Option("METRICS_FROM", "127.0.0.1, ::1", "addresses and networks that may read `/metrics`, comma-separated"),
    Option("LOG_FORMAT", "text", "`json` writes each line of the log as a JSON object"),
    Option("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Option("DEBUG", "no", "`yes` shows settings in error pages: never on a public server"),
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
