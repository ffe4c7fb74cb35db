"""One call of an ASGI application, without a server: what a middleware makes of it."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field


def run(work: Coroutine) -> None:
    """Run it to its end in a thread of its own: Playwright leaves an event loop running in the one of the tests."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, asyncio.run, work).result()


@dataclass
class Answer:
    """``status`` is None where nothing was answered; ``seen`` is what the application inside was given."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    body: bytes = b""
    closed: int | None = None
    seen: list[bytes] = field(default_factory=list)


def answering(*headers: tuple[str, str], reads: bool = True) -> Callable:
    """An application that reads the whole body, as far as it comes, and answers 200 with these headers."""
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        scope["seen"].append(b"")
        while reads:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RuntimeError("the client has gone")
            scope["seen"].append(message["body"])
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(name.encode(), value.encode()) for name, value in headers]})
        await send({"type": "http.response.body", "body": b"inside"})
    return app


def call(app: Callable, path: str = "/", *, host: str | None = "localhost", scheme: str = "http",
         kind: str = "http", headers: Iterable[tuple[str, str]] = (), body: Iterable[bytes] = (b"",)) -> Answer:
    """Call the application; ``body`` comes in these chunks, with a Content-Length only where ``headers`` has one."""
    answer = Answer()
    given = [*([("host", host)] if host is not None else []), *headers]
    scope = {"type": kind, "path": path, "scheme": scheme, "seen": answer.seen,
             "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given]}
    chunks = list(body)

    async def receive():
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message):
        if message["type"] == "http.response.start":
            assert answer.status is None, "answered twice"
            answer.status = message["status"]
            for name, value in message["headers"]:
                if name.lower() == b"set-cookie":
                    answer.cookies.append(value.decode())
                answer.headers[name.decode().lower()] = value.decode()
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
        elif message["type"] == "websocket.accept":
            answer.status = 101
        elif message["type"] == "websocket.close":
            answer.closed = message["code"]

    run(app(scope, receive, send))
    return answer
