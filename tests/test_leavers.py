"""Somebody leaves, and none of their leads is forgotten; and who takes leads is a manager's to say."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from lib import assignment, db, leads, leavers, staffing, undo, users
from lib.errors import Invalid, NotAllowed, NotFound
from lib.models import Company, Lead, User
from lib.staffing import Taking
from tests.crowd import until_somebody_waits_for
from tests.factories import events, make_lead, row


@pytest.fixture
def desk(session, cast):
    """Alice's desk: a conversation, two that are ready, one that is won."""
    return {name: make_lead(session, cast.alice, owner=cast.alice, status=status) for name, status in (
        ("talk", "conversing"), ("one", "enriched"), ("two", "contacted"), ("won", "converted"))}


def is_active(session, actor):
    return session.scalar(select(User.is_active).where(User.id == actor.user_id))


def test_conversations_go_to_whom_they_are_given_and_the_rest_to_who_takes_leads(session, cast, desk, now):
    plan = leavers.hand_over(session, cast.mona, cast.alice.user_id, conversations_to=cast.tess.user_id, now=now)

    outcome = leavers.leave(session, cast.mona, cast.alice.user_id, plan, now=now)

    assert {name: row(session, lead).assigned_to_user_id for name, lead in desk.items()} == {
        "talk": cast.tess.user_id, "one": cast.bob.user_id, "two": cast.bob.user_id, "won": cast.alice.user_id}
    assert not is_active(session, cast.alice)
    assert set(outcome.done) == {desk["talk"], desk["one"], desk["two"]}
    assert events(session, desk["one"])[0].detail["reason"] == "Alice Adams has left"


def test_their_undo_waits_for_another_leaving_before_it_holds_a_lead(committed_cast, now):
    alice, mona = committed_cast.alice, committed_cast.mona
    with db.transaction() as session:
        lead_id = make_lead(session, alice, owner=alice, status="contacted")
    with db.transaction() as session:
        plan = leavers.hand_over(session, mona, alice.user_id, conversations_to=None, now=now)
        batch_id = leavers.leave(session, mona, alice.user_id, plan, now=now).batch_id

    def undone():
        with db.transaction() as session:
            return undo.undo(session, mona, batch_id, now=now).done

    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            # As a leaving begins.
            assignment.take_turns(session, mona)
            undoing = pool.submit(undone)
            until_somebody_waits_for(session)
            free = session.scalars(select(Lead.id).where(Lead.id == lead_id).with_for_update(skip_locked=True)).all()
        assert undoing.result(30) == [lead_id]

    assert free == [lead_id]
    with db.transaction() as session:
        assert is_active(session, alice)


def test_one_undo_brings_them_and_their_leads_back(session, cast, desk, now):
    plan = leavers.hand_over(session, cast.mona, cast.alice.user_id, conversations_to=cast.bob.user_id, now=now)
    outcome = leavers.leave(session, cast.mona, cast.alice.user_id, plan, now=now)

    undo.undo(session, cast.mona, outcome.batch_id, now=now)

    assert {row(session, lead).assigned_to_user_id for lead in desk.values()} == {cast.alice.user_id}
    assert is_active(session, cast.alice)


@pytest.mark.parametrize("to", [None, "alice"])
def test_a_conversation_needs_a_named_colleague(session, cast, desk, now, to):
    with pytest.raises(Invalid, match="Choose who goes on with the 1 leads") as refused:
        leavers.hand_over(session, cast.mona, cast.alice.user_id, now=now,
                          conversations_to=to and cast.alice.user_id)

    assert list(refused.value.fields) == ["conversations_to"]


def test_a_lead_that_came_in_meanwhile_is_not_orphaned(session, cast, desk, now):
    plan = leavers.hand_over(session, cast.mona, cast.alice.user_id, conversations_to=cast.bob.user_id, now=now)
    late = make_lead(session, cast.alice, owner=cast.alice, status="new")

    with pytest.raises(Invalid, match="1 open leads of Alice Adams's would be left"), session.begin_nested():
        leavers.leave(session, cast.mona, cast.alice.user_id, plan, now=now)

    assert is_active(session, cast.alice)
    assert row(session, late).assigned_to_user_id == row(session, desk["one"]).assigned_to_user_id


def test_when_nobody_has_room_nobody_leaves(session, cast, desk, now):
    staffing.set_taking(session, cast.mona, cast.bob.user_id, Taking(takes_leads=False))
    plan = leavers.hand_over(session, cast.mona, cast.alice.user_id, conversations_to=cast.bob.user_id, now=now)
    assert len(plan.left) == 2

    with pytest.raises(Invalid, match="2 open leads"), session.begin_nested():
        leavers.leave(session, cast.mona, cast.alice.user_id, plan, now=now)

    assert is_active(session, cast.alice)


def test_nobody_deactivates_themselves(session, cast, now):
    with pytest.raises(Invalid, match="Ask another manager"):
        leavers.hand_over(session, cast.mona, cast.mona.user_id, conversations_to=None, now=now)


CALLS = {
    "hand_over": lambda s, actor, cast: leavers.hand_over(s, actor, cast.bob.user_id, conversations_to=None),
    "come_back": lambda s, actor, cast: leavers.come_back(s, actor, cast.lea.user_id),
    "set_taking": lambda s, actor, cast: staffing.set_taking(s, actor, cast.bob.user_id, Taking(False)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("who", ["alice", "tess"])
def test_only_a_manager_decides_who_works_here(session, cast, call, who):
    with pytest.raises(NotAllowed, match="Only a manager"):
        CALLS[call](session, getattr(cast, who), cast)


@pytest.mark.parametrize("call", CALLS)
def test_another_companys_people_are_not_there(session, cast, call):
    with pytest.raises(NotFound, match="no such colleague"):
        CALLS[call](session, cast.olga, cast)


def test_settings_are_kept_as_they_were_given(session, cast, now):
    wanted = Taking(False, now, now + timedelta(days=7), 40)

    staffing.set_taking(session, cast.mona, cast.bob.user_id, wanted)

    assert staffing.taking(session, cast.mona)[cast.bob.user_id] == wanted
    assert staffing.taking(session, cast.mona)[cast.alice.user_id] == Taking()
    assert cast.olga.user_id not in staffing.taking(session, cast.mona)


@pytest.mark.parametrize(("wanted", "field"), [
    (Taking(most_open_leads=-1), "most_open_leads"), (Taking(away_until="now"), "away_until"),
    (Taking(away_from="now", away_until="now"), "away_until")])
def test_settings_that_make_no_sense_are_refused_by_name(session, cast, now, wanted, field):
    wanted = Taking(*(now if value == "now" else value for value in (
        wanted.takes_leads, wanted.away_from, wanted.away_until, wanted.most_open_leads)))
    with pytest.raises(Invalid) as refused:
        staffing.set_taking(session, cast.mona, cast.bob.user_id, wanted)

    assert list(refused.value.fields) == [field]


def test_the_company_says_whether_enriched_leads_are_assigned(session, cast):
    staffing.set_auto_assign(session, cast.mona, "least_loaded")

    assert users.sign_in(session, cast.alice.user_id)[0].auto_assign == "least_loaded"
    assert session.get_one(Company, cast.olga.company_id).auto_assign is None
    staffing.set_auto_assign(session, cast.mona, None)
    assert users.sign_in(session, cast.alice.user_id)[0].auto_assign is None
    with pytest.raises(Invalid, match="not a strategy"):
        staffing.set_auto_assign(session, cast.mona, "by size")
    with pytest.raises(NotAllowed):
        staffing.set_auto_assign(session, cast.tess, "round_robin")
    assert leads.EDITABLE
