"""Signing in leads back to the page that was asked for, and never to another site."""

from urllib.parse import quote

import pytest

from lib.return_path import BackToPage, is_page
from tests.asgi import run

HOST = b"leads.example"


def answer(path: str, *, location: str = "/", status: int = 302, query: str = "", **headers: str) -> dict[bytes, bytes]:
    """The headers of the answer, by name, where the app behind it leads to ``location``."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [(b"location", location.encode())]})
        await send({"type": "http.response.body"})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "query_string": query.encode(), "headers": [
        (b"host", HOST), *((name.encode(), value.encode("latin-1")) for name, value in headers.items())]}
    run(BackToPage(app)(scope, None, send))
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    return dict(sent[0]["headers"])


def test_the_page_is_kept_on_the_way_out_and_led_to_on_the_way_back():
    out = answer("/auth/login", location="https://login.example/", referer="https://leads.example/lead?id=7&from=queue")
    cookie = out[b"set-cookie"].decode()
    assert out[b"location"] == b"https://login.example/"
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=900" in cookie

    back = answer("/oauth2callback", query="code=1&state=2", cookie=cookie.partition(";")[0])

    assert back[b"location"] == b"/lead?id=7&from=queue"
    assert b"Max-Age=0" in back[b"set-cookie"]


def test_a_page_below_a_prefix_is_led_to_as_well():
    out = answer("/desk/auth/login", referer="https://leads.example/desk/leads?q=a%20b")

    back = answer("/desk/oauth2callback", location="/desk/", query="state=2&code=1",
                  cookie=out[b"set-cookie"].decode().partition(";")[0])

    assert back[b"location"] == b"/desk/leads?q=a%20b"


@pytest.mark.parametrize("referer", [
    "", "https://evil.example/lead?id=7", "https://leads.example", "/lead", "https://[",
    "https://leads.example//evil.example/", "https://leads.example/oauth2callback?code=1"])
def test_where_it_is_not_known_nothing_is_kept(referer):
    assert b"set-cookie" not in answer("/auth/login", referer=referer)


@pytest.mark.parametrize("page", ["", "lead", "//evil.example", "/\\evil.example", "https://evil.example/", "/a b",
                                  "/a\r\nb", "/\u00e9", "/a\\b", "/" + "a" * 2000])
def test_a_cookie_leads_nowhere_else(page):
    assert not is_page(page)
    back = answer("/oauth2callback", query="code=1", cookie=f"lead_desk_return={quote(page, safe='')}")

    assert back == {b"location": b"/"}


def test_only_a_sign_in_that_came_back_leads_there():
    cookie = "lead_desk_return=%2Fleads"

    assert answer("/oauth2callback", cookie=cookie)[b"location"] == b"/"
    assert answer("/oauth2callback", cookie=cookie, query="error=denied")[b"location"] == b"/"
    assert answer("/leads", cookie=cookie, query="code=1")[b"location"] == b"/"
    assert answer("/oauth2callback", cookie=cookie, query="code=1", status=500)[b"location"] == b"/"


def test_another_cookie_that_cannot_be_read_is_no_harm():
    assert answer("/oauth2callback", cookie="a=b; \x01=;;", query="code=1")[b"location"] == b"/"
