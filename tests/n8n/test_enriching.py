"""Enrichments are delivered, and leads handed out, as the third and the fourth workflow do it."""

import json
from collections import Counter

import pytest

from tests.factories import events, make_lead, row


# ---------------------------------------------------------------- enrichment


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_enrichment_fills_what_is_empty_and_makes_the_lead_ready(node, cast, session, method):
    lead = make_lead(session, cast.tess, email=None)
    found = {"status": "enriched", "enrichment_data": {"email": "john@acme.com", "phone": "+1-555-0123", "size": 40}}

    answer = node.send(method, f"/api/leads/{lead}", json.dumps(found).encode(), "application/json", key="run-1")

    assert answer.status == 200
    assert (answer.body["id"], answer.body["status"], answer.body["email"]) == (str(lead), "enriched", "john@acme.com")
    kept = row(session, lead)
    assert (kept.status, kept.email, kept.phone) == ("enriched", "john@acme.com", "+1-555-0123")
    assert kept.enrichment_data == found["enrichment_data"]


def test_an_enrichment_delivered_twice_is_no_error_and_no_second_change(node, cast, session):
    lead = make_lead(session, cast.tess, email=None)
    found = {"status": "enriched", "enrichment_data": {"email": "john@acme.com"}}
    node.post(f"/api/leads/{lead}", found, key="run-1")

    answer = node.post(f"/api/leads/{lead}", found, key="run-2")

    assert (answer.status, answer.body["status"]) == (200, "enriched")
    assert [event.action for event in events(session, lead)] == ["enriched", "enrichment_unchanged"]


def test_an_enrichment_that_comes_late_does_not_pull_a_lead_back(node, cast, session):
    lead = make_lead(session, cast.tess, email=None, status="conversing")

    answer = node.post(f"/api/leads/{lead}", {"status": "enriched", "enrichment_data": {"email": "john@acme.com"}})

    assert (answer.status, answer.body["status"]) == (200, "conversing")
    assert row(session, lead).email == "john@acme.com"


def test_an_enrichment_that_found_nothing_is_an_enrichment(node, cast, session):
    lead = make_lead(session, cast.tess, email=None)

    answer = node.post(f"/api/leads/{lead}", {"status": "enriched", "enrichment_data": {"email": "", "phone": None}})

    assert answer.status == 200
    assert (row(session, lead).status, row(session, lead).email) == ("enriched", None)


def test_an_address_that_another_lead_has_is_told_to_the_error_output(node, cast, session):
    other, lead = make_lead(session, cast.tess, email="john@acme.com"), make_lead(session, cast.tess, email=None)

    answer = node.post(f"/api/leads/{lead}", {"status": "enriched", "enrichment_data": {"email": "john@acme.com"}})

    assert answer.status == 409
    assert answer.body["error"]["lead_id"] == str(other) and "john@acme.com" in answer.body["error"]["message"]
    assert row(session, lead).status == "new"


# ---------------------------------------------------------------- handing out


def test_a_lead_is_handed_out_by_a_request_without_a_body(node, cast, session):
    lead = make_lead(session, cast.tess, status="enriched")

    first, second = node.post(f"/api/leads/{lead}/auto-assign"), node.post(f"/api/leads/{lead}/auto-assign")

    assert (first.status, second.status) == (200, 200)
    owner = row(session, lead).assigned_to_user_id
    assert owner in (cast.alice.user_id, cast.bob.user_id)
    assert first.body["assigned_to_user_id"] == second.body["assigned_to_user_id"] == str(owner)
    assert len(events(session, lead)) == 1


def test_thirty_leads_handed_out_in_flight_together_are_shared_evenly(node, cast, session):
    waiting = [make_lead(session, cast.tess, status="enriched") for _ in range(30)]

    answers = node.all_at_once(waiting, lambda lead: node.post(f"/api/leads/{lead}/auto-assign", key=f"run-1-{lead}"))

    assert Counter(answer.status for answer in answers) == {200: 30}
    owners = Counter(row(session, lead).assigned_to_user_id for lead in waiting)
    assert owners == {cast.alice.user_id: 15, cast.bob.user_id: 15}
