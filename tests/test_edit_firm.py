"""The firm of a lead: chosen by its name, kept by its id, told by its name again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from lib import db, history, leads, undo
from lib import firms as firms_of
from lib.errors import Conflict, Invalid, NotAllowed
from lib.leads import ANYTHING, Edit
from lib.models import LeadCompany
from tests.crowd import PATIENCE, until_somebody_waits_for
from tests.factories import events, make_firm, make_lead, row


@pytest.fixture
def acme(session, cast):
    return make_firm(session, cast.alice, "Acme GmbH")


@pytest.fixture
def lead_id(session, cast, acme):
    return make_lead(session, cast.alice, owner=cast.alice, lead_company_id=acme)


def move(session, actor, lead_id, seen, to, now=None):
    return leads.edit(session, actor, [Edit(lead_id, "company", seen, to)], now=now).or_raise()


def firms(session):
    return session.scalar(select(func.count()).select_from(LeadCompany))


def test_a_firm_that_is_known_is_taken_whatever_its_case(session, cast, now, lead_id, acme):
    known = make_firm(session, cast.alice, "Umbrella AG")

    move(session, cast.alice, lead_id, "Acme GmbH", " umbrella ag ", now)

    assert row(session, lead_id).lead_company_id == known
    event, = events(session, lead_id)
    assert (event.action, event.before, event.after) == (
        "edited", {"lead_company_id": str(acme)}, {"lead_company_id": str(known)})


def test_a_firm_that_is_not_known_is_added_once(session, cast, now, lead_id):
    other = make_lead(session, cast.alice)
    before = firms(session)

    leads.edit(session, cast.alice, [Edit(each, "company", ANYTHING, "Brand New") for each in (lead_id, other)],
               now=now)

    assert firms(session) == before + 1
    assert leads.find(session, cast.alice, lead_id).company == "Brand New"
    assert row(session, lead_id).lead_company_id == row(session, other).lead_company_id


def test_another_companys_firm_of_that_name_is_not_taken(session, cast, now, lead_id):
    theirs = make_firm(session, cast.olga, "Umbrella AG")

    move(session, cast.alice, lead_id, "Acme GmbH", "Umbrella AG", now)

    firm = session.get_one(LeadCompany, row(session, lead_id).lead_company_id)
    assert (firm.id != theirs, firm.company_id) == (True, cast.alice.company_id)


def test_a_lead_can_have_no_firm(session, cast, now, lead_id, acme):
    move(session, cast.alice, lead_id, "Acme GmbH", "", now)

    assert row(session, lead_id).lead_company_id is None
    assert session.get(LeadCompany, acme) is not None


@pytest.mark.parametrize("same", ["Acme GmbH", "ACME gmbh", "  Acme GmbH "])
def test_the_firm_that_it_has_changes_nothing(session, cast, now, lead_id, acme, same):
    assert move(session, cast.alice, lead_id, "Acme GmbH", same, now).unchanged == [lead_id]

    assert row(session, lead_id).lead_company_id == acme
    assert events(session, lead_id) == []


def test_it_is_undone_and_the_undo_too(session, cast, now, lead_id, acme):
    batch_id = move(session, cast.alice, lead_id, "Acme GmbH", "Umbrella AG", now).batch_id
    umbrella = row(session, lead_id).lead_company_id

    undone = undo.undo(session, cast.alice, batch_id, now=now)
    assert row(session, lead_id).lead_company_id == acme

    undo.undo(session, cast.alice, undone.batch_id, now=now)
    assert row(session, lead_id).lead_company_id == umbrella


def test_an_undo_after_somebody_moved_it_on_says_who(session, cast, now, lead_id):
    batch_id = move(session, cast.alice, lead_id, "Acme GmbH", "Umbrella AG", now).batch_id
    move(session, cast.tess, lead_id, "Umbrella AG", "Hooli", now)

    refusal, = undo.undo(session, cast.alice, batch_id, now=now).refused

    assert str(refusal.error) == "Tess Turner has changed Company since."
    assert leads.find(session, cast.alice, lead_id).company == "Hooli"


def test_a_firm_that_a_colleague_changed_meanwhile_is_a_conflict_and_adds_none(session, cast, now, lead_id):
    later = now + timedelta(minutes=1)
    move(session, cast.tess, lead_id, "Acme GmbH", "Umbrella AG", later)
    before = firms(session)

    with pytest.raises(Conflict) as conflict:
        move(session, cast.alice, lead_id, "Acme GmbH", "Brand New", now)

    assert (conflict.value.field, conflict.value.theirs, conflict.value.yours) == (
        "company", "Umbrella AG", "Brand New")
    assert (conflict.value.by, conflict.value.at) == ("Tess Turner", later)
    assert firms(session) == before


def test_a_name_that_is_none_is_refused(session, cast, now, lead_id, acme):
    with pytest.raises(Invalid) as error:
        move(session, cast.alice, lead_id, "Acme GmbH", "x" * 201, now)

    assert list(error.value.fields) == ["company"]
    assert row(session, lead_id).lead_company_id == acme


def test_somebody_elses_lead_keeps_its_firm(session, cast, now, lead_id, acme):
    with pytest.raises(NotAllowed):
        move(session, cast.bob, lead_id, "Acme GmbH", "Umbrella AG", now)

    assert row(session, lead_id).lead_company_id == acme


def test_the_history_tells_it_by_name(session, cast, now, lead_id):
    move(session, cast.alice, lead_id, "Acme GmbH", "Umbrella AG", now)
    move(session, cast.alice, lead_id, "Umbrella AG", None, now)

    told = [(event.firm_before, event.firm_after) for event in history.timeline(session, cast.alice, lead_id)]

    assert told == [("Umbrella AG", None), ("Acme GmbH", "Umbrella AG")]


def test_an_edit_and_an_import_of_one_new_firm_never_wait_for_each_other(engine, committed_cast):
    cast = committed_cast
    with db.transaction() as session:
        lead_id = make_lead(session, cast.tess)

    def edit() -> None:
        with db.transaction() as session:
            leads.edit(session, cast.tess, [Edit(lead_id, "company", ANYTHING, "Brand New")])

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            # As an import does it: the names of firms first, then the leads.
            firms_of.hold(session, cast.tess, ["Brand New"])
            editing = pool.submit(edit)
            until_somebody_waits_for(session)
            leads.lock(session, cast.tess, [lead_id], [])
            made = firms_of.made(session, cast.tess, ["Brand New"])
        editing.result(PATIENCE)

    with db.transaction() as session:
        assert row(session, lead_id).lead_company_id == made["Brand New"]
