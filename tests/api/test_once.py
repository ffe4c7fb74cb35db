"""A repeated call with the same Idempotency-Key gets the same answer and changes nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from lib import once
from lib.models import IdempotencyKey
from lib.statements import Write
from tests.api.test_leads import count, error
from tests.factories import attempts, events, make_lead, row

ADA = {"last_name": "Lovelace"}


def test_a_repeat_gets_the_very_same_answer_marked_as_one(session, cast, caller):
    call = caller(cast.tess)
    first = call.post("/leads", ADA, key="run-1")

    again = call.post("/leads", ADA, key="run-1")

    assert (again.status_code, again.content) == (201, first.content)
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert count(session, cast.tess) == 1


def test_without_a_key_it_happens_again(session, cast, caller):
    call = caller(cast.tess)

    assert call.post("/leads", ADA).json()["id"] != call.post("/leads", ADA).json()["id"]
    assert count(session, cast.tess) == 2


@pytest.mark.parametrize("path", ["contact", "assign", ""])
def test_every_call_that_writes_happens_once(session, cast, caller, path):
    lead_id, call = make_lead(session, cast.tess, email=None), caller(cast.tess)
    body = {"contact": {"method": "email"}, "assign": {"userId": str(cast.bob.user_id)},
            "": {"enrichment_data": {"email": "a@b.example"}}}[path]

    answers = [call.post(f"/leads/{lead_id}/{path}".rstrip("/"), body, key="run-1") for _ in range(3)]

    assert [answer.content for answer in answers] == [answers[0].content] * 3 and answers[0].status_code == 200
    assert len(events(session, lead_id)) == 1 and len(attempts(session, lead_id)) == (path == "contact")


@pytest.mark.parametrize(("path", "body"), [("/leads", {"last_name": "Hopper"}), ("/leads/batch", {"leads": [ADA]}),
                                            ("/leads?on_duplicate=update", ADA)])
def test_the_same_key_with_another_request_is_refused(session, cast, caller, path, body):
    call = caller(cast.tess)
    call.post("/leads", ADA, key="run-1")

    refusal = error(call("POST", path, body, key="run-1"), 422, "idempotency_key_reused")

    assert list(refusal["fields"]) == ["Idempotency-Key"] and count(session, cast.tess) == 1


def test_keys_belong_to_their_token(session, cast, caller):
    first, second = caller(cast.tess), caller(cast.tess)

    assert first.post("/leads", ADA, key="1").json()["id"] != second.post("/leads", ADA, key="1").json()["id"]


def test_a_call_that_was_refused_can_be_put_right_under_its_key(session, cast, caller):
    call = caller(cast.tess)
    error(call.post("/leads", {"last_name": "A", "email": "nobody"}, key="1"), 422, "invalid")

    assert call.post("/leads", ADA, key="1").status_code == 201


def test_a_clash_that_the_history_tells_of_is_told_once(session, cast, caller):
    make_lead(session, cast.tess, email="a@b.example")
    lead_id, call = make_lead(session, cast.tess, email=None), caller(cast.tess)

    answers = [call.post(f"/leads/{lead_id}", {"enrichment_data": {"email": "a@b.example"}}, key="1") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [409] * 3 and answers[0].content == answers[2].content
    assert len(events(session, lead_id)) == 1 and row(session, lead_id).email is None


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_that_is_none_is_refused_by_name(session, cast, caller, key):
    refusal = error(caller(cast.tess)("POST", "/leads", ADA, headers={"Idempotency-Key": key}), 422, "invalid")

    assert list(refusal["fields"]) == ["Idempotency-Key"] and count(session, cast.tess) == 0


@pytest.mark.parametrize(("hours", "left"), [(24, 1), (26, 0)])
def test_keys_of_tokens_are_kept_for_a_day(session, cast, caller, hours, left, now):
    caller(cast.tess).post("/leads", ADA, key="1")
    session.execute(update(IdempotencyKey).values(created_at=now - timedelta(hours=hours)))

    once.forget_old(session, now=now)

    assert len(session.execute(select(IdempotencyKey.key)).all()) == left


def test_a_key_that_is_dropped_while_it_is_looked_for_is_free(session, cast, monkeypatch):
    once.once(session, cast.tess, "run-1", ADA, lambda: {"first": True})
    real, dropped = Write.now, []

    def claim(write, *given):
        answer = real(write, *given)
        if not dropped:
            dropped.append(session.execute(delete(IdempotencyKey).where(IdempotencyKey.key == "run-1")))
        return answer

    monkeypatch.setattr(Write, "now", claim)

    assert once.once(session, cast.tess, "run-1", ADA, lambda: {"first": False}) == {"first": False}
    assert len(dropped) == 1
