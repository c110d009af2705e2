"""Tools that read kernels or ask running ones; nothing of the playground imports them."""

from __future__ import annotations
