import pytest

from lib import contacts
from lib.models import ContactOutcome, Direction, Status
from lib.outcomes import ANSWERED, LEAVE, implied_status, status_after
from tests.factories import attempts, events, make_lead, row

IN_TOUCH = ("new", "enriched", "contacted")
OPEN = (*IN_TOUCH, "conversing", "qualified")
# Where each outcome of an outbound contact leads, and from which statuses; the others stay.
MOVES = {
    None: ("contacted", ("new", "enriched")),
    "no_answer": ("contacted", ("new", "enriched")),
    "left_message": ("contacted", ("new", "enriched")),
    "replied": ("conversing", IN_TOUCH),
    "interested": ("conversing", IN_TOUCH),
    "not_now": ("conversing", IN_TOUCH),
    "meeting_booked": ("converted", OPEN),
    "not_interested": ("lost", OPEN),
    "wrong_person": ("lost", OPEN),
}


@pytest.mark.parametrize("outcome", MOVES)
@pytest.mark.parametrize("status", Status)
def test_what_is_shown_before_saving_is_what_is_saved(session, cast, now, status, outcome):
    lead_id = make_lead(session, cast.alice, status=status)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome=outcome, now=now)

    to, start = MOVES[outcome]
    after = to if status in start else status
    assert implied_status("outbound", outcome, status) == row(session, lead_id).status == after
    assert attempts(session, lead_id)[0].outcome == outcome
    assert ("status" in events(session, lead_id)[0].after) == (after != status)


def test_every_outcome_has_its_rule():
    assert set(MOVES) == {None, *ContactOutcome}


@pytest.mark.parametrize("outcome", [None, "no_answer", "left_message", "replied", "not_now"])
def test_whoever_gets_in_touch_is_in_conversation_whatever_came_of_it(outcome):
    assert implied_status(Direction.INBOUND, outcome, "contacted") == "conversing"


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("outcome", [None, *ContactOutcome])
def test_no_contact_moves_a_lead_back_or_reopens_it(direction, outcome):
    order = list(Status)
    for status in Status:
        after = implied_status(direction, outcome, status)
        assert order.index(after) >= order.index(status)
        if status in ("converted", "lost"):
            assert after == status


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("choice", Status)
def test_a_status_that_a_person_chooses_is_taken_even_backwards(session, cast, now, status, choice):
    lead_id = make_lead(session, cast.alice, status=status)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome="interested", status=choice, now=now)

    assert row(session, lead_id).status == choice
    assert attempts(session, lead_id)[0].status_choice == choice


@pytest.mark.parametrize("status", Status)
def test_a_status_can_be_left_as_it_is(session, cast, now, status):
    lead_id = make_lead(session, cast.alice, status=status)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome="meeting_booked", status=LEAVE, now=now)

    assert row(session, lead_id).status == status
    assert row(session, lead_id).contact_count == 1
    assert "status" not in events(session, lead_id)[0].after


@pytest.mark.parametrize(("outcome", "answered"), [
    (None, False), ("no_answer", False), ("left_message", False), ("replied", True), ("not_now", True),
    ("not_interested", True), ("meeting_booked", True), ("wrong_person", True), ("interested", True)])
def test_successful_says_whether_somebody_answered(session, cast, now, outcome, answered):
    lead_id = make_lead(session, cast.alice)

    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome=outcome, now=now)

    assert attempts(session, lead_id)[0].successful is answered
    assert (outcome in ANSWERED) is answered


def test_a_row_and_a_mapping_are_judged_alike(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", outcome="interested", now=now)

    logged = attempts(session, lead_id)[0]

    assert status_after(logged, "new") == status_after(dict(logged._mapping), "new") == "conversing"
