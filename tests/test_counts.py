"""The counts that are kept as leads change say what counting the leads would say, whatever is done to them."""

import contextlib
import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, text, update

from lib import bulk, contacts, counts, db, leads, lists, startup, undo, workload
from lib.counts import BY_STATUS, FOLLOW_UPS, OWN_FOLLOW_UPS
from lib.leads import ANYTHING, Edit
from lib.models import Company, Lead, Status
from tests.factories import forgotten, make_lead

TABLES = (BY_STATUS, FOLLOW_UPS, OWN_FOLLOW_UPS)
COUNTED = {
    BY_STATUS: "SELECT company_id, coalesce(assigned_to_user_id, '00000000-0000-0000-0000-000000000000'), status, count(*) "
               "FROM leads GROUP BY 1, 2, 3",
    FOLLOW_UPS: "SELECT company_id, (last_contacted_at AT TIME ZONE 'UTC')::date, count(*) FROM leads "
                "WHERE status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL GROUP BY 1, 2",
    OWN_FOLLOW_UPS: "SELECT company_id, assigned_to_user_id, (last_contacted_at AT TIME ZONE 'UTC')::date, count(*) "
                    "FROM leads WHERE status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL "
                    "AND assigned_to_user_id IS NOT NULL GROUP BY 1, 2, 3",
}


def kept(session, table):
    key = [column for column in table.c if column.name not in ("n", "is_sum")]
    total = func.sum(table.c.n)
    return {tuple(row[:-1]): int(row[-1]) for row in session.execute(
        select(*key, total).group_by(*key).having(total != 0))}


def check(session):
    for table, counted in COUNTED.items():
        assert kept(session, table) == {tuple(row[:-1]): row[-1] for row in session.execute(text(counted))}, table.name


@dataclass(frozen=True)
class Step:
    what: str
    lead: int
    value: object = None


STEPS = st.lists(st.one_of(
    st.builds(Step, st.just("add"), st.integers(0, 4)),
    st.builds(Step, st.just("status"), st.integers(0, 4), st.sampled_from(list(Status))),
    st.builds(Step, st.just("assign"), st.integers(0, 4), st.sampled_from(["alice", "bob", None])),
    st.builds(Step, st.just("contact"), st.integers(0, 4), st.integers(0, 20)),
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
                    batches.append(contacts.log_contact(session, cast.tess, there, method="email", now=now,
                                                        occurred_at=now - timedelta(days=step.value)).batch_id)
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
    make_lead(session, cast.tess, owner=cast.bob, status="contacted", last_contacted_at=now)
    make_lead(session, cast.olga)
    session.execute(delete(Company).where(Company.id == cast.tess.company_id))
    # As at the end of the transaction.
    session.execute(text("SET CONSTRAINTS forget_counts IMMEDIATE"))

    for table in TABLES:
        assert session.execute(select(table).where(table.c.company_id == cast.tess.company_id)).all() == []
    assert len(kept(session, BY_STATUS)) == 1


def test_leads_of_every_kind_are_counted_as_they_come(session, cast, now):
    for number, status in enumerate(Status):
        make_lead(session, cast.tess, owner=cast.bob if number % 2 else None, status=status,
                  last_contacted_at=now - timedelta(days=number) if number % 3 else None)
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
                if pick.random() < 0.5:
                    bulk.set_status(session, cast.tess, [lead], pick.choice(list(Status)))
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
    lead_id = make_lead(session, cast.tess, owner=cast.bob, status="contacted", last_contacted_at=now)
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(update(Lead).where(Lead.id == lead_id).values(status="lost"))
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
