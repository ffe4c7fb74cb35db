"""Leads are shared out fairly: by turn or by load, past whoever cannot take any, also by many callers at once."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from lib import assignment, deliveries, leads, undo
from lib.assignment import Candidate, Strategy, Turns
from lib.errors import Invalid, NobodyAvailable, NotFound
from lib.models import Lead, Role, User
from tests.crowd import at_once
from tests.factories import events, make_lead, make_user, row


def change(session, actor, **values):
    session.execute(update(User).where(User.id == actor.user_id).values(**values))


def waiting(session, cast, **values):
    return [each.name for each in assignment.turns(session, cast.tess, **values).candidates]


def skipped(session, cast, now, **values):
    return {each.name: each.reason for each in assignment.turns(session, cast.tess, now=now, **values).skipped}


@pytest.fixture
def pool(session, cast):
    return [make_lead(session, cast.alice, status="enriched") for _ in range(5)]


# ---------------------------------------------------------------- who is next


def test_the_reps_of_the_company_take_turns_and_nobody_else(session, cast, now):
    assert waiting(session, cast, now=now) == ["Alice Adams", "Bob Brown"]


def test_whoever_has_waited_longest_is_next_and_the_new_one_first(session, cast, now):
    change(session, cast.alice, last_assigned_at=now)
    change(session, cast.bob, last_assigned_at=now - timedelta(hours=1))
    carl = make_user(session, cast.alice.company_id, "Carl Cole")

    assert waiting(session, cast, now=now) == [carl.name, "Bob Brown", "Alice Adams"]


@pytest.mark.parametrize(("values", "reason"), [
    ({"is_active": False}, "has left"), ({"takes_leads": False}, "takes no leads"),
    ({"is_service": True}, "is a service user"),
    ({"away_from": timedelta(days=-1), "away_until": timedelta(days=2)}, "is away until 12 March"),
    ({"away_from": timedelta(0)}, "is away"), ({"most_open_leads": 0}, "has 0 open leads, which is the most they take"),
])
def test_who_cannot_take_leads_is_passed_over_and_it_is_said_why(session, cast, now, values, reason):
    change(session, cast.bob, **{name: now + value if isinstance(value, timedelta) else value
                                 for name, value in values.items()})

    assert waiting(session, cast, now=now) == ["Alice Adams"]
    assert skipped(session, cast, now)["Bob Brown"] == reason


@pytest.mark.parametrize("values", [{"away_from": timedelta(days=1)},
                                    {"away_from": timedelta(days=-3), "away_until": timedelta(0)}])
def test_who_is_back_or_not_yet_gone_takes_part(session, cast, now, values):
    change(session, cast.bob, **{name: now + value for name, value in values.items()})

    assert "Bob Brown" in waiting(session, cast, now=now)


def test_only_open_leads_fill_somebodys_desk(session, cast, now):
    change(session, cast.bob, most_open_leads=2)
    for status in ("contacted", "lost", "converted"):
        make_lead(session, cast.alice, owner=cast.bob, status=status)

    assert "Bob Brown" in waiting(session, cast, now=now)
    make_lead(session, cast.alice, owner=cast.bob, status="new")
    assert skipped(session, cast, now)["Bob Brown"] == "has 2 open leads, which is the most they take"


def test_by_load_the_emptier_desk_comes_first_and_ties_keep_their_turns(session, cast, now):
    carl = make_user(session, cast.alice.company_id, "Carl Cole")
    make_lead(session, cast.alice, owner=cast.alice)
    change(session, cast.bob, last_assigned_at=now)

    assert waiting(session, cast, now=now, strategy=Strategy.LEAST_LOADED) == [carl.name, "Bob Brown", "Alice Adams"]


def test_chosen_colleagues_take_part_whatever_their_role(session, cast, now):
    who = assignment.turns(session, cast.tess, among=[cast.mona.user_id, cast.lea.user_id, cast.olga.user_id], now=now)

    assert [each.name for each in who.candidates] == ["Mona Meyer"]
    assert [(each.name, each.reason) for each in who.skipped] == [("Lea Lang", "has left")]


# ---------------------------------------------------------------- a plan


@given(desks=st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 12)), min_size=1, max_size=6),
       many=st.integers(0, 40), strategy=st.sampled_from(Strategy))
@settings(max_examples=200)
def test_a_plan_is_as_even_as_the_rooms_allow(desks, many, strategy):
    people = [Candidate(uuid.uuid4(), f"Rep {number}", load, most, None)
              for number, (load, most) in enumerate(desks) if most is None or load < most]
    if strategy is Strategy.LEAST_LOADED:
        people.sort(key=lambda each: each.open_leads)
    asked = [uuid.uuid4() for _ in range(many)]

    made = assignment.plan(asked, Turns(people, ()), strategy)

    assert [*made.owners, *made.left] == asked
    assert Counter(made.owners.values()) == Counter({user: share for user, share in made.shares.items() if share})
    after = {each.user_id: each.open_leads + made.shares[each.user_id] for each in people}
    full = {each.user_id for each in people if each.most_open_leads == after[each.user_id]}
    assert all(each.most_open_leads is None or after[each.user_id] <= each.most_open_leads for each in people)
    assert not made.left or full == {each.user_id for each in people}
    measured = made.shares if strategy is Strategy.ROUND_ROBIN else after
    # Whoever has room has at most one less than whoever got anything.
    for free in (each.user_id for each in people if each.user_id not in full):
        assert all(measured[other] <= measured[free] + 1 for other, share in made.shares.items() if share)


def test_a_plan_is_carried_out_as_one_batch_with_one_undo(session, cast, pool, now):
    agreed = assignment.plan(pool, assignment.turns(session, cast.tess, now=now), Strategy.ROUND_ROBIN)

    outcome = assignment.carry_out(session, cast.tess, agreed, now=now)

    owners = Counter(row(session, each).assigned_to_user_id for each in pool)
    assert owners == {cast.alice.user_id: 3, cast.bob.user_id: 2}
    assert waiting(session, cast, now=now) == ["Bob Brown", "Alice Adams"]
    undo.undo(session, cast.tess, outcome.batch_id, now=now)
    assert {row(session, each).assigned_to_user_id for each in pool} == {None}


def test_who_left_between_plan_and_doing_gets_nothing(session, cast, pool, now):
    agreed = assignment.plan(pool, assignment.turns(session, cast.tess, now=now), Strategy.ROUND_ROBIN)
    change(session, cast.bob, is_active=False)

    with pytest.raises(Invalid, match="Bob Brown no longer works here"), session.begin_nested():
        assignment.carry_out(session, cast.tess, agreed, now=now)

    assert {row(session, each).assigned_to_user_id for each in pool} == {None}


# ---------------------------------------------------------------- one lead, by itself


def test_an_unassigned_lead_goes_to_whoever_is_next(session, cast, pool, now):
    for lead_id in pool:
        assignment.auto_assign(session, cast.alice, lead_id, now=now)

    assert [row(session, each).assigned_to_user_id for each in pool] == [
        (cast.alice, cast.bob)[number % 2].user_id for number in range(5)]
    assert row(session, pool[0]).assigned_at == now


def test_the_event_tells_the_strategy_the_candidates_and_the_reason(session, cast, pool, now):
    change(session, cast.bob, takes_leads=False)

    assignment.auto_assign(session, cast.alice, pool[0], now=now)

    event, = events(session, pool[0])
    assert (event.action, event.detail) == ("assigned", {
        "strategy": "round_robin", "candidates": [str(cast.alice.user_id)], "reason": "waited longest",
        "skipped": [["Bob Brown", "takes no leads"], ["Lea Lang", "has left"]]})


def test_a_lead_that_has_an_owner_stays_and_nobody_loses_their_turn(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    outcome = assignment.auto_assign(session, cast.alice, lead_id, now=now)

    assert (outcome.done, outcome.unchanged) == ((), [lead_id])
    assert events(session, lead_id) == []
    assert session.scalars(select(User.last_assigned_at).where(User.last_assigned_at.is_not(None))).all() == []


def test_when_nobody_can_it_is_said_why(session, cast, pool, now):
    change(session, cast.alice, takes_leads=False)
    change(session, cast.bob, is_active=False)

    with pytest.raises(NobodyAvailable, match="Nobody can take leads now: .*Alice Adams takes no leads"):
        assignment.auto_assign(session, cast.tess, pool[0], now=now)


def test_another_companys_lead_is_not_there(session, cast, pool, now):
    with pytest.raises(NotFound, match="There is no such lead"):
        assignment.auto_assign(session, cast.olga, pool[0], now=now)


def test_two_hundred_at_once_give_fair_shares_and_no_lead_twice(engine, committed_cast, now):
    cast = committed_cast
    with Session(engine) as session:
        reps = [cast.alice, cast.bob, *(make_user(session, cast.alice.company_id, f"Rep {n}") for n in range(5))]
        pool = [make_lead(session, cast.alice, status="enriched") for _ in range(200)]
        session.commit()

    for start in range(0, 200, 20):
        at_once(*[lambda session, lead_id=lead_id: assignment.auto_assign(session, cast.mona, lead_id, now=now)
                  for lead_id in pool[start:start + 20]])

    with Session(engine) as session:
        owners = Counter(session.scalars(select(Lead.assigned_to_user_id).where(Lead.id.in_(pool))).all())
        assert set(owners) == {each.user_id for each in reps}
        assert max(owners.values()) - min(owners.values()) <= 1
        assert all(len(events(session, lead_id)) == 1 for lead_id in pool)


def test_the_same_lead_asked_for_ten_times_at_once_is_given_once(engine, committed_cast, now):
    with Session(engine) as session:
        lead_id = make_lead(session, committed_cast.alice)
        session.commit()

    outcomes = at_once(*[lambda session: assignment.auto_assign(session, committed_cast.mona, lead_id, now=now)
                         for _ in range(10)])

    assert sum(len(each.done) for each in outcomes) == 1
    with Session(engine) as session:
        assert len(events(session, lead_id)) == 1


def test_assigning_by_hand_and_by_turn_at_once_never_block_each_other(engine, committed_cast, now):
    cast = committed_cast
    with Session(engine) as session:
        pool = [make_lead(session, cast.alice) for _ in range(20)]
        session.commit()

    at_once(*[lambda session, lead_id=lead_id: assignment.auto_assign(session, cast.mona, lead_id, now=now)
              for lead_id in pool],
            *[lambda session, to=to: leads.assign(session, cast.tess, pool, to=to.user_id, now=now)
              for to in (cast.alice, cast.bob, cast.alice, cast.bob)])

    with Session(engine) as session:
        assert all(row(session, lead_id).assigned_to_user_id in (cast.alice.user_id, cast.bob.user_id)
                   for lead_id in pool)
        assert session.scalars(select(User.role).where(User.id == cast.alice.user_id)).one() == Role.REP


# ---------------------------------------------------------------- as soon as it is enriched


def test_a_lead_is_assigned_with_its_enrichment_where_the_company_has_it_so(session, cast, now):
    by_turn = replace(cast.mona, auto_assign="round_robin")
    lead_ids = [make_lead(session, cast.alice, status="new") for _ in range(3)]

    for lead_id in lead_ids:
        deliveries.enrich(session, by_turn, lead_id, {"size": 1}, now=now)

    assert [row(session, each).assigned_to_user_id for each in lead_ids] == [
        each.user_id for each in (cast.alice, cast.bob, cast.alice)]
    assert [event.action for event in events(session, lead_ids[0])] == ["enriched", "assigned"]


@pytest.mark.parametrize("values", [{"status": "contacted"}, {"status": "new", "owner": "bob"}])
def test_a_lead_that_somebody_has_or_works_on_is_only_enriched(session, cast, now, values):
    owner = values.pop("owner", None)
    lead_id = make_lead(session, cast.alice, owner=owner and cast.bob, **values)

    deliveries.enrich(session, replace(cast.mona, auto_assign="round_robin"), lead_id, {"size": 1}, now=now)

    assert row(session, lead_id).assigned_to_user_id == (cast.bob.user_id if owner else None)
    assert row(session, lead_id).enrichment_data == {"size": 1}


def test_an_enrichment_counts_also_when_nobody_can_take_the_lead(session, cast, now):
    session.execute(update(User).where(User.company_id == cast.alice.company_id).values(takes_leads=False))
    lead_id = make_lead(session, cast.alice, status="new")

    deliveries.enrich(session, replace(cast.mona, auto_assign="least_loaded"), lead_id, {"size": 1}, now=now)

    assert (row(session, lead_id).status, row(session, lead_id).assigned_to_user_id) == ("enriched", None)


def test_without_the_setting_nothing_is_assigned(session, cast, now):
    lead_id = make_lead(session, cast.alice, status="new")

    deliveries.enrich(session, cast.mona, lead_id, {"size": 1}, now=now)

    assert (row(session, lead_id).status, row(session, lead_id).assigned_to_user_id) == ("enriched", None)
