"""What lies on whose desk, and what lies on nobody's: the numbers by which a manager hands out leads."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import (BigInteger, ColumnElement, DateTime, Float, Select, Text, and_, case, cast, extract, func, literal,
                        literal_column, null, or_, select, true, union_all)
from sqlalchemy.orm import Session

from lib import conversion, filters, views
from lib.auth import Actor
from lib.counts import BY_STATUS, NOBODY, OWN_FOLLOW_UPS
from lib.models import ContactAttempt, Direction, Lead

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
PATIENCE = timedelta(days=2)
# How many days an unassigned lead has been there at least, bucket by bucket.
AGES = (0, 1, 3, 7, 30)

_LEADS, _TOUCHES = Lead.__table__, ContactAttempt.__table__
_OWNER = _LEADS.c.assigned_to_user_id

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


def by_rep(session: Session, actor: Actor, *, now: datetime) -> dict[uuid.UUID, Load]:
    """Everybody's desk by user id, without those on whose there is nothing. ``now`` is in UTC. One round trip."""
    parts = (_open(actor), _due(actor, now), _waiting(actor, now), _touches(actor, now), _converted(actor, now),
             _first_touches(actor, now))
    loads: dict[uuid.UUID, Load] = {}
    for kind, user_id, key, number, other, at, seconds in session.execute(union_all(*parts)):
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
            case "first_touch":
                load.taken, load.touched = number, other
                load.first_touch = None if seconds is None else timedelta(seconds=seconds)
    return loads


def pool(session: Session, actor: Actor, *, now: datetime) -> Sequence[Unowned]:
    """The open leads that nobody owns, by age (the youngest first) and source. ``now`` is in UTC. One round trip."""
    days = case(*((_LEADS.c.created_at <= now - timedelta(days=each), each) for each in reversed(AGES[1:])), else_=0)
    found = session.execute(
        select(days.label("days"), _LEADS.c.source, func.count())
        .where(_LEADS.c.company_id == actor.company_id, _IS_UNOWNED)
        .group_by(literal_column("1"), _LEADS.c.source)
        .order_by(literal_column("1"), _LEADS.c.source.nulls_last()))
    return [Unowned(*row) for row in found]


def unassigned(session: Session, actor: Actor) -> int:
    """How many open leads nobody owns: the sum of ``pool``."""
    return session.scalar(select(cast(func.coalesce(func.sum(BY_STATUS.c.n), 0), BigInteger)).where(
        BY_STATUS.c.company_id == actor.company_id, BY_STATUS.c.owner_id == NOBODY,
        BY_STATUS.c.status.in_([status.value for status in views.OPEN])))


def _part(kind: str | ColumnElement[str], user_id: ColumnElement[uuid.UUID], number: ColumnElement[int], *,
          key: ColumnElement[str] | None = None, other: ColumnElement[int] | None = None,
          at: ColumnElement[datetime] | None = None, seconds: ColumnElement[float] | None = None) -> Select:
    """A part of the one statement: what is counted, whose it is, and the numbers, in the same columns everywhere."""
    return select(
        literal(kind, Text) if isinstance(kind, str) else cast(kind, Text), user_id,
        cast(null() if key is None else key, Text), number, literal(0) if other is None else other,
        cast(null() if at is None else at, DateTime(timezone=True)),
        cast(null() if seconds is None else seconds, Float)).group_by(user_id)


def _owned(actor: Actor, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(_LEADS.c.company_id == actor.company_id, _OWNER.is_not(None), *conditions)


def _open(actor: Actor) -> Select:
    number = cast(func.sum(BY_STATUS.c.n), BigInteger)
    return (_part("open", BY_STATUS.c.owner_id, number, key=BY_STATUS.c.status)
            .where(BY_STATUS.c.company_id == actor.company_id, BY_STATUS.c.owner_id != NOBODY,
                   BY_STATUS.c.status.in_([status.value for status in views.OPEN]))
            .group_by(BY_STATUS.c.status).having(number != 0))


def _due(actor: Actor, now: datetime) -> Select:
    """Counted by days as they are kept; only of the day on which the days run out is each lead looked at."""
    before = views.follow_ups_before(actor, now).astimezone(UTC)
    last_day = before.replace(hour=0, minute=0, second=0, microsecond=0)
    due = and_(filters.AWAITS_ANSWER, _LEADS.c.last_contacted_at < before)
    counted = union_all(
        select(OWN_FOLLOW_UPS.c.owner_id, OWN_FOLLOW_UPS.c.n).where(
            OWN_FOLLOW_UPS.c.company_id == actor.company_id, OWN_FOLLOW_UPS.c.day < last_day.date()),
        select(_OWNER, literal(1, BigInteger)).where(_owned(actor, due, _LEADS.c.last_contacted_at >= last_day)),
    ).subquery()
    # The oldest is the first in the order of the owner's list.
    oldest = (select(_LEADS.c.last_contacted_at).where(
        _LEADS.c.company_id == actor.company_id, _OWNER == counted.c.owner_id, due)
        .order_by(_LEADS.c.last_contacted_at.asc().nulls_first()).limit(1).correlate(counted).scalar_subquery())
    number = cast(func.sum(counted.c.n), BigInteger)
    return _part("due", counted.c.owner_id, number, at=oldest).having(number != 0)


def _waiting(actor: Actor, now: datetime) -> Select:
    return _part("waiting", _OWNER, func.count()).where(
        _owned(actor, _IS_READY, _LEADS.c.assigned_at < now - PATIENCE,
               or_(_LEADS.c.last_contacted_at.is_(None), _LEADS.c.last_contacted_at < _LEADS.c.assigned_at)))


def _touches(actor: Actor, now: datetime) -> Select:
    in_week = func.count().filter(_TOUCHES.c.occurred_at >= now - WEEK)
    return (_part(_TOUCHES.c.direction, _TOUCHES.c.user_id, func.count(), key=_TOUCHES.c.method, other=in_week)
            .where(_TOUCHES.c.company_id == actor.company_id, _TOUCHES.c.occurred_at >= now - MONTH)
            .group_by(_TOUCHES.c.direction, _TOUCHES.c.method))


def _converted(actor: Actor, now: datetime) -> Select:
    return _part("converted", _OWNER, func.count()).where(
        _owned(actor, conversion.IS_CONVERTED, _LEADS.c.converted_at >= now - MONTH))


def _first_touches(actor: Actor, now: datetime) -> Select:
    first = (
        select(_TOUCHES.c.occurred_at.label("at"))
        .where(_TOUCHES.c.company_id == actor.company_id, _TOUCHES.c.lead_id == _LEADS.c.id,
               _TOUCHES.c.direction == Direction.OUTBOUND.value, _TOUCHES.c.occurred_at >= _LEADS.c.assigned_at)
        .order_by(_TOUCHES.c.occurred_at).limit(1).lateral("first")
    )
    half = func.percentile_cont(0.5).within_group(extract("epoch", first.c.at - _LEADS.c.assigned_at))
    return (_part("first_touch", _OWNER, func.count(), other=func.count(first.c.at), seconds=half)
            .select_from(_LEADS).outerjoin(first, true())
            .where(_owned(actor, _LEADS.c.assigned_at >= now - MONTH)))
