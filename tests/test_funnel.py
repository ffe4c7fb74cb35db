"""The funnel and the days' activity, each against a slow recomputation on random histories."""

import statistics
from collections import Counter, defaultdict
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import contacts, funnel, leads, undo
from lib.errors import Invalid
from lib.funnel import Stage, Touches
from lib.leads import ANYTHING, Edit
from lib.models import Status
from lib.scope import Scope
from tests.factories import days_ago, events, forgotten, make_lead
from tests.histories import DAYS, HISTORIES, REPS, SOURCES, SlowLead, SlowTeam, load

PIPELINE = list(Status)


def move(session, actor, lead_id, status, now):
    return leads.edit(session, actor, [Edit(lead_id, "status", ANYTHING, status)], now=now)


def told(session, actor, scope=Scope()):
    return {stage.status: (stage.entered, stage.went_on, stage.left, stage.median)
            for stage in funnel.stages(session, actor, scope) if stage.entered}


# ---------------------------------------------------------------- the rules, one by one


def test_a_lead_begins_in_the_status_it_was_created_with_and_goes_on_by_its_events(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, created_at=days_ago(now, 9))
    move(session, cast.alice, lead_id, "enriched", days_ago(now, 7))
    move(session, cast.alice, lead_id, "lost", days_ago(now, 6))
    make_lead(session, cast.alice, status="enriched", created_at=days_ago(now, 5))

    assert told(session, cast.alice) == {
        "new": (1, 1, 1, timedelta(days=2)), "enriched": (2, 0, 1, timedelta(days=1)), "lost": (1, None, 0, None)}


def test_a_lead_that_skips_a_status_went_on_from_the_one_before(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, created_at=days_ago(now, 9))
    move(session, cast.alice, lead_id, "qualified", days_ago(now, 7))
    move(session, cast.alice, lead_id, "contacted", days_ago(now, 6))

    assert {status: values[1] for status, values in told(session, cast.alice).items()} == {
        "new": 1, "qualified": 0, "contacted": 0}


def test_entering_a_status_twice_counts_one_lead_and_two_stays(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="contacted", created_at=days_ago(now, 9))
    for status, days in (("lost", 8), ("contacted", 6), ("lost", 3)):
        move(session, cast.alice, lead_id, status, days_ago(now, days))

    assert told(session, cast.alice)["contacted"] == (1, 0, 2, timedelta(days=2))


def test_a_change_that_is_undone_has_never_been_and_one_that_is_redone_has(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="qualified", created_at=days_ago(now, 9))
    converted = move(session, cast.alice, lead_id, "converted", days_ago(now, 8))
    back = undo.undo(session, cast.alice, converted.batch_id, now=days_ago(now, 7))
    assert told(session, cast.alice) == {"qualified": (1, 0, 0, None)}

    undo.undo(session, cast.alice, back.batch_id, now=days_ago(now, 6))
    assert told(session, cast.alice) == {"qualified": (1, 1, 1, timedelta(days=1)), "converted": (1, None, 0, None)}
    assert "converted" not in told(session, cast.alice, Scope(since=days_ago(now, 7)))


def test_every_status_is_there_in_the_pipelines_order_also_when_nobody_entered_it(session, cast):
    assert funnel.stages(session, cast.alice) == [
        Stage(status, 0, None if status in ("converted", "lost") else 0) for status in PIPELINE]


def test_a_contact_late_in_the_evening_is_of_the_day_where_the_viewer_is(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    contacts.log_contact(session, cast.alice, [lead_id], method="call", now=now,
                         occurred_at=now.replace(day=9, hour=23, minute=30))

    assert [funnel.activity(session, cast.alice, zone)[0] for zone in ("UTC", "Europe/Berlin")] == [
        Touches(date(2026, 3, 9), "call", "outbound", 1), Touches(date(2026, 3, 10), "call", "outbound", 1)]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "a" * 300, "UTC\0"])
def test_a_zone_that_does_not_exist_is_refused(session, cast, zone):
    with pytest.raises(Invalid) as refused:
        funnel.activity(session, cast.alice, zone)

    assert list(refused.value.fields) == ["zone"]


# ---------------------------------------------------------------- against a slow recomputation

LIVES = st.lists(max_size=4, elements=st.fixed_dictionaries({
    "born": st.sampled_from(DAYS), "status": st.sampled_from(Status), "owner": st.sampled_from((*REPS, None)),
    "source": st.sampled_from(SOURCES),
    "steps": st.lists(max_size=8, elements=st.tuples(
        st.sampled_from((0, 0, 1, 2)), st.one_of(st.sampled_from(Status), st.just("undo"), st.just("undo"))))}))


def live(session, actor, now, life, people):
    """Live a life through with the functions that the pages call; undo takes back whatever was done last."""
    at = days_ago(now, life["born"])
    lead_id = make_lead(session, actor, status=life["status"].value, source=life["source"], created_at=at,
                        assigned_to_user_id=people(life["owner"]))
    latest = None
    for days, step in life["steps"]:
        at += timedelta(days=days)
        if step != "undo":
            outcome = move(session, actor, lead_id, step, at)
        elif latest:
            outcome = undo.undo(session, actor, latest, now=at)
        else:
            continue
        latest = outcome.batch_id if outcome.done else latest
    return SlowLead(lead_id, life["status"].value, life["source"], people(life["owner"]), None), days_ago(
        now, life["born"])


def slow_entries(session, lead, born):
    """The statuses that a lead entered, with the time of each; undo puts back those from before what it undoes."""
    entries, before = [(born, lead.status)], {}
    for event in events(session, lead.id):
        before[event.batch_id] = entries
        if event.undoes_batch_id:
            entries = before[event.undoes_batch_id]
        else:
            entries = [*entries, (event.at, event.after["status"])]
    return entries


@given(lives=LIVES, scope=st.data())
@settings(max_examples=80, derandomize=True)
def test_the_funnel_is_that_of_a_slow_recomputation(session, cast, now, lives, scope):
    with forgotten(session):
        lived = [live(session, cast.tess, now, life, lambda name: name and getattr(cast, name).user_id)
                 for life in lives]
        for life in lives:
            live(session, cast.olga, now, life, lambda name: name and cast.olga.user_id)
        team = SlowTeam(cast, now, [lead for lead, _ in lived])
        chosen = team.scope(scope)

        found = funnel.stages(session, cast.alice, chosen)

        entered, went_on, stays = defaultdict(set), defaultdict(set), defaultdict(list)
        for lead, born in lived:
            entries = slow_entries(session, lead, born)
            for place, (at, status) in enumerate(entries):
                if not team.is_of(chosen, lead, at=at, user=lead.owner):
                    continue
                entered[status].add(lead.id)
                later = [PIPELINE.index(other) for _, other in entries[place + 1:] if other != "lost"]
                if later and max(later) > PIPELINE.index(status):
                    went_on[status].add(lead.id)
                if place + 1 < len(entries):
                    stays[status].append((entries[place + 1][0] - at).total_seconds())
        assert found == [
            Stage(status, len(entered[status]), None if status in ("converted", "lost") else len(went_on[status]),
                  len(stays[status]), timedelta(seconds=statistics.median(stays[status])) if stays[status] else None)
            for status in PIPELINE]


@given(histories=HISTORIES, scope=st.data(), zone=st.sampled_from(["UTC", "America/Los_Angeles", "Pacific/Auckland"]))
@settings(max_examples=60, derandomize=True)
def test_the_activity_is_that_of_a_slow_recomputation(session, cast, now, histories, scope, zone):
    with forgotten(session):
        team = load(session, cast, now, histories)
        chosen = team.scope(scope)

        found = funnel.activity(session, cast.alice, zone, chosen)

        expected = Counter((each.at.astimezone(ZoneInfo(zone)).date(), each.method, each.direction)
                           for lead in team.leads for each in lead.contacts
                           if team.is_of(chosen, lead, at=each.at, user=each.user))
        assert {(each.day, each.method, each.direction): each.count for each in found} == expected
        assert [each.day for each in found] == sorted(each.day for each in found)
