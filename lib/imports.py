"""Leads from a file: check what an import would do, and do it, all of it in one transaction."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lib import addresses, columns, firms, leads, users, writes
from lib.auth import Actor, check_assign
from lib.errors import Invalid, LeadDeskError
from lib.fields import clean
from lib.history import Outcome
from lib.import_rows import Duplicates, Pass, Plan
from lib.leads import Progress
from lib.report import Report
from lib.spreadsheets import Table

CHUNK = 1_000


class ImportRunning(LeadDeskError):
    """Another import of the company has not ended yet. Two at once could each add what the other adds."""

    status = 409
    code = "import_running"


def check(session: Session, actor: Actor, table: Table, plan: Plan, *,
          progress: Progress = lambda done: None) -> Report:
    """What ``run`` would do with each row, without doing it. ``progress`` is told how many rows are done.

    A row that would change nothing counts as updated here. Raises Invalid, NotAllowed or NotFound for the plan itself.
    """
    plan = _checked(session, actor, table, plan)
    pass_ = Pass(session, actor, plan, Report(), firms={}, writes=False)
    for done, chunk in _chunks(table):
        pass_.decide(chunk)
        pass_.report.write()
        progress(done)
    return pass_.report.finished()


def run(session: Session, actor: Actor, table: Table, plan: Plan, *, progress: Progress = lambda done: None,
        now: datetime | None = None) -> tuple[Outcome, Report]:
    """Add the file's leads, and fill or overwrite those that are there, under one batch that can be undone.

    Rows that cannot be read, or belong to a colleague, are in the report and left out. Raises Invalid, NotAllowed or
    NotFound for the plan itself, and ImportRunning; nothing is written then.
    """
    now = now or datetime.now(UTC)
    batch_id = uuid.uuid4()
    plan = _checked(session, actor, table, plan)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(
            func.hashtextextended(f"import/{actor.company_id}", 0)))):
        raise ImportRunning("Another import is still going on in your company. Try again when it has ended.")
    known_firms, there = _survey(session, actor, table, plan)
    ids = firms.made(session, actor, known_firms)
    # All at once and in the order of their ids, as every other batch does it; rows come in the order of the file.
    for chunk in leads.in_chunks(there):
        leads.lock(session, actor, chunk, [])
        progress(0)
    pass_ = Pass(session, actor, plan, Report(), firms=ids, writes=True)
    touched: dict[uuid.UUID, None] = {}
    for done, chunk in _chunks(table):
        pass_.decide(chunk)
        touched |= dict.fromkeys(pass_.flush(batch_id, now))
        pass_.report.write()
        progress(done)
    return Outcome(batch_id, list(touched)), pass_.report.finished()


def _checked(session: Session, actor: Actor, table: Table, plan: Plan) -> Plan:
    """The plan with its values as they are stored."""
    writes.plan_anew(session)
    columns.check(plan.columns, table.header)
    if plan.owner is not None:
        owner = users.check_can_own(session, actor, plan.owner)
        check_assign(actor, None, None, owner.id)
    return Plan(columns=plan.columns, duplicates=Duplicates(plan.duplicates), owner=plan.owner,
                source=clean("source", plan.source), source_workflow=clean("source_workflow", plan.source_workflow))


def _survey(session: Session, actor: Actor, table: Table, plan: Plan) -> tuple[list[str], set[uuid.UUID]]:
    """The firms that the file names, and the leads that it may change: what has to be locked before anything else."""
    names: dict[str, None] = {}
    there: set[uuid.UUID] = set()
    if plan.duplicates is Duplicates.SKIP and "company" not in plan.columns.values():
        return [], there
    for _, chunk in _chunks(table):
        readable = []
        for _, cells in chunk:
            try:
                readable.append(columns.cleaned(cells, plan.columns))
            except Invalid:
                continue
        names |= dict.fromkeys(values["company"] for values in readable if "company" in values)
        if plan.duplicates is not Duplicates.SKIP:
            there.update(row.id for row in addresses.known_by_address(session, actor, readable, locks=False))
    return list(names), there


def _chunks(table: Table) -> Iterator[tuple[int, list[tuple[int, list[str]]]]]:
    """The file's rows, CHUNK at a time, with how many there have been."""
    rows, done = table.rows(), 0
    while chunk := list(islice(rows, CHUNK)):
        done += len(chunk)
        yield done, chunk
