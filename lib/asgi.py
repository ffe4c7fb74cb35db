"""What the ASGI middlewares share: the shapes of the protocol, and a way to change the headers of an answer."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]


def amending(send: Send, amended: Callable[[RawHeaders], list[tuple[bytes, bytes]]],
             statuses: range = range(100, 600)) -> Send:
    """What to send an answer with whose headers are to be others, where its status is one of ``statuses``: ``amended``
    is given those that it has."""
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in statuses:
            message = {**message, "headers": amended(message.get("headers", ()))}
        await send(message)
    return answer
