"""Signatures of what web processes and workers write into Redis for each other.

Each signature covers a purpose too, for example "job" and a run's name, or "out" with a run's name and a number:
signed data is valid in one place only. Redis itself, and whoever else can write there, cannot make valid data.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

LENGTH: Final = hashlib.sha256().digest_size
"""Bytes of a signature."""


class Forged(Exception):  # noqa: N818 - says what the data is
    """The data has no valid signature for its purpose."""


def _signature(key: str, purpose: str, data: bytes) -> bytes:
    return hmac.new(key.encode(), purpose.encode() + b"\0" + data, hashlib.sha256).digest()


def seal(key: str, purpose: str, data: bytes) -> bytes:
    """The data behind its signature (HMAC-SHA256)."""
    return _signature(key, purpose, data) + data


def unseal(key: str, purpose: str, sealed: bytes) -> bytes:
    """The data that was sealed with this key for this purpose; Forged for anything else."""
    signature, data = sealed[:LENGTH], sealed[LENGTH:]
    if not hmac.compare_digest(signature, _signature(key, purpose, data)):
        raise Forged(f"not signed: {purpose}")
    return data
