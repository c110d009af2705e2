"""/ws/poll: the messages of the run socket by long polling, for clients whose proxy passes no WebSocket.

POST   /ws/poll              -> 201 {"id"}: a conversation as of a socket
GET    /ws/poll/ID?after=N   -> 200 {"messages", "last", "closed"}: those behind number N, or none after 25 s
POST   /ws/poll/ID           -> 204: one message of the client
DELETE /ws/poll/ID           -> 204: the client leaves
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from playground.conversation import LOST, NORMAL, Conversation, Full
from playground.http import Left, Receive, Refused, Send, admit, answer, body_of, query_of, say, while_there

PATH: Final = re.compile(r"/ws/poll(?:/([0-9a-f]{32}))?")
POLL_SECONDS: Final = 25
"""How long a request waits for a message: proxies end those that wait a minute."""
IDLE_SECONDS: Final = 20
"""A client that does not ask for so long has lost its connection."""
_open: dict[str, Poll] = {}


class Poll:
    """A conversation, and when it was last asked for."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.id = secrets.token_hex(16)
        self.conversation = Conversation(scope)
        self.asking = 0
        self._timer: asyncio.TimerHandle | None = None
        _open[self.id] = self
        self.touch()

    def touch(self) -> None:
        """Count the time anew in which the client has to ask again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._expire)

    def _expire(self) -> None:
        if self.asking:
            self.touch()
        else:
            self._ending = asyncio.get_running_loop().create_task(self.end(LOST))

    async def end(self, code: int) -> None:
        _open.pop(self.id, None)
        if self._timer is not None:
            self._timer.cancel()
        await self.conversation.close(code)


async def poll(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of PATH."""
    found = PATH.fullmatch(scope["path"])
    try:
        await _answer(scope, receive, send, found[1] if found else None)
    except Refused as refused:
        await say(send, refused.status, {"error": str(refused)})
    except Left:
        pass


async def _answer(scope: Mapping[str, Any], receive: Receive, send: Send, name: str | None) -> None:
    method = scope["method"]
    admit(scope, method if method in METHODS[name is not None] else "POST", "This address takes no such request.")
    if name is None:
        await body_of(receive, 1024)
        await say(send, 201, {"id": Poll(scope).id})
        return
    here = _open.get(name)
    if here is None:
        raise Refused(404, "This connection is no longer known; connect again.")
    here.touch()
    await METHODS[True][method](here, scope, receive, send)


async def _ask(here: Poll, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    after = query_of(scope).get("after", "0")
    if not re.fullmatch("[0-9]{1,15}", after):
        raise Refused(400, "after has to be the number of a message.")
    await body_of(receive, 1024)

    async def tell() -> None:
        taken = await here.conversation.after(int(after), POLL_SECONDS)
        last = taken[-1][0] if taken else int(after)
        over = here.conversation.closed if last >= here.conversation.number else None
        texts = ",".join(text for _, text in taken)
        await answer(send, 200, f'{{"messages":[{texts}],"last":{last},"closed":{json.dumps(over)}}}')

    here.asking += 1
    try:
        await while_there(receive, tell())
    finally:
        here.asking -= 1
        here.touch()
    if here.conversation.closed is not None and not here.asking:
        await here.end(NORMAL)


async def _tell(here: Poll, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    body = await body_of(receive, settings.MESSAGE_BYTES)
    try:
        here.conversation.put(body.decode())
    except UnicodeDecodeError:
        raise Refused(400, "The message did not arrive whole: it is not UTF-8.") from None
    except Full:
        raise Refused(429, "Too many messages wait to be answered; try again in a moment.") from None
    await answer(send, 204, b"")


async def _leave(here: Poll, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    await here.end(NORMAL)
    await answer(send, 204, b"")


METHODS: Final[dict[bool, dict[str, Any]]] = {
    False: {"POST": None},
    True: {"GET": _ask, "POST": _tell, "DELETE": _leave},
}
"""By whether the address names a conversation."""
