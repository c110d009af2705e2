"""Firefox ESR for Playwright: starts it and passes BiDi messages on, answering the one command that it lacks.

Playwright sends emulation.setMediaFeaturesOverride for every context, and fails where a browser does not know it.
Nothing here depends on emulated media, so that command is answered as done.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from functools import partial
from typing import Any, Final

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

LISTENING: Final = re.compile(r"(.*WebDriver BiDi listening on )ws://([\w.\[\]:]+):(\d+)(.*)", re.DOTALL)
MISSING: Final = "emulation.setMediaFeaturesOverride"
MOST: Final = 64 << 20


async def relayed(address: str, client: ServerConnection) -> None:
    """One connection: every message in both directions but the missing command."""
    path = client.request.path if client.request is not None else "/session"
    async with connect(f"{address}{path}", max_size=MOST, ping_interval=None, proxy=None) as browser:

        async def out() -> None:
            async for text in client:
                asked: dict[str, Any] = json.loads(text)
                if asked.get("method") == MISSING:
                    await client.send(json.dumps({"type": "success", "id": asked["id"], "result": {}}))
                else:
                    await browser.send(text)
            await browser.close()

        async def back() -> None:
            async for text in browser:
                await client.send(text)
            await client.close()

        await asyncio.gather(out(), back(), return_exceptions=True)


async def main(command: list[str]) -> int:
    """Run the browser until it ends; its standard error goes on, with the relay's port in place of its own."""
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.terminate)
    servers = []
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode(errors="replace")
        if found := LISTENING.match(text):
            head, host, port, tail = found.groups()
            address = f"ws://{host}:{port}"
            server = await serve(partial(relayed, address), "127.0.0.1", 0, max_size=MOST, ping_interval=None)
            servers.append(server)
            own = server.sockets[0].getsockname()[1]
            text = f"{head}ws://127.0.0.1:{own}{tail}"
        sys.stderr.write(text)
        sys.stderr.flush()
    for server in servers:
        server.close()
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
