"""Reply rates, time to reply and conversions by channel, each against a slow recomputation on random histories."""

import statistics
from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import attribution, contacts, replies
from lib.replies import Conversions, Replies, TimeToReply
from lib.scope import Scope
from tests.factories import days_ago, forgotten, make_lead
from tests.histories import HISTORIES, load, slow_order

FUNCTIONS = (replies.by_channel, replies.by_attempt, replies.conversion_by_channel)


def log(session, actor, lead_id, method, days, now, **values):
    contacts.log_contact(session, actor, [lead_id], method=method, occurred_at=days_ago(now, days), now=now, **values)


# ---------------------------------------------------------------- the rules, one by one


def test_an_answer_belongs_to_the_contact_right_before_it(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", 9, now)
    log(session, cast.alice, lead_id, "linkedin", 8, now)
    log(session, cast.alice, lead_id, "email", 7, now, direction="inbound")
    log(session, cast.alice, lead_id, "email", 6, now, direction="inbound")
    log(session, cast.alice, lead_id, "call", 5, now)

    assert replies.by_channel(session, cast.alice) == [
        Replies("call", 1, 0), Replies("email", 1, 0), Replies("linkedin", 1, 1)]
    assert replies.by_attempt(session, cast.alice) == [Replies(1, 1, 0), Replies(2, 1, 1), Replies(3, 1, 0)]


def test_an_answer_that_was_logged_late_counts_where_it_happened(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", 9, now)
    log(session, cast.alice, lead_id, "call", 7, now)
    log(session, cast.alice, lead_id, "email", 8, now, direction="inbound")

    assert [each.replied for each in replies.by_attempt(session, cast.alice)] == [1, 0]


def test_a_successful_contact_is_replied_to_without_an_inbound_one(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "call", 9, now, successful=True)
    log(session, cast.alice, lead_id, "call", 8, now)

    [calls] = replies.by_channel(session, cast.alice)

    assert (calls, calls.rate) == (Replies("call", 2, 1), 0.5)
    assert replies.time_to_reply(session, cast.alice) == TimeToReply(1, 0)


def test_at_the_same_moment_the_answer_comes_after_the_question(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", 9, now, direction="inbound")
    log(session, cast.alice, lead_id, "email", 9, now)

    assert replies.by_channel(session, cast.alice) == [Replies("email", 1, 1)]
    assert replies.time_to_reply(session, cast.alice).median == timedelta(0)


def test_an_answer_after_the_period_counts_for_the_contact_in_it(session, cast, now):
    lead_id = make_lead(session, cast.alice, owner=cast.alice)
    log(session, cast.alice, lead_id, "email", 9, now)
    log(session, cast.alice, lead_id, "email", 2, now, direction="inbound")
    period = Scope(since=days_ago(now, 9), until=days_ago(now, 8))

    assert replies.by_channel(session, cast.alice, period) == [Replies("email", 1, 1)]
    assert replies.by_channel(session, cast.alice, Scope(until=days_ago(now, 9))) == []
    assert replies.time_to_reply(session, cast.alice, period).median == timedelta(days=7)


def test_an_attempts_number_counts_those_before_the_period_and_by_colleagues(session, cast, now):
    lead_id = make_lead(session, cast.alice)
    log(session, cast.alice, lead_id, "email", 9, now)
    log(session, cast.alice, lead_id, "email", 8, now)
    log(session, cast.bob, lead_id, "call", 1, now)

    assert replies.by_attempt(session, cast.alice, Scope(rep=cast.bob.user_id)) == [Replies(3, 1, 0)]
    assert replies.by_attempt(session, cast.alice, Scope(since=days_ago(now, 2))) == [Replies(3, 1, 0)]


def test_quartiles_are_interpolated_over_those_who_replied(session, cast, now):
    for days in (8, 7, 5, 1, None):
        lead_id = make_lead(session, cast.alice, owner=cast.alice)
        log(session, cast.alice, lead_id, "email", 9, now)
        if days is not None:
            log(session, cast.alice, lead_id, "email", days, now, direction="inbound")

    assert replies.time_to_reply(session, cast.alice) == TimeToReply(
        5, 4, timedelta(days=1.75), timedelta(days=3), timedelta(days=5))


def test_nothing_comes_of_nothing(session, cast):
    make_lead(session, cast.alice)

    assert [function(session, cast.alice) for function in FUNCTIONS] == [[], [], []]
    assert replies.time_to_reply(session, cast.alice) == TimeToReply(0, 0, None, None, None)


# ---------------------------------------------------------------- against a slow recomputation


def outbound(contacts):
    """Each outbound contact with its number and whether it was replied to."""
    ordered = slow_order(contacts)
    number = 0
    for place, each in enumerate(ordered):
        if each.direction == "outbound":
            number += 1
            following = ordered[place + 1:place + 2]
            yield each, number, each.successful or bool(following and following[0].direction == "inbound")


@pytest.mark.parametrize("function", [replies.by_channel, replies.by_attempt])
@given(histories=HISTORIES, scope=st.data())
@settings(max_examples=80, derandomize=True)
def test_reply_rates_are_those_of_a_slow_recomputation(session, cast, now, function, histories, scope):
    with forgotten(session):
        team = load(session, cast, now, histories)
        chosen = team.scope(scope)

        found = function(session, cast.alice, chosen)

        expected = defaultdict(lambda: [0, 0])
        for lead in team.leads:
            for each, number, is_replied in outbound(lead.contacts):
                if team.is_of(chosen, lead, at=each.at, user=each.user):
                    of = each.method if function is replies.by_channel else number
                    expected[of][0] += 1
                    expected[of][1] += is_replied
        assert found == [Replies(of, *expected[of]) for of in sorted(expected)]


@given(histories=HISTORIES, scope=st.data())
@settings(max_examples=80, derandomize=True)
def test_time_to_reply_is_that_of_a_slow_recomputation(session, cast, now, histories, scope):
    with forgotten(session):
        team = load(session, cast, now, histories)
        chosen = team.scope(scope)

        found = replies.time_to_reply(session, cast.alice, chosen)

        touched, taken = 0, []
        for lead in team.leads:
            first = next((each for each, _, _ in outbound(lead.contacts)), None)
            if first and team.is_of(chosen, lead, at=first.at, user=first.user):
                touched += 1
                received = [each.at for each in lead.contacts if each.direction == "inbound" and each.at >= first.at]
                taken += [(min(received) - first.at).total_seconds()] if received else []
        assert (found.touched, found.replied) == (touched, len(taken))
        quartiles = statistics.quantiles(taken, n=4, method="inclusive") if len(taken) > 1 else taken * 3
        assert [found.lower, found.median, found.upper] == (
            [pytest.approx(timedelta(seconds=each), abs=timedelta(milliseconds=1)) for each in quartiles]
            if taken else [None] * 3)


@given(histories=HISTORIES, scope=st.data())
@settings(max_examples=80, derandomize=True)
def test_conversions_by_channel_are_those_of_a_slow_recomputation(session, cast, now, histories, scope):
    with forgotten(session):
        team = load(session, cast, now, histories)
        chosen = team.scope(scope)

        found = replies.conversion_by_channel(session, cast.alice, chosen)

        expected = defaultdict(lambda: [0, 0, 0, 0])
        for lead in team.leads:
            touches = [each for each in slow_order(lead.contacts)
                       if lead.converted_at is None or each.at <= lead.converted_at]
            for place, each in ((0, touches[0]), (2, touches[-1])) if touches else ():
                if team.is_of(chosen, lead, at=each.at, user=each.user):
                    expected[each.method][place] += 1
                    expected[each.method][place + 1] += lead.status == "converted"
        assert found == [Conversions(method, *expected[method]) for method in sorted(expected)]


@given(histories=HISTORIES)
@settings(max_examples=40, derandomize=True)
def test_conversions_by_channel_and_the_shares_agree(session, cast, now, histories):
    with forgotten(session):
        load(session, cast, now, histories)

        by_channel = {each.method: (each.first_converted, each.last_converted)
                      for each in replies.conversion_by_channel(session, cast.alice)}
        shares = {each.method: (each.first, each.last) for each in attribution.shares(session, cast.alice)}

        assert {method: counts for method, counts in by_channel.items() if any(counts)} == {
            method: counts for method, counts in shares.items() if method and any(counts)}
