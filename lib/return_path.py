"""Back to the page that somebody wanted to see: signing in leads over the identity provider to the first page."""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, unquote, urlsplit

LOGIN, CALLBACK = "/auth/login", "/oauth2callback"
COOKIE = "lead_desk_return"
# How long somebody may take at the identity provider's; Streamlit keeps its own part of the way for longer.
SECONDS = 900

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class BackToPage:
    """Pure ASGI middleware around Streamlit's sign-in: a cookie holds the page on the way out, and leads back to it.

    Nothing depends on it: a browser that does not say where it comes from gets to the first page, as without it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Callable, send: Callable) -> None:
        path = scope.get("path", "") if scope["type"] == "http" else ""
        if path.endswith(LOGIN):
            page = _came_from(scope)
            if page is not None:
                send = _adding(send, lambda headers: [*headers, _cookie(quote(page, safe=""), SECONDS)])
        elif path.endswith(CALLBACK):
            page = _remembered(scope)
            if page is not None:
                send = _adding(send, lambda headers: [*_leading_to(page, headers), _cookie("", 0)])
        await self.app(scope, receive, send)


def is_page(address: str) -> bool:
    """Whether this is an address within this site, without the two slashes by which a browser would go to another."""
    return len(address) <= 2000 and re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", address) is not None


def _came_from(scope: Scope) -> str | None:
    try:
        referer = urlsplit(_header(scope, b"referer"))
    except ValueError:
        return None
    page = referer.path + (f"?{referer.query}" if referer.query else "")
    if referer.netloc != _header(scope, b"host") or not is_page(page) or referer.path.endswith((LOGIN, CALLBACK)):
        return None
    return page


def _remembered(scope: Scope) -> str | None:
    """The page in the cookie, on the way back from a sign-in; the same address is where signing out ends."""
    if not re.search(rb"(^|&)code=", scope.get("query_string", b"")):
        return None
    try:
        held = SimpleCookie(_header(scope, b"cookie")).get(COOKIE)
    except CookieError:
        return None
    page = unquote(held.value) if held is not None else ""
    return page if is_page(page) else None


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for given, value in scope["headers"] if given.lower() == name), "")


def _leading_to(page: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that leads to the first page, leading to this one."""
    return [(name, page.encode("ascii")) if name.lower() == b"location" and value.startswith(b"/") else (name, value)
            for name, value in headers]


def _cookie(value: str, seconds: int) -> tuple[bytes, bytes]:
    return b"set-cookie", f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax".encode("ascii")


def _adding(send: Callable, change: Callable) -> Callable:
    async def changed(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and 300 <= message["status"] < 400:
            message = dict(message, headers=change(message.get("headers", [])))
        await send(message)
    return changed
