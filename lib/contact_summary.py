"""What a lead's own columns have to say, given the contacts that are written down and what was there before them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from lib.fields import from_json
from lib.models import ContactAttempt, LeadEvent
from lib.outcomes import SUMMARIES, status_after

# Events whose status follows from contacts, and is not a choice of its own.
ACTIONS = ("contacted", "responded", "contact_edited", "contact_removed", "contact_restored")

_ATTEMPTS, _EVENTS = ContactAttempt.__table__, LeadEvent.__table__
Contact = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Past:
    """What a lead's summary stands on.

    ``logged`` are its contacts, oldest first; of those at the same moment the one that was logged last counts as
    later. ``base`` is, by direction, the last time and method before any history. ``events`` bear on the status;
    ``events_of`` has, by batch, the number of the event that a contact of that batch counts from.
    """

    logged: list[Contact]
    base: dict[str, tuple[datetime | None, str | None]]
    events: list[Any]
    events_of: dict[uuid.UUID, int]


def followed(lead: Any, past: Past, logged: Sequence[Contact]) -> dict[str, Any]:
    """The lead's columns that differ once its contacts are ``logged``, with the last contact's time and method as a
    pair."""
    columns: dict[str, Any] = {}
    for direction, summary in SUMMARIES.items():
        was, will = ([each for each in some if each["direction"] == direction] for some in (past.logged, logged))
        if len(was) != len(will):
            columns[summary.count] = max(getattr(lead, summary.count) + len(will) - len(was), 0)
        held = getattr(lead, summary.at), getattr(lead, summary.method) if summary.method else None
        base, gone = past.base[direction], [each for each in was if each not in will]
        if not summary.method:
            was, will = ([{**each, "method": None} for each in some] for some in (was, will))
        if held == _latest(base, was) or held[0] in [each["occurred_at"] for each in gone]:
            latest = _latest(base, will)
        else:
            latest = _latest(held, [each for each in will if each not in was])
        if latest != held:
            columns[summary.at] = latest[0]
            if summary.method:
                columns[summary.method] = latest[1]
    if lead.status == _status_by(past.events, past.logged, lead.status):
        status = _status_by(past.events, logged, lead.status)
        if status != lead.status:
            columns["status"] = status
    return columns


def _latest(base: tuple[datetime | None, str | None], logged: Sequence[Contact]) -> tuple[datetime | None, str | None]:
    for contact in logged:
        if base[0] is None or contact["occurred_at"] >= base[0]:
            base = contact["occurred_at"], contact["method"]
    return base


def _status_by(events: Sequence[Any], logged: Sequence[Contact], unless_known: str) -> str:
    """The status that a lead's events lead to, had only these contacts ever been logged, and logged as they are.

    Contacts count as what they do to a status, not as the status that each happened to record: of two outbound ones
    only the first records “contacted”, but the second keeps the lead there when the first is undone.
    """
    by_event = {contact["event_id"]: contact for contact in logged}
    undone: set[uuid.UUID] = set()
    for event in reversed(events):
        if event.undoes_batch_id and event.batch_id not in undone:
            undone.add(event.undoes_batch_id)
    status = next((event.held for event in events if event.held), unless_known)
    for event in events:
        if event.id in by_event:
            status = status_after(by_event[event.id], status)
        elif event.given and not event.undoes_batch_id and event.batch_id not in undone \
                and event.action not in ACTIONS:
            status = event.given
    return status


def pasts(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Past]:
    """The past of each of these leads, which the caller has locked."""
    if not lead_ids:
        return {}
    found = {lead_id: Past([], {direction: (None, None) for direction in SUMMARIES}, [], {}) for lead_id in lead_ids}
    for direction, summary in SUMMARIES.items():
        for row in session.execute(
                select(_EVENTS.c.lead_id, _EVENTS.c.before)
                .where(_EVENTS.c.lead_id.in_(lead_ids), _EVENTS.c.before.has_key(summary.at))
                .ext(distinct_on(_EVENTS.c.lead_id)).order_by(_EVENTS.c.lead_id, _EVENTS.c.id)):
            method = row.before.get(summary.method) if summary.method else None
            found[row.lead_id].base[direction] = from_json(summary.at, row.before[summary.at]), method
    for row in session.execute(
            select(_EVENTS.c.id, _EVENTS.c.lead_id, _EVENTS.c.batch_id, _EVENTS.c.undoes_batch_id, _EVENTS.c.action,
                   _EVENTS.c.before["status"].astext.label("held"), _EVENTS.c.after["status"].astext.label("given"))
            .where(_EVENTS.c.lead_id.in_(lead_ids)).order_by(_EVENTS.c.id)):
        found[row.lead_id].events.append(row)
        found[row.lead_id].events_of[row.batch_id] = row.id
    for row in session.execute(select(*_ATTEMPTS.c).where(_ATTEMPTS.c.lead_id.in_(lead_ids))).mappings():
        past = found[row["lead_id"]]
        past.logged.append({**row, "event_id": past.events_of.get(row["batch_id"])})
    for past in found.values():
        past.logged.sort(key=in_order)
    return found


def in_order(contact: Contact) -> tuple[datetime, int]:
    return contact["occurred_at"], contact["event_id"] or 0
