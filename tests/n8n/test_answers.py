"""What every answer has to be for n8n to read it, whatever was sent."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.app import App
from tests.factories import make_lead, row
from tests.n8n.node import Answer, Node
from tests.n8n.people import SCRAPED, count_of, person


@pytest.fixture
def slow_app(tmp_path: Path) -> Iterator[App]:
    """The app with so low a limit that a test gets beyond it on any machine."""
    app = App(tmp_path, API_CALLS_PER_SECOND="1")
    app.start()
    yield app
    app.stop()


@pytest.mark.parametrize(("content_type", "body"), [
    ("application/x-www-form-urlencoded", b"first_name=Ada&last_name=Lovelace"),
    ("multipart/form-data; boundary=----7",
     b'------7\r\nContent-Disposition: form-data; name="last_name"\r\n\r\nLovelace\r\n------7--\r\n'),
    ("text/plain", b'{"last_name": "Lovelace"}'),
])
def test_a_body_of_another_kind_than_json_is_refused_with_what_to_send_instead(node, cast, session, content_type, body):
    answer = node.send("POST", "/api/leads", body, content_type)

    assert answer.status in (415, 422)
    assert "JSON" in answer.body["error"]["message"]
    assert count_of(session, cast.tess) == 0


def test_json_that_an_expression_has_broken_is_refused_with_where(node, cast, session):
    answer = node.send("POST", "/api/leads", b'{"last_name": "O\'Neill "X""}', "application/json")

    assert answer.status in (400, 422)
    assert "JSON" in answer.body["error"]["message"]
    assert count_of(session, cast.tess) == 0


def successes(node: Node, manager: Node, lead: uuid.UUID) -> list[Answer]:
    return [
        node.get("/api/health"),
        node.get("/api/leads"),
        node.get(f"/api/leads/{lead}"),
        node.post("/api/leads", person(1)),
        node.post("/api/leads", person(1), query={"on_duplicate": "return"}),
        node.post("/api/leads/batch", {"leads": [person(2), {}]}),
        node.post(f"/api/leads/{lead}", {"job_title": "CTO"}),
        node.post(f"/api/leads/{lead}/contact", {"method": "email", "notes": "Sent intro email via Apollo"}),
        node.post(f"/api/leads/{lead}/assign", {"userId": None}),
        node.post(f"/api/leads/{lead}/auto-assign"),
        node.get("/api/metrics"), manager.get("/api/workload"), node.get("/api/users"), node.get("/api/openapi.json"),
    ]


def test_no_success_has_an_error_at_the_top_since_n8n_would_take_it_for_a_failure(app, node, cast, session, token_of):
    answers = successes(node, Node(app.url, token_of(cast.mona)), make_lead(session, cast.tess, status="enriched"))

    assert {answer.status for answer in answers} == {200, 201}
    for answer in answers:
        assert isinstance(answer.body, dict) and answer.body and "error" not in answer.body


def failures(node: Node, lead: uuid.UUID) -> dict[str, Answer]:
    stranger, unknown = Node(node.url, None), Node(node.url, "ldk_unknown")
    return {
        "no token": stranger.get("/api/leads"),
        "no token, no such address": stranger.get("/api/nothing"),
        "an unknown token": unknown.post("/api/leads", SCRAPED),
        "no such address": node.get("/api/nothing"),
        "the API's own address": node.get("/api"),
        "a slash too many": node.post("/api/leads/", SCRAPED),
        "another method": node.send("DELETE", f"/api/leads/{lead}"),
        "no such lead": node.get(f"/api/leads/{uuid.uuid4()}"),
        "not a lead": node.get("/api/leads/undefined"),
        "an empty id": node.post("/api/leads//auto-assign"),
        "no such status": node.get("/api/leads", {"status": "hot"}),
        "no such parameter": node.get("/api/leads", {"stage": "new"}),
        "no body": node.post("/api/leads"),
        "a list of leads": node.post("/api/leads", [SCRAPED]),
        "a text": node.post("/api/leads", "[object Object]"),
        "no name at all": node.post("/api/leads", {"status": "new"}),
        "no such field": node.post("/api/leads", SCRAPED | {"firstName": "Ada"}),
        "half a character": node.send("POST", "/api/leads", b'{"last_name": "\\ud800"}', "application/json"),
        "a key that is too long": node.post("/api/leads", SCRAPED, key="k" * 500),
    }


def test_every_refusal_is_json_with_a_sentence_that_n8n_shows(node, cast, session):
    lead = make_lead(session, cast.tess)

    for what, answer in failures(node, lead).items():
        assert 400 <= answer.status < 500, what
        error = answer.body["error"]
        assert set(answer.body) == {"error"} and {"code", "message", "fields"} <= set(error), what
        assert error["message"].strip() and "<" not in error["message"], what
        assert "location" not in answer.headers, what
    assert count_of(session, cast.tess) == 1


def test_without_a_token_n8n_is_told_where_to_get_one(node):
    answer = Node(node.url, None).get("/api/leads")

    assert (answer.status, answer.body["error"]["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Settings" in answer.body["error"]["message"]


def test_a_token_that_may_only_read_does_not_write(app, cast, session, token_of):
    reading = Node(app.url, token_of(cast.tess, scopes=["read"]))

    assert reading.get("/api/leads").status == 200
    refused = reading.post("/api/leads", SCRAPED)
    assert (refused.status, refused.body["error"]["code"]) == (403, "not_allowed")
    assert count_of(session, cast.tess) == 0


def test_a_token_of_another_company_finds_nothing(app, cast, session, token_of):
    lead = make_lead(session, cast.tess)
    theirs = Node(app.url, token_of(cast.olga))

    assert theirs.get("/api/leads").body["data"] == []
    assert {theirs.get(f"/api/leads/{lead}").status, theirs.post(f"/api/leads/{lead}", {"job_title": "X"}).status,
            theirs.post(f"/api/leads/{lead}/auto-assign").status} == {404}
    assert row(session, lead).job_title is None and row(session, lead).assigned_to_user_id is None


def test_a_hundred_items_in_flight_together_are_an_ordinary_burst(node):
    burst = node.all_at_once(range(100), lambda _: node.get("/api/leads"))

    assert Counter(answer.status for answer in burst) == {200: 100}


def test_calls_without_end_are_told_to_slow_down_in_the_words_of_n8n(slow_app, node):
    eager = Node(slow_app.url, node.token)

    answers = [answer for _ in range(3) for answer in eager.all_at_once(range(100), lambda _: eager.get("/api/leads"))]

    # Whether the token is known there is not the point: also who guesses tokens is slowed down.
    slowed = next(answer for answer in answers if answer.status == 429)
    assert slowed.body["error"]["code"] == "too_many_requests" and "Batching" in slowed.body["error"]["message"]
    assert 1 <= int(slowed.headers["retry-after"]) <= 20


def test_a_refusal_reads_as_text_where_n8n_shows_it_as_it_came(node):
    answer = node.post("/api/leads", SCRAPED | {"email": "not an address"})

    assert "“not an address” is not an e-mail address." in answer.text
