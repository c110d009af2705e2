"""Kernel error numbers as helpers return them (include/uapi/asm-generic/errno*.h)."""

from __future__ import annotations

from typing import Final

EPERM: Final = 1
ENOENT: Final = 2
E2BIG: Final = 7
EAGAIN: Final = 11
ENOMEM: Final = 12
EFAULT: Final = 14
EBUSY: Final = 16
EEXIST: Final = 17
ENODEV: Final = 19
EINVAL: Final = 22
ENOSPC: Final = 28
ERANGE: Final = 34
EOPNOTSUPP: Final = 95
EPROTONOSUPPORT: Final = 93
ENOTSUPP: Final = 524
