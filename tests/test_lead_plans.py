"""What the database has to do for the page of one lead, held without a clock: a lead with a long history, at a firm
among many."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.orm import Session

from benchmarks.plans import explain, recorded
from lib import history, neighbours
from lib.auth import Actor
from lib.history import KINDS
from lib.models import Company, Lead
from tests.factories import make_company, make_user

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FIRMS, LEADS, EVENTS = 2_000, 20_000, 5_000

MANY = (
    "INSERT INTO lead_companies (company_id, name) SELECT :company, 'Firm ' || n FROM generate_series(1, :firms) AS n",
    """INSERT INTO leads (company_id, lead_company_id, last_name, last_contacted_at)
       SELECT :company, firms.ids[1 + n * 7919 % :firms], 'Doe ' || n,
              CASE WHEN n % 6 > 0 THEN CAST(:now AS timestamptz) - n * 613 % 90000 * interval '1 minute' END
       FROM generate_series(1, :leads) AS n,
            (SELECT array_agg(id ORDER BY name) AS ids FROM lead_companies WHERE company_id = :company) AS firms""",
    """INSERT INTO contact_attempts (company_id, lead_id, user_id, batch_id, method, direction, occurred_at)
       SELECT company_id, id, :user, gen_random_uuid(), 'email', 'outbound', last_contacted_at
       FROM leads WHERE company_id = :company AND last_contacted_at IS NOT NULL""",
    """INSERT INTO lead_events (company_id, lead_id, batch_id, actor_id, source, action, before, after, at)
       SELECT company_id, id, gen_random_uuid(), :user, 'ui', 'edited', '{"score": 1}', '{"score": 2}', :now
       FROM leads WHERE company_id = :company""",
    # A history as a machine makes it that delivers every hour; nobody ever assigned this lead.
    """INSERT INTO lead_events (company_id, lead_id, batch_id, actor_id, source, action, before, after, at)
       SELECT :company, :told, gen_random_uuid(), :user, 'api', 'enriched', '{"enrichment_data": {}}',
              '{"enrichment_data": {"visits": 12}}', :now
       FROM generate_series(1, :events)""",
)


@dataclass(frozen=True)
class Crowd:
    rep: Actor
    told: uuid.UUID
    company: uuid.UUID


@pytest.fixture(scope="module")
def crowd(engine: Engine) -> Iterator[Crowd]:
    """Committed, since statistics can only be made of what is there for everybody, and deleted after this module."""
    with Session(engine) as session:
        company = make_company(session, "Crowded Firms")
        rep = make_user(session, company, "Rep")
        values = {"company": company, "user": rep.user_id, "now": NOW, "firms": FIRMS, "leads": LEADS,
                  "events": EVENTS}
        for statement in MANY[:-1]:
            session.execute(text(statement), values)
        told = session.scalars(select(Lead.id).where(Lead.company_id == company).order_by(Lead.id).limit(1)).one()
        session.execute(text(MANY[-1]), values | {"told": told})
        session.commit()
    _tidy(engine)
    yield Crowd(rep, told, company)
    with Session(engine) as session:
        session.execute(delete(Company).where(Company.id == company))
        session.commit()
    _tidy(engine)


def _tidy(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE leads, lead_companies, lead_events, contact_attempts")


READS = {
    "at the same firm": lambda s, crowd: neighbours.at_same_firm(s, crowd.rep, crowd.told),
    "timeline": lambda s, crowd: history.timeline(s, crowd.rep, crowd.told, limit=9),
    "timeline behind an event": lambda s, crowd: history.timeline(s, crowd.rep, crowd.told, limit=9, before_id=10**9),
    **{f"timeline of {kind}": lambda s, crowd, kind=kind: history.timeline(s, crowd.rep, crowd.told, kind=kind, limit=9)
       for kind in KINDS},
}


def test_there_is_something_to_read(session, crowd):
    found = neighbours.at_same_firm(session, crowd.rep, crowd.told)

    assert (found.total, len(found.rows)) == (LEADS // FIRMS - 1, 5)
    assert len(history.timeline(session, crowd.rep, crowd.told, limit=10_000)) == EVENTS + 1


@pytest.mark.parametrize("generic", [False, True], ids=["planned for the values", "planned for any values"])
@pytest.mark.parametrize("name", READS)
def test_a_read_is_one_statement_that_goes_through_no_table(connection, session, crowd, name, generic):
    READS[name](session, crowd)
    with recorded(connection) as sent:
        READS[name](session, crowd)

    [statement] = sent
    plan = explain(connection, statement, generic=generic)
    for table in ("leads", "lead_events", "contact_attempts", "lead_companies"):
        assert f"Seq Scan on {table}" not in plan, plan


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_only_the_events_that_are_shown_are_looked_up_further(connection, session, crowd, kind):
    with recorded(connection) as sent:
        history.timeline(session, crowd.rep, crowd.told, kind=kind, limit=9)

    plan = explain(connection, sent[-1], analyze=True)

    # Five thousand events, and a lookup of its author, contact and undo for nine of them at most.
    for table in ("users", "contact_attempts", "lead_events undoing"):
        lines = [line for line in plan.splitlines() if f" on {table}" in line and "never executed" not in line]
        assert all(int(line.split("loops=")[1].rstrip(")")) <= 9 for line in lines), plan
