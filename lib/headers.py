"""What every answer tells the browser: what pages may load and do, and that cookies travel by TLS only.

``script-src`` has no 'unsafe-inline' and no 'unsafe-eval': Streamlit's one inline script is allowed by its hash, and
its charts interpret their expressions. Styles have to be allowed inline, since its components write theirs at run time.
"""

import base64
import functools
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from lib.asgi import App, RawHeaders, Receive, Scope, Send, amending
from lib.config import settings

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    # Grids and charts are drawn on a canvas and kept as data: and blob: images. Nothing is fetched from elsewhere, so
    # that a picture in a lead's text tells nobody who read it.
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self' blob:",
    "media-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # The address of a page holds what was searched for.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # For answers that do not say themselves how long they are good for, as Streamlit's scripts do: leads are not kept.
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"


class Headers:
    """ASGI middleware. A header that an answer brings itself is left as it is."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        by_tls = scope["scheme"] == "https" or (settings().public_url or "").startswith("https:")
        await self.app(scope, receive, amending(send, lambda headers: _completed(headers, by_tls)))


@functools.cache
def policy() -> str:
    """The Content-Security-Policy, with the hashes of the scripts that stand in Streamlit's page itself."""
    directives = POLICY | {"script-src": " ".join([POLICY["script-src"], *map(_hash_of, _inline_scripts())])}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _hsts() -> str:
    # Where Lead Desk has only a part of a host, that host's other names are not its to decide on.
    public_url = urlsplit(settings().public_url or "")
    return f"{HSTS}; includeSubDomains" if public_url.hostname and not public_url.path else HSTS


def _completed(headers: RawHeaders, by_tls: bool) -> list[tuple[bytes, bytes]]:
    found = [(name, _secure(value) if by_tls and name.lower() == b"set-cookie" else value) for name, value in headers]
    there = {name.lower() for name, _ in found}
    wanted = HEADERS | {"content-security-policy": policy()}
    if by_tls:
        wanted["strict-transport-security"] = _hsts()
    return found + [(name.encode("ascii"), value.encode("ascii")) for name, value in wanted.items()
                    if name.encode("ascii") not in there]


def _secure(cookie: bytes) -> bytes:
    attributes = {part.strip().lower() for part in cookie.split(b";")[1:]}
    return cookie if b"secure" in attributes else cookie + b"; Secure"


def _inline_scripts() -> list[str]:
    page = Path(find_spec("streamlit").origin).parent / "static" / "index.html"
    return re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)


def _hash_of(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
