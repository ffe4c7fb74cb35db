from datetime import timedelta

import pytest

from lib import contacts, neighbours
from tests.factories import make_firm, make_lead


@pytest.fixture
def firm(session, cast):
    return make_firm(session, cast.alice, "Analytical Engines")


@pytest.fixture
def ada(session, cast, firm):
    return make_lead(session, cast.alice, first_name="Ada", last_name="Lovelace", lead_company_id=firm)


def log(session, actor, lead_id, now, **values):
    contacts.log_contact(session, actor, [lead_id], **{"method": "call", "now": now} | values).or_raise()


def touches(session, actor, lead_ids, now, **values):
    return [(each.colleague, each.method, each.first_name, each.occurred_at)
            for each in neighbours.recent_touches(session, actor, lead_ids, now=now, **values)]


def test_it_says_who_reached_whom_how_and_when(session, cast, now, firm, ada):
    grace = make_lead(session, cast.alice, first_name="Grace", lead_company_id=firm)
    log(session, cast.bob, grace, now, occurred_at=now - timedelta(days=3))
    log(session, cast.tess, ada, now, method="email", direction="inbound")

    found = neighbours.recent_touches(session, cast.alice, [ada], now=now)

    assert touches(session, cast.alice, [ada], now) == [
        ("Tess Turner", "email", "Ada", now), ("Bob Brown", "call", "Grace", now - timedelta(days=3))]
    assert [(each.direction, each.company) for each in found] == [
        ("inbound", "Analytical Engines"), ("outbound", "Analytical Engines")]


def test_my_own_contacts_are_no_news(session, cast, now, ada):
    log(session, cast.alice, ada, now)

    assert touches(session, cast.alice, [ada], now) == []
    assert len(touches(session, cast.bob, [ada], now)) == 1


@pytest.mark.parametrize(("age", "counts"), [
    (timedelta(days=14), True), (timedelta(days=14, microseconds=1), False), (timedelta(0), True)])
def test_two_weeks_count(session, cast, now, ada, age, counts):
    log(session, cast.bob, ada, now, occurred_at=now - age)

    assert bool(touches(session, cast.alice, [ada], now)) is counts
    assert touches(session, cast.alice, [ada], now, days=60)


def test_other_firms_and_leads_without_one_have_no_neighbours(session, cast, now, ada):
    elsewhere = make_lead(session, cast.alice, lead_company_id=make_firm(session, cast.alice, "Elsewhere"))
    alone, also_alone = make_lead(session, cast.alice), make_lead(session, cast.alice)
    for lead_id in (elsewhere, alone):
        log(session, cast.bob, lead_id, now)

    assert touches(session, cast.alice, [ada, also_alone, alone], now) == []
    assert touches(session, cast.alice, [], now) == []


def test_another_companys_contacts_are_not_seen(session, cast, now, firm, ada):
    log(session, cast.bob, ada, now)
    # Written past Lead Desk: a lead of another company at the same firm.
    theirs = make_lead(session, cast.olga, lead_company_id=firm)

    assert touches(session, cast.olga, [theirs, ada], now) == []


def test_at_most_twenty_are_told(session, cast, now, ada):
    for minutes in range(neighbours.MOST + 5):
        log(session, cast.bob, ada, now, occurred_at=now - timedelta(minutes=minutes))

    found = touches(session, cast.alice, [ada], now)
    assert len(found) == neighbours.MOST and found[0][3] == now
