"""Whatever a team does to its leads, in whatever order: the summary, the history and the buckets stay true."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lib import bulk, contact_changes, contacts, deliveries, leads, lists, new_leads, undo
from lib.errors import LeadDeskError
from lib.fields import to_json
from lib.filters import LeadFilter
from lib.leads import ANYTHING, Edit
from lib.lost import COLUMNS as LOST, Because
from lib.models import ContactOutcome, LostReason, Method, Status
from lib.outcomes import LEAVE
from lib.views import OPEN, VIEWS, follow_ups_before
from tests.factories import attempts, events, forgotten, row

PEOPLE = ("alice", "bob", "tess")
# Few different moments, so that several contacts often fall on the same one.
DAYS = st.sampled_from([0, 1, 6, 7, 8, 40])
LEADS = st.sampled_from([(0,), (1,), (0, 1)])
OUTCOMES = st.sampled_from([None, None, *ContactOutcome])
CHOICES = st.sampled_from([None, None, None, LEAVE, *Status])
REASONS = st.builds(Because, st.sampled_from([None, *LostReason]), st.sampled_from([None, None, "they said"]))

STEPS = st.lists(max_size=12, elements=st.one_of(
    st.tuples(st.just("log"), st.sampled_from(PEOPLE), LEADS, st.sampled_from(["outbound", "inbound"]),
              st.sampled_from(Method), DAYS, OUTCOMES, CHOICES, REASONS),
    st.tuples(st.just("correct"), st.sampled_from(PEOPLE), st.integers(0, 5), st.one_of(
        st.fixed_dictionaries({"direction": st.sampled_from(["outbound", "inbound"])}),
        st.fixed_dictionaries({"method": st.sampled_from(Method), "outcome": OUTCOMES}),
        st.fixed_dictionaries({"status_choice": CHOICES}),
        st.fixed_dictionaries({"occurred_at": DAYS}))),
    st.tuples(st.just("remove"), st.sampled_from(PEOPLE), st.integers(0, 5)),
    st.tuples(st.just("status"), st.sampled_from(PEOPLE), LEADS, st.sampled_from([*Status, Status.LOST]), REASONS),
    st.tuples(st.just("explain"), st.sampled_from(PEOPLE), LEADS, REASONS, st.sampled_from([0, 1, 2])),
    st.tuples(st.just("edit"), st.sampled_from(PEOPLE), LEADS, st.sampled_from([
        ("score", 1), ("score", None), ("email", "a@example.com"), ("email", None), ("tags", ["a"]), ("tags", [])])),
    st.tuples(st.just("enrich"), st.sampled_from(PEOPLE), st.sampled_from([(0,), (1,)]), st.sampled_from([
        {"phone": "110"}, {"email": "a@example.com"}, {"size": 5}])),
    st.tuples(st.just("assign"), st.sampled_from(PEOPLE), LEADS, st.sampled_from((None, *PEOPLE))),
    # Most often the latest: further back, somebody has mostly built on it.
    st.tuples(st.just("undo"), st.sampled_from(PEOPLE), st.sampled_from([-1, -1, -2, -3, 0, 1])),
))


@given(steps=STEPS)
@settings(max_examples=40, derandomize=True)
def test_summary_history_and_buckets_stay_true(session, cast, now, steps):
    with forgotten(session):
        lead_ids = [new_leads.create(session, cast.alice, {"last_name": name}, now=now) for name in ("Ada", "Grace")]
        at_first = {lead_id: state(session, lead_id) for lead_id in lead_ids}
        batches = []
        for step in steps:
            now += timedelta(minutes=1)
            try:
                outcome = act(session, cast, now, lead_ids, batches, step)
            except LeadDeskError:
                outcome = None
            if outcome and outcome.done and outcome.batch_id not in batches:
                batches.append(outcome.batch_id)

            for lead_id in lead_ids:
                the_summary_is_that_of_the_contacts(session, lead_id)
                only_a_converted_lead_has_a_conversion(session, lead_id)
                only_a_lost_lead_has_a_reason(session, lead_id)
                the_history_leads_to_the_row(session, lead_id, at_first[lead_id])
            each_lead_is_in_exactly_one_bucket(session, cast, now, lead_ids)


@given(steps=STEPS)
@settings(max_examples=40, derandomize=True)
def test_undoing_everything_backwards_ends_where_it_began(session, cast, now, steps):
    with forgotten(session):
        lead_ids = [new_leads.create(session, cast.alice, {"last_name": name}, now=now) for name in ("Ada", "Grace")]
        at_first = [state(session, lead_id) for lead_id in lead_ids]
        batches = []
        for step in steps:
            if step[0] == "undo":
                continue
            now += timedelta(minutes=1)
            try:
                outcome = act(session, cast, now, lead_ids, batches, step)
            except LeadDeskError:
                continue
            if outcome and outcome.done and outcome.batch_id not in batches:
                batches.append(outcome.batch_id)

        for batch_id in reversed(batches):
            assert not undo.undo(session, cast.tess, batch_id, now=now).refused

        assert [state(session, lead_id) for lead_id in lead_ids] == at_first


@given(status=st.sampled_from(Status), data=st.data(),
       logged=st.lists(st.tuples(st.sampled_from(["outbound", "inbound"]), DAYS), min_size=1, max_size=5))
@settings(max_examples=40, derandomize=True)
def test_a_contact_that_was_undone_has_never_been(session, cast, now, status, data, logged):
    undone = data.draw(st.lists(st.sampled_from(range(len(logged))), unique=True))
    with forgotten(session):
        lead_id, twin_id = (new_leads.create(session, cast.alice, {"last_name": "Doe", "status": status}, now=now)
                            for _ in range(2))

        def log(to, number):
            direction, days = logged[number]
            return contacts.log_contact(session, cast.alice, [to], method="call", direction=direction, now=now,
                                        occurred_at=now - timedelta(days=days)).batch_id

        batches = [log(lead_id, number) for number in range(len(logged))]
        for number in undone:
            undo.undo(session, cast.alice, batches[number], now=now)
        for number in range(len(logged)):
            if number not in undone:
                log(twin_id, number)

        lead, twin = state(session, lead_id), state(session, twin_id)
        assert lead | {"id": None} == twin | {"id": None}


def act(session, cast, now, lead_ids, batches, step):
    kind, who, *rest = step
    actor = getattr(cast, who)
    if kind == "undo":
        number = rest[0]
        return undo.undo(session, actor, batches[number], now=now) if -len(batches) <= number < len(batches) else None
    if kind in ("correct", "remove"):
        logged = [each for lead_id in lead_ids for each in attempts(session, lead_id)]
        if rest[0] >= len(logged):
            return None
        if kind == "remove":
            return contact_changes.remove_contact(session, actor, logged[rest[0]].id, now=now)
        values = {name: on_day(now, value) if name == "occurred_at" else value for name, value in rest[1].items()}
        return contact_changes.edit_contact(session, actor, logged[rest[0]].id, {}, values, now=now)
    chosen = [lead_ids[number] for number in rest[0]]
    if kind == "log":
        direction, method, days, outcome, choice, because = rest[1:]
        return contacts.log_contact(session, actor, chosen, method=method, direction=direction, outcome=outcome,
                                    status=choice, because=because, occurred_at=on_day(now, days), now=now)
    if kind == "status":
        return leads.edit(session, actor, [Edit(lead_id, "status", ANYTHING, rest[1]) for lead_id in chosen],
                          because=rest[2], now=now)
    if kind == "explain":
        joins = batches[-rest[2]] if 0 < rest[2] <= len(batches) else None
        return bulk.explain(session, actor, chosen, rest[1], joins=joins, now=now)
    if kind == "edit":
        field, value = rest[1]
        return leads.edit(session, actor, [Edit(lead_id, field, ANYTHING, value) for lead_id in chosen], now=now)
    if kind == "enrich":
        return deliveries.enrich(session, actor, chosen[0], rest[1], now=now)
    return leads.assign(session, actor, chosen, to=rest[1] and getattr(cast, rest[1]).user_id, now=now)


def on_day(now, days):
    """To the whole day, so that contacts of different steps can meet."""
    return now.replace(hour=0, minute=0) - timedelta(days=days)


def state(session, lead_id):
    """The row as an event would keep it, apart from the time of its last change."""
    held = {name: to_json(value) for name, value in row(session, lead_id)._asdict().items()}
    del held["updated_at"]
    return held


def the_summary_is_that_of_the_contacts(session, lead_id):
    # Of contacts at the same moment, the one that was logged last is the latest.
    logged_by = {event.batch_id: event.id for event in events(session, lead_id)}
    found = sorted(attempts(session, lead_id), key=lambda each: (each.occurred_at, logged_by[each.batch_id]))
    sent = [each for each in found if each.direction == "outbound"]
    received = [each for each in found if each.direction == "inbound"]
    lead = row(session, lead_id)
    assert (lead.contact_count, lead.response_count) == (len(sent), len(received))
    assert lead.last_contacted_at == (sent[-1].occurred_at if sent else None)
    assert lead.last_contact_method == (sent[-1].method if sent else None)
    assert lead.last_response_at == (received[-1].occurred_at if received else None)


def only_a_converted_lead_has_a_conversion(session, lead_id):
    lead = row(session, lead_id)
    assert (lead.converted_at is not None) == (lead.status == "converted")
    assert lead.conversion_source is None or lead.status == "converted"


def only_a_lost_lead_has_a_reason(session, lead_id):
    lead = row(session, lead_id)
    assert (lead.lost_at is not None) == (lead.status == "lost")
    assert lead.status == "lost" or all(getattr(lead, name) is None for name in LOST)


def the_history_leads_to_the_row(session, lead_id, at_first):
    replayed = dict(at_first)
    for event in events(session, lead_id)[1:]:
        # A contact that was removed or corrected is kept beside the columns that it changed.
        before, after = ({name: value for name, value in some.items() if name != "contact"}
                         for some in (event.before, event.after))
        assert before == {name: replayed[name] for name in before}, event.action
        assert set(before) == set(after)
        replayed |= after
    assert replayed == state(session, lead_id)


def each_lead_is_in_exactly_one_bucket(session, cast, now, lead_ids):
    def ids(wanted):
        return {each.id for each in lists.page(session, cast.alice, wanted, limit=500, count=False).rows}

    by_status = {status: ids(LeadFilter(statuses=(status,))) for status in Status}
    unassigned, due = ids(LeadFilter(unassigned=True, statuses=OPEN)), ids(VIEWS["due"].filter(cast.alice, now))
    owned = {status: by_status[status] - unassigned for status in OPEN}
    buckets = {
        "unassigned": unassigned,
        "waiting for enrichment": owned[Status.NEW],
        "ready": owned[Status.ENRICHED],
        "due": due - unassigned,
        "waiting for an answer": owned[Status.CONTACTED] - due,
        "in conversation": owned[Status.CONVERSING] - due,
        "qualified": owned[Status.QUALIFIED],
        "converted": by_status[Status.CONVERTED],
        "lost": by_status[Status.LOST],
    }
    assert Counter(lead_id for bucket in buckets.values() for lead_id in bucket) == Counter(lead_ids)

    for lead_id in lead_ids:
        lead = row(session, lead_id)
        is_due = (lead.status in ("contacted", "conversing") and lead.last_contacted_at is not None
                  and lead.last_contacted_at < follow_ups_before(cast.alice, now))
        assert (lead_id in due) == is_due
        is_open = lead.status not in ("converted", "lost")
        assert (lead_id in unassigned) == (is_open and lead.assigned_to_user_id is None)
