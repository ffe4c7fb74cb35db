"""Leads come and go through many hands; their events alone, from the first one on, lead to the rows as they are."""

import io
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from lib import (bulk, columns, contact_changes, contacts, deliveries, history, imports, leads, new_leads, spreadsheets,
                 undo)
from lib.errors import LeadDeskError
from lib.imports import Duplicates, Plan
from lib.leads import ANYTHING, Edit
from lib.models import Lead, Method, Status
from tests.factories import attempts, events, forgotten
from tests.test_properties import (REASONS, each_lead_is_in_exactly_one_bucket, only_a_converted_lead_has_a_conversion,
                                    only_a_lost_lead_has_a_reason, state, the_summary_is_that_of_the_contacts)

PEOPLE = st.sampled_from(["alice", "bob", "tess", "mona"])
# Where the sequence stands decides which leads these are; most often a sequence has made one or two by then.
LEADS = st.lists(st.integers(0, 3), min_size=1, max_size=3)
VALUES = st.one_of(
    st.tuples(st.sampled_from(["first_name", "last_name", "job_title", "phone", "notes"]),
              st.sampled_from(["Ada", "  Ada ", "Grace", "", None])),
    st.tuples(st.just("email"), st.sampled_from(["a@example.com", "B@example.com", None])),
    st.tuples(st.just("linkedin_url"), st.sampled_from(["linkedin.com/in/a", "https://linkedin.com/in/b", ""])),
    st.tuples(st.just("company"), st.sampled_from(["Acme", "ACME", "Umbrella", "", None])),
    st.tuples(st.just("status"), st.sampled_from(Status)),
    st.tuples(st.just("score"), st.sampled_from([0, 1, "7", None])),
    st.tuples(st.just("tags"), st.sampled_from([["a"], ["a", "b"], []])),
)
FOUND = st.sampled_from([{"size": 5}, {"phone": "110", "size": 6}, {"email": "a@example.com"}, {"funding": {"usd": 1}}])
CONTACT = st.tuples(st.sampled_from(Method), st.sampled_from(["outbound", "inbound"]), st.sampled_from([0, 3, 9, 40]))
# Rows that meet each other, and leads that other steps have made; a comma in them would be one column more.
ROWS = st.tuples(st.sampled_from(["Ada", "Grace", ""]), st.sampled_from(["a@example.com", "b@example.com", "no address"]),
                 st.sampled_from(["", "linkedin.com/in/a"]), st.sampled_from(["", "Acme", "Umbrella"]),
                 st.sampled_from(["", "converted", "lost", "nonsense"]), st.sampled_from(["", "7"]))
STEPS = st.lists(max_size=15, elements=st.one_of(
    st.tuples(st.just("create"), PEOPLE, st.none(), VALUES),
    st.tuples(st.just("edit"), PEOPLE, LEADS, st.lists(VALUES, min_size=1, max_size=3)),
    st.tuples(st.just("lose"), PEOPLE, LEADS, REASONS),
    st.tuples(st.just("explain"), PEOPLE, LEADS, REASONS),
    st.tuples(st.just("assign"), PEOPLE, LEADS, st.one_of(st.none(), PEOPLE)),
    st.tuples(st.just("enrich"), PEOPLE, LEADS, FOUND),
    st.tuples(st.just("log"), PEOPLE, LEADS, CONTACT),
    st.tuples(st.just("tag"), PEOPLE, LEADS, st.sampled_from([(["a"], []), (["b"], ["a"])])),
    st.tuples(st.just("correct"), PEOPLE, LEADS, st.sampled_from([{"direction": "inbound"}, {"method": "call"}])),
    st.tuples(st.just("remove"), PEOPLE, LEADS, st.none()),
    st.tuples(st.just("import"), PEOPLE, st.lists(ROWS, min_size=1, max_size=3), st.sampled_from(Duplicates)),
    st.tuples(st.just("undo"), PEOPLE, st.sampled_from([1, 1, 2, 3]), st.none()),
))


@given(steps=STEPS)
@settings(max_examples=100, derandomize=True)
def test_the_events_of_a_lead_lead_to_its_row_from_the_first_one_on(session, cast, now, steps):
    with forgotten(session):
        lead_ids = [new_leads.create(session, cast.tess, {"last_name": "Doe", "company": "Acme"}, now=now)]
        batches = []
        for step in steps:
            now += timedelta(minutes=1)
            try:
                with session.begin_nested():
                    done = act(session, cast, now, lead_ids, batches, step)
            except LeadDeskError:
                continue
            batches += [done] if done else []

        there = list(session.scalars(select(Lead.id).where(Lead.company_id == cast.alice.company_id)))
        for lead_id in there:
            the_events_lead_to_the_row(session, lead_id)
            the_summary_is_that_of_the_contacts(session, lead_id)
            only_a_converted_lead_has_a_conversion(session, lead_id)
            only_a_lost_lead_has_a_reason(session, lead_id)
            the_timeline_tells_each_event_once(session, cast, lead_id)
        each_lead_is_in_exactly_one_bucket(session, cast, now, there)


def act(session, cast, now, lead_ids, batches, step):
    """Do a step; its batch, where it has one."""
    kind, who, chosen, how = step
    actor = getattr(cast, who)
    if kind == "create":
        name, value = how
        lead_ids.append(new_leads.create(session, actor, {"last_name": "Roe", name: value}, now=now))
        return None
    if kind == "undo":
        return undo.undo(session, actor, batches[-chosen], now=now).batch_id if len(batches) >= chosen else None
    if kind == "import":
        lines = ["First name,E-mail,LinkedIn,Company,Status,Score", *(",".join(cells) for cells in chosen)]
        table = spreadsheets.read(io.BytesIO("\n".join(lines).encode()), "fair.csv")
        outcome, _ = imports.run(session, actor, table,
                                 Plan(columns=columns.guess(table.header), duplicates=how), now=now)
        lead_ids.extend(lead_id for lead_id in outcome.done if lead_id not in lead_ids)
        return outcome.batch_id if outcome.done else None
    wanted = list(dict.fromkeys(lead_ids[number % len(lead_ids)] for number in chosen))
    if kind == "edit":
        edits = [Edit(lead_id, name, ANYTHING, value) for lead_id in wanted for name, value in how]
        outcome = leads.edit(session, actor, edits, now=now)
    elif kind == "lose":
        outcome = bulk.set_status(session, actor, wanted, "lost", because=how, now=now)
    elif kind == "explain":
        outcome = bulk.explain(session, actor, wanted, how, joins=batches[-1] if batches else None, now=now)
        if outcome.batch_id in batches:
            return None
    elif kind == "assign":
        outcome = leads.assign(session, actor, wanted, to=getattr(cast, how).user_id if how else None, now=now)
    elif kind == "tag":
        outcome = bulk.tag(session, actor, wanted, add=how[0], remove=how[1], now=now)
    elif kind in ("correct", "remove"):
        logged = attempts(session, wanted[0])
        if not logged:
            return None
        outcome = (contact_changes.edit_contact(session, actor, logged[-1].id, {}, how, now=now)
                   if kind == "correct" else contact_changes.remove_contact(session, actor, logged[0].id, now=now))
    elif kind == "enrich":
        outcome = deliveries.enrich(session, actor, wanted[0], how, now=now)
    else:
        method, direction, days = how
        outcome = contacts.log_contact(session, actor, wanted, method=method, direction=direction, now=now,
                                       occurred_at=now - timedelta(days=days))
    return outcome.batch_id if outcome.done else None


def the_events_lead_to_the_row(session, lead_id):
    first, *rest = events(session, lead_id)
    assert (first.action, first.before) == ("created", {})
    replayed = dict(first.after)
    for event in rest:
        # What no event has named yet is what a new row begins with.
        for name, value in event.before.items():
            if name != "contact":
                assert replayed.setdefault(name, value) == value, (event.action, name)
        replayed |= {name: value for name, value in event.after.items() if name != "contact"}
    held = state(session, lead_id)
    assert replayed == {name: held[name] for name in replayed}


def the_timeline_tells_each_event_once(session, cast, lead_id):
    whole = [event.id for event in history.timeline(session, cast.alice, lead_id, limit=1_000)]
    assert whole == [event.id for event in reversed(events(session, lead_id))]
    told = {event.id for kind in history.KINDS
            for event in history.timeline(session, cast.alice, lead_id, kind=kind, limit=1_000)}
    assert told == set(whole)


@pytest.mark.parametrize(("column", "value"), [("score", 2), ("lead_company_id", None)])
def test_a_change_past_the_events_is_noticed(session, cast, now, column, value):
    # Or the property would hold because it looks at nothing.
    lead_id = new_leads.create(session, cast.tess, {"last_name": "Doe", "score": 1, "company": "Acme"}, now=now)
    the_events_lead_to_the_row(session, lead_id)
    session.execute(update(Lead).where(Lead.id == lead_id).values({column: value}))

    with pytest.raises(AssertionError):
        the_events_lead_to_the_row(session, lead_id)
