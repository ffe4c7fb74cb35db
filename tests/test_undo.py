import uuid
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import delete, select, update

from lib import contacts, db, deliveries, leads, new_leads, undo
from lib.errors import Duplicate, NotAllowed, NotFound
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Status
from lib.undo import AlreadyUndone, ChangedSince
from tests.crowd import at_once
from tests.factories import attempts, events, make_lead, row

SUMMARY = ("contact_count", "last_contacted_at", "last_contact_method", "response_count", "last_response_at", "status")


def edit(session, actor, lead_id, now, **values):
    return leads.edit(session, actor, [Edit(lead_id, name, ANYTHING, value) for name, value in values.items()],
                      now=now).or_raise()


def log(session, actor, lead_id, now, *, method="email", days=0, **values):
    return contacts.log_contact(session, actor, [lead_id], method=method, occurred_at=now - timedelta(days=days),
                                now=now, **values).or_raise()


def state(session, lead_id):
    """The row, apart from the time of its last change."""
    held = row(session, lead_id)._asdict()
    del held["updated_at"]
    return held


def summary(session, lead_id):
    return {name: getattr(row(session, lead_id), name) for name in SUMMARY}


ACTIONS = {
    "a status": ("status_changed", lambda *where: edit(*where, status="qualified")),
    "several cells": ("edited", lambda *where: edit(*where, status="lost", score=None, tags=["vip"], notes="Call")),
    "an owner": ("assigned", lambda session, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=None, now=now)),
    "an outbound contact": ("contacted", lambda *where: log(*where, method="call", days=1, notes="Hello")),
    "an answer": ("responded", lambda *where: log(*where, direction="inbound", subject="Re: Hello")),
    "an enrichment": ("enriched", lambda session, actor, lead_id, now: deliveries.enrich(
        session, actor, lead_id, {"size": 120, "phone": "110"}, now=now)),
}


# ---------------------------------------------------------------- every action, there and back


@pytest.mark.parametrize("what", ACTIONS)
def test_it_restores_the_row_and_an_undo_of_the_undo_does_it_again(session, cast, now, what):
    action, act = ACTIONS[what]
    lead_id = make_lead(session, cast.alice, owner=cast.alice, assigned_at=now - timedelta(days=3), score=5,
                        tags=["old"], enrichment_data={"city": "Bonn"})
    at_first = state(session, lead_id)
    batch_id = act(session, cast.alice, lead_id, now).batch_id
    changed, logged = state(session, lead_id), attempts(session, lead_id)
    assert changed != at_first

    outcome = undo.undo(session, cast.alice, batch_id, now=now + timedelta(minutes=1))
    assert state(session, lead_id) == at_first
    assert (outcome.done, list(outcome.refused)) == ([lead_id], [])
    assert attempts(session, lead_id) == []

    again = undo.undo(session, cast.alice, outcome.batch_id, now=now + timedelta(minutes=2))
    assert state(session, lead_id) == changed
    assert ([(each.method, each.direction, each.notes, each.subject, each.occurred_at, each.user_id)
             for each in attempts(session, lead_id)]
            == [(each.method, each.direction, each.notes, each.subject, each.occurred_at, each.user_id)
                for each in logged])

    undo.undo(session, cast.alice, again.batch_id, now=now + timedelta(minutes=3))
    assert state(session, lead_id) == at_first
    assert [event.action for event in events(session, lead_id)][0] == action


@pytest.mark.parametrize("what", ACTIONS)
def test_it_records_an_event_that_names_the_batch(session, cast, now, what):
    lead_id, later = make_lead(session, cast.alice, owner=cast.alice), now + timedelta(minutes=1)
    batch_id = ACTIONS[what][1](session, cast.alice, lead_id, now).batch_id

    outcome = undo.undo(session, cast.tess, batch_id, now=later)

    done, undone = events(session, lead_id)
    assert (undone.undoes_batch_id, undone.batch_id, undone.actor_id, undone.at) == (
        batch_id, outcome.batch_id, cast.tess.user_id, later)
    assert undone.action == ("contact_removed" if done.action in ("contacted", "responded") else "undone")
    assert undone.after == done.before
    assert {name: value for name, value in undone.before.items() if name != "contact"} == done.after


def test_many_leads_go_back_to_their_own_owners(session, cast, now):
    owners = [None, cast.alice, cast.lea]
    lead_ids = [make_lead(session, cast.alice, owner=owner) for owner in owners]
    batch_id = leads.assign(session, cast.tess, lead_ids, to=cast.bob.user_id, now=now).batch_id

    outcome = undo.undo(session, cast.tess, batch_id, now=now)

    assert sorted(outcome.done) == sorted(lead_ids)
    assert [row(session, lead_id).assigned_to_user_id for lead_id in lead_ids] == [
        owner and owner.user_id for owner in owners]


def test_a_contact_with_many_is_taken_back_from_all(session, cast, now):
    lead_ids = [make_lead(session, cast.alice, status=status) for status in ("new", "enriched", "qualified")]
    before = [state(session, lead_id) for lead_id in lead_ids]
    batch_id = contacts.log_contact(session, cast.alice, lead_ids, method="email", now=now).batch_id

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert sorted(outcome.done) == sorted(lead_ids)
    assert [state(session, lead_id) for lead_id in lead_ids] == before
    assert [attempts(session, lead_id) for lead_id in lead_ids] == [[], [], []]


def test_a_value_that_was_missing_is_missing_again(session, cast, now):
    lead_id = make_lead(session, cast.alice, email=None)
    session.connection().exec_driver_sql("UPDATE leads SET enrichment_data = NULL WHERE id = %s", (lead_id,))
    batch_id = deliveries.enrich(session, cast.alice, lead_id, {"email": "a@b.example"}, now=now).batch_id

    undo.undo(session, cast.alice, batch_id, now=now)

    # In Python, JSON's own null would look the same.
    assert session.scalar(select(Lead.enrichment_data.is_(None)).where(Lead.id == lead_id))
    assert row(session, lead_id).email is None


# ---------------------------------------------------------------- the making of a lead


def made(session, cast, now):
    lead_id = new_leads.create(session, cast.alice, {"last_name": "Lovelace", "company": "Analytical"}, now=now)
    return lead_id, events(session, lead_id)[0].batch_id


def test_a_lead_that_nothing_has_happened_to_is_removed(session, cast, now):
    lead_id, batch_id = made(session, cast, now)

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    # With the lead its events have gone, so there is nothing to offer an undo of.
    assert (outcome.done, outcome.batch_id) == ([lead_id], None)
    assert session.scalar(select(Lead.id).where(Lead.id == lead_id)) is None
    assert events(session, lead_id) == []
    with pytest.raises(NotFound, match=r"^There is nothing to undo\.$"):
        undo.undo(session, cast.alice, batch_id, now=now)


@pytest.mark.parametrize("what", ["a status", "an outbound contact", "an enrichment"])
def test_a_lead_that_was_worked_on_stays(session, cast, now, what):
    lead_id, batch_id = made(session, cast, now)
    ACTIONS[what][1](session, cast.bob, lead_id, now)
    before, happened = state(session, lead_id), events(session, lead_id)

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert outcome.done == []
    assert [str(refusal) for refusal in outcome.refused] == ["Lovelace: It has been worked on since."]
    assert type(outcome.refused[0].error) is ChangedSince
    assert (state(session, lead_id), events(session, lead_id)) == (before, happened)


# ---------------------------------------------------------------- what somebody has changed since


@pytest.mark.parametrize(("what", "since", "label"), [
    ("a status", {"status": "converted"}, "Status"),
    ("several cells", {"notes": "Another"}, "Notes"),
    ("an enrichment", {"phone": "112"}, "Phone"),
])
def test_it_names_the_lead_and_who_has_changed_it_since(session, cast, now, what, since, label):
    lead_id = make_lead(session, cast.alice, first_name="Ada", last_name="Byron")
    batch_id = ACTIONS[what][1](session, cast.alice, lead_id, now).batch_id
    edit(session, cast.bob, lead_id, now, **since)
    before, happened = state(session, lead_id), events(session, lead_id)

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert [str(refusal) for refusal in outcome.refused] == [f"Ada Byron: Bob Brown has changed {label} since."]
    assert (type(outcome.refused[0].error), outcome.done) == (ChangedSince, [])
    assert (state(session, lead_id), events(session, lead_id)) == (before, happened)


def test_it_names_who_has_given_the_lead_away_since(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = leads.assign(session, cast.alice, [lead_id], to=cast.alice.user_id, now=now).batch_id
    leads.assign(session, cast.tess, [lead_id], to=cast.bob.user_id, now=now + timedelta(hours=1))

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert str(outcome.refused[0].error) == "Tess Turner has changed Assigned to since."
    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id


def test_a_change_from_outside_is_put_down_to_nobody(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = edit(session, cast.alice, lead_id, now, score=7).batch_id
    session.execute(update(Lead).where(Lead.id == lead_id).values(score=9))

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert str(outcome.refused[0].error) == "Somebody has changed Score since."
    assert row(session, lead_id).score == 9


def test_the_other_leads_of_the_batch_go_back(session, cast, now):
    left, moved, gone = (make_lead(session, cast.alice, score=1) for _ in range(3))
    batch_id = leads.edit(session, cast.alice, [Edit(each, "score", 1, 2) for each in (left, moved, gone)],
                          now=now).batch_id
    edit(session, cast.bob, moved, now, score=3)
    session.execute(delete(Lead).where(Lead.id == gone))

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert outcome.done == [left]
    assert [(each.lead_id, type(each.error)) for each in outcome.refused] == [(moved, ChangedSince)]
    assert [row(session, each).score for each in (left, moved)] == [1, 3]


def test_a_change_of_another_cell_does_not_matter(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=1)
    batch_id = edit(session, cast.alice, lead_id, now, score=2).batch_id
    edit(session, cast.bob, lead_id, now, notes="Likes tea")

    undo.undo(session, cast.alice, batch_id, now=now)

    assert (row(session, lead_id).score, row(session, lead_id).notes) == (1, "Likes tea")


def test_an_address_that_is_another_leads_by_now_is_left(session, cast, now):
    lead_id = make_lead(session, cast.alice, email="old@example.com")
    batch_id = edit(session, cast.alice, lead_id, now, email="new@example.com", score=3).batch_id
    other = make_lead(session, cast.alice, email="old@example.com")

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert (outcome.done, type(outcome.refused[0].error)) == ([], Duplicate)
    assert "old@example.com" in str(outcome.refused[0])
    assert (row(session, lead_id).email, row(session, lead_id).score) == ("new@example.com", 3)
    assert row(session, other).email == "old@example.com"
    assert len(events(session, lead_id)) == 1


# ---------------------------------------------------------------- contacts, in any order


CONTACTS = [
    [{"days": 2}, {"method": "call"}],
    [{}, {"method": "call", "days": 2}],
    [{}, {"method": "call"}],
    [{}, {"method": "call"}, {"method": "linkedin"}],
    [{"days": 1}, {"method": "call", "direction": "inbound"}],
    [{"direction": "inbound", "days": 3}, {"method": "call", "days": 4}, {"method": "other", "direction": "inbound"}],
    [{"days": 5}, {"days": 9, "method": "linkedin"}, {"days": 7, "method": "call"}],
]


@pytest.mark.parametrize("start", ["new", "enriched", "qualified"])
@pytest.mark.parametrize("logged", CONTACTS, ids=str)
def test_the_summary_follows_what_remains_in_whatever_order_contacts_go(session, cast, now, logged, start):
    # A twin that is only ever given the remaining contacts says what the lead has to look like.
    for order in permutations(range(len(logged))):
        lead_id = make_lead(session, cast.alice, status=start)
        batches = [log(session, cast.alice, lead_id, now, **values).batch_id for values in logged]
        remaining = dict(enumerate(logged))
        for number in order:
            undo.undo(session, cast.alice, batches[number], now=now)

            del remaining[number]
            twin = make_lead(session, cast.alice, status=start)
            for values in remaining.values():
                log(session, cast.alice, twin, now, **values)
            assert summary(session, lead_id) == summary(session, twin), (order, number)
            assert len(attempts(session, lead_id)) == len(remaining)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("days", [(0, 1), (1, 0), (9, 0), (0, 9), (4, 4)])
def test_an_upgraded_lead_falls_back_to_what_it_was_before_the_history(session, cast, now, days, order):
    lead_id = make_lead(session, cast.alice, status="contacted", contact_count=6, last_contact_method="linkedin",
                        last_contacted_at=now - timedelta(days=4))
    before = summary(session, lead_id)
    batches = [log(session, cast.alice, lead_id, now, method="call", days=each).batch_id for each in days]

    for number in order:
        undo.undo(session, cast.alice, batches[number], now=now)

    assert summary(session, lead_id) == before


def test_a_status_that_a_person_chose_stays(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = log(session, cast.alice, lead_id, now).batch_id
    edit(session, cast.bob, lead_id, now, status="qualified")

    undo.undo(session, cast.alice, batch_id, now=now)

    assert (row(session, lead_id).status, row(session, lead_id).contact_count) == ("qualified", 0)


def test_a_status_that_a_person_chose_again_stays(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = log(session, cast.alice, lead_id, now).batch_id
    edit(session, cast.bob, lead_id, now, status="lost")
    edit(session, cast.bob, lead_id, now, status="contacted")

    undo.undo(session, cast.alice, batch_id, now=now)

    assert row(session, lead_id).status == "contacted"


def test_a_status_from_outside_stays(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = log(session, cast.alice, lead_id, now).batch_id
    session.execute(update(Lead).where(Lead.id == lead_id).values(status=Status.LOST))

    undo.undo(session, cast.alice, batch_id, now=now)

    assert row(session, lead_id).status == "lost"


def test_a_choice_that_was_undone_does_not_hold_the_status(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    batch_id = log(session, cast.alice, lead_id, now).batch_id
    undo.undo(session, cast.bob, edit(session, cast.bob, lead_id, now, status="qualified").batch_id, now=now)

    undo.undo(session, cast.alice, batch_id, now=now)

    assert row(session, lead_id).status == "new"


def test_a_contact_that_was_put_back_counts_from_then(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    taken = undo.undo(session, cast.alice, log(session, cast.alice, lead_id, now).batch_id, now=now)
    edit(session, cast.bob, lead_id, now, status="enriched")
    back = undo.undo(session, cast.alice, taken.batch_id, now=now)
    assert row(session, lead_id).status == "contacted"

    undo.undo(session, cast.alice, back.batch_id, now=now)

    assert (row(session, lead_id).status, row(session, lead_id).contact_count) == ("enriched", 0)


# ---------------------------------------------------------------- who may, and only once


@pytest.mark.parametrize("what", ACTIONS)
def test_a_colleague_may_not(session, cast, now, what):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    batch_id = ACTIONS[what][1](session, cast.alice, lead_id, now).batch_id
    before, happened = state(session, lead_id), events(session, lead_id)

    with pytest.raises(NotAllowed, match=r"^Only the person who did this, or a team lead, can undo it\.$"):
        undo.undo(session, cast.bob, batch_id, now=now)

    assert (state(session, lead_id), events(session, lead_id)) == (before, happened)


@pytest.mark.parametrize("who", ["alice", "tess", "mona"])
def test_the_author_a_team_lead_and_a_manager_may(session, cast, now, who):
    lead_id = make_lead(session, cast.alice, score=1)
    batch_id = edit(session, cast.alice, lead_id, now, score=2).batch_id

    undo.undo(session, getattr(cast, who), batch_id, now=now)

    assert row(session, lead_id).score == 1
    assert events(session, lead_id)[-1].actor_id == getattr(cast, who).user_id


def test_another_companys_batch_is_not_found(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=1)
    batch_id = edit(session, cast.alice, lead_id, now, score=2).batch_id

    for each in (batch_id, uuid.uuid4()):
        with pytest.raises(NotFound, match=r"^There is nothing to undo\.$"):
            undo.undo(session, cast.olga, each, now=now)

    assert row(session, lead_id).score == 2
    assert len(events(session, lead_id)) == 1


@pytest.mark.parametrize("what", ACTIONS)
def test_a_second_undo_changes_nothing(session, cast, now, what):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    batch_id = ACTIONS[what][1](session, cast.alice, lead_id, now).batch_id
    undo.undo(session, cast.alice, batch_id, now=now)
    before, happened = state(session, lead_id), events(session, lead_id)

    with pytest.raises(AlreadyUndone, match=r"^This has already been undone\.$"):
        undo.undo(session, cast.tess, batch_id, now=now)

    assert (state(session, lead_id), events(session, lead_id)) == (before, happened)


@pytest.mark.parametrize("what", ["a status", "an outbound contact"])
def test_of_two_at_the_same_moment_one_undoes(committed_cast, now, what):
    alice, tess = committed_cast.alice, committed_cast.tess
    for _ in range(5):
        with db.transaction() as session:
            lead_id = make_lead(session, alice, contact_count=3)
            before = state(session, lead_id)
            batch_id = ACTIONS[what][1](session, alice, lead_id, now).batch_id

        outcomes = at_once(*[lambda session, who=who: undo.undo(session, who, batch_id, now=now)
                             for who in (alice, tess)])

        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyUndone", "Outcome"]
        with db.transaction() as session:
            assert state(session, lead_id) == before
            assert [event.undoes_batch_id for event in events(session, lead_id)] == [None, batch_id]
