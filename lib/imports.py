"""Leads from a file: check what an import would do, and do it, all of it in one transaction.

The file is gone through row by row, each as if those above it had been stored already: a lead that stands in the file
twice is met like one that the database has. Nothing but the present chunk of rows is in memory, apart from a few words
about each lead that the file adds.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Select, Text, bindparam, func, literal_column, select, true
from sqlalchemy.orm import Session

from lib import columns, conversion, firms, history, leads, lost, users, writes
from lib.auth import Actor, check_assign, check_change
from lib.errors import Invalid, LeadDeskError
from lib.fields import CHECKS, LABELS, clean, linkedin_key
from lib.history import Change, Outcome
from lib.leads import Progress
from lib.models import LINKEDIN_KEY, Lead, Status, User
from lib.report import Fate, Report
from lib.spreadsheets import Table

CHUNK = 1_000
# So many leads with the same LinkedIn address are looked at; one would be right.
MOST_TWINS = 5
STORED = tuple(name for name in CHECKS if name != "enrichment_data") + ("lead_company_id",)
_KEY = literal_column(LINKEDIN_KEY)
_NOTHING: Mapping[str, Any] = {}
_LEADS = Lead.__table__

def _leads_by(condition: ColumnElement[Any], locks: bool) -> Select:
    """The company's leads for which ``condition`` is one of the values that are wanted.

    Asked for value by value, which leaves the planner no choice but the index: a join or a list could also be answered
    by going through all leads of the company, and for a company that has only just begun to fill up it would be.
    """
    wanted = func.unnest(bindparam("wanted", type_=ARRAY(Text))).table_valued("value", name="wanted").render_derived()
    owner = select(User.name).where(User.id == _LEADS.c.assigned_to_user_id).scalar_subquery()
    found = (select(_LEADS.c.id, _LEADS.c.created_at, *(_LEADS.c[name] for name in STORED),
                    _LEADS.c.assigned_to_user_id, owner.label("owner"))
             .where(_LEADS.c.company_id == bindparam("company"), condition == wanted.c.value,
                    _LEADS.c.linkedin_url.is_not(None) if condition is _KEY else true())
             .order_by(_LEADS.c.created_at, _LEADS.c.id).limit(MOST_TWINS))
    found = (found.with_for_update(of=_LEADS) if locks else found).lateral("found")
    return select(*found.c).select_from(wanted).join(found, true())


_BY_EMAIL = {locks: _leads_by(_LEADS.c.email, locks) for locks in (False, True)}
_BY_LINK = {locks: _leads_by(_KEY, locks) for locks in (False, True)}


class Duplicates(StrEnum):
    """What happens with a row whose e-mail or LinkedIn address a lead has already."""

    SKIP = "skip"
    FILL = "fill"
    OVERWRITE = "overwrite"


class ImportRunning(LeadDeskError):
    """Another import of the company has not ended yet. Two at once could each add what the other adds."""

    status = 409
    code = "import_running"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a file becomes leads. ``columns`` are the fields by the places of their columns, counted from 0.

    New leads get ``owner`` (an active colleague's id), and these sources unless a column has them.
    """

    columns: Mapping[int, str]
    duplicates: Duplicates = Duplicates.SKIP
    source: str | None = None
    source_workflow: str | None = None
    owner: uuid.UUID | None = None


@dataclass(slots=True)
class _Known:
    """A lead that rows are compared with. ``row`` is the one that added it, 0 for a lead that was there before."""

    id: uuid.UUID
    row: int
    name: str
    email: str | None
    link: str | None
    owner_id: uuid.UUID | None
    owner: str | None
    held: Mapping[str, Any] | None
    """What the database has; None for a lead that this chunk adds, or that a check no longer compares."""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ()

    @property
    def called(self) -> str:
        return self.name or f"the lead in row {self.row}"


def check(session: Session, actor: Actor, table: Table, plan: Plan, *,
          progress: Progress = lambda done: None) -> Report:
    """What ``run`` would do with each row, without doing it. ``progress`` is told how many rows are done.

    A row that would change nothing counts as updated here. Raises Invalid, NotAllowed or NotFound for the plan itself.
    """
    plan = _checked(session, actor, table, plan)
    pass_ = _Pass(session, actor, plan, Report(), firms={}, writes=False)
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
    pass_ = _Pass(session, actor, plan, Report(), firms=ids, writes=True)
    touched: dict[uuid.UUID, None] = {}
    for done, chunk in _chunks(table):
        pass_.decide(chunk)
        touched |= dict.fromkeys(pass_.flush(batch_id, now))
        pass_.report.write()
        progress(done)
    return Outcome(batch_id, list(touched)), pass_.report.finished()


class _Pass:
    """One way through the file, with what later rows have to know of earlier ones."""

    def __init__(self, session: Session, actor: Actor, plan: Plan, report: Report, *, firms: Mapping[str, uuid.UUID],
                 writes: bool) -> None:
        self.session, self.actor, self.plan, self.report, self.firms = session, actor, plan, report, firms
        self.writes = writes
        self.emails: dict[str, _Known] = {}
        self.links: dict[str, list[_Known]] = {}
        self.by_id: dict[uuid.UUID, _Known] = {}
        """The leads that the present chunk is about."""
        self.altered: dict[uuid.UUID, _Known] = {}
        """The leads of the database that a check found changed by an earlier chunk."""
        self.added: dict[uuid.UUID, int] = {}
        """The row that added each lead; what a pass that writes still knows of leads in earlier chunks."""

    def decide(self, chunk: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Say of each row what becomes of it, and note it in the leads that it concerns."""
        readable = []
        for number, cells in chunk:
            try:
                readable.append((number, columns.cleaned(cells, self.plan.columns)))
            except Invalid as error:
                self.report.note(number, Fate.REFUSED, "", _in_words(error))
        self._look_up([values for _, values in readable])
        for number, values in readable:
            name = leads.name_of(_Named(values))
            try:
                fate, reason = self._row(number, values)
            except LeadDeskError as error:
                fate, reason = Fate.REFUSED, str(error)
            self.report.note(number, fate, name, reason)
        if not self.writes:
            self._keep_addresses()

    def flush(self, batch_id: uuid.UUID, now: datetime) -> list[uuid.UUID]:
        """Write what the chunk came to, with its events; the leads that were added or changed."""
        fresh = [known for known in self.by_id.values() if known.held is None]
        altered = [known for known in self.by_id.values() if known.held is not None and known.wanted]
        changes = [Change(known.id, {name: known.held[name] for name in known.wanted}, dict(known.wanted))
                   for known in altered]
        if moved := [change for change in changes if "status" in change.after]:
            locked = leads.lock(self.session, self.actor, [change.lead_id for change in moved], [])
            conversion.follow(self.session, locked, moved, now=now)
            lost.follow(locked, moved, now=now)
        failed = {change.lead_id: error for change, error in writes.change_each(self.session, changes)}
        for known in altered:
            if known.id in failed:
                for number in known.rows:
                    self.report.note(number, Fate.REFUSED, known.name, str(failed[known.id]))
        changes = [change for change in changes if change.lead_id not in failed]
        history.record(self.session, self.actor, batch_id, "edited", changes, now=now)

        owner = {"assigned_to_user_id": self.plan.owner, "assigned_at": now} if self.plan.owner else {}
        empty = {name: None for name in (*STORED, "converted_at", "lost_at")} | {"status": Status.NEW.value, "tags": []}
        since = {known.id: conversion.of_new(known.wanted, now) | lost.of_new(known.wanted, now) for known in fresh}
        arrived = writes.add(self.session, [
            {"id": known.id, "company_id": self.actor.company_id, **empty, **known.wanted, **owner, **since[known.id]}
            for known in fresh])
        for known in fresh:
            if known.id not in arrived:
                for number in (known.row, *known.rows):
                    self.report.note(number, Fate.SKIPPED, known.name, "Somebody else has just added this lead.")
        created = [Change(known.id, {}, known.wanted | owner | since[known.id])
                   for known in fresh if known.id in arrived]
        history.record(self.session, self.actor, batch_id, "created", created, now=now)
        self.added |= {known.id: known.row for known in fresh if known.id in arrived}
        self.emails.clear(), self.links.clear(), self.by_id.clear()
        return [change.lead_id for change in [*changes, *created]]

    def _keep_addresses(self) -> None:
        """Behind a chunk that is only checked: let go of all but the addresses of what it adds or changes."""
        for known in self.by_id.values():
            if not known.row and not known.rows:
                self._forget(known)
                continue
            if not known.row:
                self.altered[known.id] = known
            known.held, known.wanted, known.name = None, _NOTHING, "" if known.row else known.name
        self.by_id.clear()

    def _row(self, number: int, values: dict[str, Any]) -> tuple[Fate, str]:
        values = dict(values)
        firm = values.pop("company", None)
        if firm and self.writes:
            values["lead_company_id"] = self.firms[firm]
        known = self._match(values)
        if known is None:
            sources = {"source": self.plan.source, "source_workflow": self.plan.source_workflow}
            wanted = {name: value for name, value in (sources | values).items() if value is not None}
            self._remember(_Known(uuid.uuid4(), number, leads.name_of(_Named(values)), None, None, self.plan.owner,
                                  None, None), wanted)
            return Fate.ADDED, ""
        twin = f"The same lead as in row {known.row}." if known.row else f"{known.called} is there already."
        if self.plan.duplicates is Duplicates.SKIP:
            return Fate.SKIPPED, twin
        if not known.row:
            check_change(self.actor, known.owner_id, known.owner)
        held = {"email": known.email, "linkedin_url": known.link, **(known.held or {}), **known.wanted}
        wanted = {name: value for name, value in values.items() if held.get(name) != value
                  and (self.plan.duplicates is Duplicates.OVERWRITE or held.get(name) in (None, "", []))}
        if not wanted:
            return Fate.UNCHANGED, twin
        self._remember(known, wanted)
        known.rows = (*known.rows, number)
        told = ", ".join(LABELS.get(name, "Company") for name in wanted)
        return Fate.UPDATED, f"{twin} {'Filled' if self.plan.duplicates is Duplicates.FILL else 'Changed'}: {told}."

    def _match(self, values: Mapping[str, Any]) -> _Known | None:
        """The lead that a row is about. Raises Invalid where its two addresses are those of two leads."""
        by_email = self.emails.get(values.get("email"))
        by_link = self.links.get(linkedin_key(values.get("linkedin_url"))) or []
        if by_email and by_link and by_email not in by_link and self.plan.duplicates is not Duplicates.SKIP:
            raise Invalid(f"The e-mail address is that of {by_email.called}, the LinkedIn address that of "
                          f"{by_link[0].called}.")
        return by_email or (by_link[0] if by_link else None)

    def _remember(self, known: _Known, wanted: Mapping[str, Any]) -> None:
        """What a lead is to hold from now on, and by which addresses it can be found."""
        self._forget(known)
        known.wanted = {**known.wanted, **wanted}
        known.email = wanted.get("email", known.email)
        known.link = linkedin_key(wanted["linkedin_url"]) if "linkedin_url" in wanted else known.link
        self._file(known)

    def _file(self, known: _Known) -> None:
        """Let rows find a lead by its addresses."""
        self.by_id[known.id] = known
        if known.email:
            self.emails[known.email] = known
        if known.link:
            self.links.setdefault(known.link, []).append(known)

    def _forget(self, known: _Known) -> None:
        """Let no row find a lead by the addresses that it had."""
        if known.email and self.emails.get(known.email) is known:
            del self.emails[known.email]
        if known.link and known in self.links.get(known.link, ()):
            self.links[known.link].remove(known)
            if not self.links[known.link]:
                del self.links[known.link]

    def _look_up(self, found: Sequence[Mapping[str, Any]]) -> None:
        """The leads of the database that these rows may be about, oldest first."""
        locks = self.writes and self.plan.duplicates is not Duplicates.SKIP
        for row in known_by_address(self.session, self.actor, found, locks=locks):
            if row.id not in self.by_id and row.id not in self.altered:
                held = {name: getattr(row, name) for name in STORED}
                held["tags"] = list(row.tags or [])
                self._file(_Known(row.id, self.added.get(row.id, 0), leads.name_of(row), row.email,
                                  linkedin_key(row.linkedin_url), row.assigned_to_user_id, row.owner, held))


class _Named:
    """A row's values, for ``leads.name_of``."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.first_name, self.last_name, self.email = (values.get(name) for name in ("first_name", "last_name", "email"))


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
            there.update(row.id for row in known_by_address(session, actor, readable, locks=False))
    return list(names), there


def known_by_address(session: Session, actor: Actor, found: Sequence[Mapping[str, Any]], *,
                     locks: bool) -> Sequence[Row]:
    """The company's leads that have one of these rows' e-mail or LinkedIn addresses, oldest first."""
    emails = sorted({values["email"] for values in found if values.get("email")})
    links = sorted({key for values in found if (key := linkedin_key(values.get("linkedin_url")))})
    found: dict[uuid.UUID, Row] = {}
    for statement, wanted in ((_BY_EMAIL[locks], emails), (_BY_LINK[locks], links)):
        if wanted:
            found |= {row.id: row for row in session.execute(
                statement, {"company": actor.company_id, "wanted": wanted})}
    return sorted(found.values(), key=lambda row: (row.created_at, row.id))


def _chunks(table: Table) -> Iterator[tuple[int, list[tuple[int, list[str]]]]]:
    """The file's rows, CHUNK at a time, with how many there have been."""
    rows, done = table.rows(), 0
    while chunk := list(islice(rows, CHUNK)):
        done += len(chunk)
        yield done, chunk


def _in_words(error: Invalid) -> str:
    """What is wrong with a row, each field named: “E-mail: “x” is not an e-mail address.”"""
    return " ".join(message if message.startswith(LABELS.get(name, name)) else f"{LABELS.get(name, name)}: {message}"
                    for name, message in error.fields.items())
