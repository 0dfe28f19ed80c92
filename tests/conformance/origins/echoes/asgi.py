"""An echo for servers that speak ASGI 3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.origins.echoes.words import head_fields, words

Message = dict[str, Any]


async def echo(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The application."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    kind, body, method = "http.response", b"", b"GET"
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
    else:
        method, more = scope["method"].encode(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
    # Whether there was a question mark without anything behind it is not said.
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    said = words(method, target, scope["headers"], body)
    await send({"type": f"{kind}.start", "status": 200, "headers": head_fields(method, said)})
    await send({"type": f"{kind}.body", "body": b"" if method == b"HEAD" else said})
