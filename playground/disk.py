"""Free disk: what would be stored is refused before the disk is full, so that what is stored stays readable."""

from __future__ import annotations

import errno
import os
import shutil

from django.conf import settings


def free() -> int:
    """Bytes that are free where runs and links are stored."""
    return shutil.disk_usage(settings.VAR_DIR).free


def need() -> None:
    """OSError (ENOSPC) if less is free than DISK_FREE_MB."""
    if free() < settings.DISK_FREE_MB << 20:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
