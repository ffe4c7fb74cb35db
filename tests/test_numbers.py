import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from lib import lists
from lib.filters import LeadFilter
from lib.lists import Numbers
from lib.models import Company, Lead, Status
from lib.users import sign_in
from lib.views import VIEWS
from tests.factories import make_lead

STATUSES = list(Status)


def count(session, actor, view, now):
    return lists.page(session, actor, VIEWS[view].filter(actor, now)).count


def test_they_are_zero_for_a_company_without_leads(session, cast, now):
    assert lists.numbers(session, cast.alice, now=now) == Numbers(0, 0, 0, 0, 0)


@pytest.mark.parametrize("status", STATUSES)
def test_mine_counts_every_status(session, cast, now, status):
    make_lead(session, cast.alice, owner=cast.alice, status=status)

    assert lists.numbers(session, cast.alice, now=now).mine == 1


@pytest.mark.parametrize("status", STATUSES)
def test_ready_counts_enriched_ones_only(session, cast, now, status):
    make_lead(session, cast.alice, owner=cast.alice, status=status)

    assert lists.numbers(session, cast.alice, now=now).ready == (status == "enriched")


@pytest.mark.parametrize("status", STATUSES)
def test_conversing_counts_conversing_ones_only(session, cast, now, status):
    make_lead(session, cast.alice, owner=cast.alice, status=status)

    assert lists.numbers(session, cast.alice, now=now).conversing == (status == "conversing")


@pytest.mark.parametrize("status", STATUSES)
def test_due_counts_contacted_and_conversing_ones_only(session, cast, now, status):
    make_lead(session, cast.alice, owner=cast.alice, status=status, last_contacted_at=now - timedelta(days=8))

    assert lists.numbers(session, cast.alice, now=now).due == (status in ("contacted", "conversing"))


def test_a_colleagues_leads_count_only_as_due(session, cast, now):
    old = now - timedelta(days=8)
    make_lead(session, cast.alice, owner=cast.bob, status="enriched")
    make_lead(session, cast.alice, owner=cast.bob, status="conversing", last_contacted_at=old)
    make_lead(session, cast.alice, status="contacted", last_contacted_at=old)

    assert lists.numbers(session, cast.alice, now=now) == Numbers(mine=0, ready=0, conversing=0, due=2, my_due=0)
    assert lists.numbers(session, cast.bob, now=now) == Numbers(mine=2, ready=1, conversing=1, due=2, my_due=1)


@pytest.mark.parametrize(("ago", "due"), [
    (timedelta(days=7), 0),
    (timedelta(days=7, microseconds=1), 1),
    (timedelta(days=7, seconds=1), 1),
    (timedelta(days=7, seconds=-1), 0),
    (timedelta(0), 0),
    (timedelta(days=4000), 1),
])
def test_a_follow_up_is_due_after_more_than_seven_days(session, cast, now, ago, due):
    make_lead(session, cast.alice, owner=cast.alice, status="contacted", last_contacted_at=now - ago)

    assert lists.numbers(session, cast.alice, now=now).due == due


def test_a_lead_that_was_never_contacted_is_not_due(session, cast, now):
    make_lead(session, cast.alice, owner=cast.alice, status="contacted", last_contacted_at=None)

    assert lists.numbers(session, cast.alice, now=now).due == 0


@pytest.mark.parametrize(("days", "due"), [(2, 1), (3, 0), (30, 0)])
def test_the_company_sets_the_days(session, cast, now, days, due):
    session.execute(update(Company).where(Company.id == cast.alice.company_id).values(follow_up_days=days))
    make_lead(session, cast.alice, status="contacted", last_contacted_at=now - timedelta(days=3))
    actor, _ = sign_in(session, cast.alice.user_id)

    assert lists.numbers(session, actor, now=now).due == due
    assert count(session, actor, "due", now) == due


def test_another_companys_leads_never_count(session, cast, now):
    old = now - timedelta(days=30)
    for status in STATUSES:
        make_lead(session, cast.olga, owner=cast.olga, status=status, last_contacted_at=old)
    # Even a row that names Alice, which no call can write, stays with the company that it is of.
    make_lead(session, cast.olga, owner=cast.alice, status="conversing", last_contacted_at=old)

    assert lists.numbers(session, cast.alice, now=now) == Numbers(0, 0, 0, 0, 0)


def scatter(session, cast, now, seed, leads_of_each=60):
    """Leads of both companies whose owner, status and last contact are anything, many of them on a boundary."""
    draw = random.Random(seed)
    moments = [None, now, *(now - timedelta(days=days, seconds=seconds)
                            for days in (1, 6, 7, 8, 30, 31) for seconds in (-1, 0, 1))]
    team = [None, cast.alice.user_id, cast.bob.user_id, cast.tess.user_id]
    session.execute(insert(Lead), [
        {"company_id": company, "last_name": f"Lead {number}", "status": draw.choice(STATUSES).value,
         "assigned_to_user_id": draw.choice(owners), "last_contacted_at": draw.choice(moments),
         "last_contact_method": draw.choice([None, "email", "linkedin", "call", "other"]),
         "contact_count": draw.choice([0, 1, 2, 3, 4])}
        for company, owners in ((cast.alice.company_id, team), (cast.olga.company_id, [None, cast.olga.user_id]))
        for number in range(leads_of_each)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("who", ["alice", "mona", "olga"])
def test_each_number_equals_the_rows_of_its_view(session, cast, now, who, seed):
    scatter(session, cast, now, seed)
    actor = replace(getattr(cast, who), follow_up_days=[1, 6, 7, 8, 30][seed])

    numbers = lists.numbers(session, actor, now=now)

    for name, view in [("mine", "mine"), ("ready", "ready"), ("conversing", "conversing"), ("due", "due"),
                       ("my_due", "my-due")]:
        page = lists.page(session, actor, VIEWS[view].filter(actor, now), limit=500)
        assert getattr(numbers, name) == len(page.rows) == page.count, name


@pytest.mark.parametrize("seed", range(5))
def test_they_are_what_the_specification_says_in_plain_python(session, cast, now, seed):
    scatter(session, cast, now, seed)
    rows = session.execute(select(*Lead.__table__.columns).where(Lead.company_id == cast.alice.company_id)).all()
    mine = [row for row in rows if row.assigned_to_user_id == cast.alice.user_id]
    due = [row for row in rows if row.status in ("contacted", "conversing") and row.last_contacted_at is not None
           and row.last_contacted_at < now - timedelta(days=7)]

    assert lists.numbers(session, cast.alice, now=now) == Numbers(
        mine=len(mine),
        ready=sum(row.status == "enriched" for row in mine),
        conversing=sum(row.status == "conversing" for row in mine),
        due=len(due),
        my_due=sum(row.assigned_to_user_id == cast.alice.user_id for row in due))


def test_every_lead_falls_into_exactly_one_bucket(session, cast, now):
    scatter(session, cast, now, seed=7, leads_of_each=200)
    actor, week = cast.alice, now - timedelta(days=7)

    def ids(keep=lambda row: True, **wanted):
        found = lists.page(session, actor, LeadFilter(**wanted), limit=500).rows
        return {row.id for row in found if keep(row)}

    def owned(row):
        return row.assigned_to_user_id is not None

    closed = ids(statuses=("converted", "lost"))
    due = ids(owned, awaits_answer=True, last_contacted_before=week)
    buckets = {
        "closed": closed,
        "unassigned": ids(**VIEWS["unassigned"].filter(actor, now).__dict__),
        "waiting for enrichment": ids(owned, statuses=("new",)),
        "ready": ids(owned, statuses=("enriched",)),
        "due": due,
        "waiting for an answer": ids(owned, statuses=("contacted",)) - due,
        "in conversation": ids(owned, statuses=("conversing",)) - due,
        "qualified": ids(owned, statuses=("qualified",)),
    }

    assert all(buckets.values()), "the table has to hold something for each"
    assert sum(map(len, buckets.values())) == len(set.union(*buckets.values())) == len(ids())
