"""What every request goes through before it is looked at, and every answer before it leaves.

Pure ASGI, as a middleware that reads bodies would hold them in memory twice.
"""

import re
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from lib.api import problems
from lib.errors import LeadDeskError

# What a paging loop that never ends sends behind its last page has to be refused.
KEPT_WHEN_EMPTY = ("cursor",)
# Reading so much JSON keeps everybody waiting for a moment, so it is read for those only who may call at all.
LARGE = 100_000
_INDEXED = re.compile(r"\[\d*\]$")


class Guard:
    """JSON in, JSON out: other bodies are refused, and large ones of strangers; arrays in the query are read as n8n and
    PHP write them, answers are never cached, and every error has the one shape, also where a library or a mistake of
    ours answers."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        foreign: int | None = None
        """The status of an error that a library answered in its own shape, which is not sent."""

        async def answered(message: Message) -> None:
            nonlocal started, foreign
            if message["type"] == "http.response.start":
                if message["status"] >= 400 and (b"content-type", b"application/json") not in message["headers"]:
                    foreign = message["status"]
                    return
                started = True
                message["headers"] = [*message["headers"], (b"cache-control", b"no-store"),
                                      (b"x-content-type-options", b"nosniff")]
            if foreign is None or started:
                await send(message)

        answer, headers = None, dict(scope["headers"])
        if refusal := _not_json(headers):
            answer = problems.of_status(415, refusal)
        else:
            try:
                if _is_large(headers):
                    await self.app.state.calls.check(Request(scope))
                await self.app({**scope, "query_string": _plain(scope["query_string"])}, receive, answered)
            except LeadDeskError as error:
                answer = problems.of_error(error)
            except Exception as error:
                if started:
                    raise
                answer = problems.unexpected(error)
        if answer is None and foreign is not None:
            answer = problems.of_status(foreign)
        if answer is not None:
            await answer(scope, receive, answered)


def _not_json(headers: dict[bytes, bytes]) -> str | None:
    """Why the body cannot be read, if there is one that says it is something else than JSON."""
    has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
    if not has_body:
        return None
    if headers.get(b"content-encoding", b"identity") != b"identity":
        return "Compressed bodies are not read; send the JSON as it is."
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return None
    return (f"The body has to be JSON, sent as application/json, not {kind}." if kind else
            "The body has to be JSON; say so with “Content-Type: application/json”.")


def _is_large(headers: dict[bytes, bytes]) -> bool:
    """Whether the body is, or may be: a length can be left out."""
    stated = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not stated.isdigit() or int(stated[:20]) > LARGE


def _plain(query: bytes) -> bytes:
    """``status[0]=new&status[1]=lost`` as ``status=new&status=lost``, and without parameters that are empty."""
    if b"%5B" not in query and b"[" not in query and b"=&" not in query and not query.endswith(b"=") and b"=" in query:
        return query
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError:
        return query
    kept = [(name, value) for name, value in ((_INDEXED.sub("", name), value) for name, value in pairs)
            if value != "" or name in KEPT_WHEN_EMPTY]
    return urlencode(kept).encode("ascii")
