import uuid
from datetime import timedelta

import pytest

from lib import contacts
from lib.errors import Invalid, NotFound
from tests.factories import attempts, make_firm, make_lead


@pytest.fixture
def logged(session, cast, now):
    """Three contacts, a day apart, the first by Alice, then Bob's, then Alice's again by LinkedIn."""
    firm = make_firm(session, cast.alice, "Engines")
    lead_id = make_lead(session, cast.alice, first_name="Ada", lead_company_id=firm)
    for days, actor, method in ((2, cast.alice, "email"), (1, cast.bob, "call"), (0, cast.alice, "linkedin")):
        contacts.log_contact(session, actor, [lead_id], method=method, outcome="replied", notes=f"{days} days ago",
                             occurred_at=now - timedelta(days=days), now=now).or_raise()
    return lead_id


def methods(rows):
    return [row.method for row in rows]


def test_the_latest_comes_first_with_names_and_what_was_said(session, cast, logged, now):
    rows = contacts.recent(session, cast.tess)

    assert methods(rows) == ["linkedin", "call", "email"]
    assert (rows[1].made_by, rows[1].first_name, rows[1].company, rows[1].outcome, rows[1].notes, rows[1].lead_id) == (
        "Bob Brown", "Ada", "Engines", "replied", "1 days ago", logged)


def test_it_is_narrowed_by_person_method_and_time(session, cast, logged, now):
    def found(**narrow):
        return methods(contacts.recent(session, cast.tess, **narrow))

    assert found(made_by=[cast.bob.user_id]) == ["call"]
    assert found(made_by=[cast.alice.user_id, cast.bob.user_id]) == ["linkedin", "call", "email"]
    assert found(methods=["email", "call"]) == ["call", "email"]
    assert found(since=now - timedelta(days=1)) == ["linkedin", "call"]
    assert found(until=now - timedelta(days=1)) == ["email"]
    assert found(made_by=[cast.tess.user_id]) == []


def test_pages_follow_each_other_also_within_one_moment(session, cast, now):
    lead_ids = [make_lead(session, cast.alice) for _ in range(7)]
    contacts.log_contact(session, cast.alice, lead_ids, method="email", now=now)

    seen, behind = [], None
    for _ in range(4):
        rows = contacts.recent(session, cast.tess, limit=2, behind=behind)
        seen += [row.lead_id for row in rows]
        behind = rows[-1].occurred_at, rows[-1].id

    assert len(seen) == 7 and set(seen) == set(lead_ids)
    assert contacts.recent(session, cast.tess, limit=2, behind=behind) == []


@pytest.mark.parametrize("limit", [0, 501])
def test_a_page_has_bounds(session, cast, limit):
    with pytest.raises(Invalid):
        contacts.recent(session, cast.tess, limit=limit)


def test_one_contact_is_found_by_its_id(session, cast, logged):
    contact = attempts(session, logged)[0]

    assert contacts.find(session, cast.bob, contact.id).notes == "2 days ago"
    with pytest.raises(NotFound, match="There is no such contact"):
        contacts.find(session, cast.bob, uuid.uuid4())
