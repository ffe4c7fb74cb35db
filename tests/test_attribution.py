"""What a conversion is owed to: kept with the status by every door, worked out anew on demand, shared out in charts."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from lib import attribution, contacts, history, leads, undo
from lib.errors import Invalid, NotAllowed
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Status
from lib.scope import Scope
from lib.ui import timeline
from tests.factories import days_ago, events, forgotten, make_lead, row
from tests.histories import HISTORIES, load, slow_order


def to_status(session, actor, lead_id, status, now):
    return leads.edit(session, actor, [Edit(lead_id, "status", ANYTHING, status)], now=now)


def log(session, actor, lead_id, method, at, now, **values):
    return contacts.log_contact(session, actor, [lead_id], method=method, occurred_at=at, now=now, **values)


def conversion_of(session, lead_id):
    lead = row(session, lead_id)
    return lead.status, lead.conversion_source, lead.converted_at


# ---------------------------------------------------------------- kept with the status


def test_a_conversion_names_the_last_touch_in_either_direction(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", days_ago(now, 9), now)
    log(session, cast.alice, lead_id, "call", days_ago(now, 2), now, direction="inbound")
    log(session, cast.alice, lead_id, "linkedin", days_ago(now, 5), now)

    to_status(session, cast.alice, lead_id, "converted", now)

    assert conversion_of(session, lead_id) == ("converted", "call", now)
    event = events(session, lead_id)[-1]
    assert event.action == "status_changed"
    assert event.before == {"status": "conversing", "conversion_source": None, "converted_at": None}
    assert event.after == {"status": "converted", "conversion_source": "call", "converted_at": now.isoformat()}


def test_a_conversion_without_any_touch_names_none(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)

    to_status(session, cast.alice, lead_id, "converted", now)

    assert conversion_of(session, lead_id) == ("converted", None, now)


def test_where_no_contact_was_written_down_the_leads_own_last_contact_stands_in(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, last_contacted_at=days_ago(now, 3),
                        last_contact_method="linkedin", contact_count=4)

    to_status(session, cast.alice, lead_id, "converted", now)

    assert conversion_of(session, lead_id) == ("converted", "linkedin", now)


def test_another_leads_contacts_have_no_part_in_it(session, cast, now):
    lead_id, other = (make_lead(session, cast.alice, owner=cast.alice) for _ in range(2))
    log(session, cast.alice, lead_id, "email", days_ago(now, 3), now)
    log(session, cast.alice, other, "call", days_ago(now, 1), now)

    leads.edit(session, cast.alice, [Edit(each, "status", ANYTHING, "converted") for each in (lead_id, other)], now=now)

    assert (row(session, lead_id).conversion_source, row(session, other).conversion_source) == ("email", "call")


@pytest.mark.parametrize("status", [status for status in Status if status != "converted"])
def test_leaving_converted_clears_it_and_undo_brings_it_back(session, cast, now, status):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", days_ago(now, 3), now)
    to_status(session, cast.alice, lead_id, "converted", now)
    # Not the last touch of the conversion that undo brings back.
    log(session, cast.alice, lead_id, "call", now, now)
    later = now + timedelta(days=1)

    left = to_status(session, cast.alice, lead_id, status, later)
    assert conversion_of(session, lead_id) == (status, None, None)

    back = undo.undo(session, cast.alice, left.batch_id, now=later)
    assert conversion_of(session, lead_id) == ("converted", "email", now)

    undo.undo(session, cast.alice, back.batch_id, now=later)
    assert conversion_of(session, lead_id) == (status, None, None)


def test_a_conversion_that_is_undone_leaves_nothing_behind_even_when_it_was_worked_out_anew(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    converted = to_status(session, cast.alice, lead_id, "converted", now)
    log(session, cast.alice, lead_id, "email", days_ago(now, 3), now)
    worked_out = attribution.recompute(session, cast.mona, now=now)
    assert conversion_of(session, lead_id) == ("converted", "email", now)

    assert undo.undo(session, cast.alice, converted.batch_id, now=now).done == [lead_id]
    assert conversion_of(session, lead_id) == ("new", None, None)

    # And what was worked out for a lead that is not converted any more is not put back.
    undo.undo(session, cast.mona, worked_out.batch_id, now=now)
    assert conversion_of(session, lead_id) == ("new", None, None)


def test_a_contact_after_the_conversion_changes_it_only_when_it_is_worked_out_anew(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", days_ago(now, 9), now)
    to_status(session, cast.alice, lead_id, "converted", now)
    later = now + timedelta(days=2)

    log(session, cast.alice, lead_id, "linkedin", later, later)
    forgot = log(session, cast.alice, lead_id, "call", days_ago(now, 1), later)
    assert row(session, lead_id).conversion_source == "email"

    attribution.recompute(session, cast.mona, now=later)
    assert conversion_of(session, lead_id) == ("converted", "call", now)

    undo.undo(session, cast.alice, forgot.batch_id, now=later)
    assert row(session, lead_id).conversion_source == "call"
    attribution.recompute(session, cast.mona, now=later)
    assert row(session, lead_id).conversion_source == "email"


# ---------------------------------------------------------------- worked out anew


def test_working_out_anew_fills_in_the_time_from_the_leads_own_events(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", days_ago(now, 3), now)
    then = days_ago(now, 1)
    to_status(session, cast.alice, lead_id, "converted", then)
    # As it is where the columns came later than the conversion.
    session.execute(update(Lead).where(Lead.id == lead_id).values(conversion_source=None, converted_at=None))
    log(session, cast.alice, lead_id, "call", now, now)

    outcome = attribution.recompute(session, cast.mona, now=now)

    assert outcome.done == [lead_id]
    assert conversion_of(session, lead_id) == ("converted", "email", then)
    event = events(session, lead_id)[-1]
    assert (event.action, event.actor_id) == ("attributed", cast.mona.user_id)
    assert event.after == {"conversion_source": "email", "converted_at": then.isoformat()}


def test_working_out_anew_does_not_invent_a_time(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="converted")
    log(session, cast.alice, lead_id, "call", now, now)

    attribution.recompute(session, cast.mona, now=now)

    assert conversion_of(session, lead_id) == ("converted", "call", None)


def test_working_out_anew_twice_changes_nothing_the_second_time(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="converted")
    make_lead(session, cast.alice, status="converted")
    log(session, cast.alice, lead_id, "call", now, now)
    first = attribution.recompute(session, cast.mona, now=now)
    before = row(session, lead_id), events(session, lead_id)

    second = attribution.recompute(session, cast.mona, now=now)

    assert (list(first.done), list(second.done), len(second.unchanged)) == ([lead_id], [], 2)
    assert (row(session, lead_id), events(session, lead_id)) == before


def test_working_out_anew_is_undone_like_any_other_change(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="converted")
    log(session, cast.alice, lead_id, "call", now, now)
    outcome = attribution.recompute(session, cast.mona, now=now)

    undo.undo(session, cast.mona, outcome.batch_id, now=now)

    assert conversion_of(session, lead_id) == ("converted", None, None)


def test_working_out_anew_goes_in_chunks_and_tells_how_far_it_is(session, cast, now, monkeypatch):
    monkeypatch.setattr(leads, "CHUNK", 2)
    for _ in range(5):
        make_lead(session, cast.alice, status="converted")
    told = []

    attribution.recompute(session, cast.mona, progress=told.append, now=now)

    assert told == [2, 4, 5]


@pytest.mark.parametrize("who", ["alice", "tess"])
def test_only_a_manager_has_it_worked_out_anew(session, cast, now, who):
    with pytest.raises(NotAllowed, match="Only a manager"):
        attribution.recompute(session, getattr(cast, who), now=now)


# ---------------------------------------------------------------- shares


def test_shares_of_a_conversion_with_three_touches_and_of_one_without(session, cast, now):
    lead_id, untouched = (make_lead(session, cast.alice, owner=cast.alice) for _ in range(2))
    log(session, cast.alice, lead_id, "email", days_ago(now, 9), now)
    log(session, cast.alice, lead_id, "call", days_ago(now, 8), now)
    log(session, cast.alice, lead_id, "call", days_ago(now, 7), now)
    for each in (lead_id, untouched):
        to_status(session, cast.alice, each, "converted", now)
    log(session, cast.alice, lead_id, "other", now + timedelta(days=1), now + timedelta(days=1))

    call, email, none = attribution.shares(session, cast.alice)

    assert (call.method, call.first, call.last, call.linear) == ("call", 0, 1, pytest.approx(2 / 3))
    assert (email.method, email.first, email.last, email.linear) == ("email", 1, 0, pytest.approx(1 / 3))
    assert (none.method, none.first, none.last, none.linear) == (None, 1, 1, 1)


def test_there_are_no_shares_of_no_conversions(session, cast):
    make_lead(session, cast.alice, status="qualified")

    assert attribution.shares(session, cast.alice) == []


@given(histories=HISTORIES, scope=st.data())
@settings(max_examples=60, derandomize=True)
def test_shares_are_those_of_a_slow_recomputation(session, cast, now, histories, scope):
    with forgotten(session):
        team = load(session, cast, now, histories)
        chosen = team.scope(scope)

        found = {share.method: (share.first, share.last, pytest.approx(share.linear))
                 for share in attribution.shares(session, cast.alice, chosen)}

        expected = defaultdict(lambda: [0, 0, 0.0])
        for lead in team.leads:
            if lead.status != "converted" or not team.is_of(chosen, lead, at=lead.converted_at, user=lead.owner):
                continue
            touches = [each for each in slow_order(lead.contacts)
                       if lead.converted_at is None or each.at <= lead.converted_at]
            methods = [each.method for each in touches] or [None]
            expected[methods[0]][0] += 1
            expected[methods[-1]][1] += 1
            for method in methods:
                expected[method][2] += 1 / len(methods)
        assert found == {method: tuple(values) for method, values in expected.items()}


@given(histories=HISTORIES)
@settings(max_examples=40, derandomize=True)
def test_the_source_that_is_worked_out_is_the_last_touch_of_a_slow_recomputation(session, cast, now, histories):
    with forgotten(session):
        team = load(session, cast, now, histories)

        attribution.recompute(session, cast.mona, now=now)

        for lead in team.leads:
            touches = [each for each in slow_order(lead.contacts) if each.at <= (lead.converted_at or now)]
            last = touches[-1].method if touches and lead.status == "converted" else None
            assert row(session, lead.id).conversion_source == last


@pytest.mark.parametrize("values", [{"since": datetime(2026, 1, 1)}, {"until": datetime(2026, 1, 1)},
                                    {"since": datetime(2026, 2, 1, tzinfo=UTC),
                                     "until": datetime(2026, 1, 1, tzinfo=UTC)}])
def test_a_period_without_a_zone_or_the_wrong_way_round_is_refused(values):
    with pytest.raises(Invalid) as refused:
        Scope(**values)

    assert list(refused.value.fields) == [list(values)[-1]]


# ---------------------------------------------------------------- the timeline


def test_the_timeline_says_what_a_conversion_is_owed_to(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice, status="qualified")
    log(session, cast.alice, lead_id, "linkedin", days_ago(now, 1), now)
    to_status(session, cast.alice, lead_id, "converted", now)

    [event, _] = history.timeline(session, cast.alice, lead_id)

    assert timeline.sentence(event, {}) == "Status Qualified → **Converted** · Converted by empty → **LinkedIn**"
