"""Back to the page that somebody wanted to see: signing in leads over the identity provider to the first page."""

import re
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote, urlsplit

from lib.asgi import App, RawHeaders, Receive, Scope, Send, amending

LOGIN, CALLBACK = "/auth/login", "/oauth2callback"
COOKIE = "lead_desk_return"
# How long somebody may take at the identity provider's; Streamlit keeps its own part of the way for longer.
SECONDS = 900
REDIRECTS = range(300, 400)


class BackToPage:
    """Pure ASGI middleware around Streamlit's sign-in: a cookie holds the page on the way out, and leads back to it.

    Nothing depends on it: a browser that does not say where it comes from gets to the first page, as without it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "") if scope["type"] == "http" else ""
        if path.endswith(LOGIN):
            page = _came_from(scope)
            if page is not None:
                cookie = _cookie(quote(page, safe=""), SECONDS)
                send = amending(send, lambda headers: [*headers, cookie], REDIRECTS)
        elif path.endswith(CALLBACK):
            page = _remembered(scope)
            if page is not None:
                send = amending(send, lambda headers: [*_leading_to(page, headers), _cookie("", 0)], REDIRECTS)
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


def _leading_to(page: str, headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that leads to the first page, leading to this one."""
    return [(name, page.encode("ascii")) if name.lower() == b"location" and value.startswith(b"/") else (name, value)
            for name, value in headers]


def _cookie(value: str, seconds: int) -> tuple[bytes, bytes]:
    return b"set-cookie", f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax".encode("ascii")
