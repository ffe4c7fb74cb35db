"""Why a lead was lost: kept with the status by every door, said later, taken back in one step, counted."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lib import bulk, contact_changes, contacts, funnel, leads, undo
from lib.errors import Invalid, NotAllowed
from lib.funnel import Loss
from lib.leads import ANYTHING, Edit
from lib.lost import Because
from lib.models import LostReason
from lib.scope import Scope
from tests import test_import
from tests.factories import attempts, days_ago, events, forgotten, make_lead, row

SPENT = Because("no_budget", "They spent it")


def lose(session, actor, lead_id, now, because=Because()):
    return bulk.set_status(session, actor, [lead_id], "lost", because=because, now=now)


def why(session, lead_id):
    lead = row(session, lead_id)
    return lead.status, lead.lost_reason, lead.lost_note, lead.lost_at


@pytest.fixture
def lead_id(session, cast):
    return make_lead(session, cast.alice, owner=cast.alice, status="contacted")


# ---------------------------------------------------------------- with the status


def test_a_lead_that_is_lost_keeps_why_and_since_when(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now, SPENT)

    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)
    event, = events(session, lead_id)
    assert event.action == "status_changed"
    assert event.before == {"status": "contacted", "lost_reason": None, "lost_note": None, "lost_at": None}
    assert event.after == {"status": "lost", "lost_reason": "no_budget", "lost_note": "They spent it",
                           "lost_at": now.isoformat()}


def test_a_status_is_saved_without_a_reason_too(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now)

    assert why(session, lead_id) == ("lost", None, None, now)


def test_a_reason_is_ignored_where_nothing_is_lost(session, cast, now, lead_id):
    leads.edit(session, cast.alice, [Edit(lead_id, "status", ANYTHING, "qualified")], because=SPENT, now=now)

    assert why(session, lead_id) == ("qualified", None, None, None)


@pytest.mark.parametrize("door", ["edit", "contact", "import"])
def test_a_lead_that_is_not_lost_any_more_has_no_reason_by_any_door(session, cast, now, lead_id, door):
    session.execute(text("UPDATE leads SET email = 'ada@example.com' WHERE id = :id"), {"id": lead_id})
    lose(session, cast.alice, lead_id, now, SPENT)
    if door == "edit":
        batch_id = bulk.set_status(session, cast.alice, [lead_id], "new", now=now).batch_id
    elif door == "contact":
        batch_id = contacts.log_contact(session, cast.alice, [lead_id], method="call", status="conversing",
                                        now=now).batch_id
    else:
        outcome, _ = test_import.run(session, cast.alice, "Augusta,King,ada@example.com,,,new,9,,Note",
                                     duplicates="overwrite", now=now)
        batch_id = outcome.batch_id
    assert why(session, lead_id)[0] != "lost"
    assert why(session, lead_id)[1:] == (None, None, None)

    undo.undo(session, cast.tess, batch_id, now=now + timedelta(days=1))

    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)


@pytest.mark.parametrize(("values", "named"), [
    (Because("boredom"), "lost_reason"), (Because("other", "x" * 501), "lost_note"),
    (Because(None, "\0"), "lost_note")])
def test_what_cannot_be_kept_is_refused_by_name_and_nothing_is_written(session, cast, now, lead_id, values, named):
    calls = (lambda: lose(session, cast.alice, lead_id, now, values),
             lambda: bulk.explain(session, cast.alice, [lead_id], values, now=now),
             lambda: contacts.log_contact(session, cast.alice, [lead_id], method="call", because=values, now=now))
    for call in calls:
        with pytest.raises(Invalid) as refused:
            call()
        assert list(refused.value.fields) == [named]

    assert why(session, lead_id) == ("contacted", None, None, None)
    assert events(session, lead_id) == []


def test_a_note_alone_is_some_other_reason():
    assert Because(None, " they moved ").cleaned() == Because("other", "they moved")
    assert Because(None, "  ").cleaned() == Because()


def test_the_database_itself_knows_the_reasons(session, lead_id):
    for reason in LostReason:
        session.execute(text("UPDATE leads SET lost_reason = :it WHERE id = :id"), {"it": reason, "id": lead_id})
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text("UPDATE leads SET lost_reason = 'boredom' WHERE id = :id"), {"id": lead_id})


# ---------------------------------------------------------------- with a contact


@pytest.mark.parametrize(("outcome", "reason"), [("not_interested", "no_need"), ("wrong_person", "wrong_person")])
def test_what_came_of_a_contact_says_why_unless_a_person_does(session, cast, now, lead_id, outcome, reason):
    other = make_lead(session, cast.alice, owner=cast.alice)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome=outcome, now=now)
    contacts.log_contact(session, cast.alice, [other], method="call", outcome=outcome, because=SPENT, now=now)

    assert why(session, lead_id) == ("lost", reason, None, now)
    assert why(session, other) == ("lost", "no_budget", "They spent it", now)


def test_a_contact_that_is_undone_takes_its_reason_along_and_redone_brings_it_back(session, cast, now, lead_id):
    batch_id = contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome="wrong_person",
                                    because=SPENT, now=now).batch_id

    back = undo.undo(session, cast.alice, batch_id, now=now + timedelta(days=1))
    assert why(session, lead_id) == ("contacted", None, None, None)

    undo.undo(session, cast.alice, back.batch_id, now=now + timedelta(days=2))
    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)


def test_a_contact_that_reopened_a_lead_gives_the_reason_back_when_it_is_removed(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now, SPENT)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", status="conversing", now=now)
    assert why(session, lead_id) == ("conversing", None, None, None)

    contact_changes.remove_contact(session, cast.alice, attempts(session, lead_id)[0].id, now=now + timedelta(days=1))

    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)


def test_a_contact_whose_outcome_is_corrected_says_why_and_undo_takes_that_back(session, cast, now, lead_id):
    contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now)
    contact = attempts(session, lead_id)[0].id

    edited = contact_changes.edit_contact(session, cast.alice, contact, {}, {"outcome": "wrong_person"}, now=now)
    assert why(session, lead_id) == ("lost", "wrong_person", None, now)

    undo.undo(session, cast.alice, edited.batch_id, now=now)
    assert why(session, lead_id) == ("contacted", None, None, None)


def test_a_repeated_save_is_the_same_save_only_with_the_same_reason(session, cast, now, lead_id):
    for _ in range(2):
        contacts.log_contact(session, cast.alice, [lead_id], method="call", status="lost", because=SPENT, key="k",
                             now=now)

    assert len(attempts(session, lead_id)) == 1
    assert why(session, lead_id)[1] == "no_budget"


# ---------------------------------------------------------------- said later


def test_one_undo_takes_back_a_loss_and_the_reason_that_was_given_for_it(session, cast, now, lead_id):
    batch_id = lose(session, cast.alice, lead_id, now).batch_id

    outcome = bulk.explain(session, cast.alice, [lead_id], SPENT, joins=batch_id, now=now)
    assert (outcome.batch_id, outcome.done) == (batch_id, [lead_id])
    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)

    back = undo.undo(session, cast.alice, batch_id, now=now)
    assert (back.done, back.refused) == ([lead_id], [])
    assert why(session, lead_id) == ("contacted", None, None, None)

    undo.undo(session, cast.alice, back.batch_id, now=now)
    assert why(session, lead_id) == ("lost", "no_budget", "They spent it", now)


def test_a_reason_that_came_later_goes_with_the_loss_that_is_undone(session, cast, now, lead_id):
    batch_id = lose(session, cast.alice, lead_id, now).batch_id
    bulk.explain(session, cast.tess, [lead_id], SPENT, now=now)

    assert undo.undo(session, cast.alice, batch_id, now=now).done == [lead_id]

    assert why(session, lead_id) == ("contacted", None, None, None)


def test_a_reason_is_undone_alone_where_it_was_given_alone(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now, Because("other"))
    batch_id = bulk.explain(session, cast.alice, [lead_id], SPENT, now=now).batch_id

    undo.undo(session, cast.alice, batch_id, now=now)

    assert why(session, lead_id) == ("lost", "other", None, now)


def test_a_reason_that_somebody_has_changed_since_is_not_undone(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now)
    batch_id = bulk.explain(session, cast.alice, [lead_id], SPENT, now=now).batch_id
    bulk.explain(session, cast.tess, [lead_id], Because("competitor", "They spent it"), now=now)

    refused, = undo.undo(session, cast.alice, batch_id, now=now).refused

    assert str(refused.error) == "Tess Turner has changed Lost reason since."
    assert why(session, lead_id)[1:3] == ("competitor", "They spent it")


@pytest.mark.parametrize("whose", ["undone", "somebody else's", "unknown"])
def test_a_reason_stands_alone_where_it_cannot_join_the_batch(session, cast, now, lead_id, whose):
    batch_id = lose(session, cast.tess if whose == "somebody else's" else cast.alice, lead_id, now).batch_id
    if whose == "undone":
        undo.undo(session, cast.alice, batch_id, now=now)
        lose(session, cast.alice, lead_id, now)
    if whose == "unknown":
        batch_id = lead_id

    assert bulk.explain(session, cast.alice, [lead_id], SPENT, joins=batch_id, now=now).batch_id != batch_id


def test_who_may_not_change_a_lead_or_comes_too_late_is_refused_by_name(session, cast, now, lead_id):
    theirs = make_lead(session, cast.alice, owner=cast.bob, status="lost")

    outcome = bulk.explain(session, cast.alice, [lead_id, theirs], SPENT, now=now)

    assert {type(each.error) for each in outcome.refused} == {Invalid, NotAllowed}
    assert why(session, lead_id) == ("contacted", None, None, None)
    assert row(session, theirs).lost_reason is None


def test_the_same_reason_again_changes_nothing_and_none_takes_it_away(session, cast, now, lead_id):
    lose(session, cast.alice, lead_id, now, SPENT)

    assert bulk.explain(session, cast.alice, [lead_id], SPENT, now=now).unchanged == [lead_id]
    assert bulk.explain(session, cast.alice, [lead_id], Because(), now=now).done == [lead_id]
    assert why(session, lead_id) == ("lost", None, None, now)


def test_many_leads_are_explained_with_progress_as_one_batch(session, cast, now, monkeypatch):
    monkeypatch.setattr(leads, "CHUNK", 2)
    some = [make_lead(session, cast.alice, owner=cast.alice) for _ in range(5)]
    batch_id = bulk.set_status(session, cast.alice, some, "lost", now=now).batch_id
    seen = []

    bulk.explain(session, cast.alice, some, SPENT, joins=batch_id, progress=seen.append, now=now)

    assert seen == [2, 4, 5]
    assert {event.batch_id for lead_id in some for event in events(session, lead_id)} == {batch_id}
    assert undo.undo(session, cast.alice, batch_id, now=now).refused == []
    assert {row(session, lead_id).status for lead_id in some} == {"new"}


# ---------------------------------------------------------------- counted


@given(drawn=st.lists(max_size=12, elements=st.tuples(
    st.sampled_from(["lost", "lost", "contacted"]), st.sampled_from([None, *LostReason]),
    st.sampled_from([None, 0, 3, 9]), st.sampled_from([None, "alice", "bob"]), st.sampled_from([None, "fair"]))),
    since=st.sampled_from([None, 3, 5]), until=st.sampled_from([None, 0, 3]),
    rep=st.sampled_from([None, "alice"]), source=st.sampled_from([None, "fair"]))
@settings(max_examples=60, derandomize=True)
def test_losses_are_counted_by_reason(session, cast, now, drawn, since, until, rep, source):
    with forgotten(session):
        for status, reason, days, owner, origin in drawn:
            make_lead(session, cast.alice, owner=owner and getattr(cast, owner), status=status, lost_reason=reason,
                      lost_at=None if days is None else days_ago(now, days), source=origin)
        make_lead(session, cast.olga, status="lost", lost_reason="other", lost_at=days_ago(now, 3), source="fair")

        found = funnel.lost_reasons(session, cast.alice, Scope(
            since=None if since is None else days_ago(now, since),
            until=None if until is None else days_ago(now, until),
            rep=rep and getattr(cast, rep).user_id, source=source))

        expected = Counter(
            reason for status, reason, days, owner, origin in drawn
            if status == "lost" and (since is None or days is not None and days <= since)
            and (until is None or days is not None and days > until)
            and rep in (None, owner) and source in (None, origin))
        assert {each.reason: each.count for each in found} == expected
        assert [each.count for each in found] == sorted(expected.values(), reverse=True)


def test_losses_without_a_reason_come_last_among_equals(session, cast, now):
    for reason in (None, "no_need", "competitor", "competitor"):
        make_lead(session, cast.alice, status="lost", lost_reason=reason, lost_at=now)

    assert funnel.lost_reasons(session, cast.alice) == [Loss("competitor", 2), Loss("no_need", 1), Loss(None, 1)]
