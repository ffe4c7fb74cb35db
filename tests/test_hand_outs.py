"""A manager hands out, moves and evens out: what is planned is what is done, and nobody gets what they cannot take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from lib import assignment, hand_outs, undo
from lib.assignment import Strategy
from lib.errors import Invalid, NotAllowed
from lib.lists import BULK_LIMIT
from lib.models import Lead, Status, User
from lib.views import OPEN
from tests.factories import forgotten, make_lead, make_user, row


@pytest.fixture
def desks(session, cast):
    """Alice has six open leads, one of them in conversation, Bob one; three are unassigned, one of them closed."""
    for status in ("new", "enriched", "contacted", "contacted", "conversing", "qualified", "lost"):
        make_lead(session, cast.alice, owner=cast.alice, status=status)
    make_lead(session, cast.alice, owner=cast.bob, status="new")
    return [make_lead(session, cast.alice, status=status, score=score)
            for status, score in (("enriched", 10), ("new", 90), ("lost", 50))]


def given_by(plan, cast):
    return {name: plan.shares.get(getattr(cast, name).user_id, 0) for name in ("alice", "bob")}


def test_the_pool_is_handed_out_best_first_and_closed_leads_stay(session, cast, desks, now):
    plan = hand_outs.from_pool(session, cast.mona, now=now)

    assert list(plan.owners) == [desks[1], desks[0]]
    assert given_by(plan, cast) == {"alice": 1, "bob": 1}


def test_so_many_of_the_pool_and_only_of_some_statuses(session, cast, desks, now):
    assert list(hand_outs.from_pool(session, cast.mona, count=1, now=now).owners) == [desks[1]]
    assert list(hand_outs.from_pool(session, cast.mona, statuses=["enriched"], now=now).owners) == [desks[0]]


@pytest.mark.parametrize("count", [0, -1, BULK_LIMIT + 1])
def test_a_number_that_nothing_can_be_handed_out_by_is_refused_and_not_taken_for_all(session, cast, desks, now, count):
    for plan in (lambda: hand_outs.from_pool(session, cast.mona, count=count, now=now),
                 lambda: hand_outs.from_owner(session, cast.mona, cast.alice.user_id, count=count, now=now)):
        with pytest.raises(Invalid) as refused:
            plan()
        assert refused.value.fields == {"count": "How many leads has to be a number from 1 to 100,000."}


def test_all_that_somebody_has_in_no_conversation_goes_to_the_others(session, cast, desks, now):
    plan = hand_outs.from_owner(session, cast.mona, cast.alice.user_id, statuses=hand_outs.NOT_IN_CONVERSATION, now=now)

    assert {row(session, each).status for each in plan.owners} == {"new", "enriched", "contacted", "qualified"}
    assert given_by(plan, cast) == {"alice": 0, "bob": 5}


def test_what_is_moved_never_comes_back_to_whom_it_was_taken_from(session, cast, desks, now):
    plan = hand_outs.from_owner(session, cast.mona, cast.alice.user_id, to=[cast.alice.user_id, cast.tess.user_id],
                                now=now)

    assert set(plan.owners.values()) == {cast.tess.user_id}


def test_evening_out_moves_what_nobody_talks_with_and_as_little_as_it_can(session, cast, desks, now):
    plan = hand_outs.evened_out(session, cast.mona, now=now)

    # Seven open leads: four and three.
    assert given_by(plan, cast) == {"alice": 0, "bob": 2}
    assert {row(session, each).status for each in plan.owners} <= {"new", "enriched", "contacted"}
    outcome = assignment.carry_out(session, cast.mona, plan, now=now)
    assert len(outcome.done) == 2
    assert hand_outs.evened_out(session, cast.mona, now=now).owners == {}
    undo.undo(session, cast.mona, outcome.batch_id, now=now)
    assert {row(session, each).assigned_to_user_id for each in plan.owners} == {cast.alice.user_id}


@given(loads=st.lists(st.integers(0, 8), min_size=1, max_size=5), most=st.none() | st.integers(0, 5))
@settings(max_examples=40)
def test_evened_out_desks_differ_by_at_most_one_unless_somebody_is_full(session, cast, now, loads, most):
    with forgotten(session):
        session.execute(update(User).where(User.company_id == cast.alice.company_id).values(takes_leads=False))
        reps = [make_user(session, cast.alice.company_id, f"Rep {number}", most_open_leads=most if number == 0 else None)
                for number in range(len(loads))]
        for rep, load in zip(reps, loads, strict=True):
            for _ in range(load):
                make_lead(session, cast.alice, owner=rep, status="new")

        plan = hand_outs.evened_out(session, cast.mona, now=now)
        assignment.carry_out(session, cast.mona, plan, now=now)

        after = [session.scalar(select(func.count()).where(Lead.assigned_to_user_id == rep.user_id)) for rep in reps]
        assert sum(after) == sum(loads)
        free = [number for number in range(len(reps)) if number or most is None]
        if free:
            assert max(after[number] for number in free) - min(after[number] for number in free) <= 1
            # As few as can be: nobody both gives and gets.
            assert len(plan.owners) == sum(max(0, was - has) for was, has in zip(loads, after, strict=True))
            if most is not None:
                assert after[0] <= most
                assert after[0] >= min(most, min(after[number] for number in free)) - 1
        else:
            assert after == loads


@pytest.mark.parametrize("plan", [
    lambda s, actor, cast: hand_outs.from_pool(s, actor), lambda s, actor, cast: hand_outs.evened_out(s, actor),
    lambda s, actor, cast: hand_outs.from_owner(s, actor, cast.bob.user_id)], ids=["pool", "even out", "move"])
def test_a_rep_cannot_share_out_the_leads_of_others(session, cast, desks, now, plan):
    with pytest.raises(NotAllowed, match="Only a team lead or a manager"):
        plan(session, cast.alice, cast)


def test_another_companys_leads_are_never_in_a_plan(session, cast, desks, now):
    assert hand_outs.from_pool(session, cast.olga, now=now).owners == {}
    assert hand_outs.from_owner(session, cast.olga, cast.alice.user_id, now=now).owners == {}
    assert hand_outs.evened_out(session, cast.olga, now=now).owners == {}


def test_every_open_status_is_handed_out_unless_others_are_named():
    assert set(OPEN) == set(Status) - {Status.CONVERTED, Status.LOST}
    assert set(hand_outs.NOT_IN_CONVERSATION) == set(OPEN) - {Status.CONVERSING}
    assert Strategy("least_loaded") is Strategy.LEAST_LOADED
