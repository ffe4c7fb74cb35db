import threading
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from lib import db, leads
from lib.errors import Conflict, Duplicate, Invalid, NotAllowed, NotFound
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Status
from tests.crowd import PATIENCE, at_once, until_somebody_waits_for
from tests.factories import events, make_lead, row


def only(outcome):
    """The one refusal of an outcome that has nothing else."""
    assert (list(outcome.done), list(outcome.unchanged)) == ([], [])
    refusal, = outcome.refused
    return refusal.error


def test_it_writes_the_cell_and_its_event(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, score=10)

    outcome = leads.edit(session, cast.alice, [Edit(lead_id, "score", 10, 20)], now=now)

    assert (outcome.done, outcome.unchanged, outcome.refused) == ([lead_id], [], [])
    assert row(session, lead_id).score == 20
    event, = events(session, lead_id)
    assert (event.action, event.before, event.after) == ("edited", {"score": 10}, {"score": 20})
    assert (event.batch_id, event.actor_id, event.at, event.source) == (
        outcome.batch_id, cast.alice.user_id, now, "ui")


NEW_VALUES = {"first_name": "Grace", "last_name": "Hopper", "job_title": "Admiral", "email": "grace@navy.example",
              "phone": "+1 555", "linkedin_url": "https://linkedin.com/in/grace", "status": "qualified", "score": 1,
              "tags": ["cobol", "navy"], "notes": "Two\nlines"}


@pytest.mark.parametrize("field", leads.EDITABLE)
def test_every_editable_field_can_be_changed(session, cast, now, field):
    lead_id = make_lead(session, cast.alice)
    seen = getattr(row(session, lead_id), field)

    leads.edit(session, cast.alice, [Edit(lead_id, field, seen, NEW_VALUES[field])], now=now).or_raise()

    assert getattr(row(session, lead_id), field) == NEW_VALUES[field]
    assert events(session, lead_id)[0].after == {field: NEW_VALUES[field]}


@pytest.mark.parametrize("field", [field for field in leads.EDITABLE if field not in ("status", "tags")])
def test_every_field_but_the_status_can_be_emptied(session, cast, now, field):
    lead_id = make_lead(session, cast.alice, **{field: NEW_VALUES[field]})

    leads.edit(session, cast.alice, [Edit(lead_id, field, NEW_VALUES[field], None)], now=now).or_raise()

    assert getattr(row(session, lead_id), field) is None


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_a_person_may_move_a_lead_from_any_status_to_any(session, cast, now, before, after):
    lead_id = make_lead(session, cast.alice, status=before)

    outcome = leads.edit(session, cast.alice, [Edit(lead_id, "status", before, after)], now=now)

    assert row(session, lead_id).status == after
    if before != after:
        assert [event.action for event in events(session, lead_id)] == ["status_changed"]
    else:
        assert outcome.unchanged == [lead_id] and events(session, lead_id) == []


def test_a_value_that_the_cell_holds_changes_nothing(session, cast, now):
    lead_id = make_lead(session, cast.alice, email="ada@example.com")

    outcome = leads.edit(session, cast.alice, [Edit(lead_id, "email", "other@example.com", " ADA@Example.com")],
                         now=now)

    assert (outcome.done, outcome.unchanged, outcome.refused) == ([], [lead_id], [])
    assert events(session, lead_id) == []


def test_several_cells_of_several_leads_are_one_batch(session, cast, now):
    one, two = make_lead(session, cast.alice), make_lead(session, cast.alice)

    outcome = leads.edit(session, cast.alice, [
        Edit(one, "score", None, 5), Edit(two, "status", "new", "lost"), Edit(one, "phone", None, "110"),
        Edit(two, "score", None, None)], now=now)

    assert sorted(outcome.done) == sorted([one, two])
    event_one, event_two = events(session, one) + events(session, two)
    assert (event_one.action, event_one.after) == ("edited", {"score": 5, "phone": "110"})
    assert (event_two.action, event_two.after) == ("status_changed", {"status": "lost", "lost_at": now.isoformat()})
    assert event_one.batch_id == event_two.batch_id == outcome.batch_id


def test_leads_that_change_alike_are_all_written(session, cast, now):
    lead_ids = [make_lead(session, cast.alice) for _ in range(5)]

    leads.edit(session, cast.alice, [Edit(lead_id, "tags", [], ["vip"]) for lead_id in lead_ids], now=now)

    assert [row(session, lead_id).tags for lead_id in lead_ids] == [["vip"]] * 5


# ---------------------------------------------------------------- what the user saw


def test_a_cell_that_was_changed_meanwhile_is_left_as_it_is(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=10)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", 10, 30)], now=now)

    outcome = leads.edit(session, cast.alice, [Edit(lead_id, "score", 10, 20)], now=now + timedelta(minutes=5))

    conflict = only(outcome)
    assert isinstance(conflict, Conflict)
    assert str(conflict) == "Score was changed by Bob Brown after you opened this list."
    assert (conflict.lead_id, conflict.field, conflict.theirs, conflict.yours) == (lead_id, "score", 30, 20)
    assert (conflict.by, conflict.at) == ("Bob Brown", now)
    assert row(session, lead_id).score == 30
    assert len(events(session, lead_id)) == 1


def test_a_conflict_does_not_blame_whoever_left_the_last_event(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=10)
    leads.edit(session, cast.bob, [Edit(lead_id, "score", 10, 30)], now=now)
    session.execute(update(Lead.__table__).where(Lead.id == lead_id).values(score=40))

    conflict = only(leads.edit(session, cast.alice, [Edit(lead_id, "score", 30, 20)], now=now))

    assert (conflict.theirs, conflict.by, conflict.at) == (40, None, None)
    assert str(conflict) == "Score was changed by somebody else after you opened this list."


def test_two_different_cells_of_one_lead_are_both_kept(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=10, job_title=None)

    leads.edit(session, cast.alice, [Edit(lead_id, "score", 10, 20)], now=now).or_raise()
    leads.edit(session, cast.bob, [Edit(lead_id, "job_title", None, "CTO")], now=now).or_raise()

    assert (row(session, lead_id).score, row(session, lead_id).job_title) == (20, "CTO")


def test_the_other_cells_of_a_lead_in_conflict_are_kept(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=10)

    outcome = leads.edit(session, cast.alice, [
        Edit(lead_id, "score", 9, 20), Edit(lead_id, "job_title", None, "CTO")], now=now)

    assert outcome.done == [lead_id] and isinstance(outcome.refused[0].error, Conflict)
    assert (row(session, lead_id).score, row(session, lead_id).job_title) == (10, "CTO")


def test_who_does_not_care_what_was_there_may_say_so(session, cast, now):
    lead_id = make_lead(session, cast.alice, score=10)

    leads.edit(session, cast.alice, [Edit(lead_id, "score", ANYTHING, 20)], now=now).or_raise()

    assert row(session, lead_id).score == 20


@pytest.mark.parametrize(("held", "seen"), [
    (None, None), (None, []), ([], None), ([], []), (["a"], ["a"]), (["a"], ("a",)),
])
def test_no_tags_and_an_empty_list_of_tags_are_the_same(session, cast, now, held, seen):
    lead_id = make_lead(session, cast.alice, tags=held)

    leads.edit(session, cast.alice, [Edit(lead_id, "tags", seen, ["b"])], now=now).or_raise()

    assert row(session, lead_id).tags == ["b"]


def test_emptying_tags_that_are_empty_changes_nothing(session, cast, now):
    lead_id = make_lead(session, cast.alice, tags=None)

    assert leads.edit(session, cast.alice, [Edit(lead_id, "tags", None, [])], now=now).unchanged == [lead_id]


@pytest.mark.parametrize(("field", "held"), [
    ("email", "not an address"), ("email", "Mixed@Example.com"), ("notes", "ends in space "), ("score", -5),
    ("linkedin_url", "in/ada"), ("phone", "1" * 80), ("first_name", "line\nbreak"),
])
def test_what_todays_rules_would_refuse_can_still_be_replaced(session, cast, now, field, held):
    lead_id = make_lead(session, cast.alice, **{field: held})

    leads.edit(session, cast.alice, [Edit(lead_id, field, held, NEW_VALUES[field])], now=now).or_raise()

    assert getattr(row(session, lead_id), field) == NEW_VALUES[field]


def test_an_empty_cell_may_have_been_seen_as_an_empty_text(session, cast, now):
    lead_id = make_lead(session, cast.alice, phone=None)

    leads.edit(session, cast.alice, [Edit(lead_id, "phone", "", "110")], now=now).or_raise()

    assert row(session, lead_id).phone == "110"


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("field", "value"), [
    ("email", "nobody"), ("score", -1), ("status", "asleep"), ("status", None), ("tags", "vip"), ("first_name", "\0"),
    ("linkedin_url", "javascript:alert(1)"), ("notes", "x" * 20_001), ("phone", 5),
    ("company_id", str(uuid.uuid4())), ("contact_count", 9), ("assigned_to_user_id", None), ("updated_at", None),
    ("__class__", "x"), ("", "x"), ("company", 5),
])
def test_a_refused_value_names_the_field_and_changes_nothing(session, cast, now, field, value):
    lead_id = make_lead(session, cast.alice)
    before = row(session, lead_id)

    error = only(leads.edit(session, cast.alice, [Edit(lead_id, field, ANYTHING, value)], now=now))

    assert isinstance(error, Invalid) and list(error.fields) == [field]
    assert row(session, lead_id) == before
    assert events(session, lead_id) == []


def test_a_refused_cell_does_not_keep_the_others_from_being_written(session, cast, now):
    lead_id = make_lead(session, cast.alice)

    outcome = leads.edit(session, cast.alice, [
        Edit(lead_id, "score", None, -1), Edit(lead_id, "phone", None, "110")], now=now)

    assert outcome.done == [lead_id] and list(outcome.refused[0].error.fields) == ["score"]
    assert row(session, lead_id).phone == "110"


def test_a_rep_cannot_change_a_colleagues_lead(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)

    outcome = leads.edit(session, cast.alice, [Edit(lead_id, "score", None, 1)], now=now)

    assert isinstance(only(outcome), NotAllowed)
    assert str(outcome.refused[0]).endswith(": It belongs to Bob Brown. Ask Bob Brown or a team lead to change it.")
    assert row(session, lead_id).score is None


def test_a_lead_that_is_not_there_is_told_once(session, cast, now):
    missing = uuid.uuid4()

    outcome = leads.edit(session, cast.alice, [Edit(missing, "score", None, 1), Edit(missing, "phone", None, "1")],
                         now=now)

    assert isinstance(only(outcome), NotFound)


def test_another_leads_address_is_refused(session, cast, now):
    make_lead(session, cast.alice, first_name="Grace", last_name="Hopper", email="grace@example.com")
    lead_id = make_lead(session, cast.alice, email=None)

    error = only(leads.edit(session, cast.alice, [Edit(lead_id, "email", None, "Grace@example.com")], now=now))

    assert isinstance(error, Duplicate)
    assert str(error) == "Grace Hopper already has the e-mail address grace@example.com."
    assert row(session, lead_id).email is None


def test_a_linkedin_address_of_another_lead_is_refused(session, cast, now):
    other = make_lead(session, cast.alice, first_name="Grace", last_name="Hopper",
                      linkedin_url="https://www.linkedin.com/in/grace")
    lead_id = make_lead(session, cast.alice)

    refusal, = leads.edit(session, cast.alice, [Edit(lead_id, "linkedin_url", None, "www.linkedin.com/in/grace")],
                          now=now).refused

    assert (type(refusal.error), refusal.error.lead_id, list(refusal.error.fields)) == (
        Duplicate, other, ["linkedin_url"])
    assert str(refusal.error).startswith("Grace Hopper already has the LinkedIn address")
    assert row(session, lead_id).linkedin_url is None


def test_a_lead_keeps_its_own_linkedin_address_written_another_way(session, cast, now):
    lead_id = make_lead(session, cast.alice, linkedin_url="https://www.linkedin.com/in/grace")

    leads.edit(session, cast.alice, [Edit(lead_id, "linkedin_url", ANYTHING, "https://linkedin.com/in/grace/")],
               now=now).or_raise()

    assert row(session, lead_id).linkedin_url == "https://linkedin.com/in/grace/"


def test_one_address_for_two_leads_is_given_to_the_first(session, cast, now):
    # Leads are taken in the order of their ids.
    one, two = sorted(make_lead(session, cast.alice, email=None) for _ in range(2))

    outcome = leads.edit(session, cast.alice, [
        Edit(one, "email", None, "a@example.com"), Edit(two, "email", None, "a@example.com")], now=now)

    assert outcome.done == [one] and isinstance(outcome.refused[0].error, Duplicate)
    assert (row(session, one).email, row(session, two).email) == ("a@example.com", None)


def test_several_leads_can_lose_their_addresses_together(session, cast, now):
    lead_ids = [make_lead(session, cast.alice) for _ in range(2)]

    leads.edit(session, cast.alice, [Edit(lead_id, "email", ANYTHING, "") for lead_id in lead_ids], now=now).or_raise()

    assert [row(session, lead_id).email for lead_id in lead_ids] == [None, None]


# ---------------------------------------------------------------- at the same moment


def committed_lead(cast, **values):
    with db.transaction() as session:
        return make_lead(session, cast.alice, **values)


def test_no_update_is_lost_among_many(committed_cast, now):
    alice, lead_id = committed_cast.alice, committed_lead(committed_cast, score=0)
    callers, rounds = 6, 5

    def add_one():
        while True:
            with db.transaction() as session:
                seen = leads.find(session, alice, lead_id).score
            with db.transaction() as session:
                outcome = leads.edit(session, alice, [Edit(lead_id, "score", seen, seen + 1)], now=now)
            # Otherwise somebody else has counted on meanwhile, perhaps to the very same number.
            if outcome.done:
                return
            assert outcome.unchanged or isinstance(outcome.refused[0].error, Conflict)

    at_once(*[lambda _: [add_one() for _ in range(rounds)]] * callers)

    with db.transaction() as session:
        assert row(session, lead_id).score == callers * rounds
        assert [event.after["score"] for event in events(session, lead_id)] == list(range(1, callers * rounds + 1))


def test_of_two_at_the_same_moment_the_second_is_told(committed_cast, now):
    alice, lead_id = committed_cast.alice, committed_lead(committed_cast, score=0)

    outcomes = at_once(*[
        lambda session, value=value: leads.edit(session, alice, [Edit(lead_id, "score", 0, value)], now=now)
        for value in (1, 2, 3, 4)])

    assert sum(len(outcome.done) for outcome in outcomes) == 1
    assert sum(isinstance(refusal.error, Conflict) for outcome in outcomes for refusal in outcome.refused) == 3


def test_batches_over_the_same_leads_do_not_block_each_other(committed_cast, now):
    alice = committed_cast.alice
    lead_ids = [committed_lead(committed_cast) for _ in range(10)]

    orders = [lead_ids, lead_ids[::-1], lead_ids[5:] + lead_ids[:5]] * 2

    outcomes = at_once(*[
        lambda session, number=number, order=order: leads.edit(
            session, alice, [Edit(lead_id, "score", ANYTHING, number) for lead_id in order], now=now)
        for number, order in enumerate(orders)])

    assert [len(outcome.done) for outcome in outcomes] == [10] * 6


def test_an_address_taken_at_the_same_moment_is_refused(committed_cast, now):
    alice = committed_cast.alice
    lead_ids = [committed_lead(committed_cast, email=None) for _ in range(4)]

    outcomes = at_once(*[
        lambda session, lead_id=lead_id: leads.edit(
            session, alice, [Edit(lead_id, "email", None, "a@example.com")], now=now).or_raise()
        for lead_id in lead_ids])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Duplicate"] * 3 + ["Outcome"]


def test_a_refusal_names_the_owner_who_got_the_lead_meanwhile(committed_cast, now):
    alice, bob, lead_id = committed_cast.alice, committed_cast.bob, committed_lead(committed_cast)
    given, waiting, outcomes = threading.Event(), threading.Event(), []

    def edit():
        assert given.wait(PATIENCE)
        with db.transaction() as session:
            waiting.set()
            outcomes.append(leads.edit(session, alice, [Edit(lead_id, "score", None, 1)], now=now))

    other = threading.Thread(target=edit)
    other.start()
    with db.transaction() as session:
        leads.assign(session, committed_cast.tess, [lead_id], to=bob.user_id, now=now)
        given.set()
        assert waiting.wait(PATIENCE)
        until_somebody_waits_for(session)
    other.join(PATIENCE)

    assert "It belongs to Bob Brown." in str(outcomes[0].refused[0])
