"""What `manage.py check` says of a server before it serves: cheap looks only, `sandbox_check` measures."""

from __future__ import annotations

import os
import shutil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from vm.sandbox.launcher import FILE_SYSTEM_LAYERS, bubblewrap, wanted_layers
from vm.sandbox.layers import landlock_abi


@register
def sandbox(**kwargs: Any) -> list[CheckMessage]:
    """Without a layer that guards the file system the compiler refuses C, unless it was told not to."""
    if FILE_SYSTEM_LAYERS & set(wanted_layers()) and (landlock_abi() > 0 or bubblewrap()[0] is not None):
        return []
    hint = "Run on a kernel with Landlock (5.13 or newer), or install bubblewrap. `manage.py sandbox_check` says more."
    if os.environ.get("BPFSCOPE_ALLOW_UNSANDBOXED_COMPILER") == "yes":
        message = "The compiler runs without a file-system sandbox: a program can read this server's files."
        return [Warning(message, hint=hint, id="playground.W001")]
    return [Warning("C is refused: nothing here guards the file system.", hint=hint, id="playground.W002")]


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
