"""Which of the capabilities BPF_PROG_LOAD asks about a user has (bpf_token_capable() in kernel/bpf/token.c)."""

from __future__ import annotations

from typing import Final, TypeAlias

from vm.errors import InputError

BPF: Final = "bpf"
PERFMON: Final = "perfmon"
NET_ADMIN: Final = "net_admin"
SYS_ADMIN: Final = "sys_admin"
NAMES: Final = (BPF, PERFMON, NET_ADMIN, SYS_ADMIN)

Caps: TypeAlias = frozenset[str]

ROOT: Final[Caps] = frozenset(NAMES)
NOBODY: Final[Caps] = frozenset()


def capable(caps: Caps, name: str) -> bool:
    """CAP_SYS_ADMIN is good for all the others."""
    return name in caps or SYS_ADMIN in caps


def parse(text: str) -> Caps:
    """ "bpf,net_admin" as a value; "none" is an unprivileged user. InputError names what is none of them."""
    words = {word.strip().lower().removeprefix("cap_") for word in text.replace("+", ",").split(",")} - {"", "none"}
    for word in sorted(words - ROOT):
        raise InputError(f"{word!r} is no capability BPF asks for; these are: {', '.join(NAMES)}, or none.")
    return frozenset(words)
