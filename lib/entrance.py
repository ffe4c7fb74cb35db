"""Which requests get in: those for a host that is ours, to a door that is open, from our own pages, and not too big.

Pure ASGI, around the pages and the API alike, so that nothing has to be remembered for each of them.
"""

import ipaddress
import json
import re

from lib import uploads
from lib.asgi import App, Message, Receive, Scope, Send
from lib.config import settings

# The file itself may have 50 MB (.streamlit/config.toml); the form around it needs a little more.
UPLOAD_BYTES = 50 * 1024 * 1024 + 64 * 1024
# More than lib/api takes, for a batch of leads too, which refuses in its own words.
BODY_BYTES, BATCH_BYTES = 2 * 1024 * 1024, 10 * 1024 * 1024
UPLOADS, BATCHES = re.compile(r"/_stcore/upload_file/([^/]*)"), re.compile(r"^/api/leads/batch$")
API = re.compile(r"/api(?:/|$)")
# Streamlit's figures about itself, which it shows to anybody, and its door for programs, which knows nothing of our
# tokens and answers even while it is switched off.
CLOSED = re.compile(r"/_stcore/(?:metrics|agent)(?:/|$)")


class Entrance:
    """ASGI middleware that answers 400, 403, 404 or 413 in place of the application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            host = _only(scope, b"host")
            if not (is_allowed_host(host) and all(is_own_origin(origin, host) for origin in _all(scope, b"origin"))):
                # Before the handshake is accepted, this is a 403.
                await send({"type": "websocket.close", "code": 1008})
                return
        elif scope["type"] == "http":
            if not is_allowed_host(_only(scope, b"host")):
                await _refuse(scope, send, 400, "malformed", "Lead Desk is not reached by this name. Whoever runs it "
                                                             "can add the name to PUBLIC_URL or ALLOWED_HOSTS.")
                return
            if CLOSED.search(scope["path"]):
                await _refuse(scope, send, 404, "not_found", "Not found.")
                return
            upload = UPLOADS.search(scope["path"])
            if upload and not uploads.is_allowed(upload[1]):
                await _refuse(scope, send, 403, "not_allowed", "Sign in to send files.")
                return
            await self._with_a_small_body(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _with_a_small_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = (UPLOAD_BYTES if UPLOADS.search(scope["path"]) else BATCH_BYTES if BATCHES.search(scope["path"]) else
                 BODY_BYTES)
        sentence = f"This is too large: at most {limit // 1024 // 1024} MB are taken here."
        stated = (_all(scope, b"content-length") or [b"0"])[0]
        if not stated.isdigit():
            await _refuse(scope, send, 400, "malformed", "The length of the request is not a number.")
            return
        if int(stated[:20]) > limit:
            await _refuse(scope, send, 413, "too_large", sentence)
            return
        received, is_answered = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    # A length may be left out. What has come so far is of no use, and the rest is not waited for.
                    return {"type": "http.disconnect"}
            return message

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if received > limit and not is_answered:
                return
            is_answered = True
            await send(message)

        try:
            await self.app(scope, counted, answer)
        except Exception:
            # Whoever reads a body may say in any way that it broke off.
            if received <= limit or is_answered:
                raise
        if received > limit and not is_answered:
            await _refuse(scope, send, 413, "too_large", sentence)


def is_allowed_host(host: bytes | None) -> bool:
    """Whether a Host header names this Lead Desk, on any port.

    Where no host is fixed, names with a dot are still refused. A page elsewhere could otherwise have its own name lead
    to this machine, and a browser inside the company would hand it what only colleagues may read.
    """
    name = _name_in(host)
    if name is None:
        return False
    if name == "localhost" or name in settings().allowed_hosts:
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return not settings().allowed_hosts and ("." not in name or name.endswith(".localhost"))
    return address.is_loopback or not settings().allowed_hosts


def is_own_origin(origin: bytes, host: bytes) -> bool:
    """Whether a websocket to this Host is opened by one of our own pages. Only browsers name an origin."""
    scheme, separator, page = origin.partition(b"://")
    if not separator or scheme not in (b"http", b"https"):
        return False
    public_url = settings().public_url
    return page.lower() == host.lower() or (
        public_url is not None and f"{public_url}/".startswith(f"{origin.decode('latin-1').lower()}/"))


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for given, value in scope["headers"] if given.lower() == name]


def _only(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header. None where it is missing or comes twice, as who reads it next may take the other."""
    values = _all(scope, name)
    return values[0] if len(values) == 1 else None


def _name_in(host: bytes | None) -> str | None:
    match = re.fullmatch(rb"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", host or b"")
    return match[1].decode("ascii").lower().removesuffix(".") if match else None


async def _refuse(scope: Scope, send: Send, status: int, code: str, sentence: str) -> None:
    """Answer with the sentence; a program that calls the API gets it in the API's shape of an error."""
    kind, text = "text/plain; charset=utf-8", sentence
    if API.search(scope["path"]):
        kind, text = "application/json", json.dumps({"error": {"code": code, "message": sentence, "fields": {}}})
    body = text.encode("utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", kind.encode("ascii")), (b"content-length", str(len(body)).encode("ascii")),
        # The rest of a body that nobody reads must not be taken for the next request.
        (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
