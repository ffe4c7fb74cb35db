"""Headers that name somebody are believed when they come from the proxy, and taken off everything else."""

from ipaddress import ip_network

import pytest

from lib.proxies import OnlyFromProxy, is_proxy
from tests.asgi import run

PROXIES = (ip_network("10.0.0.5"), ip_network("192.168.7.0/24"), ip_network("fd00::/64"))
SENT = [(b"host", b"leads.example"), (b"x-auth-request-email", b"alice@acme.example")]
STRIPPED = SENT[:1]


def arrived(client, headers=SENT, *, kind="websocket", names=("X-Auth-Request-Email",), proxies=PROXIES):
    """The headers that the app behind the middleware is given."""
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)

    middleware = OnlyFromProxy(app, lambda: names, lambda: proxies)
    run(middleware({"type": kind, "client": client, "headers": list(headers)}, None, None))
    return seen["headers"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("host", ["10.0.0.5", "192.168.7.200", "::ffff:10.0.0.5", "fd00::9"])
def test_the_proxy_is_believed(host, kind):
    assert arrived((host, 4711), kind=kind) == SENT


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("client", [("10.0.0.6", 1), ("127.0.0.1", 1), ("::1", 1), ("fd01::9", 1), ("", 1),
                                    ("proxy", 1), None])
def test_nobody_else_is_believed(client, kind):
    assert arrived(client, kind=kind) == STRIPPED


def test_nobody_is_believed_where_no_proxy_is_named():
    assert arrived(("10.0.0.5", 1), proxies=()) == STRIPPED


def test_letter_case_does_not_matter():
    assert arrived(("10.0.0.6", 1), [SENT[0], (b"X-AUTH-Request-Email", b"alice@acme.example")]) == STRIPPED


def test_a_header_that_comes_twice_names_nobody():
    # A proxy that adds its own to what its client sent has not decided between the two.
    assert arrived(("10.0.0.5", 1), [*SENT, (b"x-auth-request-email", b"mona@acme.example")]) == STRIPPED


def test_other_headers_are_left_alone():
    assert arrived(("10.0.0.6", 1), [*STRIPPED, (b"x-forwarded-for", b"10.0.0.5")]) == [
        *STRIPPED, (b"x-forwarded-for", b"10.0.0.5")]
    assert arrived(("10.0.0.6", 1), names=()) == SENT


def test_what_is_no_request_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    run(OnlyFromProxy(app, lambda: ("X",), lambda: ())({"type": "lifespan"}, None, None))

    assert seen == [{"type": "lifespan"}]


def test_an_address_is_compared_and_not_its_text():
    assert is_proxy(("fd00:0:0:0::9", 1), PROXIES)
    assert not is_proxy(("10.0.0.50", 1), PROXIES)
