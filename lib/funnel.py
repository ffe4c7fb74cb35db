"""How leads move through the pipeline: who entered which status, who went on, and how long they stayed.

A lead enters its first status when it is created, and every other one by an event that changes the status. Undo never
counts as entering, and neither does a change that was undone before the status changed again. What was written past
Lead Desk leaves no event: such a lead is taken to be where its next event found it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import (ColumnElement, Date, Select, and_, case, cast, extract, func, literal, literal_column, null,
                        or_, select, union_all)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid
from lib.lost import IS_LOST
from lib.models import ContactAttempt, Lead, LeadEvent, Status
from lib.scope import Scope

_LEADS, _EVENTS, _TOUCHES = Lead.__table__, LeadEvent.__table__, ContactAttempt.__table__
_LAST = (Status.CONVERTED, Status.LOST)

# Written out, not bound: the very words of lead_events_status_idx.
_CHANGES_STATUS = literal_column("(lead_events.after ? 'status' AND lead_events.action <> 'created')")


@dataclass(frozen=True, slots=True)
class Stage:
    """How many leads ``entered`` a status; how many of these entered a later one afterwards, other than lost.

    ``went_on`` is None for the two statuses that nothing comes after. ``left`` counts the stays that have ended, and
    ``median`` is how long half of those took at most; a lead may have stayed more than once.
    """

    status: Status
    entered: int = 0
    went_on: int | None = 0
    left: int = 0
    median: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Touches:
    """How many contacts there were on one day, by one method in one direction."""

    day: date
    method: str
    direction: str
    count: int


@dataclass(frozen=True, slots=True)
class Loss:
    """How many leads were lost for a reason; None: nobody said why."""

    reason: str | None
    count: int


def stages(session: Session, actor: Actor, scope: Scope = Scope()) -> list[Stage]:
    """Every status in the pipeline's order. One round trip.

    The period is that of entering the status; what became of the lead counts whenever it was. The rep is the lead's
    owner at present.
    """
    rows = union_all(_moves(actor, scope), _beginnings(actor, scope)).subquery("rows")
    # Every window looks back from the lead's latest row, so that one sort serves them all.
    back: dict[str, Any] = {"partition_by": rows.c.lead_id, "order_by": rows.c.number.desc()}
    linked = (
        select(rows.c.lead_id, rows.c.number, rows.c.at, rows.c.undoes,
               # What a lead was created with is what its first change replaced.
               case((rows.c.number == 0, func.coalesce(func.lag(rows.c.held).over(**back), rows.c.status)),
                    else_=rows.c.status).label("status"),
               func.row_number().over(**back).label("place"),
               or_(rows.c.undoes.is_(None), rows.c.undoes.is_distinct_from(func.lead(rows.c.batch_id).over(**back)))
               .label("begins"))
        .subquery("linked")
    )
    # A change, its undo, the undo of that …: one chain, in force if its length is odd.
    following = func.max(linked.c.place).filter(linked.c.begins).over(
        partition_by=linked.c.lead_id, order_by=linked.c.number.desc(), rows=(None, -1))
    chained = select(linked, (linked.c.place - func.coalesce(following, 0)).label("length")).subquery("chained")
    entry = (
        select(chained.c.lead_id, chained.c.number, chained.c.at, cast(chained.c.status, _LEADS.c.status.type)
               .label("status"))
        .where(chained.c.begins, chained.c.undoes.is_(None), chained.c.length % 2 == 1)
        .subquery("entry")
    )
    back = {"partition_by": entry.c.lead_id, "order_by": entry.c.number.desc()}
    stay = (
        select(entry, func.lag(entry.c.at).over(**back).label("left_at"),
               func.max(entry.c.status).filter(entry.c.status != Status.LOST.value)
               .over(**back, rows=(None, -1)).label("furthest"))
        .subquery("stay")
    )
    held = (
        select(stay, (func.row_number().over(partition_by=(stay.c.lead_id, stay.c.status), order_by=stay.c.number) == 1)
               .label("is_first"))
        .where(scope.holds(stay.c.at))
        .subquery("held")
    )
    found = session.execute(
        # From the first entry on, a lead has all the rest of its way before it.
        select(held.c.status, func.count().filter(held.c.is_first),
               func.count().filter(held.c.is_first, held.c.furthest > held.c.status), func.count(held.c.left_at),
               func.percentile_cont(0.5).within_group(extract("epoch", held.c.left_at - held.c.at)))
        .group_by(held.c.status))
    by_status = {row[0]: row for row in found}
    return [_stage(status, *by_status[status][1:]) if status in by_status else
            Stage(status, went_on=None if status in _LAST else 0) for status in Status]


def activity(session: Session, actor: Actor, zone: str, scope: Scope = Scope()) -> Sequence[Touches]:
    """The contacts by day, method and direction; the days are those of ``zone``, such as “Europe/Berlin”.

    The period is that of the contact, the rep is who made it. Raises Invalid for a zone that does not exist.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid.field("zone", f"“{zone[:60]}” is not a time zone.") from error
    day = cast(func.timezone(zone, _TOUCHES.c.occurred_at), Date).label("day")
    found = session.execute(
        select(day, _TOUCHES.c.method, _TOUCHES.c.direction, func.count())
        .where(_TOUCHES.c.company_id == actor.company_id, scope.holds(_TOUCHES.c.occurred_at),
               scope.is_of(_TOUCHES.c.user_id), scope.comes_from(actor, _TOUCHES.c.lead_id))
        .group_by(literal_column("1"), _TOUCHES.c.method, _TOUCHES.c.direction))
    # In order here: in the database that would mean to sort the contacts, not the days.
    return sorted((Touches(*row) for row in found), key=lambda each: (each.day, each.method, each.direction))


def lost_reasons(session: Session, actor: Actor, scope: Scope = Scope()) -> list[Loss]:
    """The leads that are lost, by reason, the commonest first. One round trip, from an index unless a source is asked.

    The period is that of ``lost_at`` (a lead that was lost before this was kept counts only without a period); the rep
    is the lead's owner at present.
    """
    found = session.execute(
        select(_LEADS.c.lost_reason, func.count())
        .where(_leads_in(actor, scope), IS_LOST, scope.holds(_LEADS.c.lost_at))
        .group_by(_LEADS.c.lost_reason))
    return sorted((Loss(*row) for row in found), key=lambda each: (-each.count, each.reason or "~"))


def _moves(actor: Actor, scope: Scope) -> Select:
    """The changes of status from the beginning of the period on: what came before has no part in it."""
    before, after = (column["status"].astext for column in (_EVENTS.c.before, _EVENTS.c.after))
    narrowed = [_EVENTS.c.at >= scope.since] if scope.since else []
    if scope.rep or scope.source is not None:
        narrowed.append(_EVENTS.c.lead_id.in_(select(_LEADS.c.id).where(_leads_in(actor, scope))))
    return (
        select(_EVENTS.c.lead_id, _EVENTS.c.id.label("number"), _EVENTS.c.at, _EVENTS.c.batch_id,
               _EVENTS.c.undoes_batch_id.label("undoes"), before.label("held"), after.label("status"))
        .where(_EVENTS.c.company_id == actor.company_id, _CHANGES_STATUS, before.is_distinct_from(after), *narrowed)
    )


def _beginnings(actor: Actor, scope: Scope) -> Select:
    """One row before all changes for each lead that was created in the period, with the status that it has now."""
    status = cast(_LEADS.c.status, _EVENTS.c.action.type)
    return (
        select(_LEADS.c.id, literal(0), _LEADS.c.created_at, cast(null(), UUID), cast(null(), UUID), status, status)
        .where(_leads_in(actor, scope), scope.holds(_LEADS.c.created_at))
    )


def _leads_in(actor: Actor, scope: Scope) -> ColumnElement[bool]:
    source = [_LEADS.c.source == scope.source] if scope.source is not None else []
    return and_(_LEADS.c.company_id == actor.company_id, scope.is_of(_LEADS.c.assigned_to_user_id), *source)


def _stage(status: Status, entered: int, went_on: int, left: int, seconds: float | None) -> Stage:
    return Stage(status, entered, None if status in _LAST else went_on, left,
                 None if seconds is None else timedelta(seconds=seconds))
