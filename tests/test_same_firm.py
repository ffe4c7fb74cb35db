"""Who else of a firm is among the leads, and who was in touch with them last."""

import pytest

from lib import contacts, leads, neighbours, undo
from tests.factories import days_ago, make_firm, make_lead


@pytest.fixture
def firm(session, cast):
    return make_firm(session, cast.alice, "Analytical Engines")


@pytest.fixture
def ada(session, cast, firm):
    return make_lead(session, cast.alice, owner=cast.alice, last_name="Ada", lead_company_id=firm)


def found(session, actor, lead_id, **options):
    return neighbours.at_same_firm(session, actor, lead_id, **options)


def test_it_tells_who_was_in_touch_when_and_how(session, cast, now, firm, ada):
    charles = make_lead(session, cast.alice, owner=cast.bob, first_name="Charles", last_name="Babbage",
                        job_title="Engineer", status="enriched", lead_company_id=firm)
    contacts.log_contact(session, cast.tess, [charles], method="email", occurred_at=days_ago(now, 9), now=now)
    contacts.log_contact(session, cast.bob, [charles], method="call", occurred_at=days_ago(now, 2), now=now)
    contacts.log_contact(session, cast.tess, [charles], method="linkedin", occurred_at=days_ago(now, 5), now=now)

    row, = found(session, cast.alice, ada).rows

    assert (row.id, row.first_name, row.last_name, row.job_title, row.status, row.owner) == (
        charles, "Charles", "Babbage", "Engineer", "contacted", "Bob Brown")
    assert (row.touched_at, row.method, row.direction, row.by) == (
        days_ago(now, 2), "call", "outbound", "Bob Brown")


def test_an_answer_is_a_touch_too(session, cast, now, firm, ada):
    charles = make_lead(session, cast.alice, lead_company_id=firm)
    contacts.log_contact(session, cast.bob, [charles], method="email", occurred_at=days_ago(now, 3), now=now)
    contacts.log_contact(session, cast.bob, [charles], method="call", direction="inbound",
                         occurred_at=days_ago(now, 1), now=now)

    row, = found(session, cast.alice, ada).rows

    assert (row.touched_at, row.method, row.direction) == (days_ago(now, 1), "call", "inbound")


def test_a_touch_that_was_undone_is_none(session, cast, now, firm, ada):
    charles = make_lead(session, cast.alice, lead_company_id=firm)
    batch_id = contacts.log_contact(session, cast.bob, [charles], method="email", now=now).batch_id
    undo.undo(session, cast.bob, batch_id, now=now)

    row, = found(session, cast.alice, ada).rows

    assert (row.touched_at, row.by) == (None, None)


def test_a_last_contact_that_nobody_wrote_down_has_a_time_but_no_author(session, cast, now, firm, ada):
    # As a database that was upgraded has it.
    make_lead(session, cast.alice, lead_company_id=firm, contact_count=4, last_contacted_at=days_ago(now, 20),
              last_contact_method="linkedin")

    row, = found(session, cast.alice, ada).rows

    assert (row.touched_at, row.method, row.by) == (days_ago(now, 20), "linkedin", None)


def test_those_in_touch_last_come_first_and_the_rest_is_counted(session, cast, now, firm, ada):
    quiet = [make_lead(session, cast.alice, lead_company_id=firm) for _ in range(3)]
    old, new = (make_lead(session, cast.alice, lead_company_id=firm, last_contacted_at=days_ago(now, days))
                for days in (30, 3))

    some = found(session, cast.alice, ada, limit=3)

    assert [row.id for row in some.rows] == [new, old, min(quiet)]
    assert some.total == 5


def test_nobody_shares_no_firm(session, cast, firm):
    alone = [make_lead(session, cast.alice) for _ in range(2)]
    make_lead(session, cast.alice, lead_company_id=make_firm(session, cast.alice, "Elsewhere"))

    assert found(session, cast.alice, alone[0]) == neighbours.AtSameFirm([], 0)


def test_a_firm_of_another_company_stays_theirs(session, cast, firm, ada):
    # Nothing in the tables forbids it, so the statement has to.
    make_lead(session, cast.olga, lead_company_id=firm)

    assert found(session, cast.alice, ada).total == 0
    assert found(session, cast.olga, ada).total == 0


def test_a_lead_that_moves_to_the_firm_is_there_at_once(session, cast, firm, ada):
    mover = make_lead(session, cast.alice, owner=cast.alice)
    leads.edit(session, cast.alice, [leads.Edit(mover, "company", None, "analytical engines")]).or_raise()

    assert [row.id for row in found(session, cast.alice, ada).rows] == [mover]
