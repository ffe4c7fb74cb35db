"""The same change to many leads: one batch, one Undo, nobody left out without a word."""

import uuid

import pytest

from lib import bulk, leads, undo
from lib.errors import Invalid, LeadDeskError
from lib.fields import MAX_TAGS
from tests.factories import events, make_lead, row


@pytest.fixture
def some(session, cast):
    return [make_lead(session, cast.alice, owner=owner, tags=tags) for owner, tags in (
        (cast.alice, ["a", "b"]), (None, None), (cast.bob, ["a"]))]


def test_tags_are_added_and_taken_away_and_the_rest_stays_in_place(session, cast, some, now):
    outcome = bulk.tag(session, cast.tess, some, add=["c"], remove=["a"], now=now)

    assert [row(session, each).tags for each in some] == [["b", "c"], ["c"], ["c"]]
    assert set(outcome.done) == set(some)
    assert {event.batch_id for each in some for event in events(session, each)} == {outcome.batch_id}


def test_a_rep_changes_their_own_and_is_told_of_the_others(session, cast, some, now):
    outcome = bulk.tag(session, cast.alice, some, add=["c"], now=now)

    assert set(outcome.done) == set(some[:2])
    assert [refusal.lead_id for refusal in outcome.refused] == [some[2]]
    assert row(session, some[2]).tags == ["a"]


def test_a_lead_that_has_the_tags_already_is_left_alone(session, cast, some, now):
    outcome = bulk.tag(session, cast.tess, some, add=["a"], remove=["zzz"], now=now)

    assert set(outcome.unchanged) == {some[0], some[2]}
    assert events(session, some[0]) == []


def test_one_undo_takes_all_of_it_back(session, cast, some, now):
    outcome = bulk.tag(session, cast.tess, some, add=["c"], remove=["a"], now=now)

    undo.undo(session, cast.tess, outcome.batch_id, now=now)

    assert [row(session, each).tags or [] for each in some] == [["a", "b"], [], ["a"]]


def test_a_lead_that_would_have_too_many_tags_is_refused_alone(session, cast, now):
    full = make_lead(session, cast.alice, tags=[f"t{number}" for number in range(MAX_TAGS)])
    other = make_lead(session, cast.alice)

    outcome = bulk.tag(session, cast.alice, [full, other], add=["one more"], now=now)

    assert (outcome.done, [each.lead_id for each in outcome.refused]) == ([other], [full])
    assert len(row(session, full).tags) == MAX_TAGS


@pytest.mark.parametrize(("add", "remove"), [(["x" * 51], []), (["a"], ["a"]), (["\0"], [])])
def test_a_tag_that_cannot_be_is_refused_before_anything_is_written(session, cast, some, now, add, remove):
    with pytest.raises(Invalid) as refused:
        bulk.tag(session, cast.tess, some, add=add, remove=remove, now=now)

    assert list(refused.value.fields) == ["tags"]
    assert all(events(session, each) == [] for each in some)


def test_a_status_is_set_for_all_in_one_batch(session, cast, some, now):
    outcome = bulk.set_status(session, cast.tess, some, "qualified", now=now)

    assert [row(session, each).status for each in some] == ["qualified"] * 3
    assert {event.action for each in some for event in events(session, each)} == {"status_changed"}
    assert set(outcome.done) == set(some)


def test_a_status_that_does_not_exist_is_refused(session, cast, some, now):
    with pytest.raises(Invalid, match="not a status"):
        bulk.set_status(session, cast.tess, some, "nonsense", now=now)


VERBS = {
    "assign": lambda session, actor, ids, progress: leads.assign(
        session, actor, ids, to=actor.user_id, progress=progress),
    "set_status": lambda session, actor, ids, progress: bulk.set_status(
        session, actor, ids, "lost", progress=progress),
    "tag": lambda session, actor, ids, progress: bulk.tag(session, actor, ids, add=["x"], progress=progress),
}


@pytest.mark.parametrize("verb", VERBS)
def test_many_leads_are_one_batch_whatever_the_chunks(session, cast, verb, monkeypatch):
    monkeypatch.setattr(leads, "CHUNK", 2)
    some = [make_lead(session, cast.alice, status="new") for _ in range(5)]
    told = []

    outcome = VERBS[verb](session, cast.tess, [*some, some[0], uuid.uuid4()], told.append)

    assert told == [2, 4, 6]
    assert sorted(outcome.done) == sorted(some)
    assert [str(each) for each in outcome.refused] == ["There is no such lead."]
    assert {event.batch_id for each in some for event in events(session, each)} == {outcome.batch_id}


@pytest.mark.parametrize("verb", VERBS)
def test_work_that_is_stopped_halfway_raises_so_that_nothing_is_kept(session, cast, verb, monkeypatch):
    monkeypatch.setattr(leads, "CHUNK", 1)
    some = [make_lead(session, cast.alice, status="new") for _ in range(3)]

    class Enough(LeadDeskError):
        pass

    def stop(done):
        if done == 2:
            raise Enough("enough")

    with pytest.raises(Enough), session.begin_nested():
        VERBS[verb](session, cast.tess, some, stop)

    assert all(events(session, each) == [] for each in some)
