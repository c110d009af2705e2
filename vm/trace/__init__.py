"""The trace of a walk: recording, storage, reading, JSON (docs/trace.md, docs/trace-store.md)."""

from __future__ import annotations

import vm.verifier  # noqa: F401 - decides, before the first module here is imported, whether the compiled copy is used
