"""What becomes of each row of a file of leads, decided row by row and written chunk by chunk.

A row is met as if those above it had been stored already: a lead that stands in the file twice is treated like one that
the database has. Nothing but the present chunk of rows is in memory, apart from a few words about each lead that the
file adds.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from lib import addresses, columns, conversion, history, leads, lost, writes
from lib.addresses import STORED
from lib.auth import Actor, check_change
from lib.errors import Invalid, LeadDeskError
from lib.fields import LABELS, linkedin_key
from lib.history import Change
from lib.models import Status
from lib.report import Fate, Report

_NOTHING: Mapping[str, Any] = {}


class Duplicates(StrEnum):
    """What happens with a row whose e-mail or LinkedIn address a lead has already."""

    SKIP = "skip"
    FILL = "fill"
    OVERWRITE = "overwrite"


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


class Pass:
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
        for row in addresses.known_by_address(self.session, self.actor, found, locks=locks):
            if row.id not in self.by_id and row.id not in self.altered:
                held = {name: getattr(row, name) for name in STORED}
                held["tags"] = list(row.tags or [])
                self._file(_Known(row.id, self.added.get(row.id, 0), leads.name_of(row), row.email,
                                  linkedin_key(row.linkedin_url), row.assigned_to_user_id, row.owner, held))


class _Named:
    """A row's values, for ``leads.name_of``."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.first_name, self.last_name, self.email = (values.get(name) for name in ("first_name", "last_name", "email"))


def _in_words(error: Invalid) -> str:
    """What is wrong with a row, each field named: “E-mail: “x” is not an e-mail address.”"""
    return " ".join(message if message.startswith(LABELS.get(name, name)) else f"{LABELS.get(name, name)}: {message}"
                    for name, message in error.fields.items())
