"""What a conversion owes to which contact: the rule behind ``leads.conversion_source`` (V4 of the specification).

A lead that becomes ``converted`` keeps the time, and the method of its last touch: of all contacts in either direction
at or before that moment, the latest. Where no contact was ever written down, as in a database that was upgraded, the
lead's own last contact stands in; without any touch the source is NULL. Leaving ``converted`` clears both, and undo
brings back what was there. Contacts that are logged, changed or removed after the conversion leave it alone, until
somebody has it worked out anew (``attribution.recompute``).
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, cast, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID
from sqlalchemy.orm import Session

from lib.history import Change
from lib.models import ContactAttempt, Status

COLUMNS = ("conversion_source", "converted_at")

_TOUCHES = ContactAttempt.__table__

# Written out, not bound: the planner has to see the very words of leads_converted_idx to use it.
IS_CONVERTED = literal_column("leads.status = 'converted'")


def in_order(touches: Any = _TOUCHES) -> tuple[ColumnElement[Any], ...]:
    """The order of a lead's contacts. At the same moment ours come before theirs, as a question before its answer."""
    return touches.c.occurred_at, touches.c.direction.desc(), touches.c.id


def backwards(touches: Any = _TOUCHES) -> tuple[ColumnElement[Any], ...]:
    return touches.c.occurred_at.desc(), touches.c.direction, touches.c.id.desc()


def follow(session: Session, locked: Mapping[uuid.UUID, Row], changes: Iterable[Change], *, now: datetime) -> None:
    """Add to changes of the status what they mean for the conversion; to be called before they are written.

    ``locked`` are the leads as they were before the changes, ``now`` is the time of the change (UTC).
    """
    moved = [change for change in changes if "status" in change.after]
    won = [change for change in moved if change.after["status"] == Status.CONVERTED]
    sources = last_touches(session, {change.lead_id: now for change in won})
    for change in moved:
        lead = locked[change.lead_id]
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        if change.after["status"] == Status.CONVERTED:
            values = {"conversion_source": sources.get(change.lead_id) or unwritten(lead, now), "converted_at": now}
        for column, value in values.items():
            if getattr(lead, column) != value:
                change.before[column], change.after[column] = getattr(lead, column), value


def of_new(values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is kept of the conversion of a lead that arrives with these values: when, if it arrives converted."""
    return {"converted_at": now} if values.get("status") == Status.CONVERTED else {}


def restored(lead: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    """These former values of a lead's columns, without a conversion for a lead that is not converted then.

    The conversion may have been worked out after the change that is undone, whose event says nothing about it.
    """
    if values.get("status", lead.status) == Status.CONVERTED:
        return dict(values)
    return {**values, **{column: None for column in COLUMNS
                         if column in values or getattr(lead, column) is not None}}


def unwritten(lead: Row, at: datetime) -> str | None:
    """The method of the lead's own last contact, if that was at or before ``at``: for a lead without contacts."""
    return lead.last_contact_method if lead.last_contacted_at and lead.last_contacted_at <= at else None


def last_touches(session: Session, moments: Mapping[uuid.UUID, datetime]) -> dict[uuid.UUID, str]:
    """The method of each lead's last contact at or before its moment; leads without one are left out.

    The caller has locked the leads, and so made sure whose they are.
    """
    if not moments:
        return {}
    asked = func.unnest(cast(list(moments), ARRAY(UUID)), cast(list(moments.values()), ARRAY(TIMESTAMP(timezone=True)))
                        ).table_valued("lead_id", "at").render_derived(name="asked")
    last = (select(_TOUCHES.c.method)
            .where(_TOUCHES.c.lead_id == asked.c.lead_id, _TOUCHES.c.occurred_at <= asked.c.at)
            .order_by(*backwards()).limit(1).lateral("last"))
    found = session.execute(select(asked.c.lead_id, last.c.method).join(last, true()))
    return {row.lead_id: row.method for row in found}
