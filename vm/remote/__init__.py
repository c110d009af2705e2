"""Runs on a playground server instead of here: a client of its WebSocket (docs/protocol.md)."""

from __future__ import annotations

from vm.remote.client import Connection, ServerError

__all__ = ["Connection", "ServerError"]
