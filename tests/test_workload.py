"""Everybody's desk and the leads on nobody's, against a slow recomputation on random teams."""

import statistics
import uuid
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from lib import workload
from lib.models import ContactAttempt, Method, Status
from lib.views import follow_ups_before
from lib.workload import AGES, FirstTouches, Load, Unowned
from tests.factories import attempts, days_ago, forgotten, make_lead, row
from tests.histories import REPS, SOURCES

# At the edges of every rule, and to either side of them.
DAYS = st.sampled_from((0, 0.5, 1, 2, 2.5, 3, 6.9, 7, 7.1, 29, 30, 31))
LEADS = st.lists(max_size=6, elements=st.fixed_dictionaries({
    "status": st.sampled_from(Status), "owner": st.sampled_from((*REPS, None)), "source": st.sampled_from(SOURCES),
    "created": DAYS, "assigned": DAYS, "contacted": st.one_of(st.none(), DAYS), "converted": st.one_of(st.none(), DAYS),
    "contacts": st.lists(max_size=5, elements=st.tuples(
        DAYS, st.sampled_from(Method), st.sampled_from(["outbound", "outbound", "inbound"]), st.sampled_from(REPS)))}))


def load_team(session, actor, now, drawn, person):
    ids = []
    for each in drawn:
        owner = person(each["owner"])
        lead_id = make_lead(
            session, actor, status=each["status"].value, source=each["source"], assigned_to_user_id=owner,
            created_at=days_ago(now, each["created"]), assigned_at=days_ago(now, each["assigned"]) if owner else None,
            last_contacted_at=None if each["contacted"] is None else days_ago(now, each["contacted"]),
            converted_at=None if each["converted"] is None or each["status"] != "converted"
            else days_ago(now, each["converted"]))
        ids.append(lead_id)
        if each["contacts"]:
            session.execute(insert(ContactAttempt.__table__), [
                {"company_id": actor.company_id, "lead_id": lead_id, "user_id": person(user), "batch_id": uuid.uuid4(),
                 "method": method.value, "direction": direction, "occurred_at": days_ago(now, days)}
                for days, method, direction, user in each["contacts"]])
    return ids


def slow_load(session, actor, lead_ids, user, now):
    leads = [row(session, lead_id) for lead_id in lead_ids]
    made = [each for lead_id in lead_ids for each in attempts(session, lead_id) if each.user_id == user]
    owned = [lead for lead in leads if lead.assigned_to_user_id == user]
    load = Load(open=dict(Counter(lead.status for lead in owned if lead.status not in ("converted", "lost"))))
    due = [lead.last_contacted_at for lead in owned if lead.status in ("contacted", "conversing")
           and lead.last_contacted_at and lead.last_contacted_at < follow_ups_before(actor, now)]
    load.due, load.oldest_due = len(due), min(due, default=None)
    load.waiting = len([lead for lead in owned if lead.status == "enriched" and now - lead.assigned_at > timedelta(2)
                        and not (lead.last_contacted_at and lead.last_contacted_at >= lead.assigned_at)])
    sent = [each for each in made if each.direction == "outbound"]
    load.week = dict(Counter(each.method for each in sent if now - each.occurred_at <= timedelta(7)))
    load.month = dict(Counter(each.method for each in sent if now - each.occurred_at <= timedelta(30)))
    load.replies = len([each for each in made if each.direction == "inbound"
                        and now - each.occurred_at <= timedelta(30)])
    load.conversions = len([lead for lead in owned if lead.status == "converted" and lead.converted_at
                            and now - lead.converted_at <= timedelta(30)])
    taken = [lead for lead in owned if now - lead.assigned_at <= timedelta(30)]
    waits = []
    for lead in taken:
        since = [each.occurred_at for each in attempts(session, lead.id)
                 if each.direction == "outbound" and each.occurred_at >= lead.assigned_at]
        waits += [(min(since) - lead.assigned_at).total_seconds()] if since else []
    half = timedelta(seconds=statistics.median(waits)) if waits else None
    return load, FirstTouches(len(taken), len(waits), half) if taken else None


@given(drawn=LEADS)
@settings(max_examples=80, derandomize=True)
def test_every_desk_is_that_of_a_slow_recomputation(session, cast, now, drawn):
    with forgotten(session):
        def person(name):
            return name and getattr(cast, name).user_id

        lead_ids = load_team(session, cast.alice, now, drawn, person)
        load_team(session, cast.olga, now, drawn, lambda name: name and cast.olga.user_id)

        found = workload.by_rep(session, cast.alice, now=now)
        touches = workload.first_touches(session, cast.alice, now=now)

        expected = {person(name): slow_load(session, cast.alice, lead_ids, person(name), now) for name in REPS}
        assert found == {user: load for user, (load, _) in expected.items() if load != Load()}
        assert touches == {user: first for user, (_, first) in expected.items() if first}


@given(drawn=LEADS)
@settings(max_examples=60, derandomize=True)
def test_the_pool_is_that_of_a_slow_recomputation(session, cast, now, drawn):
    with forgotten(session):
        load_team(session, cast.alice, now, drawn, lambda name: name and getattr(cast, name).user_id)
        load_team(session, cast.olga, now, drawn, lambda name: name and cast.olga.user_id)

        found = workload.pool(session, cast.alice, now=now)

        expected = Counter((max(age for age in AGES if age <= each["created"]), each["source"]) for each in drawn
                           if each["owner"] is None and each["status"] not in ("converted", "lost"))
        assert found == [Unowned(*key, expected[key]) for key in
                         sorted(expected, key=lambda key: (key[0], key[1] is None, key[1] or ""))]
        assert workload.unassigned(session, cast.alice) == expected.total()


def test_a_team_without_leads_has_nothing_on_any_desk(session, cast, now):
    assert workload.by_rep(session, cast.mona, now=now) == {}
    assert workload.pool(session, cast.mona, now=now) == [] and workload.unassigned(session, cast.mona) == 0
