"""What the database has to do for each function, held without a clock: how many statements, and by which plan."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Connection, Engine, delete, select, text, update
from sqlalchemy.orm import Session

from benchmarks.plans import Statement, explain, recorded
from lib import (attribution, bulk, contact_changes, contacts, deliveries, funnel, history, leads, lists, neighbours,
                 new_leads, pasted, replies, undo, users, workload)
from lib.auth import Actor
from lib.filters import LeadFilter
from lib.leads import ANYTHING, Edit
from lib.lost import Because
from lib.models import Company, Lead, LeadEvent, Role, User
from lib.scope import Scope
from lib.sign_ins import SignIn
from lib.views import VIEWS
from tests.factories import make_company, make_firm, make_user

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LAST_QUARTER = Scope(since=datetime(2025, 10, 1, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC))
REPS, LEADS = 19, 50_000

# Statuses, owners, times and names that are spread out but hang together in no way that the planner could not know.
# One in five has no owner, one in six was never contacted, and every surname is one of four hundred. The divisors have
# no factor in common where that would keep an owner, or a method, to some of the leads only.
MANY_LEADS = text("""
    INSERT INTO leads (company_id, lead_company_id, first_name, last_name, email, status, assigned_to_user_id,
                       last_contacted_at, last_contact_method, contact_count, score)
    SELECT :company, :firm, 'Ada', 'Lovelace' || n * 7919 % 400, 'ada' || n || '@example.com',
           (enum_range(NULL::lead_status))[1 + n * 31 % 7],
           CASE WHEN n % 5 > 0 THEN (CAST(:reps AS uuid[]))[1 + n * 17 % :many] END,
           CASE WHEN n % 6 > 0 THEN CAST(:now AS timestamptz) - n * 613 % 90000 * interval '1 minute' END,
           CASE WHEN n % 6 > 0 THEN (ARRAY['email', 'linkedin', 'call', 'other'])[1 + n * 11 % 4] END,
           n * 13 % 6, n * 37 % 101
    FROM generate_series(1, :leads) AS n""")

CONTACTS_A_DAY = 24
A_MONTHS_CONTACTS = text("""
    INSERT INTO contact_attempts (company_id, lead_id, user_id, batch_id, method, direction, occurred_at)
    SELECT company_id, id, assigned_to_user_id, gen_random_uuid(), 'call', 'outbound',
           CAST(:now AS timestamptz) - row_number() OVER () * interval '1 hour'
    FROM leads WHERE company_id = :company AND assigned_to_user_id IS NOT NULL LIMIT 24 * 40""")


@dataclass(frozen=True)
class Crowd:
    rep: Actor
    manager: Actor
    mine: list[uuid.UUID]
    told: uuid.UUID


@pytest.fixture(scope="module")
def crowd(engine: Engine) -> Iterator[Crowd]:
    """Two companies of fifty thousand leads each: with one alone, all of the table would be the best way to it.

    Committed, since statistics can only be made of what is there for everybody, and deleted after this module, since
    other modules count companies.
    """
    with Session(engine) as session:
        made = [_company_with_leads(session, name) for name in ("Crowded", "Crowded Elsewhere")]
        rep, manager = made[0]
        mine = list(session.scalars(select(Lead.id).where(Lead.assigned_to_user_id == rep.user_id).order_by(Lead.id)))
        contacts.log_contact(session, rep, mine[-50:], method="call", now=NOW)
        session.commit()
    _tidy(engine)
    yield Crowd(rep, manager, mine, told=mine[-1])
    with Session(engine) as session:
        session.execute(delete(Company).where(Company.id.in_([rep.company_id for rep, _ in made])))
        session.commit()
    _tidy(engine)


def _company_with_leads(session: Session, name: str) -> tuple[Actor, Actor]:
    company = make_company(session, name)
    reps = [make_user(session, company, f"Rep {number}") for number in range(REPS)]
    manager = make_user(session, company, "Manager", role=Role.MANAGER)
    session.execute(MANY_LEADS, {
        "company": company, "firm": make_firm(session, manager), "reps": [rep.user_id for rep in reps], "many": REPS,
        "now": NOW, "leads": LEADS})
    return reps[0], manager


def _tidy(engine: Engine) -> None:
    """Without this, counting from an index alone and knowing how many rows there are wait for autovacuum."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE leads, lead_companies, lead_events, contact_attempts, users, "
                                   "companies")


def _view(key: str):
    view = VIEWS[key]
    return lambda s, crowd: lists.page(s, crowd.rep, view.filter(crowd.rep, NOW), order=view.order)


def _address(session: Session, crowd: Crowd) -> str:
    """The rep's e-mail address, looked up once and before anything is recorded."""
    if "address" not in session.info:
        session.info["address"] = session.scalar(select(User.email).where(User.id == crowd.rep.user_id))
    return session.info["address"]


def _second_page(session: Session, crowd: Crowd, order: str) -> None:
    # The cursor of a page that is not recorded: it is the second page that this is about.
    wanted = LeadFilter()
    cursor = session.info.setdefault(order, None) or lists.page(session, crowd.rep, wanted, order=order).next_cursor
    session.info[order] = cursor
    lists.page(session, crowd.rep, wanted, order=order, cursor=cursor)


READS = {
    "numbers": lambda s, crowd: lists.numbers(s, crowd.rep, now=NOW),
    **{f"page {key}": _view(key) for key in VIEWS},
    "page by cursor, waiting": lambda s, crowd: _second_page(s, crowd, "waiting"),
    "page by cursor, recent": lambda s, crowd: _second_page(s, crowd, "recent"),
    "page by offset": lambda s, crowd: lists.page(s, crowd.rep, LeadFilter(), order="recent", offset=5000),
    "search": lambda s, crowd: lists.page(s, crowd.rep, LeadFilter(search="lovelace399")),
    # Of more leads than are counted, which are looked up all the same.
    "search for 1,375 leads": lambda s, crowd: lists.page(s, crowd.rep, LeadFilter(search="lovelace39")),
    "search for nobody": lambda s, crowd: lists.page(s, crowd.rep, LeadFilter(search="zzqxq")),
    "rows": lambda s, crowd: lists.rows(s, crowd.rep, crowd.mine[:50]),
    "find": lambda s, crowd: leads.find(s, crowd.rep, crowd.mine[0]),
    "timeline": lambda s, crowd: history.timeline(s, crowd.rep, crowd.told),
    "shares": lambda s, crowd: attribution.shares(s, crowd.rep, LAST_QUARTER),
    "replies by channel": lambda s, crowd: replies.by_channel(s, crowd.rep, LAST_QUARTER),
    "replies by attempt": lambda s, crowd: replies.by_attempt(s, crowd.rep, LAST_QUARTER),
    "time to reply": lambda s, crowd: replies.time_to_reply(s, crowd.rep, LAST_QUARTER),
    "conversion by channel": lambda s, crowd: replies.conversion_by_channel(s, crowd.rep, LAST_QUARTER),
    "replies by channel, one source": lambda s, crowd: replies.by_channel(s, crowd.rep, Scope(source="fair")),
    "activity": lambda s, crowd: funnel.activity(s, crowd.rep, "Europe/Berlin", LAST_QUARTER),
    "lost reasons": lambda s, crowd: funnel.lost_reasons(s, crowd.rep, LAST_QUARTER),
    "page, lost for a reason": lambda s, crowd: lists.page(s, crowd.rep, LeadFilter(lost_reasons=("no_need", None)),
                                                           order="newest"),
    "workload": lambda s, crowd: workload.by_rep(s, crowd.rep, now=NOW),
    "first touches": lambda s, crowd: workload.first_touches(s, crowd.rep, now=NOW),
    "pool": lambda s, crowd: workload.pool(s, crowd.rep, now=NOW),
    "recent contacts": lambda s, crowd: contacts.recent(s, crowd.rep),
    "recent contacts of one": lambda s, crowd: contacts.recent(s, crowd.rep, made_by=[crowd.manager.user_id]),
    "older contacts": lambda s, crowd: contacts.recent(s, crowd.rep, behind=(NOW, crowd.rep.user_id)),
    "neighbours": lambda s, crowd: neighbours.recent_touches(s, crowd.manager, crowd.mine[:50], now=NOW),
    "pasted addresses": lambda s, crowd: pasted.resolve(s, crowd.rep, [
        *(f"ada{number}@example.com" for number in range(250)),
        *(f"linkedin.com/in/ada{number}" for number in range(250))]),
    "sign_in": lambda s, crowd: users.sign_in(s, crowd.rep.user_id),
    "sign_in by address": lambda s, crowd: users.sign_in_by_address(s, SignIn(_address(s, crowd), NOW, NOW)),
    "sign_in of a write": lambda s, crowd: users.sign_in(s, crowd.rep.user_id, SignIn(_address(s, crowd), NOW, NOW)),
}
_numbers = count()
WRITES = {
    "edit": lambda s, crowd: leads.edit(s, crowd.rep, [
        Edit(crowd.mine[0], "status", ANYTHING, "qualified"), Edit(crowd.mine[0], "email", ANYTHING, "a@new.example")]),
    "explain": lambda s, crowd: bulk.explain(s, crowd.manager, crowd.mine[:50], Because("no_need"), joins=crowd.told),
    "assign": lambda s, crowd: leads.assign(s, crowd.manager, crowd.mine[:50], to=crowd.manager.user_id),
    "log_contact": lambda s, crowd: contacts.log_contact(s, crowd.rep, crowd.mine[:50], method="call"),
    "edit_contact": lambda s, crowd: contact_changes.edit_contact(
        s, crowd.rep, contacts.recent(s, crowd.rep, limit=1)[0].id, {}, {"outcome": "interested"}),
    "remove_contact": lambda s, crowd: contact_changes.remove_contact(
        s, crowd.rep, contacts.recent(s, crowd.rep, limit=1)[0].id),
    "undo of a contact": lambda s, crowd: undo.undo(s, crowd.rep, _last_batch(s, crowd)),
    "enrich": lambda s, crowd: deliveries.enrich(s, crowd.rep, crowd.mine[0], {"headcount": 12}),
    "create": lambda s, crowd: new_leads.create(s, crowd.rep, {"email": f"new{next(_numbers)}@new.example",
                                                           "company": "Some Firm"}),
}


def _last_batch(session: Session, crowd: Crowd) -> uuid.UUID:
    return session.scalars(select(LeadEvent.batch_id).where(LeadEvent.lead_id == crowd.told)
                           .order_by(LeadEvent.id.desc())).first()


def _sent(connection: Connection, session: Session, call, crowd: Crowd) -> list[Statement]:
    call(session, crowd)  # Whatever is only needed once, such as a cursor.
    with recorded(connection) as sent:
        call(session, crowd)
    return [each for each in sent if "SAVEPOINT" not in each[0]]


@pytest.mark.parametrize("name", READS)
def test_a_read_is_one_statement(connection, session, crowd, name):
    assert len(_sent(connection, session, READS[name], crowd)) == 1


@pytest.mark.parametrize("generic", [False, True], ids=["planned for the values", "planned for any values"])
@pytest.mark.parametrize("name", READS)
def test_a_read_never_goes_through_all_leads(connection, session, crowd, name, generic):
    [statement] = _sent(connection, session, READS[name], crowd)

    if generic and not statement.is_prepared:
        pytest.skip("planned for its values each time")
    plan = explain(connection, statement, generic=generic)

    assert "Seq Scan on leads" not in plan, plan


def test_another_word_is_the_same_statement_and_planned_for_itself(connection, session, crowd):
    first, second = (_sent(connection, session, lambda s, c, w=word: lists.page(s, c.rep, LeadFilter(search=w)), crowd)
                     for word in ("lovelace399", "zzqxq"))

    assert [each.text for each in first] == [each.text for each in second]
    assert not any(each.is_prepared for each in first + second)


@pytest.mark.parametrize("words", ["lovelace39", "firm", "lovelace39 firm", "zzqxq"])
def test_a_search_never_goes_through_the_firms_it_found_for_each_lead(connection, session, crowd, monkeypatch,
                                                                              words):
    monkeypatch.setattr(lists, "FREQUENT", 0)
    wanted = LeadFilter(search=words)

    for statement in (each for call in (lists.page, lists.matching)
                      for each in _sent(connection, session, lambda s, c, f=call: f(s, c.rep, wanted), crowd)):
        plan = explain(connection, statement)
        assert not re.search(r"Filter:.*lead_company_id = ANY", plan), plan


@pytest.mark.parametrize("words", ["lovelace399", "Lovelace39", "a12_4", "ada1%", "e\\1", "zzqxq"])
def test_a_search_finds_the_same_on_a_server_without_trigrams(connection, session, crowd, words):
    def found():
        page = lists.page(session, crowd.rep, LeadFilter(search=words))
        return page.rows, page.count, sorted(lists.matching(session, crowd.rep, LeadFilter(search=words)))

    with recorded(connection) as sent:
        by_index = found()
    assert "leads_full_search_idx" in explain(connection, sent[-1])

    session.execute(text("DROP INDEX leads_full_search_idx, lead_companies_search_idx"))

    assert found() == by_index


def test_the_follow_ups_of_a_team_are_not_added_up_from_all_the_days_of_the_past(connection, session, crowd):
    [statement] = _sent(connection, session, READS["workload"], crowd)

    plan = explain(connection, statement, analyze=True)

    read = re.findall(r"\bon owner_follow_up_counts\b.*actual.*?rows=(\d+)", plan)
    # A row for each of the last eight days and each rep, and those that the crowd's contacts have added, of sixty days.
    assert read and all(0 < int(rows) <= 16 * REPS for rows in read), plan


def test_the_months_work_of_a_team_is_counted_and_not_read(connection, session, crowd):
    """Two days of the month are looked at contact by contact, those on which the week and the month begin."""
    session.execute(A_MONTHS_CONTACTS, {"company": crowd.rep.company_id, "now": NOW})
    session.execute(update(Lead).where(Lead.id.in_(crowd.mine)).values(
        assigned_at=NOW - timedelta(hours=1), status="enriched", last_contacted_at=None))
    [statement] = _sent(connection, session, READS["workload"], crowd)

    plan = explain(connection, statement, analyze=True)

    def rows(index: str) -> int:
        found = re.findall(rf"using {index} on .*?actual.*?rows=(\d+)", plan)
        assert found, plan
        return sum(map(int, found))

    assert 0 < rows("contact_attempts_recent_idx") <= CONTACTS_A_DAY * 2
    assert rows("leads_untouched_idx") == 0


@pytest.mark.parametrize("name", WRITES)
def test_a_write_never_goes_through_all_leads(connection, session, crowd, name):
    with recorded(connection) as sent:
        WRITES[name](session, crowd)

    changing = [each for each in sent if "leads" in each[0] and "SAVEPOINT" not in each[0]]
    assert changing
    for statement in changing:
        plan = explain(connection, statement)
        assert "Seq Scan on leads" not in plan, plan


@pytest.mark.parametrize("name", READS | WRITES)
def test_leads_are_only_touched_by_company_or_by_id(connection, session, crowd, name):
    with recorded(connection) as sent:
        (READS | WRITES)[name](session, crowd)

    for statement, *_ in sent:
        if inserted := re.match(r"INSERT INTO leads \((.*?)\)", statement):
            assert "company_id" in inserted[1]
            continue
        touched = re.findall(r"\b(?:FROM|JOIN|UPDATE) leads\b", statement)
        narrowed = re.findall(r"\bleads\.(?:company_id|id) (?:=|IN)|= leads\.id\b", statement)
        assert len(narrowed) >= len(touched), statement
