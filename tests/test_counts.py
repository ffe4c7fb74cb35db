"""The counts that are kept as leads change say what counting the leads would say, whatever is done to them."""

import contextlib
import random
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, text, update

from lib import bulk, contact_changes, contacts, counts, db, leads, lists, startup, undo, workload
from lib.counts import BY_STATUS, CONTACTS, DESKS, FOLLOW_UPS, OWN_FOLLOW_UPS, TABLES
from lib.leads import ANYTHING, Edit
from lib.models import Company, ContactAttempt, Direction, Lead, Method, Status
from lib.outcomes import LEAVE
from tests.factories import forgotten, make_lead

COUNTED = {
    BY_STATUS: "SELECT company_id, coalesce(assigned_to_user_id, '00000000-0000-0000-0000-000000000000'), status, count(*) "
               "FROM leads GROUP BY 1, 2, 3",
    FOLLOW_UPS: "SELECT company_id, (last_contacted_at AT TIME ZONE 'UTC')::date, count(*) FROM leads "
                "WHERE status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL GROUP BY 1, 2",
    OWN_FOLLOW_UPS: "SELECT company_id, assigned_to_user_id, (last_contacted_at AT TIME ZONE 'UTC')::date, count(*) "
                    "FROM leads WHERE status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL "
                    "AND assigned_to_user_id IS NOT NULL GROUP BY 1, 2, 3",
    CONTACTS: "SELECT company_id, (occurred_at AT TIME ZONE 'UTC')::date, user_id, "
              "sum((direction = 'outbound' AND method = 'email')::int), "
              "sum((direction = 'outbound' AND method = 'linkedin')::int), "
              "sum((direction = 'outbound' AND method = 'call')::int), "
              "sum((direction = 'outbound' AND method = 'other')::int), "
              "sum((direction = 'inbound')::int) FROM contact_attempts GROUP BY 1, 2, 3",
}


def kept(session, table):
    key, totals = counts.key_of(table), [func.sum(table.c[name]) for name in counts.counted_in(table)]
    rows = session.execute(select(*(table.c[name] for name in key), *totals).group_by(*(table.c[name] for name in key)))
    found = {tuple(row[:len(key)]): tuple(map(int, row[len(key):])) for row in rows}
    return {each: numbers for each, numbers in found.items() if any(numbers)}


def desks(session):
    """The leads on each desk by day, one by one."""
    found = defaultdict(Counter)
    for lead in session.execute(select(*Lead.__table__.c).where(Lead.assigned_to_user_id.is_not(None))):
        def add(at, name, lead=lead):
            found[lead.company_id, at.astimezone(UTC).date(), lead.assigned_to_user_id][name] += 1

        if lead.assigned_at:
            add(lead.assigned_at, "taken")
            is_touched = lead.last_contacted_at is not None and lead.last_contacted_at >= lead.assigned_at
            if lead.status == "enriched" and not is_touched:
                add(lead.assigned_at, "untouched")
        if lead.status == "converted" and lead.converted_at:
            add(lead.converted_at, "converted")
    return {key: tuple(each[name] for name in counts.counted_in(DESKS)) for key, each in found.items()}


def check(session):
    assert kept(session, DESKS) == desks(session)
    for table, counted in COUNTED.items():
        many = len(counts.key_of(table))
        assert kept(session, table) == {
            tuple(row[:many]): tuple(map(int, row[many:])) for row in session.execute(text(counted))}, table.name


@dataclass(frozen=True)
class Step:
    what: str
    lead: int
    value: object = None


STEPS = st.lists(st.one_of(
    st.builds(Step, st.just("add"), st.integers(0, 4)),
    st.builds(Step, st.just("status"), st.integers(0, 4), st.sampled_from(list(Status))),
    st.builds(Step, st.just("assign"), st.integers(0, 4), st.sampled_from(["alice", "bob", None])),
    st.builds(Step, st.just("contact"), st.integers(0, 4), st.tuples(
        st.integers(0, 20), st.sampled_from(Method), st.sampled_from(Direction), st.sampled_from([*Status, None]))),
    st.builds(Step, st.just("correct"), st.integers(0, 4), st.one_of(
        st.fixed_dictionaries({"method": st.sampled_from(Method)}),
        st.fixed_dictionaries({"direction": st.sampled_from(Direction)}),
        st.fixed_dictionaries({"user_id": st.sampled_from(["alice", "bob"])}),
        st.fixed_dictionaries({"occurred_at": st.integers(0, 20)}))),
    st.builds(Step, st.just("take back"), st.integers(0, 4)),
    st.builds(Step, st.just("undo"), st.integers(0, 4)),
    st.builds(Step, st.just("remove"), st.integers(0, 4)),
    st.builds(Step, st.just("fold"), st.just(0))), max_size=15)


@given(steps=STEPS)
def test_they_agree_with_the_leads_after_anything(session, cast, now, steps):
    with forgotten(session):
        there, batches = [], []
        for step in steps:
            lead = there[step.lead % len(there)] if there else None
            match step.what:
                case "add":
                    there.append(make_lead(session, cast.tess, owner=cast.bob if step.lead % 2 else None))
                case "fold":
                    counts.fold(session)
                case _ if lead is None:
                    continue
                case "status":
                    batches.append(bulk.set_status(session, cast.tess, there, step.value, now=now).batch_id)
                case "assign":
                    to = step.value and getattr(cast, step.value).user_id
                    batches.append(leads.assign(session, cast.tess, [lead], to=to, now=now).batch_id)
                case "contact":
                    days, method, direction, status = step.value
                    batches.append(contacts.log_contact(
                        session, cast.tess, there, method=method, direction=direction, status=status, now=now,
                        occurred_at=now - timedelta(days=days)).batch_id)
                case "correct" | "take back":
                    made = session.scalars(select(ContactAttempt.id).where(ContactAttempt.lead_id == lead)
                                           .order_by(ContactAttempt.occurred_at, ContactAttempt.id)).first()
                    if made is None:
                        continue
                    if step.what == "take back":
                        batches.append(contact_changes.remove_contact(session, cast.tess, made, now=now).batch_id)
                        continue
                    values = dict(step.value)
                    if "user_id" in values:
                        values["user_id"] = getattr(cast, values["user_id"]).user_id
                    if "occurred_at" in values:
                        values["occurred_at"] = now - timedelta(days=values["occurred_at"])
                    batches.append(contact_changes.edit_contact(session, cast.tess, made, {}, values, now=now).batch_id)
                case "undo" if batches:
                    try:
                        undo.undo(session, cast.tess, batches.pop(), now=now)
                    except leads.LeadDeskError:
                        continue
                case "remove":
                    session.execute(delete(Lead).where(Lead.id == lead))
                    there.remove(lead)
            check(session)


def test_an_edit_of_something_else_adds_nothing(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, status="contacted", last_contacted_at=now)
    before = [session.scalar(select(func.count()).select_from(table)) for table in TABLES]

    leads.edit(session, cast.tess, [Edit(lead_id, "score", ANYTHING, 5), Edit(lead_id, "tags", ANYTHING, ["a"])], now=now)

    assert [session.scalar(select(func.count()).select_from(table)) for table in TABLES] == before


def test_a_status_or_a_contact_that_moves_nothing_on_a_desk_adds_nothing_to_it(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, assigned_at=now, status="contacted", last_contacted_at=now)
    many = select(func.count()).select_from(DESKS)
    before = session.scalar(many)

    leads.edit(session, cast.tess, [Edit(lead_id, "status", ANYTHING, "qualified")], now=now)
    contacts.log_contact(session, cast.bob, [lead_id], method="call", now=now)

    assert session.scalar(many) == before


def test_a_lead_that_leaves_a_desk_takes_its_numbers_along(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, assigned_at=now, status="enriched")
    contacts.log_contact(session, cast.bob, [lead_id], method="call", occurred_at=now - timedelta(days=2), now=now)
    check(session)

    for values in ({"assigned_to_user_id": cast.alice.user_id}, {"assigned_at": now - timedelta(days=3)},
                   {"status": "enriched", "last_contacted_at": None}, {"status": "converted", "converted_at": now},
                   {"converted_at": now - timedelta(days=1)}, {"assigned_to_user_id": None},
                   {"assigned_to_user_id": cast.bob.user_id}):
        session.execute(update(Lead).where(Lead.id == lead_id).values(**values))
        check(session)
    session.execute(delete(Lead).where(Lead.id == lead_id))
    check(session)
    assert kept(session, DESKS) == kept(session, CONTACTS) == {}


def test_contacts_of_one_call_are_one_row_and_nobodys_are_none(session, cast, now):
    ids = [make_lead(session, cast.tess, owner=cast.bob) for _ in range(5)]
    many = select(func.count()).select_from(CONTACTS).where(CONTACTS.c.company_id == cast.tess.company_id)

    contacts.log_contact(session, cast.tess, ids, method="email", now=now)
    assert session.scalar(many) == 1
    session.execute(delete(Lead).where(Lead.id == make_lead(session, cast.tess)))
    assert session.scalar(many) == 1


def test_folding_leaves_one_row_for_each_count_and_none_for_nothing(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, status="contacted", last_contacted_at=now)
    for status in ("conversing", "qualified", "lost"):
        session.execute(update(Lead).where(Lead.id == lead_id).values(status=status))
    before = {table: kept(session, table) for table in TABLES}

    assert counts.fold(session)

    assert {table: kept(session, table) for table in TABLES} == before
    assert session.execute(select(BY_STATUS.c.status, BY_STATUS.c.n, BY_STATUS.c.is_sum).where(
        BY_STATUS.c.company_id == cast.tess.company_id)).all() == [("lost", 1, True)]
    assert session.execute(select(FOLLOW_UPS).where(FOLLOW_UPS.c.company_id == cast.tess.company_id)).all() == []


def test_a_company_that_goes_leaves_no_counts_behind(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, assigned_at=now, status="contacted", last_contacted_at=now)
    contacts.log_contact(session, cast.tess, [lead_id], method="email", now=now)
    make_lead(session, cast.olga)
    session.execute(delete(Company).where(Company.id == cast.tess.company_id))
    # As at the end of the transaction.
    session.execute(text("SET CONSTRAINTS forget_counts, forget_desk_counts IMMEDIATE"))

    for table in TABLES:
        assert session.execute(select(table).where(table.c.company_id == cast.tess.company_id)).all() == []
    assert len(kept(session, BY_STATUS)) == 1


def test_leads_of_every_kind_are_counted_as_they_come(session, cast, now):
    for number, status in enumerate(Status):
        lead_id = make_lead(session, cast.tess, owner=cast.bob if number % 2 else None, status=status,
                            assigned_at=now - timedelta(days=number) if number % 2 else None,
                            converted_at=now if status == Status.CONVERTED else None,
                            last_contacted_at=now - timedelta(days=number) if number % 3 else None)
        contacts.log_contact(session, cast.tess, [lead_id], method=list(Method)[number % 4], status=LEAVE, now=now)
    check(session)


@pytest.mark.parametrize("hour", [0, 1, 12, 23])
def test_the_number_of_follow_ups_is_exact_on_the_day_on_which_they_fall_due(session, cast, now, hour):
    now = now.replace(hour=hour, minute=30)
    edge = now - timedelta(days=7)
    for minutes in (-1500, -60, -1, 0, 1, 60, 1500):
        make_lead(session, cast.alice, owner=cast.alice, status="contacted",
                  last_contacted_at=edge + timedelta(minutes=minutes))

    numbers = lists.numbers(session, cast.alice, now=now)

    assert (numbers.due, numbers.my_due) == (3, 3)


@pytest.mark.parametrize("hour", [0, 1, 12, 23])
def test_desks_are_exact_on_the_day_on_which_a_period_begins(session, cast, now, hour):
    now = now.replace(hour=hour, minute=30)
    for days in (2, 7, 30):
        for minutes in (-1500, -60, -1, 0, 1, 60, 1500):
            at = now - timedelta(days=days, minutes=minutes)
            lead_id = make_lead(session, cast.tess, owner=cast.bob, status="enriched", assigned_at=at)
            contacts.log_contact(session, cast.tess, [make_lead(session, cast.tess)], method="email", occurred_at=at,
                                 now=now)
            if days == 30:
                make_lead(session, cast.tess, owner=cast.bob, status="converted", converted_at=at)
                session.execute(update(Lead).where(Lead.id == lead_id).values(status="new"))

    loads = workload.by_rep(session, cast.mona, now=now)

    bob, tess = loads[cast.bob.user_id], loads[cast.tess.user_id]
    # Of each edge seven, of which three lie behind it and one on it: since the moment, or before it.
    taken = workload.first_touches(session, cast.mona, now=now)[cast.bob.user_id].taken
    assert (taken, bob.conversions, bob.waiting) == (7 + 7 + 4, 4, 7 + 3)
    assert (sum(tess.week.values()), sum(tess.month.values())) == (7 + 4, 7 + 7 + 4)


def test_counts_are_exact_while_eight_write_and_two_fold(engine, committed_cast):
    cast = committed_cast
    with db.transaction() as session:
        ids = session.scalars(insert(Lead).returning(Lead.id), [
            {"company_id": cast.alice.company_id, "last_name": f"Lead {number}"} for number in range(40)]).all()
    wrong: list[str] = []
    done = threading.Event()

    def write(seed: int) -> None:
        pick = random.Random(seed)
        for _ in range(30):
            with db.transaction() as session:
                lead = pick.choice(ids)
                what = pick.random()
                if what < 0.4:
                    bulk.set_status(session, cast.tess, [lead], pick.choice(list(Status)))
                elif what < 0.6:
                    contacts.log_contact(session, cast.tess, [lead], method=pick.choice(list(Method)))
                else:
                    leads.assign(session, cast.tess, [lead], to=pick.choice([cast.alice, cast.bob]).user_id)

    def fold() -> None:
        while not done.is_set():
            with db.transaction() as session:
                counts.fold(session)
                # In one snapshot, whoever writes or folds meanwhile.
                total = session.scalar(select(func.sum(BY_STATUS.c.n)).where(
                    BY_STATUS.c.company_id == cast.alice.company_id))
                if total != len(ids):
                    wrong.append(f"{total} leads")

    folders = [threading.Thread(target=fold) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for thread in (*folders, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in folders:
        thread.join(60)

    with db.transaction() as session:
        assert wrong == []
        check(session)
        loads = workload.by_rep(session, cast.mona, now=datetime.now(UTC))
        owned = session.scalar(select(func.count()).select_from(Lead).where(
            Lead.assigned_to_user_id.is_not(None), Lead.company_id == cast.alice.company_id,
            Lead.status.not_in(["converted", "lost"])))
        assert sum(sum(load.open.values()) for load in loads.values()) == owned


def test_counting_anew_puts_right_what_was_written_past_the_triggers(session, cast, now):
    lead_id = make_lead(session, cast.tess, owner=cast.bob, assigned_at=now, status="contacted", last_contacted_at=now)
    contacts.log_contact(session, cast.tess, [lead_id], method="email", now=now)
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(update(Lead).where(Lead.id == lead_id).values(status="lost", assigned_at=now - timedelta(days=1)))
    session.execute(update(ContactAttempt).where(ContactAttempt.lead_id == lead_id).values(method="call"))
    session.execute(text("SET LOCAL session_replication_role = origin"))
    with pytest.raises(AssertionError):
        check(session)

    counts.recount(session)

    check(session)


def test_a_mistake_of_ours_does_not_end_the_putting_together(monkeypatch, caplog):
    tries = []

    def broken(_session) -> bool:
        tries.append(len(tries))
        if len(tries) > 2:
            startup._is_stopping.set()
        raise RuntimeError("a mistake")

    monkeypatch.setattr(startup.db, "transaction", contextlib.nullcontext)
    monkeypatch.setattr(startup.counts, "fold", broken)
    monkeypatch.setattr(startup, "TIDIED_EVERY_SECONDS", 0)
    monkeypatch.setattr(startup, "_is_stopping", threading.Event())

    startup._keep_tidy()

    assert tries == [0, 1, 2] and caplog.text.count("in the housekeeping") == 3


def test_counting_anew_waits_for_whoever_is_putting_counts_together(engine, committed_cast):
    cast, now = committed_cast, datetime.now(UTC)
    with db.transaction() as session:
        make_lead(session, cast.tess, owner=cast.bob, status="contacted", last_contacted_at=now)

    def recount() -> None:
        with db.transaction() as session:
            counts.recount(session)

    counting = threading.Thread(target=recount)
    with db.transaction() as session:
        assert counts.fold(session)
        counting.start()
        counting.join(0.5)
    counting.join(60)

    with db.transaction() as session:
        check(session)
