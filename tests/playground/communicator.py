"""A socket to the application without a server. Channels' own needs daphne, which is not what serves here."""

from __future__ import annotations

from typing import Any

from asgiref.testing import ApplicationCommunicator


class WebsocketCommunicator(ApplicationCommunicator):
    """The verbs of channels.testing.WebsocketCommunicator that the tests use."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {
            "type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": [],
            "client": ("192.0.2.7", 40000),
        }  # fmt: skip
        super().__init__(application, scope)

    async def connect(self, timeout: float = 10) -> bool:
        await self.send_input({"type": "websocket.connect"})
        answer: dict[str, Any] = await self.receive_output(timeout)
        return bool(answer["type"] == "websocket.accept")

    async def send_to(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send_input({"type": "websocket.receive", "text": text_data, "bytes": bytes_data})

    async def receive_from(self, timeout: float) -> str:
        answer: dict[str, Any] = await self.receive_output(timeout)
        assert answer["type"] == "websocket.send", answer
        return str(answer["text"])

    async def disconnect(self, code: int = 1000) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": code})
        await self.wait(10)
