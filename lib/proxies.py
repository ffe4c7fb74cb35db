"""Who may say in a header who somebody is: the proxy in front of Lead Desk, and nobody else."""

import ipaddress
from collections.abc import Callable, Collection, Sequence
from typing import Any

from lib.asgi import App, Receive, Scope, Send
from lib.config import Network


class OnlyFromProxy:
    """Pure ASGI middleware that takes the headers that name somebody off requests that do not come from the proxy.

    Also where one of them comes twice: a proxy that adds its header to that of its client has not decided between them.
    The settings are asked for with every request, as they are not known yet when the app is put together.
    """

    def __init__(self, app: App, headers: Callable[[], Collection[str]],
                 proxies: Callable[[], Sequence[Network]]) -> None:
        self.app, self.headers, self.proxies = app, headers, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            names = {name.lower().encode("latin-1") for name in self.headers()}
            given = [name.lower() for name, _ in scope["headers"] if name.lower() in names]
            if given and (len(given) > len(set(given)) or not is_proxy(scope.get("client"), self.proxies())):
                scope = dict(scope, headers=[each for each in scope["headers"] if each[0].lower() not in names])
        await self.app(scope, receive, send)


def is_proxy(client: Sequence[Any] | None, proxies: Sequence[Network]) -> bool:
    """Whether a request comes from one of these; ``client`` is ASGI's host and port, None for a local socket."""
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return False
    if address is None:
        return False
    # A server that listens on both kinds of addresses sees IPv4 ones in the clothes of IPv6.
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in proxies)
