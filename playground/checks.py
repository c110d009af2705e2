"""Django system checks (`manage.py check`): cheap ones only; `sandbox_check` measures."""

from __future__ import annotations

import os
import shutil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from vm.sandbox.launcher import bubblewrap, wanted_layers
from vm.sandbox.layers import landlock_abi


@register
def sandbox(**kwargs: Any) -> list[CheckMessage]:
    """What is refused because nothing guards the file system, or runs all the same because the operator says so.

    A worker needs Landlock; the compiler is content with bubblewrap.
    """
    wanted = wanted_layers()
    landlock = "landlock" in wanted and landlock_abi() > 0
    guarded = landlock or ("bubblewrap" in wanted and bubblewrap()[0] is not None)
    hint = "Run on a kernel with Landlock (5.13 or newer). `manage.py sandbox_check` says more."
    return [
        *_unguarded("worker", landlock, "BPFSCOPE_ALLOW_UNSANDBOXED_WORKER", "Every program is refused", hint, 4),
        *_unguarded("compiler", guarded, "BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER", "C is refused", hint, 1),
    ]


def _unguarded(what: str, guarded: bool, switch: str, refused: str, hint: str, number: int) -> list[CheckMessage]:
    if guarded:
        return []
    if os.environ.get(switch) == "yes":
        message = f"The {what} runs without a file-system sandbox: a program can read this server's files."
        return [Warning(message, hint=hint, id=f"playground.W{number:03}")]
    return [Warning(f"{refused}: nothing here guards the file system.", hint=hint, id=f"playground.W{number + 1:03}")]


@register
def room(**kwargs: Any) -> list[CheckMessage]:
    free = shutil.disk_usage(settings.VAR_DIR).free >> 20
    if free >= settings.DISK_FREE_MB:
        return []
    hint = "Free some, or lower DISK_FREE_MB."
    return [
        Warning(f"Only {free} MiB of disk are free under {settings.VAR_DIR.name}/.", hint=hint, id="playground.W003")
    ]


@register(deploy=True)
def deployed(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG is on: a visitor would see settings.", id="playground.E001"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Error("ALLOWED_HOSTS is *: any site could open the run socket.", id="playground.E002"))
    return found
