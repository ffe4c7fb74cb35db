"""Contacts with leads: log them, and take them back.

``contact_attempts`` holds each one (V2 of the specification); the lead's own columns hold the summary that lists and
numbers read (V1, V3). The summary is kept in step by addition, never by recounting: a database that was upgraded has
counts whose contacts were never written down.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from lib import conversion, history, leads, once, users
from lib.auth import Actor, check_change, check_log_for
from lib.errors import Invalid, LeadDeskError, NotAllowed, NotFound
from lib.fields import from_json, text_of, to_json
from lib.history import Change, Outcome, Refusal
from lib.models import ContactAttempt, Direction, Lead, LeadEvent, Method, Status

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Summary:
    """The columns that sum up one direction, and where a contact in that direction moves a lead."""

    at: str
    count: str
    method: str | None
    promotes: tuple[Status, ...]
    to: Status


SUMMARIES = {
    Direction.OUTBOUND: Summary("last_contacted_at", "contact_count", "last_contact_method",
                                (Status.NEW, Status.ENRICHED), Status.CONTACTED),
    Direction.INBOUND: Summary("last_response_at", "response_count", None,
                               (Status.NEW, Status.ENRICHED, Status.CONTACTED), Status.CONVERSING),
}


def log_contact(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, method: str,
                direction: str = Direction.OUTBOUND, notes: str | None = None, subject: str | None = None,
                successful: bool = False, occurred_at: datetime | None = None, made_by: uuid.UUID | None = None,
                key: str | None = None, now: datetime | None = None) -> Outcome:
    """Log the same contact with each of these leads.

    An outbound contact adds one to ``contact_count``, sets the last contact to the latest outbound one (one that is
    logged late never moves it backwards), and moves ``new`` and ``enriched`` to ``contacted``. An inbound one does the
    same for the responses, and moves those and ``contacted`` to ``conversing``. ``leads.notes`` is left alone.

    ``occurred_at`` (aware, default ``now``) may lie in the past but not in the future; ``made_by`` is the colleague
    who made the contact, by default the actor. With a ``key`` the call happens once: a repeat gets the first outcome.
    Raises Invalid with the field named, NotAllowed for another's contact, KeyReused; what is wrong with a single lead
    is among the refusals.
    """
    now = now or datetime.now(UTC)
    occurred_at = occurred_at or now
    contact = {
        "method": _one_of(Method, "method", method),
        "direction": _one_of(Direction, "direction", direction),
        "subject": text_of(500)("subject", subject),
        "notes": text_of(20_000, lines=True)("notes", notes),
        "successful": bool(successful) or direction == Direction.INBOUND,
        "occurred_at": _when(occurred_at, now),
        "user_id": made_by or actor.user_id,
    }
    check_log_for(actor, contact["user_id"])
    if contact["user_id"] != actor.user_id:
        users.find(session, actor, contact["user_id"])
    if key is None:
        return _log(session, actor, lead_ids, contact, now)
    request = {"leads": sorted(map(str, lead_ids)), **{name: to_json(value) for name, value in contact.items()
                                                       if name != "occurred_at"}}
    answer = once.once(session, actor, key, request,
                       lambda: _to_answer(_log(session, actor, lead_ids, contact, now)))
    return _from_answer(answer)


def take_back(session: Session, actor: Actor, events: Sequence[Row], batch_id: uuid.UUID, undoes: uuid.UUID,
              locked: Mapping[uuid.UUID, Row], *, now: datetime) -> list[uuid.UUID]:
    """Remove the contacts that a batch logged, and let counters, last contact and status follow; the leads' ids.

    The last contact becomes the latest one that remains. The status becomes what it would be had these contacts never
    been logged, unless something that left no event has moved it. ``locked`` are the leads, locked by the caller.
    """
    lead_ids = [event.lead_id for event in events if event.lead_id in locked]
    removed = session.execute(
        delete(ContactAttempt)
        .where(ContactAttempt.batch_id == undoes, ContactAttempt.lead_id.in_(lead_ids))
        .returning(*ContactAttempt.__table__.columns)).all()
    remaining = _remaining(session, lead_ids)
    oldest = _before_history(session, lead_ids)
    history_of = _status_history(session, lead_ids)
    changes = []
    for contact in removed:
        lead, past = locked[contact.lead_id], history_of[contact.lead_id]
        summary = SUMMARIES[Direction(contact.direction)]
        others = [other for other in remaining.get(lead.id, []) if other.direction == contact.direction]
        after: dict[str, Any] = {summary.count: max(getattr(lead, summary.count) - 1, 0)}
        if getattr(lead, summary.at) == contact.occurred_at:
            at, method = oldest.get((lead.id, summary.at), (None, None))
            for other in others:
                if at is None or other.occurred_at >= at:
                    at, method = other.occurred_at, other.method
            after[summary.at] = at
            if summary.method:
                after[summary.method] = method
        kept = {other.batch_id: other.direction for other in remaining.get(lead.id, [])}
        if lead.status == _status_by(past, kept | {contact.batch_id: contact.direction}, lead.status):
            status = _status_by(past, kept, lead.status)
            if status != lead.status:
                after["status"] = status
        before = {column: getattr(lead, column) for column in after}
        row = {name: to_json(value) for name, value in contact._mapping.items()}
        changes.append((Change(lead.id, before | {"contact": row}, after), after))
    conversion.follow(session, locked, [change for change, _ in changes], now=now)
    _write_each(session, ((change.lead_id, after) for change, after in changes))
    history.record(session, actor, batch_id, "contact_removed", [change for change, _ in changes], now=now,
                   undoes=undoes)
    return [change.lead_id for change, _ in changes]


def put_back(session: Session, actor: Actor, events: Sequence[Row], batch_id: uuid.UUID, undoes: uuid.UUID,
             locked: Mapping[uuid.UUID, Row], *, now: datetime) -> list[uuid.UUID]:
    """Log again the contacts that ``take_back`` removed: the way to undo an undo."""
    changes = []
    for event in events:
        lead = locked.get(event.lead_id)
        if lead is None:
            continue
        row = event.before["contact"]
        contact = {name: from_json(name, row[name]) for name in
                   ("method", "direction", "subject", "notes", "successful", "occurred_at", "user_id")}
        changes.append((effect_of(lead, contact), contact))
    _insert(session, actor, batch_id, changes, locked, now)
    history.record(session, actor, batch_id, "contact_restored", [change for change, _ in changes], now=now,
                   undoes=undoes)
    return [change.lead_id for change, _ in changes]


def effect_of(lead: Any, contact: Mapping[str, Any]) -> Change:
    """What a contact does to a lead's own columns. The last contact's time and method are recorded as a pair."""
    summary = SUMMARIES[Direction(contact["direction"])]
    after: dict[str, Any] = {summary.count: getattr(lead, summary.count) + 1}
    held = getattr(lead, summary.at)
    if held is None or contact["occurred_at"] >= held:
        after[summary.at] = contact["occurred_at"]
        if summary.method:
            after[summary.method] = contact["method"]
    if lead.status in summary.promotes:
        after["status"] = summary.to.value
    return Change(lead.id, {column: getattr(lead, column) for column in after}, after)


def _log(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], contact: dict[str, Any],
         now: datetime) -> Outcome:
    batch_id = uuid.uuid4()
    refused: list[Refusal] = []
    changes: list[Change] = []
    locked = leads.lock(session, actor, lead_ids, refused)
    for lead in locked.values():
        try:
            check_change(actor, lead.assigned_to_user_id, lead.owner)
        except LeadDeskError as error:
            refused.append(Refusal(lead.id, leads.name_of(lead), error))
            continue
        changes.append(effect_of(lead, contact))
    _insert(session, actor, batch_id, [(change, contact) for change in changes], locked, now)
    action = "contacted" if contact["direction"] == Direction.OUTBOUND else "responded"
    history.record(session, actor, batch_id, action, changes, now=now)
    return Outcome(batch_id, [change.lead_id for change in changes], (), refused)


def _insert(session: Session, actor: Actor, batch_id: uuid.UUID,
            changes: Sequence[tuple[Change, Mapping[str, Any]]], locked: Mapping[uuid.UUID, Row],
            now: datetime) -> None:
    if not changes:
        return
    session.execute(insert(ContactAttempt.__table__), [
        {"company_id": actor.company_id, "lead_id": change.lead_id, "batch_id": batch_id, **contact}
        for change, contact in changes])
    # After the contacts: one that converts its lead is the last touch itself.
    conversion.follow(session, locked, [change for change, _ in changes], now=now)
    _write_each(session, ((change.lead_id, change.after) for change, _ in changes))


def _write_each(session: Session, values: Iterable[tuple[uuid.UUID, dict[str, Any]]]) -> None:
    """Write each lead's changed columns; leads whose columns are the same ones go in one batch to the server."""
    batches: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for lead_id, after in values:
        batches.setdefault(tuple(sorted(after)), []).append({"lead": lead_id} | {f"to_{k}": after[k] for k in after})
    for columns, rows in batches.items():
        statement = update(Lead.__table__).where(Lead.id == bindparam("lead")).values(
            {column: bindparam(f"to_{column}") for column in columns})
        session.execute(statement, rows)


def _remaining(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """The leads' contacts, oldest first; of those at the same moment the one that was logged last counts as later."""
    found: dict[uuid.UUID, list[Row]] = {}
    for row in session.execute(
            select(ContactAttempt.lead_id, ContactAttempt.batch_id, ContactAttempt.occurred_at, ContactAttempt.method,
                   ContactAttempt.direction)
            .outerjoin(LeadEvent, and_(LeadEvent.lead_id == ContactAttempt.lead_id,
                                       LeadEvent.batch_id == ContactAttempt.batch_id))
            .where(ContactAttempt.lead_id.in_(lead_ids))
            .order_by(ContactAttempt.occurred_at, LeadEvent.id.nulls_first())):
        found.setdefault(row.lead_id, []).append(row)
    return found


def _before_history(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, str], tuple]:
    """What the last contact and response were before the first event that changed them: when, and by what method."""
    found = {}
    for column in ("last_contacted_at", "last_response_at"):
        for row in session.execute(
                select(LeadEvent.lead_id, LeadEvent.before)
                .where(LeadEvent.lead_id.in_(lead_ids), LeadEvent.before.has_key(column))
                .ext(distinct_on(LeadEvent.lead_id)).order_by(LeadEvent.lead_id, LeadEvent.id)):
            found[row.lead_id, column] = (from_json(column, row.before[column]), row.before.get("last_contact_method"))
    return found


def _status_history(session: Session, lead_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """What bears on the leads' status, oldest first: each event's batch, the one it undoes, and the status itself."""
    found: dict[uuid.UUID, list[Row]] = {}
    for row in session.execute(
            select(LeadEvent.lead_id, LeadEvent.batch_id, LeadEvent.undoes_batch_id, LeadEvent.action,
                   LeadEvent.before["status"].astext.label("held"), LeadEvent.after["status"].astext.label("given"))
            .where(LeadEvent.lead_id.in_(lead_ids)).order_by(LeadEvent.id)):
        found.setdefault(row.lead_id, []).append(row)
    return found


def _status_by(past: Sequence[Row], contacts: Mapping[uuid.UUID, str], unless_known: str) -> str:
    """The status that a lead's events lead to, had only these contacts (direction by batch) ever been logged.

    Contacts count as promotions, not as the status that each happened to record: of two outbound ones only the first
    records “contacted”, but the second keeps the lead there when the first is undone.
    """
    undone: set[uuid.UUID] = set()
    for event in reversed(past):
        if event.undoes_batch_id and event.batch_id not in undone:
            undone.add(event.undoes_batch_id)
    status = next((event.held for event in past if event.held), unless_known)
    for event in past:
        if event.batch_id in contacts:
            summary = SUMMARIES[Direction(contacts[event.batch_id])]
            if status in summary.promotes:
                status = summary.to.value
        elif event.given and not event.undoes_batch_id and event.batch_id not in undone \
                and event.action not in ("contacted", "responded"):
            status = event.given
    return status


def _one_of(kind: type[Method] | type[Direction], field: str, value: str) -> str:
    if value not in list(kind):
        raise Invalid.field(field, f"“{str(value)[:60]}” is not a {field}; choose one of {', '.join(kind)}.")
    return str(value)


def _when(occurred_at: datetime, now: datetime) -> datetime:
    if occurred_at.tzinfo is None:
        raise Invalid.field("occurred_at", "The time of a contact needs a time zone.")
    if occurred_at > now:
        raise Invalid.field("occurred_at", "A contact cannot lie in the future.")
    if occurred_at < EARLIEST:
        raise Invalid.field("occurred_at", f"A contact before {EARLIEST.year} cannot be logged.")
    return occurred_at


def _to_answer(outcome: Outcome) -> dict[str, Any]:
    return {"batch_id": str(outcome.batch_id), "done": [str(lead_id) for lead_id in outcome.done],
            "refused": [[str(each.lead_id), each.name, str(each.error), each.error.code] for each in outcome.refused]}


def _from_answer(answer: Mapping[str, Any]) -> Outcome:
    errors = {error.code: error for error in (NotFound, NotAllowed)}
    return Outcome(uuid.UUID(answer["batch_id"]), [uuid.UUID(each) for each in answer["done"]], (), [
        Refusal(uuid.UUID(lead_id), name, errors[code](message))
        for lead_id, name, message, code in answer["refused"]])
