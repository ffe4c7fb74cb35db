"""Why a lead was lost, and since when: the rule behind ``leads.lost_reason``, ``lost_note`` and ``lost_at``.

A lead that becomes ``lost`` keeps when, and the reason and note that came with the change, if any did: a status is
saved without them too. What came of a contact may say it (IMPLIED). Leaving ``lost`` clears all three, and undo brings
back what was there. ``bulk.explain`` adds a reason later.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, literal_column, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from lib.errors import Invalid
from lib.fields import from_json, text_of
from lib.history import Change
from lib.models import ContactOutcome, LeadEvent, LostReason, Status

COLUMNS = ("lost_reason", "lost_note", "lost_at")
MAX_NOTE = 500
IMPLIED = {ContactOutcome.NOT_INTERESTED: LostReason.NO_NEED, ContactOutcome.WRONG_PERSON: LostReason.WRONG_PERSON}

# Written out, not bound: the planner has to see the very words of leads_lost_idx to use it.
IS_LOST = literal_column("leads.status = 'lost'")

_EVENTS = LeadEvent.__table__


@dataclass(frozen=True, slots=True)
class Because:
    """A reason and a line of text, both optional."""

    reason: str | None = None
    note: str | None = None

    def cleaned(self) -> "Because":
        """As it is stored: a note alone is some other reason. Raises Invalid with the field named."""
        note = text_of(MAX_NOTE)("lost_note", self.note)
        reason = self.reason or (LostReason.OTHER if note else None)
        if reason is not None and reason not in list(LostReason):
            raise Invalid.field("lost_reason", f"“{str(reason)[:60]}” is not a reason; choose one of "
                                               f"{', '.join(LostReason)}.")
        return Because(reason and str(reason), note)

    @property
    def values(self) -> dict[str, str | None]:
        return {"lost_reason": self.reason, "lost_note": self.note}


def implied(outcome: str | None) -> Because:
    """What the outcome of a contact says about the reason; nothing, most often."""
    reason = IMPLIED.get(ContactOutcome(outcome)) if outcome else None
    return Because(reason and reason.value)


def follow(locked: Mapping[uuid.UUID, Row], changes: Iterable[Change], *, now: datetime, because: Because = Because(),
           former: Mapping[uuid.UUID, Mapping[str, Any]] | None = None) -> None:
    """Add to changes of the status what they mean for the reason; to be called before they are written.

    ``locked`` are the leads as they were before the changes, and ``now`` is the time of the change (UTC). ``because``
    is cleaned; ``former`` has, for a lead that only returns to where it was lost, the COLUMNS that it had then.
    """
    for change in changes:
        if "status" not in change.after:
            continue
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        if change.after["status"] == Status.LOST:
            values = {"lost_at": now, **because.values, **(former or {}).get(change.lead_id, {})}
        lead = locked[change.lead_id]
        for column, value in values.items():
            if getattr(lead, column) != value:
                change.before[column], change.after[column] = getattr(lead, column), value


def of_new(values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is kept of a lead that arrives with these values: since when it is lost, if it arrives lost."""
    return {"lost_at": now} if values.get("status") == Status.LOST else {}


def restored(lead: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    """These former values of a lead's columns, without a reason for a lead that is not lost then.

    The reason may have been added after the change that is undone, whose event says nothing about it.
    """
    if values.get("status", lead.status) == Status.LOST:
        return dict(values)
    return {**values, **{column: None for column in COLUMNS
                         if column in values or getattr(lead, column) is not None}}


def held_before(events: Iterable[Any]) -> dict[uuid.UUID, dict[str, Any]]:
    """By lead, the COLUMNS from before events that took it out of ``lost``."""
    return {event.lead_id: {name: from_json(name, event.before.get(name)) for name in COLUMNS if name in event.before}
            for event in events if event.before.get("status") == Status.LOST}


def held_last(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """By lead, the COLUMNS that it had when it was lost the last time. The caller has locked the leads."""
    if not lead_ids:
        return {}
    return held_before(session.execute(
        select(_EVENTS.c.lead_id, _EVENTS.c.before)
        .where(_EVENTS.c.lead_id.in_(lead_ids), _EVENTS.c.before["status"].astext == Status.LOST.value,
               _EVENTS.c.undoes_batch_id.is_(None))
        .ext(distinct_on(_EVENTS.c.lead_id)).order_by(_EVENTS.c.lead_id, _EVENTS.c.id.desc())))
