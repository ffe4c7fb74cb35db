import threading
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from lib import db, leads
from lib.errors import Conflict, Invalid, NotAllowed, NotFound
from lib.models import User
from tests.crowd import PATIENCE, at_once, until_somebody_waits_for
from tests.factories import events, make_lead, row


def test_it_gives_the_lead_and_says_since_when(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    outcome = leads.assign(session, cast.tess, [lead_id], to=cast.bob.user_id, now=now)

    assert (outcome.done, outcome.unchanged, outcome.refused) == ([lead_id], [], [])
    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id
    assert row(session, lead_id).assigned_at == now


def test_it_records_the_event(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, assigned_at=now - timedelta(days=2))

    outcome = leads.assign(session, cast.tess, [lead_id], to=cast.bob.user_id, now=now)

    event, = events(session, lead_id)
    assert (event.action, event.actor_id, event.batch_id, event.at) == (
        "assigned", cast.tess.user_id, outcome.batch_id, now)
    assert event.before == {"assigned_to_user_id": str(cast.alice.user_id),
                            "assigned_at": (now - timedelta(days=2)).isoformat()}
    assert event.after == {"assigned_to_user_id": str(cast.bob.user_id), "assigned_at": now.isoformat()}


def test_unassigning_clears_both_columns(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, assigned_at=now)

    leads.assign(session, cast.alice, [lead_id], to=None, now=now).or_raise()

    assert (row(session, lead_id).assigned_to_user_id, row(session, lead_id).assigned_at) == (None, None)


@pytest.mark.parametrize("owner", ["bob", None])
def test_assigning_to_the_same_changes_nothing(session, cast, now, owner):
    long_ago = now - timedelta(days=9)
    owner = owner and getattr(cast, owner)
    lead_id = make_lead(session, cast.alice, owner=owner, assigned_at=owner and long_ago)

    outcome = leads.assign(session, cast.tess, [lead_id], to=owner and owner.user_id, now=now)

    assert (outcome.done, outcome.unchanged) == ([], [lead_id])
    assert row(session, lead_id).assigned_at == (owner and long_ago)
    assert events(session, lead_id) == []


def test_it_refuses_a_colleague_who_has_left(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)

    with pytest.raises(Invalid, match="Lea Lang no longer works here and cannot be given leads") as refusal:
        leads.assign(session, cast.tess, [lead_id], to=cast.lea.user_id, now=now)

    assert list(refusal.value.fields) == ["assigned_to_user_id"]
    assert row(session, lead_id).assigned_to_user_id == cast.alice.user_id


@pytest.mark.parametrize("stranger", ["olga", None])
def test_it_refuses_somebody_who_is_not_a_colleague(session, cast, now, stranger):
    lead_id = make_lead(session, cast.alice)

    with pytest.raises(NotFound, match=r"^There is no such colleague\.$"):
        leads.assign(session, cast.tess, [lead_id], to=getattr(cast, stranger).user_id if stranger else uuid.uuid4())

    assert row(session, lead_id).assigned_to_user_id is None


def test_a_lead_of_one_who_has_left_can_be_handed_on(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.lea)

    leads.assign(session, cast.tess, [lead_id], to=cast.bob.user_id, now=now).or_raise()

    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id


def test_each_lead_of_many_ends_in_exactly_one_list(session, cast, now):
    free, mine, bobs = (make_lead(session, cast.alice, owner=owner) for owner in (None, cast.alice, cast.bob))
    theirs = make_lead(session, cast.olga)

    outcome = leads.assign(session, cast.alice, [bobs, free, theirs, mine, free], to=cast.alice.user_id, now=now)

    assert (outcome.done, outcome.unchanged) == ([free], [mine])
    assert {refusal.lead_id: type(refusal.error) for refusal in outcome.refused} == {bobs: NotAllowed, theirs: NotFound}
    assert row(session, bobs).assigned_to_user_id == cast.bob.user_id
    assert row(session, theirs).assigned_to_user_id is None


def test_a_lead_that_changed_hands_meanwhile_is_left(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    leads.assign(session, cast.tess, [lead_id], to=cast.bob.user_id, now=now)

    outcome = leads.assign(session, cast.mona, [lead_id], to=cast.alice.user_id, seen=None,
                           now=now + timedelta(hours=1))

    conflict = outcome.refused[0].error
    assert isinstance(conflict, Conflict)
    assert str(conflict) == "Assigned to was changed by Tess Turner after you opened this list."
    assert (conflict.theirs, conflict.yours, conflict.at) == (cast.bob.user_id, cast.alice.user_id, now)
    assert row(session, lead_id).assigned_to_user_id == cast.bob.user_id


def test_a_lead_that_is_still_whose_it_was_goes_over(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    leads.assign(session, cast.mona, [lead_id], to=cast.alice.user_id, seen=cast.bob.user_id, now=now).or_raise()

    assert row(session, lead_id).assigned_to_user_id == cast.alice.user_id


def test_a_rep_cannot_give_a_free_lead_to_somebody_else(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    outcome = leads.assign(session, cast.alice, [lead_id], to=cast.bob.user_id, now=now)

    assert str(outcome.refused[0].error) == ("You can take an unassigned lead yourself; a team lead can give it to "
                                             "somebody else.")
    assert row(session, lead_id).assigned_to_user_id is None


def test_of_many_who_take_a_free_lead_one_gets_it(committed_cast, now):
    with db.transaction() as session:
        lead_id = make_lead(session, committed_cast.alice)
    reps = [committed_cast.alice, committed_cast.bob] * 3

    outcomes = at_once(*[lambda session, rep=rep: leads.assign(session, rep, [lead_id], to=rep.user_id, now=now)
                         for rep in reps])

    with db.transaction() as session:
        owner = row(session, lead_id).assigned_to_user_id
        assert len(events(session, lead_id)) == 1
    for rep, outcome in zip(reps, outcomes, strict=True):
        assert bool(outcome.refused) == (rep.user_id != owner)
    assert sum(len(outcome.done) for outcome in outcomes) == 1


def test_nobody_can_be_deactivated_while_given_a_lead(committed_cast, now):
    bob = committed_cast.bob
    with db.transaction() as session:
        lead_id = make_lead(session, committed_cast.alice)
    given, order = threading.Event(), []

    def deactivate():
        assert given.wait(PATIENCE)
        with db.transaction() as session:
            session.execute(update(User).where(User.id == bob.user_id).values(is_active=False))
            order.append("deactivated")

    other = threading.Thread(target=deactivate)
    other.start()
    with db.transaction() as session:
        leads.assign(session, committed_cast.tess, [lead_id], to=bob.user_id, now=now).or_raise()
        given.set()
        until_somebody_waits_for(session)
        order.append("given")
    other.join(PATIENCE)

    assert order == ["given", "deactivated"]
