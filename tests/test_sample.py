"""Loading the sample team: …"""

import unicodedata
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Row, delete, event, func, select, update
from sqlalchemy.orm import Session

from lib import contacts, history, leads, lists, sample, undo, users
from lib.auth import Actor
from lib.fields import clean, from_json, to_json
from lib.filters import LeadFilter
from lib.models import Company, ContactAttempt, Lead, LeadCompany, LeadEvent, Role, Status, User
from lib.sample_words import NOBODY, TEAMS
from tests.factories import make_company

CONTACTS = ("status", "assigned_to_user_id", "assigned_at", "last_contacted_at", "last_contact_method", "contact_count",
            "last_response_at", "response_count")
NEW_ROW = {column.name: None for column in Lead.__table__.columns} | {
    "status": "new", "contact_count": 0, "response_count": 0, "enrichment_data": {}, "tags": []}


@pytest.fixture
def loaded(session: Session, now: datetime) -> Session:
    assert sample.load_once(session, now)
    return session


def all_of(session: Session, model: type, *order) -> list[Row]:
    return list(session.execute(select(*model.__table__.columns).order_by(*order)).all())


def by_lead(rows: list[Row]) -> dict:
    found = defaultdict(list)
    for row in rows:
        found[row.lead_id].append(row)
    return found


def first_visitor(session: Session) -> Actor:
    return users.sign_in(session, users.demo_identities(session)[0].id)[0]


# ---------------------------------------------------------------- loading


def test_it_loads_once_and_does_nothing_the_second_time(session, now):
    assert sample.load_once(session, now) is True
    before = [session.scalar(select(func.count()).select_from(model)) for model in (Company, User, Lead, LeadEvent)]

    assert sample.load_once(session, now) is False

    after = [session.scalar(select(func.count()).select_from(model)) for model in (Company, User, Lead, LeadEvent)]
    assert after == before


def test_it_leaves_a_database_with_a_company_alone(session, now):
    make_company(session, "A real one")

    assert sample.load_once(session, now) is False

    assert session.scalars(select(Company.name)).all() == ["A real one"]
    assert session.scalar(select(func.count()).select_from(Lead)) == 0


def test_two_processes_that_start_at_once_load_one_team(engine, now):
    def load() -> bool:
        with Session(engine) as session, session.begin():
            return sample.load_once(session, now)

    try:
        with ThreadPoolExecutor(2) as pool:
            outcomes = [each.result() for each in [pool.submit(load), pool.submit(load)]]
        with Session(engine) as session:
            assert sorted(outcomes) == [False, True]
            assert session.scalar(select(func.count()).select_from(Company)) == 2
    finally:
        with Session(engine) as session, session.begin():
            session.execute(delete(Company))


def test_it_needs_few_statements(session, connection, now):
    statements = recorded(connection)
    sample.load_once(session, now)

    assert len(statements) <= 12


def recorded(connection) -> list[str]:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute",
                 lambda *args: None if "SAVEPOINT" in args[2] else statements.append(args[2]))
    return statements


def test_it_makes_the_same_team_for_the_same_time(now):
    assert sample.make(now) == sample.make(now)


def test_it_does_without_a_time(session):
    assert sample.load_once(session)
    assert session.scalar(select(func.max(LeadEvent.at))) <= datetime.now(UTC)


# ---------------------------------------------------------------- rows, contacts and events agree


def test_its_counters_and_last_contacts_are_those_of_the_contacts(loaded):
    attempts = by_lead(all_of(loaded, ContactAttempt, ContactAttempt.occurred_at))
    for lead in all_of(loaded, Lead):
        sent = [each for each in attempts[lead.id] if each.direction == "outbound"]
        received = [each for each in attempts[lead.id] if each.direction == "inbound"]

        assert (lead.contact_count, lead.response_count) == (len(sent), len(received))
        latest = (sent[-1].occurred_at, sent[-1].method) if sent else (None, None)
        assert (lead.last_contacted_at, lead.last_contact_method) == latest
        assert lead.last_response_at == (received[-1].occurred_at if received else None)
        assert all(each.successful for each in received)


def test_its_conversions_name_the_last_contact_before_them(loaded):
    attempts = by_lead(all_of(loaded, ContactAttempt, ContactAttempt.occurred_at))
    converted = [lead for lead in all_of(loaded, Lead) if lead.status == "converted"]
    for lead in converted:
        before = [each.method for each in attempts[lead.id] if each.occurred_at <= lead.converted_at]
        assert lead.conversion_source == before[-1]

    assert converted


def test_its_events_replay_to_the_current_row(loaded):
    events = by_lead(all_of(loaded, LeadEvent, LeadEvent.id))
    for lead in all_of(loaded, Lead):
        state = {name: to_json(value) for name, value in NEW_ROW.items()}
        times = []
        for happened in events[lead.id]:
            assert happened.company_id == lead.company_id
            if happened.action != "created":
                assert happened.before == {column: state[column] for column in happened.after}
                assert happened.before != happened.after
            state |= happened.after
            times.append(happened.at)

        replayed = {column: from_json(column, state[column]) for column in CONTACTS}
        assert replayed == {column: getattr(lead, column) for column in CONTACTS}
        for column in ("first_name", "last_name", "email", "phone", "job_title", "tags", "notes", "score", "source"):
            assert state[column] == getattr(lead, column)
        assert (lead.enrichment_data or {}) == state["enrichment_data"]
        assert events[lead.id][0].action == "created" and (times[0], times[-1]) == (lead.created_at, lead.updated_at)
        assert times == sorted(times)


def test_its_contacts_do_to_a_lead_what_logging_them_does(loaded):
    attempts = {(each.lead_id, each.batch_id): each for each in all_of(loaded, ContactAttempt)}
    states = defaultdict(lambda: dict(NEW_ROW))
    logged = 0
    for happened in all_of(loaded, LeadEvent, LeadEvent.id):
        state = states[happened.lead_id]
        if happened.action in ("contacted", "responded"):
            attempt = attempts[happened.lead_id, happened.batch_id]
            change = contacts.effect_of(SimpleNamespace(id=happened.lead_id, **{
                column: state[column] for column in CONTACTS}), attempt._mapping)
            assert happened.after == {column: to_json(value) for column, value in change.after.items()}
            assert attempt.occurred_at <= happened.at == attempt.created_at
            assert (happened.action == "contacted") is (attempt.direction == "outbound")
            logged += 1
        state |= {column: from_json(column, value) for column, value in happened.after.items() if column in CONTACTS}
    assert logged == len(attempts) > 900


def test_its_events_are_numbered_in_the_order_in_which_they_happened(loaded):
    times = loaded.scalars(select(LeadEvent.at).order_by(LeadEvent.id)).all()

    assert times == sorted(times)


def test_its_actions_are_those_of_the_code(loaded):
    actions = set(loaded.scalars(select(LeadEvent.action)))

    assert actions == {"created", "enriched", "assigned", "contacted", "responded", "status_changed", "edited"}


def test_its_machine_acts_as_nobody_and_its_people_by_name(loaded):
    for happened in all_of(loaded, LeadEvent):
        assert (happened.source == "api") is (happened.actor_id is None)


@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("hour", [0, 13])
def test_nothing_of_it_lies_in_the_future_on_any_day(day, hour):
    now = datetime(2026, 3, 9, hour, 3, 27, 5, tzinfo=UTC) + timedelta(days=day)
    for rows in sample.make(now).values():
        for row in rows:
            late = {name for name, value in row.items() if isinstance(value, datetime) and value > now}
            assert late <= {"away_until"}
    for happened in sample.make(now)[LeadEvent]:
        for column, value in happened["after"].items():
            assert not column.endswith("_at") or value is None or datetime.fromisoformat(value) <= now


def test_nothing_happens_by_somebody_who_has_left_or_is_away(loaded, now):
    left = next(user for user in all_of(loaded, User) if not user.is_active)
    away = next(user for user in all_of(loaded, User) if user.away_until)
    ends = {left.id: left.updated_at, away.id: away.away_from}

    assert away.away_from < now < away.away_until
    for happened in all_of(loaded, LeadEvent):
        assert happened.at <= ends.get(happened.actor_id, now)
        assert happened.actor_id is None or not happened.after.get("assigned_at") or happened.after[
            "assigned_at"] <= to_json(ends.get(from_json("user_id", happened.after["assigned_to_user_id"]), now))


# ---------------------------------------------------------------- who and what there is


def test_the_first_identity_is_a_rep_with_a_rich_queue(loaded, now):
    me = first_visitor(loaded)
    numbers = lists.numbers(loaded, me, now=now)

    assert (me.role, me.company) == (Role.REP, "Northwind Outbound")
    assert (numbers.mine, numbers.ready, numbers.conversing, numbers.due, numbers.my_due) == (122, 25, 15, 64, 15)


@pytest.mark.parametrize("day", range(7))
def test_the_same_follow_ups_are_due_on_any_day_of_the_week(day):
    now = datetime(2026, 3, 9, 4, 59, tzinfo=UTC) + timedelta(days=day)
    rows = sample.make(now)
    due = Counter(lead["company_id"] for lead in rows[Lead] if lead["status"] in ("contacted", "conversing")
                  and lead["last_contacted_at"] and lead["last_contacted_at"] < now - timedelta(days=7))

    assert [due[company["id"]] for company in rows[Company]] == [sum(each.due for each in team.people)
                                                                 for team in TEAMS]


def test_every_owner_has_the_leads_that_were_meant_for_them(loaded):
    names = {user.id: user.name for user in all_of(loaded, User)}
    companies = {company.id: company.name for company in all_of(loaded, Company)}
    counted = Counter((companies[lead.company_id], names.get(lead.assigned_to_user_id, NOBODY), lead.status)
                      for lead in all_of(loaded, Lead))

    assert counted == Counter({(team.company, person.name, status.value): count for team in TEAMS
                               for person in team.people for status, count in zip(Status, person.leads) if count})
    assert sum(counted.values()) == 600


def test_there_is_a_team_to_hand_leads_around_in(loaded):
    people = [user for user in all_of(loaded, User, User.created_at)
              if user.company_id == first_visitor(loaded).company_id]

    assert Counter(user.role for user in people if user.is_active) == {"rep": 3, "team_lead": 1, "manager": 1}
    assert [user.is_active for user in people].count(False) == 1
    assert all(user.last_assigned_at for user in people)
    assert people == sorted(people, key=lambda user: user.created_at) and people[0].role == "rep"


def test_the_outsiders_company_is_separate(loaded):
    teams = {company.id for company in all_of(loaded, Company)}
    company_of = {row.id: row.company_id for model in (User, LeadCompany, Lead) for row in all_of(loaded, model)}
    assert len(teams) == 2
    for lead in all_of(loaded, Lead):
        for other in (lead.assigned_to_user_id, lead.lead_company_id):
            assert other is None or company_of[other] == lead.company_id
    for row in all_of(loaded, ContactAttempt):
        assert company_of[row.lead_id] == company_of[row.user_id] == row.company_id
    for row in all_of(loaded, LeadEvent):
        assert company_of[row.lead_id] == row.company_id == company_of.get(row.actor_id, row.company_id)


def test_its_values_are_ones_that_the_fields_accept(loaded):
    for lead in all_of(loaded, Lead):
        for field in ("first_name", "last_name", "email", "phone", "job_title", "linkedin_url", "status", "tags",
                      "notes", "score", "source", "source_workflow"):
            assert clean(field, getattr(lead, field)) == getattr(lead, field)


def test_its_addresses_lead_nowhere(loaded):
    for lead in all_of(loaded, Lead):
        assert lead.email is None or lead.email.endswith(".example")
        assert lead.phone is None or lead.phone.startswith(("+1-512-555-01", "+1-206-555-01", "+1-416-555-01",
                                                            "+44 20 7946 0", "+49 30 23125 ", "+33 1 99 00 ",
                                                            "+61 2 5550 "))
    assert all(firm.domain.endswith(".example") for firm in all_of(loaded, LeadCompany))


def test_its_notes_are_varied(loaded):
    notes = Counter(attempt.notes for attempt in all_of(loaded, ContactAttempt))

    assert len(notes) > 200 and not any("{" in note for note in notes)


EDGES = {
    "never contacted": lambda lead: lead.last_contacted_at is None and lead.contact_count == 0,
    "in conversation though never contacted": lambda lead: lead.contact_count == 0 and lead.status == "conversing",
    "contacted nine times": lambda lead: lead.contact_count == 9,
    "no e-mail address": lambda lead: lead.email is None,
    "contacted without an e-mail address": lambda lead: lead.email is None and lead.contact_count,
    "an e-mail address and no name": lambda lead: lead.email and not lead.first_name and not lead.last_name,
    "only a last name": lambda lead: lead.last_name and not lead.first_name,
    "unassigned": lambda lead: lead.assigned_to_user_id is None and lead.assigned_at is None,
    "a name of sixty characters": lambda lead: len(leads.name_of(lead)) == 60,
    "a very long job title": lambda lead: len(lead.job_title or "") > 120,
    "an apostrophe": lambda lead: lead.last_name == "O'Brien",
    "a typographic apostrophe": lambda lead: "’" in (lead.last_name or ""),
    "combining accents": lambda lead: any(unicodedata.combining(c) for c in lead.first_name or ""),
    "twelve tags": lambda lead: len(lead.tags) == 12,
    "no tags": lambda lead: lead.tags == [],
    "no score": lambda lead: lead.score is None,
    "no firm": lambda lead: lead.lead_company_id is None,
    "empty enrichment": lambda lead: lead.enrichment_data == {} and lead.status == "enriched",
    "notes of several lines": lambda lead: "\n" in (lead.notes or ""),
    **{script: lambda lead, script=script: unicodedata.name((lead.last_name or " ")[0]).startswith(script)
       for script in ("CJK", "ARABIC", "GREEK", "CYRILLIC", "DEVANAGARI", "HANGUL")},
}


def test_there_is_a_lead_for_every_edge(loaded):
    rows = all_of(loaded, Lead)

    assert [edge for edge, holds in EDGES.items() if not any(holds(lead) for lead in rows)] == []


def test_there_are_leads_whose_enrichment_is_really_null(loaded):
    assert loaded.scalar(select(func.count()).where(Lead.enrichment_data.is_(None))) > 0
    assert loaded.scalar(select(func.count()).where(func.jsonb_typeof(Lead.enrichment_data) != "object")) == 0


def test_there_is_a_very_long_firm_name(loaded):
    assert loaded.scalar(select(func.max(func.length(LeadCompany.name)))) > 120


def test_its_contacts_can_be_logged_on(loaded, now):
    me = first_visitor(loaded)
    lead = lists.page(loaded, me, LeadFilter(assigned_to=me.user_id, contact_count_min=9)).rows[0]

    contacts.log_contact(loaded, me, [lead.id], method="call", now=now).or_raise()

    assert leads.find(loaded, me, lead.id).contact_count == 10


def test_its_latest_contact_can_be_undone(loaded, now):
    me = first_visitor(loaded)
    lead = lists.page(loaded, me, LeadFilter(assigned_to=me.user_id, contact_count_min=9)).rows[0]
    latest = next(each for each in history.timeline(loaded, me, lead.id) if each.action == "contacted")

    undo.undo(loaded, me, latest.batch_id, now=now)

    row = leads.find(loaded, me, lead.id)
    assert (row.contact_count, row.status) == (8, "contacted")
    assert row.last_contacted_at < latest.occurred_at


def test_updated_at_is_kept_by_the_database_afterwards(loaded, now):
    lead_id = loaded.scalar(select(Lead.id).where(Lead.notes.is_(None)).limit(1))

    loaded.execute(update(Lead).where(Lead.id == lead_id).values(notes="Called."))

    assert loaded.scalar(select(Lead.updated_at).where(Lead.id == lead_id)) > now
