import pytest

from lib import headers
from lib.config import Settings
from tests.asgi import answering, call


@pytest.fixture
def configured(monkeypatch):
    """The middleware of a Lead Desk with these settings, around an application that answers with these headers."""
    def configure(*brought: tuple[str, str], **environ: str) -> headers.Headers:
        monkeypatch.setattr(headers, "settings", lambda: Settings.load(environ))
        return headers.Headers(answering(*brought))
    return configure


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def test_every_answer_has_the_headers_that_a_browser_goes_by(configured):
    answer = call(configured())

    assert {name: answer.headers[name] for name in headers.HEADERS} == headers.HEADERS
    assert answer.headers["content-security-policy"] == headers.policy()


def test_scripts_come_from_here_only_and_none_is_evaluated():
    found = directives(headers.policy())

    assert found["default-src"] == ["'none'"]
    assert found["frame-ancestors"] == found["base-uri"] == found["object-src"] == ["'none'"]
    assert found["script-src"][0] == "'self'"
    assert all(source.startswith("'sha256-") for source in found["script-src"][1:])
    assert len(found["script-src"]) >= 2, "Streamlit's page has an inline script, whose hash is missing"
    assert not {"'unsafe-eval'", "'unsafe-hashes'", "*", "https:", "http:"} & {
        source for sources in found.values() for source in sources}
    assert [name for name, sources in found.items() if "'unsafe-inline'" in sources] == ["style-src"]


def test_an_answer_keeps_the_headers_that_it_brings(configured):
    answer = call(configured(("Referrer-Policy", "no-referrer"), ("Cache-Control", "public, max-age=31536000"),
                             ("content-security-policy", "default-src 'self'")))

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["cache-control"] == "public, max-age=31536000"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(("scheme", "environ", "stays"), [
    ("https", {}, "max-age=31536000"),
    ("http", {"PUBLIC_URL": "https://leads.example.com"}, "max-age=31536000; includeSubDomains"),
    # The host is another's too.
    ("http", {"PUBLIC_URL": "https://example.com/leads"}, "max-age=31536000"),
])
def test_behind_tls_the_browser_is_told_to_stay_there_and_cookies_do(configured, scheme, environ, stays):
    answer = call(configured(("set-cookie", "_streamlit_user=a; Path=/; HttpOnly; SameSite=lax"), **environ),
                  scheme=scheme)

    assert answer.headers["strict-transport-security"] == stays
    assert answer.cookies == ["_streamlit_user=a; Path=/; HttpOnly; SameSite=lax; Secure"]


def test_a_cookie_that_is_secure_already_and_one_whose_value_says_so_are_told_apart(configured):
    answer = call(configured(("Set-Cookie", "a=1; SECURE"), ("Set-Cookie", "secure=secure; Path=/")), scheme="https")

    assert answer.cookies == ["a=1; SECURE", "secure=secure; Path=/; Secure"]


@pytest.mark.parametrize("environ", [{}, {"PUBLIC_URL": "http://leads.example.com"}])
def test_without_tls_a_cookie_still_works(configured, environ):
    answer = call(configured(("set-cookie", "a=1; Path=/"), **environ))

    assert answer.cookies == ["a=1; Path=/"]
    assert "strict-transport-security" not in answer.headers


def test_a_websocket_passes(configured):
    assert call(configured(), kind="websocket").status == 101
