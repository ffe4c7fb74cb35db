import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from lib import deliveries
from lib.errors import Duplicate, Invalid, NotAllowed, NotFound
from lib.models import Status, User
from tests.factories import events, make_lead, row

FOUND = {"email": "john@acme.com", "phone": "+1-555-0123", "size": 120}


def bare(session, cast, **values):
    return make_lead(session, cast.alice, **{"email": None} | values)


def test_a_new_lead_becomes_enriched(session, cast, now):
    lead_id = bare(session, cast)

    outcome = deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    lead = row(session, lead_id)
    assert (lead.status, lead.email, lead.phone, lead.enrichment_data) == (
        "enriched", "john@acme.com", "+1-555-0123", FOUND)
    assert outcome.done == [lead_id]


@pytest.mark.parametrize("status", [status for status in Status if status != "new"])
def test_a_lead_that_somebody_has_moved_on_stays_there(session, cast, now, status):
    lead_id = bare(session, cast, status=status)

    deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    assert row(session, lead_id).status == status
    assert row(session, lead_id).enrichment_data == FOUND


def test_it_records_the_event(session, cast, now):
    lead_id = bare(session, cast, enrichment_data={"size": 100, "city": "Bonn"})

    outcome = deliveries.enrich(session, cast.alice, lead_id, {"size": 120, "phone": "110"}, now=now)

    event, = events(session, lead_id)
    assert (event.action, event.batch_id, event.at) == ("enriched", outcome.batch_id, now)
    assert event.before == {"enrichment_data": {"size": 100, "city": "Bonn"}, "phone": None, "status": "new"}
    assert event.after == {"enrichment_data": {"size": 120, "city": "Bonn", "phone": "110"}, "phone": "110",
                           "status": "enriched"}


def test_it_fills_only_what_is_empty(session, cast, now):
    lead_id = make_lead(session, cast.alice, email="ada@example.com", phone=None, job_title="CTO")

    deliveries.enrich(session, cast.alice, lead_id, {"email": "other@example.com", "phone": "110", "job_title": "Intern",
                                                "linkedin_url": "linkedin.com/in/ada"}, now=now)

    lead = row(session, lead_id)
    assert (lead.email, lead.phone, lead.job_title, lead.linkedin_url) == (
        "ada@example.com", "110", "CTO", "https://linkedin.com/in/ada")


def test_it_adds_to_what_was_found_before(session, cast, now):
    lead_id = bare(session, cast)

    deliveries.enrich(session, cast.alice, lead_id, {"a": 1, "b": 1}, now=now)
    deliveries.enrich(session, cast.alice, lead_id, {"b": 2, "c": None}, now=now)

    assert row(session, lead_id).enrichment_data == {"a": 1, "b": 2, "c": None}


def test_nothing_known_before_is_no_obstacle(session, cast, now):
    lead_id = bare(session, cast, enrichment_data=None)

    deliveries.enrich(session, cast.alice, lead_id, {"a": 1}, now=now)

    assert row(session, lead_id).enrichment_data == {"a": 1}


def test_the_same_delivery_again_changes_nothing(session, cast, now):
    lead_id = bare(session, cast)
    deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    outcome = deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    assert (outcome.done, outcome.unchanged) == ([], [lead_id])
    _, again = events(session, lead_id)
    assert (again.action, again.before, again.after) == ("enrichment_unchanged", {}, {})


@pytest.mark.parametrize(("found", "field"), [
    ({"email": "nobody"}, "email"), ({"phone": "1" * 51}, "phone"), ({"job_title": 5}, "job_title"),
    ({"linkedin_url": "javascript:alert(1)"}, "linkedin_url"), ({"a": "\0"}, "enrichment_data"),
    ({"a": float("inf")}, "enrichment_data"), ({"a": "x" * 100_000}, "enrichment_data"),
])
def test_a_refused_value_names_the_field_and_changes_nothing(session, cast, now, found, field):
    lead_id = bare(session, cast)
    before = row(session, lead_id)

    with pytest.raises(Invalid) as refusal:
        deliveries.enrich(session, cast.alice, lead_id, {"size": 5} | found, now=now)

    assert list(refusal.value.fields) == [field]
    assert row(session, lead_id) == before and events(session, lead_id) == []


def test_an_address_that_another_lead_has_changes_nothing(session, cast, now):
    other = make_lead(session, cast.alice, last_name="Doe", email="john@acme.com")
    lead_id = bare(session, cast)

    outcome = deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    with pytest.raises(Duplicate, match="Ada Doe already has the e-mail address john@acme.com") as clash:
        outcome.or_raise()
    assert clash.value.lead_id == other
    assert (row(session, lead_id).status, row(session, lead_id).enrichment_data) == ("new", {})
    event, = events(session, lead_id)
    assert (event.action, event.before, event.after) == ("enrichment_refused", {}, {})
    assert (event.detail["clash"], event.detail["with"]) == ("email", str(other))


def test_a_clash_is_nobodys_turn(session, cast, now):
    make_lead(session, cast.alice, email="john@acme.com")
    lead_id = bare(session, cast)

    deliveries.enrich(session, replace(cast.mona, auto_assign="round_robin"), lead_id, FOUND, now=now)

    assert session.scalars(select(User.last_assigned_at).where(User.last_assigned_at.is_not(None))).all() == []


def test_the_event_names_what_a_delivery_would_have_replaced(session, cast, now):
    lead_id = make_lead(session, cast.alice, email="ada@example.com", job_title="CTO")

    deliveries.enrich(session, cast.alice, lead_id, {"email": "other@example.com", "job_title": "CTO"}, now=now)

    assert events(session, lead_id)[0].detail == {"kept": ["email"]}


def test_it_refuses_a_colleagues_lead(session, cast, now):
    lead_id = bare(session, cast, assigned_to_user_id=cast.bob.user_id)

    with pytest.raises(NotAllowed, match="It belongs to Bob Brown"):
        deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)

    assert row(session, lead_id).status == "new"


def test_it_says_the_same_of_a_missing_lead_and_of_another_companys(session, cast, now):
    theirs = make_lead(session, cast.olga, email=None)

    for lead_id in (uuid.uuid4(), theirs):
        with pytest.raises(NotFound, match=r"^There is no such lead\.$"):
            deliveries.enrich(session, cast.alice, lead_id, FOUND, now=now)
    assert row(session, theirs).email is None


def test_deliveries_do_not_add_up_beyond_what_is_kept_of_one_lead(session, cast, now):
    lead_id = bare(session, cast)
    deliveries.enrich(session, cast.alice, lead_id, {"a": "x" * 60_000}, now=now)

    with pytest.raises(Invalid, match="longer than the 100,000 characters"):
        deliveries.enrich(session, cast.alice, lead_id, {"b": "x" * 60_000}, now=now)

    assert row(session, lead_id).enrichment_data.keys() == {"a"} and len(events(session, lead_id)) == 1


def test_what_is_longer_from_before_there_was_a_limit_can_be_delivered_again(session, cast, now):
    lead_id = bare(session, cast, enrichment_data={"a": "x" * 200_000, "b": 1})

    outcome = deliveries.enrich(session, cast.alice, lead_id, {"b": 1}, now=now)

    assert outcome.done == [lead_id] and row(session, lead_id).status == "enriched"
