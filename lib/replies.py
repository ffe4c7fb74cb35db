"""Who answers to what, and how soon: reply rates by channel and by attempt, time to a reply, conversions by channel.

An outbound contact counts as replied to when the lead's very next contact is an inbound one, or when it was logged as
successful. So an answer after three e-mails is the third one's. Contacts of a lead are taken in the order of
``conversion.in_order``. A contact or a lead of the period counts whenever its answer came.

Every function is one round trip, and counts contacts that are written down: an upgraded database has older counters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Subquery, and_, cast, extract, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import Session

from lib import conversion
from lib.auth import Actor
from lib.models import ContactAttempt, Direction, Lead
from lib.scope import Scope

_TOUCHES, _LEADS = ContactAttempt.__table__, Lead.__table__
_IS_OURS = _TOUCHES.c.direction == Direction.OUTBOUND.value


@dataclass(frozen=True, slots=True)
class Replies:
    """``of`` is a method, or the number of an attempt from 1; how many contacts were made, and how many replied to."""

    of: str | int
    made: int
    replied: int

    @property
    def rate(self) -> float:
        """From 0 to 1; ``made`` is never 0."""
        return self.replied / self.made


@dataclass(frozen=True, slots=True)
class TimeToReply:
    """How many leads were touched, how many of these replied, and after which time a quarter, half and three quarters
    of those did (interpolated; None where nobody did)."""

    touched: int
    replied: int
    lower: timedelta | None = None
    median: timedelta | None = None
    upper: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Conversions:
    """Of the leads whose first touch was by ``method``, how many are converted; the same for the last touch."""

    method: str
    first: int
    first_converted: int
    last: int
    last_converted: int


def by_channel(session: Session, actor: Actor, scope: Scope = Scope()) -> Sequence[Replies]:
    """The replies to outbound contacts by method. The period is that of the contact, the rep is who made it."""
    touches = _touches(actor, scope, _next_direction(), only_from=scope.since)
    return _replies(session, touches, touches.c.method, scope)


def by_attempt(session: Session, actor: Actor, scope: Scope = Scope()) -> Sequence[Replies]:
    """The replies by the contact's number among the lead's outbound ones, whoever made the others and whenever."""
    touches = _touches(actor, scope, _next_direction(), _attempt())
    return _replies(session, touches, touches.c.attempt, scope)


def time_to_reply(session: Session, actor: Actor, scope: Scope = Scope()) -> TimeToReply:
    """From the first outbound contact with a lead to the first inbound one from then on.

    The period is that of the first contact, the rep is who made it. A contact that was only logged as successful says
    nothing about the time, and does not count as a reply here.
    """
    touches = _touches(actor, scope, _attempt())
    is_first = and_(touches.c.direction == Direction.OUTBOUND.value, touches.c.attempt == 1)
    answers = and_(touches.c.direction == Direction.INBOUND.value, touches.c.attempt >= 1)
    first, reply = (func.min(touches.c.occurred_at).filter(which) for which in (is_first, answers))
    by_lead = (
        select(extract("epoch", reply - first).label("seconds"))
        .group_by(touches.c.lead_id)
        .having(func.bool_or(and_(is_first, scope.holds(touches.c.occurred_at), scope.is_of(touches.c.user_id))))
        .subquery("by_lead")
    )
    parts = func.percentile_cont(cast(array([0.25, 0.5, 0.75]), ARRAY(Float))).within_group(by_lead.c.seconds)
    touched, replied, quartiles = session.execute(
        select(func.count(), func.count(by_lead.c.seconds), parts).select_from(by_lead)).one()
    return TimeToReply(touched, replied, *(timedelta(seconds=each) for each in quartiles or ()))


def conversion_by_channel(session: Session, actor: Actor, scope: Scope = Scope()) -> Sequence[Conversions]:
    """How many of the leads touched by each method are converted now, by the method of the first and of the last touch.

    A touch is a contact in either direction, for a converted lead one up to its conversion. The period is that of the
    touch, the rep is who made it.
    """
    converted = (select(_LEADS.c.id, _LEADS.c.converted_at)
                 .where(_LEADS.c.company_id == actor.company_id, conversion.IS_CONVERTED).subquery("converted"))
    of_lead: dict[str, Any] = {"partition_by": _TOUCHES.c.lead_id, "order_by": conversion.in_order()}
    touches = (
        select(_TOUCHES.c.method, _TOUCHES.c.user_id, _TOUCHES.c.occurred_at,
               converted.c.id.is_not(None).label("is_converted"),
               (func.row_number().over(**of_lead) == 1).label("is_first"),
               func.lead(literal(1)).over(**of_lead).is_(None).label("is_last"))
        .select_from(_TOUCHES)
        .outerjoin(converted, converted.c.id == _TOUCHES.c.lead_id)
        .where(_TOUCHES.c.company_id == actor.company_id, *_leads_of(actor, scope),
               or_(converted.c.converted_at.is_(None), _TOUCHES.c.occurred_at <= converted.c.converted_at))
        .subquery("touches")
    )
    counts = [func.count().filter(touches.c[which], *won)
              for which in ("is_first", "is_last") for won in ((), (touches.c.is_converted,))]
    found = session.execute(
        select(touches.c.method, *counts)
        .where(or_(touches.c.is_first, touches.c.is_last), scope.holds(touches.c.occurred_at),
               scope.is_of(touches.c.user_id))
        .group_by(touches.c.method).order_by(touches.c.method))
    return [Conversions(*row) for row in found]


def _touches(actor: Actor, scope: Scope, *more: ColumnElement[Any], only_from: datetime | None = None) -> Subquery:
    """The contacts of the leads that the scope is about, with ``more`` columns.

    The whole history of each lead, unless what came before ``only_from`` can make no difference.
    """
    if only_from:
        narrowed = [_TOUCHES.c.occurred_at >= only_from, *_leads_of(actor, Scope(rep=scope.rep, source=scope.source))]
    else:
        narrowed = _leads_of(actor, scope)
    return (
        select(*(_TOUCHES.c[name] for name in ("lead_id", "method", "user_id", "direction", "successful",
                                               "occurred_at")), *more)
        .where(_TOUCHES.c.company_id == actor.company_id, *narrowed)
        .subquery("touches")
    )


def _leads_of(actor: Actor, scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions that leave only the contacts of leads with one in the scope, since no other lead can count."""
    narrowed = [scope.comes_from(actor, _TOUCHES.c.lead_id)]
    if scope.since or scope.until or scope.rep:
        within = _TOUCHES.alias("within")
        narrowed.append(_TOUCHES.c.lead_id.in_(
            select(within.c.lead_id).where(within.c.company_id == actor.company_id, scope.holds(within.c.occurred_at),
                                           scope.is_of(within.c.user_id))))
    return narrowed


def _next_direction() -> ColumnElement[str]:
    return (func.lead(_TOUCHES.c.direction)
            .over(partition_by=_TOUCHES.c.lead_id, order_by=conversion.in_order()).label("next_direction"))


def _attempt() -> ColumnElement[int]:
    """How many outbound contacts a lead has had so far, this one included."""
    return (func.count().filter(_IS_OURS)
            .over(partition_by=_TOUCHES.c.lead_id, order_by=conversion.in_order(), rows=(None, 0)).label("attempt"))


def _replies(session: Session, touches: Subquery, of: ColumnElement[Any], scope: Scope) -> list[Replies]:
    is_replied = or_(touches.c.successful, touches.c.next_direction == Direction.INBOUND.value)
    found = session.execute(
        select(of, func.count(), func.count().filter(is_replied))
        .where(touches.c.direction == Direction.OUTBOUND.value, scope.holds(touches.c.occurred_at),
               scope.is_of(touches.c.user_id))
        .group_by(of).order_by(of))
    return [Replies(*row) for row in found]
