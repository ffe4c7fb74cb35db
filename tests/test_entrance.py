import gc
import json

import pytest

from lib import api, entrance, uploads
from lib.api import writing
from lib.config import Settings
from tests.asgi import answering, call

MB = 1024 * 1024


class Tab:
    """What somebody holds whose page may send files."""


@pytest.fixture(autouse=True)
def let_in():
    tab = Tab()
    uploads.allow("session", tab)
    yield tab
    uploads.refuse("session")


@pytest.fixture
def configured(monkeypatch):
    """The entrance of a Lead Desk with these settings."""
    def configure(**environ: str) -> entrance.Entrance:
        monkeypatch.setattr(entrance, "settings", lambda: Settings.load(environ))
        return entrance.Entrance(answering())
    return configure


# ---------------------------------------------------------------- the host


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "LOCALHOST:8501", "127.0.0.1:8501", "[::1]:8501",
                                  "10.1.2.3", "deskserver:8501", "desk.localhost"])
def test_it_is_reached_by_names_that_nobody_outside_can_make_lead_here(configured, host):
    assert call(configured(), host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8501", "", None, "a b",
                                  "localhost/x", "localhost@evil.example", "localhost:port", "[::1", "127.0.0.1.nip.io",
                                  "localhost, evil.example"])
def test_it_is_not_reached_by_a_name_that_nobody_gave_it(configured, host):
    answer = call(configured(), host=host)

    assert answer.status == 400 and answer.seen == []
    assert b"PUBLIC_URL or ALLOWED_HOSTS" in answer.body
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("hosts", [("localhost", "evil.example"), ("evil.example", "localhost"), ("localhost",) * 2])
def test_a_host_that_is_named_twice_is_none(configured, hosts):
    at = configured()

    assert call(at, host=hosts[0], headers=[("host", hosts[1])]).status == 400
    assert call(at, kind="websocket", host=hosts[0], headers=[("host", hosts[1])]).closed == 1008


@pytest.mark.parametrize("environ", [{"PUBLIC_URL": "https://Leads.Example.com:8443/desk"},
                                     {"ALLOWED_HOSTS": "other.example.com, Leads.example.com"}])
def test_it_is_reached_by_the_names_it_was_given_and_from_its_own_machine_only(configured, environ):
    at = configured(**environ)

    for host in ("leads.example.com", "leads.example.com:8443", "LEADS.example.com.", "localhost:1", "127.0.0.1"):
        assert call(at, host=host).status == 200
    for host in ("example.com", "x.leads.example.com", "leads.example.com.evil.example", "deskserver", "10.1.2.3"):
        assert call(at, host=host).status == 400


def test_it_takes_several_names_at_once(configured):
    at = configured(PUBLIC_URL="https://a.example.com", ALLOWED_HOSTS="b.example.com")

    assert [call(at, host=f"{name}.example.com").status for name in "abc"] == [200, 200, 400]


# ---------------------------------------------------------------- who opens a websocket


@pytest.mark.parametrize("origin", ["http://localhost:8501", "https://localhost:8501", "HTTP://LOCALHOST:8501".lower()])
def test_a_websocket_is_opened_by_one_of_its_own_pages(configured, origin):
    assert call(configured(), kind="websocket", host="localhost:8501", headers=[("origin", origin)]).status == 101


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost:8502", "localhost:8501",
                                    "file://localhost:8501", "http://localhost:8501.evil.example"])
def test_a_websocket_is_opened_by_no_other_page(configured, origin):
    answer = call(configured(), kind="websocket", host="localhost:8501", headers=[("origin", origin)])

    assert (answer.status, answer.closed) == (None, 1008)


def test_a_websocket_of_two_origins_is_opened_by_neither(configured):
    answer = call(configured(), kind="websocket", host="localhost:8501",
                  headers=[("origin", "http://localhost:8501"), ("origin", "https://evil.example")])

    assert (answer.status, answer.closed) == (None, 1008)


def test_a_websocket_is_opened_from_the_public_address_whatever_host_a_proxy_names(configured):
    at = configured(PUBLIC_URL="https://leads.example.com/desk")

    def opened(origin: str) -> bool:
        return call(at, kind="websocket", host="127.0.0.1:8501", headers=[("origin", origin)]).status == 101

    assert opened("https://leads.example.com")
    assert not opened("https://leads.example") and not opened("http://leads.example.com")
    assert not opened("https://leads.example.com.evil.example")


def test_a_websocket_is_opened_for_its_own_host_only(configured):
    answer = call(configured(), kind="websocket", host="evil.example", headers=[("origin", "http://evil.example")])

    assert (answer.status, answer.closed) == (None, 1008)


def test_a_program_opens_a_websocket_without_an_origin(configured):
    assert call(configured(), kind="websocket").status == 101


# ---------------------------------------------------------------- doors that stay closed


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/", "/desk/_stcore/metrics",
                                  "/_stcore/agent/openapi.json", "/_stcore/agent/interact", "/_stcore/agent/mcp"])
def test_the_doors_of_streamlit_that_nobody_needs_are_closed(configured, path):
    answer = call(configured(), path)

    assert answer.status == 404 and answer.seen == []


@pytest.mark.parametrize("path", ["/", "/leads", "/_stcore/health", "/_stcore/host-config", "/_stcore/agents",
                                  "/api/leads"])
def test_the_other_doors_are_open(configured, path):
    assert call(configured(), path).status == 200


# ---------------------------------------------------------------- how much comes in


@pytest.mark.parametrize(("path", "limit"), [("/api/leads", entrance.BODY_BYTES), ("/", entrance.BODY_BYTES),
                                             ("/api/leads/batch", entrance.BATCH_BYTES),
                                             ("/_stcore/upload_file/session/file", entrance.UPLOAD_BYTES)])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(configured, path, limit):
    at = configured()

    assert call(at, path, headers=[("content-length", str(limit))]).status == 200
    answer = call(at, path, headers=[("content-length", str(limit + 1))])
    assert answer.status == 413 and answer.seen == []
    assert f"This is too large: at most {limit // MB} MB are taken here." in answer.body.decode()
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/_stcore/upload_file/stranger/file", "/_stcore/upload_file//file",
                                  "/desk/_stcore/upload_file/stranger/session"])
def test_files_come_from_pages_of_people_who_were_let_in(configured, path):
    answer = call(configured(), path, headers=[("content-length", "5")])

    assert answer.status == 403 and answer.seen == []


def test_no_file_comes_any_more_from_a_page_that_is_gone(configured):
    tab = Tab()
    uploads.allow("another", tab)
    assert call(configured(), "/_stcore/upload_file/another/file").status == 200

    del tab
    gc.collect()

    assert call(configured(), "/_stcore/upload_file/another/file").status == 403


def test_the_api_gets_what_it_takes_and_a_little_more():
    assert entrance.BODY_BYTES > api.MOST_BYTES and entrance.BATCH_BYTES > writing.MOST_BYTES_OF_BATCH


def test_a_program_is_refused_in_the_shape_of_the_api(configured):
    at = configured()

    for host, length, status, code in (("localhost", "9" * 30, 413, "too_large"),
                                       ("evil.example", "1", 400, "malformed")):
        answer = call(at, "/api/leads", host=host, headers=[("content-length", length)])
        assert answer.status == status and answer.headers["content-type"] == "application/json"
        error = json.loads(answer.body)["error"]
        assert error["code"] == code and error["message"] and error["fields"] == {}


def test_a_body_of_unstated_length_is_cut_off_at_the_limit(configured):
    chunk = bytes(MB // 2)
    at = configured()

    assert call(at, body=[chunk] * 4).status == 200
    answer = call(at, body=[chunk] * 400)

    assert answer.status == 413
    assert sum(map(len, answer.seen)) <= entrance.BODY_BYTES


def test_a_body_longer_than_was_stated_is_cut_off_at_the_limit(configured):
    assert call(configured(), headers=[("content-length", "5")], body=[bytes(MB)] * 3).status == 413


def test_an_application_that_answers_a_broken_body_in_its_own_way_is_overruled(configured, monkeypatch):
    async def forgiving(_scope, receive, send):
        while (await receive())["type"] == "http.request":
            pass
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"There was an error parsing the body"})
    configured()

    answer = call(entrance.Entrance(forgiving), body=[bytes(MB)] * 3)

    assert answer.status == 413 and answer.body.startswith(b"This is too large")


def test_an_error_of_the_application_stays_an_error(configured):
    async def broken(_scope, _receive, _send):
        raise KeyError("something else")
    configured()

    with pytest.raises(KeyError):
        call(entrance.Entrance(broken))


@pytest.mark.parametrize("length", ["-1", "five", "1e3", "٣".encode().decode("latin-1"), ""])
def test_a_length_that_is_no_number_is_refused(configured, length):
    assert call(configured(), headers=[("content-length", length)]).status == 400


def test_the_start_and_end_of_the_server_pass(configured):
    passed = []

    async def app(scope, _receive, _send):
        passed.append(scope["type"])
    configured()
    call(entrance.Entrance(app), kind="lifespan")

    assert passed == ["lifespan"]
