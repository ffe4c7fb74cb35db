"""What every answer has in common, whatever was asked."""

import logging
import re
import shlex
import threading

import pytest

from lib import logs
from lib.api import problems, reference, writing
from lib.api.limits import Limiter
from lib.config import Settings
from tests.api.test_leads import count, error

ADA = {"last_name": "Lovelace"}


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/api/nothing", 404, "not_found"), ("GET", "/api", 404, "not_found"), ("POST", "/api", 404, "not_found"),
    ("GET", "/api/", 404, "not_found"), ("GET", "/api/leads/", 404, "not_found"),
    ("DELETE", "/api/leads", 405, "method_not_allowed"), ("PUT", "/api/leads/batch", 405, "method_not_allowed"),
    ("OPTIONS", "/api/leads", 405, "method_not_allowed"), ("GET", "/api/leads", 401, "not_signed_in"),
    ("GET", "/api/leads?foo=1", 401, "not_signed_in"), ("GET", "/api/leads/x", 401, "not_signed_in")])
def test_errors_have_one_shape_whatever_a_browser_would_accept(client, method, path, status, code):
    answer = client.request(method, path, headers={"Accept": "text/html"})

    assert error(answer, status, code).keys() == {"code", "message", "fields"}
    assert answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store"
    assert not answer.is_redirect


def test_whoever_brings_no_token_is_told_how(client):
    answer = client.get("/api/leads")

    assert answer.headers["www-authenticate"] == "Bearer" and "Authorization: Bearer" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("content", "kind", "status", "code"), [
    ("last_name=A", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ("--x--", "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
    ("<a/>", "text/xml", 415, "unsupported_media_type"), ("{}", None, 415, "unsupported_media_type"),
    ("{", "application/json", 400, "malformed"), (b"\xff", "application/json", 400, "malformed"),
    ("[" * 100_000, "application/json", 400, "malformed"), ("[]", "application/json", 422, "invalid"),
    ("null", "application/json", 422, "invalid"), ("", "application/json", 422, "invalid"),
    ('{"last_name": "\\ud800"}', "application/json", 422, "invalid"),
    ('{"\\ud800": 1}', "application/json", 422, "invalid"),
    ('{"last_name": "A", "enrichment_data": {"a": NaN}}', "application/json", 422, "invalid")])
def test_a_body_that_cannot_be_read_says_why(session, cast, caller, content, kind, status, code):
    answer = caller(cast.tess)("POST", "/leads", content=content, headers={"Content-Type": kind} if kind else {})

    assert error(answer, status, code)["message"] and count(session, cast.tess) == 0


def test_a_body_that_is_wrong_all_over_is_not_told_so_for_each_place(cast, caller):
    answer = caller(cast.tess).post("/leads", {f"field {number}": 1 for number in range(5_000)})

    assert len(error(answer, 422, "invalid")["fields"]) == problems.MOST_TOLD


def test_of_many_wrong_tags_the_first_is_told(cast, caller):
    answer = caller(cast.tess).post("/leads", {"last_name": "Lovelace", "tags": ["a", 1, 2, *range(5_000)]})

    assert error(answer, 422, "invalid")["fields"].keys() == {"tags.1"}


@pytest.mark.parametrize("path", ["/leads", "/leads/batch"])
def test_a_body_that_is_too_large_is_refused_unread(session, cast, caller, path):
    size = 10_000_001 if path.endswith("batch") else 1_000_001

    error(caller(cast.tess)("POST", path, content=b" " * size, headers={"Content-Type": "application/json"}), 413,
          "too_large")


@pytest.mark.parametrize("token", [None, "ldk_unknown"])
@pytest.mark.parametrize("length", ["stated", "left out"])
def test_a_large_body_of_a_stranger_is_not_read(client, token, length):
    body = b"[" * 200_000

    answer = client.post("/api/leads", content=body if length == "stated" else iter([body]), headers={
        "Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})})

    error(answer, 401, "not_signed_in")


def test_a_batch_may_be_larger_than_a_lead(session, cast, caller):
    rows = [{"last_name": f"Lead {number}", "notes": "x" * 15_000} for number in range(100)]

    assert caller(cast.tess).post("/leads/batch", {"leads": rows}).json()["counts"] == {"created": 100}


def test_a_mistake_of_ours_is_an_error_with_a_number_and_no_traceback(session, cast, caller, monkeypatch, caplog):
    def broken(*_given, **_more):
        raise RuntimeError("the secret of the house")
    monkeypatch.setattr(writing.arrivals, "receive", broken)

    answer = caller(cast.tess).post("/leads", ADA)

    refusal = error(answer, 500, "internal_error")
    assert "secret" not in answer.text and refusal["error_id"] in refusal["message"]
    assert refusal["error_id"] in caplog.text and count(session, cast.tess) == 0


def test_next_is_behind_the_public_address_where_there_is_one(cast, caller, monkeypatch):
    call = caller(cast.tess)
    for name in "AB":
        call.post("/leads", {"last_name": name})
    calls = call.client.app.routes[0].app.app.state.calls
    monkeypatch.setattr(calls, "settings", lambda: Settings(public_url="https://example.com/desk"))

    assert call.get("/leads", limit=1).json()["next"].startswith("https://example.com/desk/api/leads?limit=1&cursor=")
    assert call.client.get("/api/openapi.json").json()["servers"] == [{"url": "https://example.com/desk/api"}]


@pytest.mark.parametrize(("path", "status"), [("/workload", 403), ("/metrics", 500)])
def test_who_was_refused_or_met_a_mistake_of_ours_is_known_to_the_log(cast, caller, monkeypatch, caplog, path, status):
    def broken(*_given, **_more):
        raise RuntimeError("a mistake")
    monkeypatch.setattr("lib.lists.numbers", broken)
    named, handler = [], logging.Handler()
    handler.emit = lambda _record: named.append(logs._actor.get())
    monkeypatch.setattr(problems.log, "handlers", [handler])
    caplog.set_level(logging.INFO, problems.log.name)

    assert caller(cast.alice).get(path).status_code == status

    assert named == [(cast.alice.user_id, cast.alice.company_id)]


# ---------------------------------------------------------------- rate


def test_a_burst_of_a_hundred_is_let_in_and_what_is_beyond_clears_within_seconds():
    clock = [100.0]
    limiter = Limiter(50, clock=lambda: clock[0])

    waits = [limiter.take(b"n8n") for _ in range(300)]

    assert waits[:100] == [0] * 100 and 0 < waits[-1] <= 1
    assert limiter.take(b"another") == 0
    clock[0] += 2
    assert [limiter.take(b"n8n") for _ in range(100)] == [0] * 100


def test_a_repeat_costs_next_to_nothing():
    limiter = Limiter(1, burst=10, clock=lambda: 0.0)

    for _ in range(50):
        assert limiter.take(b"n8n") == 0
        limiter.give_back(b"n8n")


def test_buckets_are_touched_by_one_thread_only(cast, caller, monkeypatch):
    threads = set()
    for name in ("take", "give_back"):
        monkeypatch.setattr(Limiter, name, lambda *_given: threads.add(threading.get_ident()) or 0)
    call = caller(cast.tess)

    assert [call.post("/leads", ADA, key="run-1").status_code for _ in range(2)] == [201, 201]
    assert len(threads) == 1


def test_who_called_long_ago_is_forgotten(monkeypatch):
    monkeypatch.setattr("lib.api.limits.REMEMBERED", 2)
    limiter = Limiter(1, burst=1, clock=lambda: 0.0)
    for caller in (b"a", b"b", b"c"):
        limiter.take(caller)

    assert limiter.take(b"a") == 0 and limiter.take(b"c") > 0


def test_too_many_calls_are_told_when_to_come_back(cast, caller, monkeypatch):
    call = caller(cast.tess)
    monkeypatch.setattr(call.client.app.routes[0].app.app.state.calls, "limiter", Limiter(0.5, burst=1))
    assert call.get("/metrics").status_code == 200

    answer = call.get("/metrics")

    assert "Batching" in error(answer, 429, "too_many_requests")["message"]
    assert answer.headers["retry-after"] == "2"


# ---------------------------------------------------------------- documentation


@pytest.fixture
def contract(client):
    return client.get("/api/openapi.json").json()


def operations(contract):
    return [(path, method, call) for path, methods in contract["paths"].items() for method, call in methods.items()]


def test_the_page_explains_every_call_without_anything_from_outside(client, contract):
    page = client.get("/api/docs")

    assert page.headers["content-type"].startswith("text/html") and "<script" not in page.text
    assert set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page.text)) == {"https://desk.example/api/openapi.json"}
    for path, method, call in operations(contract):
        assert f"{method.upper()} {path}" in page.text and f'id="{call["operationId"]}"' in page.text


def test_the_page_has_no_marks_left_and_the_answers_in_their_order(client):
    page = client.get("/api/docs").text

    assert "`" not in page and "**" not in page and "<code>fields</code> names it" in page
    for part in page.split("<tr><th>Answer</th>")[1:]:
        codes = re.findall(r"<tr><td>(\d{3})</td>", part.partition("</table>")[0])
        assert codes and codes == sorted(codes)


def test_a_curl_line_is_the_call(client, contract, cast, caller, session):
    call = caller(cast.tess)
    for path, method, operation in operations(contract):
        line = shlex.split(reference.curl(contract, "https://desk.example/api", path, method, operation))
        headers = dict(line[place + 1].split(": ", 1) for place, word in enumerate(line) if word == "-H")
        if "Authorization" in headers:
            headers["Authorization"] = f"Bearer {call.token}"
        url = next(word for word in line if word.startswith("https://"))
        body = line[line.index("-d") + 1] if "-d" in line else None
        sent = line[line.index("-X") + 1] if "-X" in line else "GET"

        answer = client.request(sent, url, headers=headers, content=body)

        # There is no such lead or colleague as in the examples, and the workload is a manager's; the form is right.
        assert sent == method.upper() and answer.status_code in (200, 201, 403, 404), (line, answer.text)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(("method", "path", "allowed"), [
    ("DELETE", "/api/leads", "GET, POST"), ("PATCH", "/api/leads/batch", "POST"), ("GET", "/api/leads/batch", "POST"),
    ("OPTIONS", "/api/leads/5f0c7f6e-3d0f-4c52-9b1c-2f1a7c9d1e11", "GET, PATCH, POST"), ("PUT", "/api/health", "GET")])
def test_a_method_that_an_address_lacks_is_answered_with_those_it_has(client, method, path, allowed):
    answer = client.request(method, path)

    error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_an_address_with_a_line_break_is_the_apis_as_well(cast, caller):
    error(caller(cast.tess).get("/leads/x%0Ay"), 422, "invalid")
    error(caller(cast.tess).get("/nothing%0Ahere"), 404, "not_found")


def test_a_parameter_that_is_given_twice_is_refused_unless_it_is_a_list(cast, caller):
    call = caller(cast.tess)

    assert error(call("GET", "/leads?q=ada&q=grace"), 422, "invalid")["fields"] == {"q": "“q”: given twice."}
    assert call("GET", "/leads?status=new&status=lost&tag=a&tag=b").status_code == 200
