"""Which contacts led to the conversions: shares by method for the charts, and the conversions worked out anew.

A touch is a contact in either direction. lib/conversion.py has the rule for the one that a lead itself names.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Float, Text, and_, cast, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID, distinct_on
from sqlalchemy.orm import Session

from lib import conversion, history, leads
from lib.auth import Actor, check_manage
from lib.history import Change, Outcome
from lib.leads import Progress
from lib.models import ContactAttempt, Lead, LeadEvent, Status
from lib.scope import Scope

_LEADS, _TOUCHES, _EVENTS = Lead.__table__, ContactAttempt.__table__, LeadEvent.__table__


@dataclass(frozen=True, slots=True)
class Share:
    """What one method is owed, in conversions, by three models; each of them sums up to all conversions.

    ``method`` is None for the conversions before which no contact was written down. ``first`` and ``last`` give a
    conversion to its first or last touch, ``linear`` gives each touch an equal part of it.
    """

    method: str | None
    first: int
    last: int
    linear: float


def shares(session: Session, actor: Actor, scope: Scope = Scope()) -> Sequence[Share]:
    """The shares of each method that has any in the conversions, by method with None last. One round trip.

    A conversion is a lead that is ``converted`` now. The period is that of its ``converted_at`` (a lead that was
    converted before that was kept is in none, see ``recompute``), the rep is its owner at present. Touches after the
    conversion have no part in it.
    """
    won = (
        select(_LEADS.c.id, _LEADS.c.converted_at)
        .where(_LEADS.c.company_id == actor.company_id, conversion.IS_CONVERTED, scope.holds(_LEADS.c.converted_at),
               scope.is_of(_LEADS.c.assigned_to_user_id))
    )
    if scope.source is not None:
        won = won.where(_LEADS.c.source == scope.source)
    won = won.subquery("won")
    of_lead = {"partition_by": won.c.id}
    touches = (
        select(_TOUCHES.c.method,
               (func.row_number().over(**of_lead, order_by=conversion.in_order()) == 1).label("is_first"),
               func.lead(literal(1)).over(**of_lead, order_by=conversion.in_order()).is_(None).label("is_last"),
               (1.0 / cast(func.count().over(**of_lead), Float)).label("part"))
        .select_from(won)
        .outerjoin(_TOUCHES, and_(_TOUCHES.c.lead_id == won.c.id, _TOUCHES.c.company_id == actor.company_id,
                                  or_(won.c.converted_at.is_(None), _TOUCHES.c.occurred_at <= won.c.converted_at)))
        .subquery("touches")
    )
    found = session.execute(
        select(touches.c.method, func.count().filter(touches.c.is_first), func.count().filter(touches.c.is_last),
               func.sum(touches.c.part))
        .group_by(touches.c.method).order_by(touches.c.method.nulls_last()))
    return [Share(*row) for row in found]


def recompute(session: Session, actor: Actor, *, progress: Progress = lambda done: None,
              now: datetime | None = None) -> Outcome:
    """Work out the source of every conversion of the company anew, from the contacts as they are written down now.

    For leads that were converted before sources were kept, and for contacts that were logged, changed or removed
    after the conversion. ``converted_at`` is only filled in where it is missing, from the lead's own events; where
    these do not tell either it stays NULL. Running it again changes nothing. It can be undone like any other change.
    Raises NotAllowed unless the actor is a manager.
    """
    check_manage(actor)
    now = now or datetime.now(UTC)
    batch_id = uuid.uuid4()
    done: list[uuid.UUID] = []
    unchanged: list[uuid.UUID] = []
    converted = session.scalars(select(_LEADS.c.id).where(_LEADS.c.company_id == actor.company_id,
                                                          conversion.IS_CONVERTED)).all()
    for chunk in leads.in_chunks(converted):
        locked = leads.lock(session, actor, chunk, [])
        # Somebody may have moved a lead on before it was locked.
        won = {lead_id: lead for lead_id, lead in locked.items() if lead.status == Status.CONVERTED}
        times = _recorded_times(session, [lead.id for lead in won.values() if lead.converted_at is None])
        moments = {lead.id: lead.converted_at or times.get(lead.id) for lead in won.values()}
        sources = conversion.last_touches(session, {lead_id: at or now for lead_id, at in moments.items()})
        changes, written = [], {}
        for lead in won.values():
            at = moments[lead.id]
            values = {"conversion_source": sources.get(lead.id) or conversion.unwritten(lead, at or now),
                      "converted_at": at}
            after = {column: value for column, value in values.items() if getattr(lead, column) != value}
            if after:
                changes.append(Change(lead.id, {column: getattr(lead, column) for column in after}, after))
                written[lead.id] = values
        _write(session, written)
        history.record(session, actor, batch_id, "attributed", changes, now=now)
        changed = {change.lead_id for change in changes}
        done += changed
        unchanged += [lead_id for lead_id in chunk if lead_id not in changed]
        progress(len(done) + len(unchanged))
    return Outcome(batch_id, done, unchanged)


def _write(session: Session, values: Mapping[uuid.UUID, Mapping[str, Any]]) -> None:
    """One statement for all of a chunk: hardly any two leads were converted at the same time."""
    if not values:
        return
    given = func.unnest(
        cast(list(values), ARRAY(UUID)),
        cast([each["conversion_source"] for each in values.values()], ARRAY(Text)),
        cast([each["converted_at"] for each in values.values()], ARRAY(TIMESTAMP(timezone=True))),
    ).table_valued("id", "conversion_source", "converted_at").render_derived(name="given")
    session.execute(update(_LEADS).where(_LEADS.c.id == given.c.id).values(
        conversion_source=given.c.conversion_source, converted_at=given.c.converted_at))


def _recorded_times(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """When each of these leads became converted, as far as an event tells."""
    if not lead_ids:
        return {}
    found = session.execute(
        select(_EVENTS.c.lead_id, _EVENTS.c.at)
        .where(_EVENTS.c.lead_id.in_(lead_ids), _EVENTS.c.after["status"].astext == Status.CONVERTED.value)
        .ext(distinct_on(_EVENTS.c.lead_id)).order_by(_EVENTS.c.lead_id, _EVENTS.c.id.desc()))
    return {row.lead_id: row.at for row in found}
