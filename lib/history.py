"""What has happened to leads: one event for every change, written in the change's own transaction, never altered."""

import functools
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (ARRAY, UUID, ColumnElement, Row, Text, and_, bindparam, cast, column, func, insert,
                        literal_column, or_, select, true)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid, LeadDeskError, NotFound
from lib.fields import to_json
from lib.models import ContactAttempt, LeadCompany, LeadEvent, User
from lib.statements import Read, Write

# From the tables, not from the classes, and put together only once: that would take longer than the database needs.
_EVENTS, _USERS = LeadEvent.__table__, User.__table__
_ATTEMPTS, _FIRMS = ContactAttempt.__table__, LeadCompany.__table__
_UNDOING = _EVENTS.alias("undoing")

# The events of a batch are counted this far.
MOST_COUNTED = 1_000
# A batch of so many events is read whole as soon as it is asked about.
FEW = 100
_EDITED = ("first_name", "last_name", "job_title", "email", "phone", "linkedin_url", "lead_company_id", "score", "tags",
           "notes", "source", "source_workflow")
# What a timeline can be narrowed to, by what an event did, not by the action that did it: an outbound contact that
# moves a lead to “contacted” is a change of its status too.
KINDS = {
    "contacts": or_(_EVENTS.c.action.like("contact%"), _EVENTS.c.action == "responded"),
    # What a conversion is owed to can be worked out anew, and why a lead was lost be said later; both are told with the
    # statuses.
    "status": _EVENTS.c.after.has_any(literal_column(
        "ARRAY['status', 'conversion_source', 'lost_reason', 'lost_note']")),
    "owner": _EVENTS.c.after.has_key("assigned_to_user_id"),
    "edits": _EVENTS.c.after.has_any(literal_column("ARRAY[" + ", ".join(f"'{name}'" for name in _EDITED) + "]")),
    "enrichment": or_(_EVENTS.c.after.has_key("enrichment_data"), _EVENTS.c.action.like("enrichment%")),
}


def _firm_of(values: ColumnElement[Any]) -> ColumnElement[Any]:
    """The name of the firm whose id an event holds."""
    return (select(_FIRMS.c.name)
            .where(_FIRMS.c.id == cast(values["lead_company_id"].astext, UUID),
                   _FIRMS.c.company_id == bindparam("company"))
            .scalar_subquery())


@functools.cache
def _timeline(kind: str | None, goes_on: bool) -> Read:
    chosen = (select(_EVENTS)
              .where(_EVENTS.c.company_id == bindparam("company"), _EVENTS.c.lead_id == bindparam("lead"))
              .order_by(_EVENTS.c.id.desc()).limit(bindparam("limit")))
    if kind is not None:
        chosen = chosen.where(KINDS[kind])
    if goes_on:
        chosen = chosen.where(_EVENTS.c.id < bindparam("behind"))
    # The events first, so that nothing is looked up for those that are not shown.
    event = chosen.subquery("event")
    return Read(
        select(*(event.c[name] for name in ("id", "at", "action", "source", "before", "after", "detail", "batch_id",
                                           "actor_id")),
               _USERS.c.name.label("actor"),
               _firm_of(event.c.before).label("firm_before"), _firm_of(event.c.after).label("firm_after"),
               select(_UNDOING.c.id).where(_UNDOING.c.undoes_batch_id == event.c.batch_id,
                                           _UNDOING.c.lead_id == event.c.lead_id).exists().label("is_undone"),
               select(func.count()).select_from(
                   select(_UNDOING.c.lead_id).where(_UNDOING.c.batch_id == event.c.batch_id).correlate(event)
                   .limit(MOST_COUNTED + 1).subquery()).scalar_subquery().label("batch_size"),
               *(_ATTEMPTS.c[name] for name in ("method", "direction", "subject", "notes", "occurred_at")))
        .select_from(event)
        .outerjoin(_USERS, _USERS.c.id == event.c.actor_id)
        .outerjoin(_ATTEMPTS, and_(_ATTEMPTS.c.lead_id == event.c.lead_id, _ATTEMPTS.c.batch_id == event.c.batch_id))
        .order_by(event.c.id.desc())
    )

# What the events have in common travels once, the rest as one value: a batch can be long.
_GIVEN = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(
    column("lead_id", UUID(as_uuid=True)), column("before", JSONB), column("after", JSONB), column("detail", JSONB),
    name="given").render_derived(with_types=True)
_RECORD = Write(insert(_EVENTS).from_select(
    ["company_id", "batch_id", "undoes_batch_id", "actor_id", "source", "action", "at", "lead_id", "before", "after",
     "detail"],
    select(*(bindparam(name, type_=_EVENTS.c[column_].type) for name, column_ in (
        ("company", "company_id"), ("batch", "batch_id"), ("undoes", "undoes_batch_id"), ("actor", "actor_id"),
        ("source", "source"), ("action", "action"), ("at", "at"))), *_GIVEN.c)))
# Lead by lead, as a batch can have many times the events that are asked for.
_ASKED = func.unnest(bindparam("leads", type_=ARRAY(UUID(as_uuid=True)))).table_valued(
    column("lead", UUID(as_uuid=True)), name="asked").render_derived()
_TOLD = tuple(_EVENTS.c[name] for name in ("id", "lead_id", "actor_id", "action", "before", "after", "detail",
                                           "batch_id", "company_id"))
_OF_LEAD = (
    select(*_TOLD)
    .where(_EVENTS.c.lead_id == _ASKED.c.lead).offset(0).lateral("of_lead")
)
_IN_BATCH = _EVENTS.c.company_id == bindparam("company"), _EVENTS.c.batch_id == bindparam("batch")
_IS_MADE, _IS_LEAVING = _EVENTS.c.action == "created", func.coalesce(_EVENTS.c.detail.has_key("left"), False)
_IS_UNDONE = (select(_UNDOING.c.id)
              .where(_UNDOING.c.company_id == bindparam("company"), _UNDOING.c.undoes_batch_id == bindparam("batch"))
              .exists().label("is_undone"))
_EVENTS_OF_FEW = Read(
    select(*_TOLD, _IS_MADE.label("is_made"), _IS_LEAVING.label("is_leaving"), _IS_UNDONE)
    .where(*_IN_BATCH).limit(literal_column(str(FEW + 1))))
_CONCERNED = Read(
    select(_EVENTS.c.actor_id, _EVENTS.c.lead_id, func.bool_or(_IS_MADE).label("is_made"),
           func.bool_or(_IS_LEAVING).label("is_leaving"), _IS_UNDONE)
    .where(*_IN_BATCH).group_by(_EVENTS.c.actor_id, _EVENTS.c.lead_id))
_COLUMN = bindparam("column", type_=Text)
_LAST_CHANGE = Read(
    select(_USERS.c.name.label("actor"), _EVENTS.c.at, _EVENTS.c.after[_COLUMN].label("value"))
    .select_from(_EVENTS).outerjoin(_USERS, _USERS.c.id == _EVENTS.c.actor_id)
    .where(_EVENTS.c.company_id == bindparam("company"), _EVENTS.c.lead_id == bindparam("lead"),
           _EVENTS.c.after.has_key(_COLUMN))
    .order_by(_EVENTS.c.id.desc()).limit(literal_column("1")))
_OF_BATCH = Read(select(_OF_LEAD).select_from(_ASKED).join(_OF_LEAD, true()).where(
    _OF_LEAD.c.company_id == bindparam("company"), _OF_LEAD.c.batch_id == bindparam("batch")))


@dataclass(frozen=True, slots=True)
class Change:
    """What one lead's columns held before and hold after, only those that differ."""

    lead_id: uuid.UUID
    before: dict[str, Any]
    after: dict[str, Any]
    detail: dict[str, Any] | None = None
    """What else there is to tell of the change, such as by which strategy a lead was assigned."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A lead that was left as it is, and why."""

    lead_id: uuid.UUID
    name: str
    error: LeadDeskError

    def __str__(self) -> str:
        return f"{self.name}: {self.error}" if self.name else str(self.error)


@dataclass(frozen=True, slots=True)
class Concerned:
    """A batch: who did it, its leads, which of them it added, whether it has been undone, and whether somebody left by
    it."""

    actor_id: uuid.UUID | None
    lead_ids: Sequence[uuid.UUID]
    made: frozenset[uuid.UUID]
    is_undone: bool
    is_leaving: bool
    events: Sequence[Row] | None = field(default=None, compare=False)
    """All that it did, oldest first, where that is little; ``batch`` reads it otherwise."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did: the batch to undo it by (None: there is nothing to undo), and each lead in exactly one list."""

    batch_id: uuid.UUID | None
    done: Sequence[uuid.UUID] = ()
    unchanged: Sequence[uuid.UUID] = ()
    refused: Sequence[Refusal] = ()

    def or_raise(self) -> "Outcome":
        """This outcome, or the first refusal raised: for a call about a single lead."""
        for refusal in self.refused:
            raise refusal.error
        return self


def record(session: Session, actor: Actor, batch_id: uuid.UUID, action: str, changes: Iterable[Change], *,
           now: datetime, undoes: uuid.UUID | None = None) -> None:
    """Add one event per change. ``now`` is the time of the change (UTC)."""
    rows = [{"lead_id": str(change.lead_id),
             "before": {column: to_json(value) for column, value in change.before.items()},
             "after": {column: to_json(value) for column, value in change.after.items()},
             "detail": change.detail} for change in changes]
    if rows:
        _RECORD.later(session, {"company": actor.company_id, "batch": batch_id, "undoes": undoes, "source": actor.source,
                                "actor": actor.user_id, "action": action, "at": now, "rows": rows})


def timeline(session: Session, actor: Actor, lead_id: uuid.UUID, *, kind: str | None = None, limit: int = 50,
             before_id: int | None = None) -> Sequence[Row]:
    """A lead's events, newest first, in one round trip; ``kind``, one of KINDS, leaves out the others.

    Each has id, at, action, source, before, after, batch_id, actor (a name), is_undone, firm_before and firm_after
    (names, for a change of ``lead_company_id``), batch_size (events; MOST_COUNTED + 1 is “more than that”), and its
    contact if any. ``limit`` is in events; ``before_id`` pages on
    behind that event. The events of a lead of another company are nowhere to be found: the list is empty. Raises
    Invalid for an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise Invalid.field("kind", f"There is no kind of event “{kind}”; choose one of {', '.join(KINDS)}.")
    return _timeline(kind, before_id is not None).rows(session, {
        "company": actor.company_id, "lead": lead_id, "limit": limit, "behind": before_id}).all()


def last_change(session: Session, actor: Actor, lead_id: uuid.UUID, column: str, *,
                held: Any = ...) -> Row | None:
    """Who last changed a column of a lead, when, and to what: actor (a name), at (UTC), value; None without an event.

    The column may hold another value than that: whoever writes past Lead Desk leaves no event. With ``held``, the value
    that the column holds, None is returned in that case too: the last one to leave an event has not made it so.
    """
    change = _LAST_CHANGE.rows(
        session, {"company": actor.company_id, "lead": lead_id, "column": column}).one_or_none()
    return None if change and held is not ... and change.value != to_json(held) else change


def concerned(session: Session, actor: Actor, batch_id: uuid.UUID) -> Concerned:
    """Who did a batch, and the leads that it is about. Raises NotFound when the company has no such batch."""
    asked = {"company": actor.company_id, "batch": batch_id}
    rows = _EVENTS_OF_FEW.rows(session, asked).all()
    if not rows:
        raise NotFound("There is nothing to undo.")
    events = _oldest_first(rows) if len(rows) <= FEW else None
    if events is None:
        rows = _CONCERNED.rows(session, asked).all()
    return Concerned(rows[0].actor_id, list(dict.fromkeys(row.lead_id for row in rows)),
                     frozenset(row.lead_id for row in rows if row.is_made), rows[0].is_undone,
                     any(row.is_leaving for row in rows), events)


def batch(session: Session, actor: Actor, batch_id: uuid.UUID, *, of: Sequence[uuid.UUID]) -> Sequence[Row]:
    """The events of a batch about these leads, oldest first."""
    return _oldest_first(_OF_BATCH.rows(session, {"company": actor.company_id, "batch": batch_id,
                                                  "leads": list(of)}).all())


def _oldest_first(events: Sequence[Row]) -> list[Row]:
    return sorted(events, key=lambda event: event.id)
