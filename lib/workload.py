"""What lies on whose desk, and what lies on nobody's: the numbers by which a manager hands out leads."""

import functools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import (BigInteger, ColumnElement, Date, DateTime, Float, Select, Text, and_, bindparam, cast, extract,
                        func, literal, literal_column, null, or_, select, true, union_all)
from sqlalchemy.orm import Session

from lib import conversion, filters, views
from lib.auth import Actor
from lib.counts import BY_STATUS, NOBODY, OWN_FOLLOW_UPS
from lib.models import ContactAttempt, Direction, Lead, Status
from lib.statements import Read

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
PATIENCE = timedelta(days=2)
# How many days an unassigned lead has been there at least, bucket by bucket.
AGES = (0, 1, 3, 7, 30)

_LEADS, _TOUCHES = Lead.__table__, ContactAttempt.__table__
_OWNER = _LEADS.c.assigned_to_user_id
_OF_COMPANY = _LEADS.c.company_id == bindparam("company")

_UNASSIGNED = Read(select(cast(func.coalesce(func.sum(BY_STATUS.c.n), 0), BigInteger)).where(
    BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id == NOBODY,
    BY_STATUS.c.status.in_([status.value for status in views.OPEN])))

# Written out, not bound: the very words of the partial indexes.
_IS_READY = literal_column("leads.status = 'enriched'")
_IS_OPEN = literal_column("leads.status NOT IN ('converted', 'lost')")
_IS_UNOWNED = literal_column("(leads.assigned_to_user_id IS NULL AND leads.status NOT IN ('converted', 'lost'))")


@dataclass(slots=True)
class Load:
    """One person's desk. Leads are those that they own, contacts those that they made.

    ``open`` are leads by status; ``due`` the follow-ups due, and ``oldest_due`` the longest since when; ``waiting``
    the leads that are ready for outreach and theirs for more than two days without a contact since. ``week`` and
    ``month`` are outbound contacts by method in the last 7 and 30 days, ``replies`` the inbound ones and
    ``conversions`` the leads converted in the last 30. Of the leads that became theirs in the last 30 days (``taken``),
    ``touched`` were contacted since, half of these within ``first_touch``.
    """

    open: dict[str, int] = field(default_factory=dict)
    due: int = 0
    oldest_due: datetime | None = None
    waiting: int = 0
    week: dict[str, int] = field(default_factory=dict)
    month: dict[str, int] = field(default_factory=dict)
    replies: int = 0
    conversions: int = 0
    taken: int = 0
    touched: int = 0
    first_touch: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unowned:
    """How many open leads of a source nobody owns that are at least ``days`` old, and younger than the next of AGES."""

    days: int
    source: str | None
    count: int


def by_rep(session: Session, actor: Actor, *, now: datetime, first_touches: bool = True) -> dict[uuid.UUID, Load]:
    """Everybody's desk by user id, without those on whose there is nothing. ``now`` is in UTC. One round trip.

    Without ``first_touches``, which are most of the work, ``touched`` and ``first_touch`` are left as they begin.
    """
    found = _by_rep(first_touches).rows(session, {
        "company": actor.company_id, **views.due_by_days(actor, now), "waiting_since": now - PATIENCE,
        "week_ago": now - WEEK, "month_ago": now - MONTH})
    loads: dict[uuid.UUID, Load] = {}
    for kind, user_id, key, number, other, at, seconds in found:
        load = loads.setdefault(user_id, Load())
        match kind:
            case "open":
                load.open[key] = number
            case "due":
                load.due, load.oldest_due = number, at
            case "waiting":
                load.waiting = number
            case Direction.OUTBOUND:
                load.month[key] = number
                if other:
                    load.week[key] = other
            case Direction.INBOUND:
                load.replies += number
            case "converted":
                load.conversions = number
            case "taken":
                load.taken = number
            case "first_touch":
                load.touched, load.first_touch = number, timedelta(seconds=seconds)
    return loads


def pool(session: Session, actor: Actor, *, now: datetime) -> Sequence[Unowned]:
    """The open leads that nobody owns, by age (the youngest first) and source. ``now`` is in UTC. One round trip."""
    moments = {f"days_{days}": now - timedelta(days=days) for days in AGES}
    return [Unowned(*row) for row in _pool().rows(session, {"company": actor.company_id, **moments})]


def unassigned(session: Session, actor: Actor) -> int:
    """How many open leads nobody owns: the sum of ``pool``."""
    return _UNASSIGNED.rows(session, {"company": actor.company_id}).scalar_one()


# ---------------------------------------------------------------- statements


@functools.cache
def _by_rep(first_touches: bool) -> Read:
    parts = [_open(), _due(), _waiting(), _touches(), _converted(), _taken()]
    return Read(union_all(*parts, *([_first_touches()] if first_touches else [])))


@functools.cache
def _pool() -> Read:
    def of_age(days: int, next_days: int | None) -> Select:
        is_old = _LEADS.c.created_at <= bindparam(f"days_{days}") if days else true()
        is_younger = _LEADS.c.created_at > bindparam(f"days_{next_days}") if next_days else true()
        return (select(literal(days).label("days"), _LEADS.c.source, func.count())
                .where(_OF_COMPANY, _IS_UNOWNED, is_old, is_younger).group_by(_LEADS.c.source))

    # Age by age: of a CASE the planner expects as many groups as there are moments, and sorts all leads for them.
    ages = union_all(*(of_age(*each) for each in zip(AGES, (*AGES[1:], None), strict=True)))
    return Read(ages.order_by(literal_column("1"), literal_column("2")))


def _part(kind: str | ColumnElement[str], user_id: ColumnElement[uuid.UUID], number: ColumnElement[int], *,
          key: ColumnElement[str] | None = None, other: ColumnElement[int] | None = None,
          at: ColumnElement[datetime] | None = None, seconds: ColumnElement[float] | None = None) -> Select:
    """A part of the one statement: what is counted, whose it is, and the numbers, in the same columns everywhere."""
    return select(
        literal(kind, Text) if isinstance(kind, str) else cast(kind, Text), user_id,
        cast(null() if key is None else key, Text), number, literal(0) if other is None else other,
        cast(null() if at is None else at, DateTime(timezone=True)),
        cast(null() if seconds is None else seconds, Float)).group_by(user_id)


def _owned(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(_OF_COMPANY, _OWNER.is_not(None), *conditions)


def _open() -> Select:
    number = cast(func.sum(BY_STATUS.c.n), BigInteger)
    return (_part("open", BY_STATUS.c.owner_id, number, key=BY_STATUS.c.status)
            .where(BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id != NOBODY,
                   BY_STATUS.c.status.in_([status.value for status in views.OPEN]))
            .group_by(BY_STATUS.c.status).having(number != 0))


def _due() -> Select:
    """All that wait for an answer, but for those of the last days: the longer ago, the more days there would be to add.

    Both are kept. Only of the day on which the days run out is each lead looked at, and those without a time, which
    wait for nothing.
    """
    waits = and_(filters.AWAITS_ANSWER, _LEADS.c.last_contacted_at < bindparam("due_before"))
    counted = union_all(
        select(BY_STATUS.c.owner_id, BY_STATUS.c.n).where(
            BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id != NOBODY,
            BY_STATUS.c.status.in_([Status.CONTACTED.value, Status.CONVERSING.value])),
        select(OWN_FOLLOW_UPS.c.owner_id, -OWN_FOLLOW_UPS.c.n).where(
            OWN_FOLLOW_UPS.c.company_id == bindparam("company"),
            OWN_FOLLOW_UPS.c.day >= bindparam("last_day", type_=Date)),
        select(_OWNER, literal(-1, BigInteger)).where(
            _owned(filters.AWAITS_ANSWER, _LEADS.c.last_contacted_at.is_(None))),
        select(_OWNER, literal(1, BigInteger)).where(
            _owned(waits, _LEADS.c.last_contacted_at >= bindparam("last_day_begins"))),
    ).subquery()
    # The oldest is the first in the order of the owner's list.
    oldest = (select(_LEADS.c.last_contacted_at).where(_OF_COMPANY, _OWNER == counted.c.owner_id, waits)
        .order_by(_LEADS.c.last_contacted_at.asc().nulls_first()).limit(1).correlate(counted).scalar_subquery())
    number = cast(func.sum(counted.c.n), BigInteger)
    return _part("due", counted.c.owner_id, number, at=oldest).having(number != 0)


def _waiting() -> Select:
    return _part("waiting", _OWNER, func.count()).where(
        _owned(_IS_READY, _LEADS.c.assigned_at < bindparam("waiting_since"),
               or_(_LEADS.c.last_contacted_at.is_(None), _LEADS.c.last_contacted_at < _LEADS.c.assigned_at)))


def _touches() -> Select:
    in_week = func.count().filter(_TOUCHES.c.occurred_at >= bindparam("week_ago"))
    return (_part(_TOUCHES.c.direction, _TOUCHES.c.user_id, func.count(), key=_TOUCHES.c.method, other=in_week)
            .where(_TOUCHES.c.company_id == bindparam("company"), _TOUCHES.c.occurred_at >= bindparam("month_ago"))
            .group_by(_TOUCHES.c.direction, _TOUCHES.c.method))


def _converted() -> Select:
    return _part("converted", _OWNER, func.count()).where(
        _owned(conversion.IS_CONVERTED, _LEADS.c.converted_at >= bindparam("month_ago")))


def _taken() -> Select:
    return _part("taken", _OWNER, func.count()).where(_owned(_LEADS.c.assigned_at >= bindparam("month_ago")))


def _first_touches() -> Select:
    """From the contacts since, which are far fewer than the leads for each of which they would be looked up."""
    first = (
        select(_OWNER.label("owner_id"), (func.min(_TOUCHES.c.occurred_at) - _LEADS.c.assigned_at).label("after"))
        .join(_TOUCHES, and_(_TOUCHES.c.lead_id == _LEADS.c.id, _TOUCHES.c.occurred_at >= _LEADS.c.assigned_at))
        .where(_owned(_LEADS.c.assigned_at >= bindparam("month_ago")), _TOUCHES.c.company_id == bindparam("company"),
               _TOUCHES.c.direction == Direction.OUTBOUND.value, _TOUCHES.c.occurred_at >= bindparam("month_ago"))
        .group_by(_LEADS.c.id).subquery("first")
    )
    half = func.percentile_cont(0.5).within_group(extract("epoch", first.c.after))
    return _part("first_touch", first.c.owner_id, func.count(), seconds=half)
