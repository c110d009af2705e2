"""The other web processes: what one tells all, through a group of a channel layer in Redis (channels-redis).

A page whose connection broke may come back at another web process and run something else there. It names the run that
it left, and the process that has that run stops it now, not when the time for a reconnection is over. A message is a
hint: one that is lost, or that no process knows what to do with, changes nothing but the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError

from playground.jobs.signed import Forged, seal, unseal

log = logging.getLogger("playground.others")
GROUP: Final = "webs"
PREFIX: Final = "bpfscope:groups"
REPLACED: Final = "replaced"
RENEW_SECONDS: Final = 30
"""A process joins the group again this often: a membership ends after GROUP_SECONDS, and Redis may have lost it."""
GROUP_SECONDS: Final = 4 * RENEW_SECONDS
AGAIN_SECONDS: Final = 2
CLOSE_SECONDS: Final = 5
MAX_TASKS: Final = 64
"""The two that listen and join, and messages that are being sent; further messages are dropped."""


class Others:
    """This process in the group of all web processes that have the same Redis.

    replaced -- called with the id of each run that a client of some process left for another one
    """

    def __init__(self, *, url: str, secret: str, replaced: Callable[[str], None]) -> None:
        self._layer = RedisChannelLayer(hosts=[url], prefix=PREFIX, group_expiry=GROUP_SECONDS)
        self._secret = secret
        self._replaced = replaced
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        self._spawn(self._belong())

    async def close(self) -> None:
        # The tasks look at this too. Before Python 3.12 a cancelled task goes on if asyncio.wait_for(), which the Redis
        # client calls, has its result at the same moment.
        self._closed = True
        ending = list(self._tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        await self._layer.close_pools()

    def replace(self, run_id: str) -> None:
        """Tell all web processes that the client of a run has started another one."""
        if len(self._tasks) < MAX_TASKS:
            self._spawn(self._tell(run_id))

    async def _tell(self, run_id: str) -> None:
        message = {"type": REPLACED, "data": seal(self._secret, REPLACED, run_id.encode())}
        with contextlib.suppress(RedisError, OSError):
            await self._layer.group_send(GROUP, message)

    async def _belong(self) -> None:
        """Listen, and stay in the group even if Redis is away in between or loses its data."""
        channel = await self._layer.new_channel()
        self._spawn(self._listen(channel))
        try:
            while not self._closed:
                wait = RENEW_SECONDS
                try:
                    await self._layer.group_add(GROUP, channel)
                except (RedisError, OSError):
                    wait = AGAIN_SECONDS
                await asyncio.sleep(wait)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self._layer.group_discard(GROUP, channel)

    async def _listen(self, channel: str) -> None:
        while not self._closed:
            try:
                message = await self._layer.receive(channel)
            except (RedisError, OSError):
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                run_id = unseal(self._secret, REPLACED, message["data"]).decode()
            except (Forged, KeyError, TypeError):
                log.warning("something in the group of web processes is not signed by one of this server")
            else:
                self._replaced(run_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
