import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from lib import contacts, db, leads, once
from lib.errors import Invalid, KeyReused, NotAllowed, NotFound
from lib.leads import ANYTHING, Edit
from lib.models import Status
from tests.crowd import PATIENCE, at_once, until_somebody_waits_for
from tests.factories import attempts, events, make_lead, row


def test_it_keeps_what_was_said(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    outcome = contacts.log_contact(session, cast.alice, [lead_id], method="email", subject="Intro",
                                   notes="Sent intro email\nvia Apollo", successful=True, now=now)

    attempt, = attempts(session, lead_id)
    assert (attempt.method, attempt.direction, attempt.subject, attempt.notes, attempt.successful) == (
        "email", "outbound", "Intro", "Sent intro email\nvia Apollo", True)
    assert (attempt.user_id, attempt.company_id, attempt.occurred_at, attempt.batch_id) == (
        cast.alice.user_id, cast.alice.company_id, now, outcome.batch_id)
    assert outcome.done == [lead_id]


def test_it_sums_up_on_the_lead(session, cast, now):
    lead_id = make_lead(session, cast.alice, contact_count=4)

    contacts.log_contact(session, cast.alice, [lead_id], method="linkedin", now=now)

    lead = row(session, lead_id)
    assert (lead.contact_count, lead.last_contacted_at, lead.last_contact_method) == (5, now, "linkedin")
    assert (lead.response_count, lead.last_response_at) == (0, None)


def test_it_records_the_event(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    outcome = contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now)

    event, = events(session, lead_id)
    assert (event.action, event.actor_id, event.batch_id, event.at) == (
        "contacted", cast.alice.user_id, outcome.batch_id, now)
    assert event.before == {"contact_count": 0, "last_contacted_at": None, "last_contact_method": None, "status": "new"}
    assert event.after == {"contact_count": 1, "last_contacted_at": now.isoformat(), "last_contact_method": "call",
                           "status": "contacted"}


def test_an_answer_sums_up_on_its_own(session, cast, now):
    lead_id = make_lead(session, cast.alice, contact_count=4, last_contacted_at=now - timedelta(days=2),
                        last_contact_method="email", status="contacted")

    contacts.log_contact(session, cast.alice, [lead_id], method="call", direction="inbound", now=now)

    lead = row(session, lead_id)
    assert (lead.response_count, lead.last_response_at) == (1, now)
    assert (lead.contact_count, lead.last_contacted_at, lead.last_contact_method) == (
        4, now - timedelta(days=2), "email")
    assert attempts(session, lead_id)[0].successful
    assert events(session, lead_id)[0].action == "responded"


PROMOTIONS = {
    #               outbound       inbound
    "new":        ("contacted",   "conversing"),
    "enriched":   ("contacted",   "conversing"),
    "contacted":  ("contacted",   "conversing"),
    "conversing": ("conversing",  "conversing"),
    "qualified":  ("qualified",   "qualified"),
    "converted":  ("converted",   "converted"),
    "lost":       ("lost",        "lost"),
}


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
@pytest.mark.parametrize("status", Status)
def test_it_moves_a_lead_on_and_never_back(session, cast, now, status, direction):
    lead_id = make_lead(session, cast.alice, status=status)

    contacts.log_contact(session, cast.alice, [lead_id], method="email", direction=direction, now=now)

    after = PROMOTIONS[status][direction == "inbound"]
    assert row(session, lead_id).status == after
    assert ("status" in events(session, lead_id)[0].after) == (status != after)


@pytest.mark.parametrize("method", ["email", "linkedin", "call", "other"])
def test_every_method_is_kept(session, cast, now, method):
    lead_id = make_lead(session, cast.alice)

    contacts.log_contact(session, cast.alice, [lead_id], method=method, now=now)

    assert row(session, lead_id).last_contact_method == method


def test_the_leads_own_notes_are_left_alone(session, cast, now):
    lead_id = make_lead(session, cast.alice, notes="Likes tea")

    contacts.log_contact(session, cast.alice, [lead_id], method="email", notes="Sent intro", now=now)

    assert row(session, lead_id).notes == "Likes tea"


# ---------------------------------------------------------------- when it happened


def test_a_backdated_contact_never_moves_the_last_contact_backwards(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="email", now=now)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", occurred_at=now - timedelta(days=3), now=now)

    lead = row(session, lead_id)
    assert (lead.contact_count, lead.last_contacted_at, lead.last_contact_method) == (2, now, "email")
    assert [attempt.method for attempt in attempts(session, lead_id)] == ["call", "email"]


def test_a_first_contact_may_be_backdated(session, cast, now):
    lead_id, then = make_lead(session, cast.alice), now - timedelta(days=3)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", occurred_at=then, now=now)

    assert row(session, lead_id).last_contacted_at == then


def test_a_backdated_answer_never_moves_the_last_answer_backwards(session, cast, now):
    lead_id = make_lead(session, cast.alice, last_response_at=now, response_count=1)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", direction="inbound",
                         occurred_at=now - timedelta(days=3), now=now)

    assert (row(session, lead_id).last_response_at, row(session, lead_id).response_count) == (now, 2)


@pytest.mark.parametrize(("occurred_at", "sentence"), [
    (datetime(2026, 3, 10, 12, 0, 0, 1, tzinfo=UTC), "A contact cannot lie in the future."),
    (datetime(2999, 1, 1, tzinfo=UTC), "A contact cannot lie in the future."),
    (datetime(2026, 3, 9, 12, 0), "The time of a contact needs a time zone."),
    (datetime(1999, 12, 31, 23, 59, tzinfo=UTC), "A contact before 2000 cannot be logged."),
])
def test_it_refuses_a_time_that_cannot_be(session, cast, now, occurred_at, sentence):
    lead_id = make_lead(session, cast.alice)

    with pytest.raises(Invalid, match=sentence) as refusal:
        contacts.log_contact(session, cast.alice, [lead_id], method="call", occurred_at=occurred_at, now=now)

    assert list(refusal.value.fields) == ["occurred_at"]
    assert attempts(session, lead_id) == []


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("field", "value"), [
    ("method", "pigeon"), ("method", ""), ("method", None), ("method", "Email"), ("method", "email "), ("method", []),
    ("direction", "sideways"), ("direction", None), ("direction", "INBOUND"),
    ("notes", "a\0b"), ("notes", "\ud800"), ("notes", "\x1b[2J"), ("notes", "x" * 20_001), ("notes", 5),
    ("outcome", "shrug"), ("outcome", 5), ("status", "frozen"), ("occurred_at", "yesterday"),
    ("subject", "a\0b"), ("subject", "\udc00"), ("subject", "two\nlines"), ("subject", "x" * 501), ("subject", ["x"]),
])
def test_a_refused_value_names_the_field_and_changes_nothing(session, cast, now, field, value):
    lead_id = make_lead(session, cast.alice)
    before = row(session, lead_id)

    with pytest.raises(Invalid) as refusal:
        contacts.log_contact(session, cast.alice, [lead_id], **{"method": "email", "now": now} | {field: value})

    assert list(refusal.value.fields) == [field]
    assert row(session, lead_id) == before
    assert attempts(session, lead_id) == events(session, lead_id) == []


@pytest.mark.parametrize(("field", "value", "stored"), [
    ("notes", "x" * 20_000, "x" * 20_000), ("subject", "x" * 500, "x" * 500), ("notes", "  ", None),
    ("notes", "a\r\nb\tc", "a\nb\tc"), ("subject", "<script>", "<script>"), ("notes", "李 🎉", "李 🎉"),
])
def test_it_takes_a_value_up_to_its_limit(session, cast, now, field, value, stored):
    lead_id = make_lead(session, cast.alice)

    contacts.log_contact(session, cast.alice, [lead_id], method="email", now=now, **{field: value})

    assert getattr(attempts(session, lead_id)[0], field) == stored


def test_many_leads_are_logged_and_the_others_named(session, cast, now):
    mine, free = make_lead(session, cast.alice, owner=cast.alice), make_lead(session, cast.alice)
    bobs, theirs, missing = make_lead(session, cast.alice, owner=cast.bob), make_lead(session, cast.olga), uuid.uuid4()

    outcome = contacts.log_contact(session, cast.alice, [mine, bobs, theirs, free, missing, mine], method="email",
                                   now=now)

    assert sorted(outcome.done) == sorted([mine, free])
    assert {refusal.lead_id: type(refusal.error) for refusal in outcome.refused} == {
        bobs: NotAllowed, theirs: NotFound, missing: NotFound}
    assert [len(attempts(session, lead_id)) for lead_id in (mine, free, bobs, theirs)] == [1, 1, 0, 0]
    assert [row(session, lead_id).contact_count for lead_id in (mine, free, bobs, theirs)] == [1, 1, 0, 0]


def test_leads_in_different_states_are_each_summed_up(session, cast, now):
    new = make_lead(session, cast.alice)
    ahead = make_lead(session, cast.alice, status="qualified", contact_count=7, last_contacted_at=now,
                      last_contact_method="call")

    contacts.log_contact(session, cast.alice, [new, ahead], method="email", occurred_at=now - timedelta(days=1),
                         now=now)

    assert (row(session, new).status, row(session, new).contact_count) == ("contacted", 1)
    assert (row(session, ahead).status, row(session, ahead).contact_count) == ("qualified", 8)
    assert (row(session, ahead).last_contacted_at, row(session, ahead).last_contact_method) == (now, "call")


# ---------------------------------------------------------------- for somebody else


def test_a_team_lead_logs_what_somebody_else_did(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    contacts.log_contact(session, cast.tess, [lead_id], method="call", made_by=cast.bob.user_id, now=now)

    assert attempts(session, lead_id)[0].user_id == cast.bob.user_id
    assert events(session, lead_id)[0].actor_id == cast.tess.user_id


def test_a_rep_logs_only_what_they_did_themselves(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)

    with pytest.raises(NotAllowed, match="Only a team lead can log a contact that somebody else made"):
        contacts.log_contact(session, cast.alice, [lead_id], method="call", made_by=cast.bob.user_id, now=now)

    assert attempts(session, lead_id) == []


def test_nobody_logs_for_somebody_of_another_company(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    with pytest.raises(NotFound, match="There is no such colleague"):
        contacts.log_contact(session, cast.tess, [lead_id], method="call", made_by=cast.olga.user_id, now=now)

    assert attempts(session, lead_id) == []


# ---------------------------------------------------------------- exactly once


def test_the_same_key_logs_once_and_answers_the_same(session, cast, now):
    lead_id, bobs = make_lead(session, cast.alice), make_lead(session, cast.alice, owner=cast.bob)
    key = once.new_key()

    first, again = (contacts.log_contact(session, cast.alice, [lead_id, bobs], method="email", key=key, now=moment)
                    for moment in (now, now + timedelta(seconds=3)))

    assert (first.batch_id, first.done) == (again.batch_id, again.done) == (first.batch_id, [lead_id])
    assert [str(refusal) for refusal in first.refused] == [str(refusal) for refusal in again.refused]
    assert type(again.refused[0].error) is NotAllowed
    assert len(attempts(session, lead_id)) == 1 and row(session, lead_id).contact_count == 1


@pytest.mark.parametrize("other", [{"method": "call"}, {"notes": "Something else"}, {"direction": "inbound"},
                                   {"subject": "Other"}, {"successful": True}, {"outcome": "replied"},
                                   {"status": "leave"},
                                   {"occurred_at": datetime(2026, 3, 10, 11, 59, tzinfo=UTC)}])
def test_the_same_key_with_other_contents_is_an_error(session, cast, now, other):
    lead_id, key = make_lead(session, cast.alice), once.new_key()
    contacts.log_contact(session, cast.alice, [lead_id], method="email", key=key, now=now)

    with pytest.raises(KeyReused, match="already sent with other contents"):
        contacts.log_contact(session, cast.alice, [lead_id], **{"method": "email", "key": key, "now": now} | other)

    assert len(attempts(session, lead_id)) == 1


def test_a_key_repeats_with_the_time_that_was_typed(session, cast, now):
    lead_id, key = make_lead(session, cast.alice), once.new_key()

    for moment in (now, now + timedelta(minutes=5)):
        contacts.log_contact(session, cast.alice, [lead_id], method="email", key=key, now=moment,
                             occurred_at=now - timedelta(days=1))

    assert [attempt.occurred_at for attempt in attempts(session, lead_id)] == [now - timedelta(days=1)]


def test_progress_is_told_and_can_break_it_off(session, cast, now, monkeypatch):
    monkeypatch.setattr(leads, "CHUNK", 2)
    lead_ids, told = [make_lead(session, cast.alice) for _ in range(5)], []

    outcome = contacts.log_contact(session, cast.alice, lead_ids, method="email", progress=told.append, now=now)

    assert told == [2, 4, 5]
    assert sorted(outcome.done) == sorted(lead_ids)
    assert len({attempts(session, lead_id)[0].batch_id for lead_id in lead_ids}) == 1


def test_the_same_key_for_another_lead_is_an_error(session, cast, now):
    one, two, key = make_lead(session, cast.alice), make_lead(session, cast.alice), once.new_key()
    contacts.log_contact(session, cast.alice, [one], method="email", key=key, now=now)

    with pytest.raises(KeyReused):
        contacts.log_contact(session, cast.alice, [two], method="email", key=key, now=now)

    assert attempts(session, two) == []


def test_a_key_is_its_owners(session, cast, now):
    lead_id, key = make_lead(session, cast.alice), once.new_key()

    for actor in (cast.alice, cast.bob):
        contacts.log_contact(session, actor, [lead_id], method="email", key=key, now=now)

    assert {attempt.user_id for attempt in attempts(session, lead_id)} == {cast.alice.user_id, cast.bob.user_id}


@pytest.mark.parametrize("key", ["", "x" * 201, "a\0b", "a\nb", "\ud800"])
def test_it_refuses_what_is_no_key(session, cast, now, key):
    lead_id = make_lead(session, cast.alice)

    with pytest.raises(Invalid, match="An idempotency key has 1 to 200 visible characters"):
        contacts.log_contact(session, cast.alice, [lead_id], method="email", key=key, now=now)

    assert attempts(session, lead_id) == []


def test_a_page_can_ask_whether_its_form_was_saved(session, cast, now):
    lead_id, key = make_lead(session, cast.alice), once.new_key()
    assert not once.was_used(session, cast.alice, key)

    contacts.log_contact(session, cast.alice, [lead_id], method="email", key=key, now=now)

    assert once.was_used(session, cast.alice, key)
    assert not once.was_used(session, cast.bob, key)


def test_keys_are_forgotten_after_a_week(session, cast, now):
    lead_id, key = make_lead(session, cast.alice), once.new_key()
    contacts.log_contact(session, cast.alice, [lead_id], method="email", key=key, now=now)
    made_at = session.connection().exec_driver_sql("SELECT now()").scalar_one()

    assert once.forget_old(session, now=made_at + timedelta(days=7)) == 0
    assert once.was_used(session, cast.alice, key)
    assert once.forget_old(session, now=made_at + timedelta(days=7, seconds=1)) == 1
    assert not once.was_used(session, cast.alice, key)


def test_ten_at_the_same_moment_with_one_key_log_once(committed_cast, now):
    alice = committed_cast.alice
    with db.transaction() as session:
        lead_ids = [make_lead(session, alice) for _ in range(3)]

    for _ in range(3):
        key = once.new_key()
        outcomes = at_once(*[
            lambda session: contacts.log_contact(session, alice, lead_ids, method="email", key=key, now=now)] * 10)

        assert len({outcome.batch_id for outcome in outcomes}) == 1
        assert all(sorted(outcome.done) == sorted(lead_ids) for outcome in outcomes)

    with db.transaction() as session:
        assert [len(attempts(session, lead_id)) for lead_id in lead_ids] == [3, 3, 3]
        assert [row(session, lead_id).contact_count for lead_id in lead_ids] == [3, 3, 3]


def test_ten_at_the_same_moment_with_ten_keys_log_ten_times(committed_cast, now):
    alice = committed_cast.alice
    with db.transaction() as session:
        lead_id = make_lead(session, alice)

    at_once(*[lambda session: contacts.log_contact(session, alice, [lead_id], method="email", key=once.new_key(),
                                                   now=now)] * 10)

    with db.transaction() as session:
        assert row(session, lead_id).contact_count == len(attempts(session, lead_id)) == 10
        assert [event.after["contact_count"] for event in events(session, lead_id)] == list(range(1, 11))


def test_a_rollback_frees_the_key(committed_cast, now):
    alice, key = committed_cast.alice, once.new_key()
    with db.transaction() as session:
        lead_id = make_lead(session, alice)

    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        contacts.log_contact(session, alice, [lead_id], method="email", key=key, now=now)
        raise ZeroDivisionError
    with db.transaction() as session:
        assert not once.was_used(session, alice, key)
        assert attempts(session, lead_id) == []
        contacts.log_contact(session, alice, [lead_id], method="call", key=key, now=now)

    with db.transaction() as session:
        assert [attempt.method for attempt in attempts(session, lead_id)] == ["call"]


def test_a_twin_that_waited_for_a_rollback_does_it_itself(committed_cast, now):
    alice, key = committed_cast.alice, once.new_key()
    with db.transaction() as session:
        lead_id = make_lead(session, alice)
    claimed, outcomes = threading.Event(), []

    def twin():
        assert claimed.wait(PATIENCE)
        with db.transaction() as session:
            outcomes.append(contacts.log_contact(session, alice, [lead_id], method="email", key=key, now=now))

    other = threading.Thread(target=twin)
    other.start()
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        contacts.log_contact(session, alice, [lead_id], method="email", key=key, now=now)
        claimed.set()
        until_somebody_waits_for(session)
        raise ZeroDivisionError
    other.join(PATIENCE)

    with db.transaction() as session:
        assert [attempt.batch_id for attempt in attempts(session, lead_id)] == [outcomes[0].batch_id]


def test_an_edit_and_a_contact_at_the_same_moment_are_both_kept(committed_cast, now):
    alice = committed_cast.alice
    with db.transaction() as session:
        lead_ids = [make_lead(session, alice) for _ in range(8)]

    at_once(
        lambda session: contacts.log_contact(session, alice, lead_ids, method="email", now=now),
        lambda session: leads.edit(session, alice, [Edit(lead_id, "score", ANYTHING, 5) for lead_id in lead_ids[::-1]],
                                   now=now),
        lambda session: leads.assign(session, alice, lead_ids[4:] + lead_ids[:4], to=alice.user_id, now=now))

    with db.transaction() as session:
        for lead_id in lead_ids:
            lead = row(session, lead_id)
            assert (lead.contact_count, lead.score, lead.assigned_to_user_id) == (1, 5, alice.user_id)
