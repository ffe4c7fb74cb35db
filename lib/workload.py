"""What lies on whose desk, and what lies on nobody's: the numbers by which a manager hands out leads."""

import functools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import (ARRAY, BigInteger, ColumnElement, Date, DateTime, Integer, Select, Table, Text, and_,
                        bindparam, cast, extract, func, literal, literal_column, null, or_, select, true, union_all)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from lib import conversion, counts, filters, views
from lib.auth import Actor
from lib.counts import BY_STATUS, CONTACTS, DESKS, INBOUND, NOBODY, OWN_FOLLOW_UPS
from lib.models import UNTOUCHED, ContactAttempt, Direction, Lead, Method, Status
from lib.statements import Read

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
PATIENCE = timedelta(days=2)
# How many days an unassigned lead has been there at least, bucket by bucket.
AGES = (0, 1, 3, 7, 30)

_LEADS, _TOUCHES = Lead.__table__, ContactAttempt.__table__
_METHODS, _OPEN = [method.value for method in Method], [status.value for status in views.OPEN]
_OWNER = _LEADS.c.assigned_to_user_id
_OF_COMPANY = _LEADS.c.company_id == bindparam("company")

_UNASSIGNED = Read(select(cast(func.coalesce(func.sum(BY_STATUS.c.n), 0), BigInteger)).where(
    BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id == NOBODY, BY_STATUS.c.status.in_(_OPEN)))

# Written out, not bound: the very words of the partial indexes.
_IS_UNTOUCHED = literal_column(f"({UNTOUCHED})")
_IS_OPEN = literal_column("leads.status NOT IN ('converted', 'lost')")
_IS_UNOWNED = literal_column("(leads.assigned_to_user_id IS NULL AND leads.status NOT IN ('converted', 'lost'))")


@dataclass(slots=True)
class Load:
    """One person's desk. Leads are those that they own, contacts those that they made.

    ``open`` are leads by status; ``due`` the follow-ups due, and ``oldest_due`` the longest since when; ``waiting``
    the leads that are ready for outreach and theirs for more than two days without a contact since. ``week`` and
    ``month`` are outbound contacts by method in the last 7 and 30 days, ``replies`` the inbound ones and
    ``conversions`` the leads converted in the last 30.
    """

    open: dict[str, int] = field(default_factory=dict)
    due: int = 0
    oldest_due: datetime | None = None
    waiting: int = 0
    week: dict[str, int] = field(default_factory=dict)
    month: dict[str, int] = field(default_factory=dict)
    replies: int = 0
    conversions: int = 0


@dataclass(slots=True)
class FirstTouches:
    """Of the ``taken`` leads, which became somebody's in the last 30 days, ``touched`` were contacted since, half of
    these ``within``."""

    taken: int = 0
    touched: int = 0
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unowned:
    """How many open leads of a source nobody owns that are at least ``days`` old, and younger than the next of AGES."""

    days: int
    source: str | None
    count: int


def by_rep(session: Session, actor: Actor, *, now: datetime) -> dict[uuid.UUID, Load]:
    """Everybody's desk by user id, without those on whose there is nothing. ``now`` is in UTC. One round trip.

    Counted by the days that are kept; of a day on which a period begins or ends, each lead and contact is looked at.
    """
    found = _by_rep().rows(session, {
        "company": actor.company_id, **views.due_by_days(actor, now), **_since("waiting", now - PATIENCE),
        **_since("week", now - WEEK), **_since("month", now - MONTH)})
    loads: dict[uuid.UUID, Load] = {}
    for kind, user_id, number, at, numbers in found:
        load = loads.setdefault(user_id, Load())
        match kind:
            case "open":
                load.open = _those_there(_OPEN, numbers)
            case "due":
                load.due, load.oldest_due = number, at
            case "waiting":
                load.waiting = number
            case "week":
                load.week = _those_there(_METHODS, numbers)
            case "month":
                load.month, load.replies = _those_there(_METHODS, numbers), numbers[-1]
            case "converted":
                [load.conversions] = numbers
    return loads


def first_touches(session: Session, actor: Actor, *, now: datetime) -> dict[uuid.UUID, FirstTouches]:
    """How soon everybody contacts what they take, by user id; who took nothing is left out. ``now`` is in UTC.

    A month's median does not follow from its days', so the month's leads and contacts are read. One round trip.
    """
    rows = _first_touches().rows(session, {"company": actor.company_id, **_since("month", now - MONTH)})
    found: dict[uuid.UUID, FirstTouches] = {}
    for kind, user_id, number, _, numbers in rows:
        touches = found.setdefault(user_id, FirstTouches())
        if kind == "taken":
            [touches.taken] = numbers
        else:
            touches.touched, touches.within = number, timedelta(microseconds=numbers[0])
    return found


def pool(session: Session, actor: Actor, *, now: datetime) -> Sequence[Unowned]:
    """The open leads that nobody owns, by age (the youngest first) and source. ``now`` is in UTC. One round trip."""
    moments = {f"days_{days}": now - timedelta(days=days) for days in AGES}
    return [Unowned(*row) for row in _pool().rows(session, {"company": actor.company_id, **moments})]


def unassigned(session: Session, actor: Actor) -> int:
    """How many open leads nobody owns: the sum of ``pool``."""
    return _UNASSIGNED.rows(session, {"company": actor.company_id}).scalar_one()


# ---------------------------------------------------------------- statements


def _since(name: str, moment: datetime) -> dict[str, datetime | date]:
    """The parameters of a period that begins, or ends, at this moment: the moment, and its day."""
    begins = counts.day_begins(moment)
    return {f"{name}_since": moment, f"{name}_day": begins.date(), f"{name}_day_begins": begins,
            f"{name}_day_ends": begins + timedelta(days=1)}


def _those_there(names: Sequence[str], numbers: Sequence[int]) -> dict[str, int]:
    return {name: number for name, number in zip(names, numbers, strict=False) if number}


@functools.cache
def _by_rep() -> Read:
    return Read(union_all(_open(), _due(), _waiting(), _contacts("week"), _contacts("month"), _converted()))


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


def _part(kind: str, user_id: ColumnElement[uuid.UUID], number: ColumnElement[int] | None = None, *,
          at: ColumnElement[datetime] | None = None, numbers: Sequence[ColumnElement[int]] | None = None) -> Select:
    """A part of the one statement: what is counted, whose it is, and the numbers, in the same columns everywhere."""
    return select(
        literal(kind, Text), user_id,
        cast(null() if number is None else number, BigInteger),
        cast(null() if at is None else at, DateTime(timezone=True)),
        cast(null() if numbers is None else array(numbers), ARRAY(BigInteger))).group_by(user_id)


def _owned(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(_OF_COMPANY, _OWNER.is_not(None), *conditions)


def _open() -> Select:
    number = func.sum(BY_STATUS.c.n)
    return _part("open", BY_STATUS.c.owner_id, numbers=[
        func.coalesce(number.filter(BY_STATUS.c.status == status), 0) for status in _OPEN]).where(
            BY_STATUS.c.company_id == bindparam("company"), BY_STATUS.c.owner_id != NOBODY,
            BY_STATUS.c.status.in_(_OPEN)).having(number != 0)


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
    counted = union_all(
        select(DESKS.c.owner_id, DESKS.c.untouched.label("n")).where(
            DESKS.c.company_id == bindparam("company"), DESKS.c.day < bindparam("waiting_day", type_=Date),
            literal_column("desk_counts.untouched <> 0")),
        select(_OWNER, literal_column("1")).where(
            _owned(_IS_UNTOUCHED, _LEADS.c.assigned_at >= bindparam("waiting_day_begins"),
                   _LEADS.c.assigned_at < bindparam("waiting_since"))),
    ).subquery()
    number = func.sum(counted.c.n)
    return _part("waiting", counted.c.owner_id, number).having(number != 0)


def _contacts(period: str) -> Select:
    """Outbound ones by method, and inbound ones."""
    is_outbound = _TOUCHES.c.direction == Direction.OUTBOUND.value
    kinds = [*(and_(is_outbound, _TOUCHES.c.method == method) for method in _METHODS), ~is_outbound]
    begun = select(_TOUCHES.c.user_id, *(cast(kind, Integer) for kind in kinds)).where(
        _TOUCHES.c.company_id == bindparam("company"), *_on_first_day(period, _TOUCHES.c.occurred_at))
    return _of_period(period, period, CONTACTS, CONTACTS.c.user_id, (*_METHODS, INBOUND), begun)


def _converted() -> Select:
    begun = select(_OWNER, literal_column("1")).where(
        _owned(conversion.IS_CONVERTED, *_on_first_day("month", _LEADS.c.converted_at)))
    return _of_period("converted", "month", DESKS, DESKS.c.owner_id, ("converted",), begun)


def _taken() -> Select:
    begun = select(_OWNER, literal_column("1")).where(_owned(*_on_first_day("month", _LEADS.c.assigned_at)))
    return _of_period("taken", "month", DESKS, DESKS.c.owner_id, ("taken",), begun)


def _of_period(kind: str, period: str, table: Table, whose: ColumnElement[uuid.UUID], names: Sequence[str],
               begun: Select) -> Select:
    """What is kept of the days behind the one on which the period begins, and ``begun``: that day's, one by one."""
    kept = select(whose.label("user_id"), *(table.c[name] for name in names)).where(
        table.c.company_id == bindparam("company"), table.c.day > bindparam(f"{period}_day", type_=Date))
    counted = union_all(kept, begun).subquery()
    sums = [func.sum(counted.c[name]) for name in names]
    # Rows that nobody has put together yet may cancel each other out.
    return _part(kind, counted.c.user_id, numbers=sums).having(or_(*(each != 0 for each in sums)))


def _on_first_day(period: str, at: ColumnElement[datetime]) -> tuple[ColumnElement[bool], ...]:
    return at >= bindparam(f"{period}_since"), at < bindparam(f"{period}_day_ends")


@functools.cache
def _first_touches() -> Read:
    """From the contacts since, which are far fewer than the leads for each of which they would be looked up."""
    first = (
        select(_OWNER.label("owner_id"), (func.min(_TOUCHES.c.occurred_at) - _LEADS.c.assigned_at).label("after"))
        .join(_TOUCHES, and_(_TOUCHES.c.lead_id == _LEADS.c.id, _TOUCHES.c.occurred_at >= _LEADS.c.assigned_at))
        .where(_owned(_LEADS.c.assigned_at >= bindparam("month_since")), _TOUCHES.c.company_id == bindparam("company"),
               _TOUCHES.c.direction == Direction.OUTBOUND.value, _TOUCHES.c.occurred_at >= bindparam("month_since"))
        .group_by(_LEADS.c.id).subquery("first")
    )
    half = func.percentile_cont(0.5).within_group(extract("epoch", first.c.after) * 1_000_000)
    return Read(union_all(_taken(), _part("touched", first.c.owner_id, func.count(), numbers=[half])))
