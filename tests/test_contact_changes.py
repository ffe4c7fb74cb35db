import uuid
from datetime import timedelta

import pytest

from lib import contact_changes, contacts, db, leads, undo
from lib.errors import ChangedSince, Conflict, Invalid, NotAllowed, NotFound
from lib.leads import ANYTHING, Edit
from tests.crowd import at_once
from tests.factories import attempts, events, make_lead, row

SUMMARY = ("contact_count", "last_contacted_at", "last_contact_method", "response_count", "last_response_at", "status")


def log(session, actor, lead_id, now, *, method="email", days=0, **values):
    return contacts.log_contact(session, actor, [lead_id], method=method, occurred_at=now - timedelta(days=days),
                                now=now, **values).or_raise().batch_id


def edit(session, actor, contact, now, seen=None, **values):
    return contact_changes.edit_contact(session, actor, contact.id, seen or {}, values, now=now)


def only(session, lead_id):
    attempt, = attempts(session, lead_id)
    return attempt


def summary(session, lead_id):
    return {name: getattr(row(session, lead_id), name) for name in SUMMARY}


# ---------------------------------------------------------------- editing


def test_an_edit_keeps_the_contact_and_says_who_changed_what(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, notes="Sent intro")
    before = only(session, lead_id)

    outcome = edit(session, cast.alice, before, now, notes="Sent the intro", subject="Intro")

    after = only(session, lead_id)
    assert (after.id, after.notes, after.subject, after.method) == (before.id, "Sent the intro", "Intro", "email")
    event = events(session, lead_id)[-1]
    assert (event.action, event.actor_id, event.batch_id) == ("contact_edited", cast.alice.user_id, outcome.batch_id)
    assert event.before == {"contact": {"id": str(before.id), "notes": "Sent intro", "subject": None}}
    assert event.after == {"contact": {"id": str(before.id), "notes": "Sent the intro", "subject": "Intro"}}


def test_the_last_contact_follows_a_time_that_is_put_right(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, method="call", days=5)
    log(session, cast.alice, lead_id, now, method="email", days=1)
    latest = attempts(session, lead_id)[-1]

    edit(session, cast.alice, latest, now, occurred_at=now - timedelta(days=9))

    lead = row(session, lead_id)
    assert (lead.last_contacted_at, lead.last_contact_method, lead.contact_count) == (
        now - timedelta(days=5), "call", 2)


def test_an_older_record_moves_nothing_backwards(session, cast, now):
    lead_id = make_lead(session, cast.alice, status="qualified")
    log(session, cast.alice, lead_id, now, method="call", days=5)
    log(session, cast.alice, lead_id, now, method="email", days=1)
    before = summary(session, lead_id)

    edit(session, cast.alice, attempts(session, lead_id)[0], now, method="other", occurred_at=now - timedelta(days=8))

    assert summary(session, lead_id) == before


def test_a_direction_that_is_put_right_moves_both_counters(session, cast, now):
    lead_id = make_lead(session, cast.alice, contact_count=4)
    log(session, cast.alice, lead_id, now)

    edit(session, cast.alice, only(session, lead_id), now, direction="inbound")

    assert summary(session, lead_id) == {
        "contact_count": 4, "last_contacted_at": None, "last_contact_method": None, "response_count": 1,
        "last_response_at": now, "status": "conversing"}
    assert only(session, lead_id).successful


@pytest.mark.parametrize(("first", "second", "status"), [
    (None, "interested", "conversing"), ("meeting_booked", None, "contacted"),
    ("not_interested", "not_now", "conversing"),
    ("interested", "no_answer", "contacted")])
def test_the_status_follows_the_outcome(session, cast, now, first, second, status):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, outcome=first)

    edit(session, cast.alice, only(session, lead_id), now, outcome=second)

    assert row(session, lead_id).status == status


def test_a_status_that_a_person_chose_since_stays(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, outcome="interested")
    leads.edit(session, cast.bob, [Edit(lead_id, "status", ANYTHING, "qualified")], now=now)

    edit(session, cast.alice, only(session, lead_id), now, outcome="no_answer")

    assert row(session, lead_id).status == "qualified"


def test_the_same_values_change_nothing_and_leave_no_event(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, notes="Hello")

    outcome = edit(session, cast.alice, only(session, lead_id), now, notes="Hello ", method="email", outcome=None)

    assert (list(outcome.done), list(outcome.unchanged)) == ([], [lead_id])
    assert len(events(session, lead_id)) == 1


def test_what_a_colleague_changed_meanwhile_is_not_overwritten(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, notes="Hello")
    seen = only(session, lead_id)
    edit(session, cast.tess, seen, now, notes="Hello from Tess")

    with pytest.raises(Conflict, match="The notes were changed by Tess Turner") as refusal:
        edit(session, cast.alice, seen, now, seen=seen._mapping, notes="Mine", subject="Mine")

    assert (refusal.value.theirs, refusal.value.yours, refusal.value.at) == ("Hello from Tess", "Mine", now)
    assert (only(session, lead_id).notes, only(session, lead_id).subject) == ("Hello from Tess", None)


def test_different_fields_of_one_contact_do_not_conflict(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, notes="Hello")
    seen = only(session, lead_id)
    edit(session, cast.tess, seen, now, notes="Hello from Tess")

    edit(session, cast.alice, seen, now, seen=seen._mapping, subject="Mine", notes="Hello from Tess")

    assert (only(session, lead_id).notes, only(session, lead_id).subject) == ("Hello from Tess", "Mine")


@pytest.mark.parametrize(("field", "value"), [
    ("method", "pigeon"), ("direction", None), ("outcome", "shrug"), ("notes", "a\0b"), ("subject", "x" * 501),
    ("occurred_at", None), ("occurred_at", "yesterday"), ("lead_id", uuid.uuid4()), ("successful", True)])
def test_a_refused_value_names_the_field_and_changes_nothing(session, cast, now, field, value):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now)
    before = only(session, lead_id)

    with pytest.raises(Invalid) as refusal:
        edit(session, cast.alice, before, now, **{field: value})

    assert list(refusal.value.fields) == [field]
    assert only(session, lead_id) == before
    assert len(events(session, lead_id)) == 1


def test_a_contact_is_not_moved_into_the_future(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now)

    with pytest.raises(Invalid, match="cannot lie in the future"):
        edit(session, cast.alice, only(session, lead_id), now, occurred_at=now + timedelta(minutes=1))


# ---------------------------------------------------------------- removing


def test_a_removed_contact_has_never_been(session, cast, now):
    lead_id = make_lead(session, cast.alice, status="enriched")
    before = summary(session, lead_id)
    log(session, cast.alice, lead_id, now, outcome="interested", notes="Oops")
    contact = only(session, lead_id)

    contact_changes.remove_contact(session, cast.alice, contact.id, now=now)

    assert (summary(session, lead_id), attempts(session, lead_id)) == (before, [])
    event = events(session, lead_id)[-1]
    assert (event.action, event.before["contact"]["notes"]) == ("contact_removed", "Oops")
    with pytest.raises(NotFound, match="There is no such contact, or it has been removed"):
        contact_changes.remove_contact(session, cast.alice, contact.id, now=now)


def test_removing_one_lead_s_contact_leaves_the_others_of_its_batch(session, cast, now):
    one, two = make_lead(session, cast.alice), make_lead(session, cast.alice)
    batch_id = contacts.log_contact(session, cast.alice, [one, two], method="email", now=now).batch_id
    contact_changes.remove_contact(session, cast.alice, only(session, one).id, now=now)

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert list(outcome.done) == [two]
    assert [(each.lead_id, type(each.error)) for each in outcome.refused] == [(one, ChangedSince)]
    assert (row(session, one).contact_count, row(session, two).contact_count) == (0, 0)


# ---------------------------------------------------------------- undo


@pytest.mark.parametrize("act", ["edit", "remove"])
def test_it_can_be_undone_and_the_undo_too(session, cast, now, act):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, days=2, method="call")
    log(session, cast.alice, lead_id, now, outcome="interested", notes="Hello")
    at_first, said = summary(session, lead_id), attempts(session, lead_id)
    contact = said[-1]
    batch_id = (edit(session, cast.alice, contact, now, direction="inbound", method="other", outcome=None)
                if act == "edit" else contact_changes.remove_contact(session, cast.alice, contact.id, now=now)).batch_id
    changed, then = summary(session, lead_id), attempts(session, lead_id)
    assert (changed, then) != (at_first, said)

    undone = undo.undo(session, cast.alice, batch_id, now=now)
    assert (summary(session, lead_id), attempts(session, lead_id)) == (at_first, said)

    undo.undo(session, cast.alice, undone.batch_id, now=now)
    assert (summary(session, lead_id), attempts(session, lead_id)) == (changed, then)


def test_an_edit_that_somebody_has_built_on_is_not_undone(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now, notes="One")
    batch_id = edit(session, cast.alice, only(session, lead_id), now, notes="Two").batch_id
    edit(session, cast.tess, only(session, lead_id), now, notes="Three")

    outcome = undo.undo(session, cast.alice, batch_id, now=now)

    assert [str(each.error) for each in outcome.refused] == ["The contact has been changed or removed since."]
    assert only(session, lead_id).notes == "Three"


def test_after_a_removal_is_undone_the_logging_can_be_undone(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    before = summary(session, lead_id)
    logged = log(session, cast.alice, lead_id, now)
    removed = contact_changes.remove_contact(session, cast.alice, only(session, lead_id).id, now=now).batch_id
    undo.undo(session, cast.alice, removed, now=now)

    assert undo.undo(session, cast.alice, logged, now=now).done == [lead_id]
    assert (summary(session, lead_id), attempts(session, lead_id)) == (before, [])


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("alice", True), ("tess", True), ("mona", True), ("bob", False)])
def test_the_author_and_a_team_lead_may_correct_a_contact(session, cast, now, who, may):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now)
    contact, actor = only(session, lead_id), getattr(cast, who)
    acts = (lambda: edit(session, actor, contact, now, notes=f"By {who}"),
            lambda: contact_changes.remove_contact(session, actor, contact.id, now=now))

    for act in acts:
        if may:
            act()
            continue
        with pytest.raises(NotAllowed, match="Alice Adams made this contact. Ask Alice Adams or a team lead"):
            act()

    assert len(attempts(session, lead_id)) == (0 if may else 1)


def test_a_contact_that_a_team_lead_logged_for_a_rep_is_the_rep_s(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.tess, lead_id, now, made_by=cast.bob.user_id)

    edit(session, cast.bob, only(session, lead_id), now, notes="It was me")

    assert only(session, lead_id).notes == "It was me"


def test_only_a_team_lead_says_that_somebody_else_made_it(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, now)

    with pytest.raises(NotAllowed):
        edit(session, cast.alice, only(session, lead_id), now, user_id=cast.bob.user_id)
    with pytest.raises(NotFound):
        edit(session, cast.tess, only(session, lead_id), now, user_id=cast.olga.user_id)
    edit(session, cast.tess, only(session, lead_id), now, user_id=cast.bob.user_id)

    assert only(session, lead_id).user_id == cast.bob.user_id


# ---------------------------------------------------------------- all at once


def test_edits_removals_and_logs_at_the_same_moment_add_up(committed_cast, now):
    alice, tess = committed_cast.alice, committed_cast.tess
    with db.transaction() as session:
        lead_id = make_lead(session, alice)
        for days in (1, 2, 3):
            log(session, alice, lead_id, now, days=days)
        first, second, third = attempts(session, lead_id)

    outcomes = at_once(
        lambda session: edit(session, alice, first, now, direction="inbound"),
        lambda session: contact_changes.remove_contact(session, tess, second.id, now=now),
        lambda session: contact_changes.remove_contact(session, alice, second.id, now=now),
        lambda session: edit(session, tess, third, now, occurred_at=now),
        lambda session: contacts.log_contact(session, alice, [lead_id], method="call", now=now - timedelta(hours=1)))

    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 1
    with db.transaction() as session:
        lead = row(session, lead_id)
        assert (lead.contact_count, lead.response_count) == (2, 1)
        assert (lead.last_contacted_at, lead.last_response_at) == (now, first.occurred_at)
        assert len(attempts(session, lead_id)) == 3
