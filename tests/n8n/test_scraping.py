"""Scraped people become leads: one a request, many at once, all in one, and again and again."""

import uuid
from collections import Counter

from sqlalchemy import func, select

from lib.models import LeadEvent
from tests.factories import events, make_lead, row
from tests.n8n.node import Answer, Node
from tests.n8n.people import SCRAPED, count_of, person


def test_a_scraped_person_becomes_a_new_lead_and_the_whole_lead_comes_back(node, cast, session):
    answer = node.post("/api/leads", SCRAPED, key="n8n-1795418360383-1-085d00684f97a60fbdca71e9")

    assert answer.status == 201
    assert [answer.body[name] for name in ("first_name", "status", "company")] == ["Ada", "new", "Analytical"]
    kept = row(session, uuid.UUID(answer.body["id"]))
    assert (kept.company_id, kept.last_name, kept.job_title) == (cast.tess.company_id, "Lovelace", "CTO")
    assert (kept.source, kept.source_workflow, kept.tags) == (SCRAPED["source"], SCRAPED["source_workflow"],
                                                              ["linkedin", "n8n"])
    assert [event.source for event in events(session, kept.id)] == ["api"]


def test_a_field_that_the_item_did_not_have_arrives_as_an_empty_text_and_is_nothing(node, session):
    first, second = (node.post("/api/leads", person(number, email="", phone="", job_title="", score=""))
                     for number in (1, 2))

    assert (first.status, second.status) == (201, 201)
    kept = row(session, uuid.UUID(second.body["id"]))
    assert (kept.email, kept.phone, kept.job_title, kept.score) == (None, None, None, None)


def test_an_undefined_field_is_left_out_and_null_is_nothing(node, session):
    answer = node.post("/api/leads", {"last_name": "Lovelace", "job_title": None, "tags": None, "company": None})

    kept = row(session, uuid.UUID(answer.body["id"]))
    assert (answer.status, kept.first_name, kept.job_title, kept.tags) == (201, None, None, [])


def test_a_number_that_an_expression_made_a_text_is_a_number(node, session):
    answer = node.post("/api/leads", SCRAPED | {"score": "87"})

    assert answer.body["score"] == 87
    assert row(session, uuid.UUID(answer.body["id"])).score == 87


def test_thirty_items_in_flight_together_make_thirty_leads(node, cast, session):
    answers = node.all_at_once(range(30), lambda number: node.post("/api/leads", person(number), key=f"run-1-{number}"))

    assert Counter(answer.status for answer in answers) == {201: 30}
    assert len({answer.body["id"] for answer in answers}) == 30
    assert count_of(session, cast.tess) == 30


def test_the_items_of_a_node_in_one_request_are_each_told_what_became_of_them(node, cast, session):
    known = make_lead(session, cast.tess, email=None, linkedin_url="https://linkedin.com/in/ada-1")
    items = [person(1), person(2), person(3, email="not an address"), person(2, first_name="Again")]

    answer = node.post("/api/leads/batch", {"leads": items}, key="run-1-batch-0", query={"on_duplicate": "return"})

    assert answer.status == 200
    results = answer.body["results"]
    assert [each["index"] for each in results] == [0, 1, 2, 3]
    assert [each["status"] for each in results] == ["existing", "created", "refused", "existing"]
    assert results[0]["id"] == str(known) and results[3]["id"] == results[1]["id"]
    assert (results[2]["id"], results[2]["error_code"]) == (None, "invalid") and results[2]["message"]
    assert count_of(session, cast.tess) == 2


# ---------------------------------------------------------------- a node that is run again


def test_a_node_that_is_retried_with_all_its_items_gets_the_same_answers_and_changes_nothing(node, cast, session):
    items = [person(1), person(2, email="not an address"), person(3)]
    keys = ["run-1-a", "run-1-b", "run-1-c"]

    def run() -> list[Answer]:
        return node.all_at_once(list(zip(items, keys, strict=True)),
                                lambda each: node.post("/api/leads", each[0], key=each[1]))

    first, second = run(), run()

    assert [answer.status for answer in first] == [201, 422, 201]
    assert [answer.status for answer in second] == [201, 422, 201]
    assert [answer.body for answer in second] == [answer.body for answer in first]
    assert [answer.headers.get("idempotent-replayed") for answer in (*first, second[0], second[2])] == [
        None, None, None, "true", "true"]
    assert count_of(session, cast.tess) == 2
    assert session.scalar(select(func.count()).where(LeadEvent.company_id == cast.tess.company_id)) == 2


def test_a_refused_item_that_was_mended_goes_through_with_the_key_of_the_next_run(node, cast, session):
    node.post("/api/leads", person(1, email="not an address"), key="run-1-a")

    assert node.post("/api/leads", person(1, email="ada@example.com"), key="run-2-a").status == 201
    assert count_of(session, cast.tess) == 1


def test_a_retry_that_overtakes_the_first_try_makes_one_lead(node, cast, session):
    answers = node.all_at_once(range(10), lambda _: node.post("/api/leads", SCRAPED, key="run-1-a"))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert count_of(session, cast.tess) == 1


def test_a_key_that_comes_with_another_request_is_refused(node, cast, session):
    node.post("/api/leads", person(1), key="the same for all items")

    answer = node.post("/api/leads", person(2), key="the same for all items")

    assert (answer.status, answer.body["error"]["code"]) == (422, "idempotency_key_reused")
    assert "Idempotency-Key" in answer.body["error"]["message"]
    assert count_of(session, cast.tess) == 1


def test_two_workflows_with_tokens_of_their_own_may_use_the_same_key(app, node, cast, session, token_of):
    other = Node(app.url, token_of(cast.tess))

    assert node.post("/api/leads", person(1), key="1").status == 201
    assert other.post("/api/leads", person(2), key="1").status == 201
    assert count_of(session, cast.tess) == 2


def test_a_person_scraped_again_in_another_run_comes_back_as_the_lead_that_is_there(node, cast, session):
    first = node.post("/api/leads", SCRAPED, key="run-1-a", query={"on_duplicate": "return"})
    again = SCRAPED | {"job_title": "CEO", "linkedin_url": "https://de.linkedin.com/in/Ada/?trk=people"}

    second = node.post("/api/leads", again, key="run-2-a", query={"on_duplicate": "return"})

    assert (first.status, second.status) == (201, 200)
    assert second.body["id"] == first.body["id"] and second.body["job_title"] == "CTO"
    assert count_of(session, cast.tess) == 1


def test_a_person_scraped_again_can_bring_the_lead_up_to_date(node, session):
    first = node.post("/api/leads", SCRAPED)

    second = node.post("/api/leads", SCRAPED | {"job_title": "CEO"}, query={"on_duplicate": "update"})

    assert (second.status, second.body["id"], second.body["job_title"]) == (200, first.body["id"], "CEO")
    assert row(session, uuid.UUID(first.body["id"])).job_title == "CEO"


def test_a_person_scraped_again_can_be_refused_with_the_lead_that_is_there(node, cast, session):
    first = node.post("/api/leads", SCRAPED)

    second = node.post("/api/leads", SCRAPED, query={"on_duplicate": "error"})

    assert (second.status, second.body["error"]["code"]) == (409, "duplicate")
    assert second.body["error"]["lead_id"] == first.body["id"]
    assert count_of(session, cast.tess) == 1
