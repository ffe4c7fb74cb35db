"""Contacts that were logged, corrected and taken back: counters, last contact and status follow.

Everything here goes the same way. Under the lead's lock, the lead's contacts as they are and as they will be are each
replayed over what was there before any history; where the lead holds what the first replay gives, it gets what the
second one does. What only an outside writer can have put there stays.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, null, select, update
from sqlalchemy.orm import Session

from lib import contacts, history, leads, lost
from lib.auth import Actor, check_contact
from lib.contact_summary import Contact, Past, followed, in_order, pasts
from lib.contacts import FIELDS
from lib.errors import ChangedSince, Conflict, Invalid, NotFound
from lib.fields import from_json, to_json
from lib.history import Change, Outcome, Refusal
from lib.lost import Because
from lib.models import ContactAttempt, LeadEvent, User
from lib.outcomes import LEAVE

LABELS = {"method": "The method", "direction": "The direction", "subject": "The subject", "notes": "The notes",
          "outcome": "The outcome", "status_choice": "The choice of status", "occurred_at": "The time",
          "user_id": "Who made it"}

_ATTEMPTS, _EVENTS, _USERS = ContactAttempt.__table__, LeadEvent.__table__, User.__table__


def edit_contact(session: Session, actor: Actor, contact_id: uuid.UUID, seen: Mapping[str, Any],
                 values: Mapping[str, Any], *, now: datetime | None = None) -> Outcome:
    """Correct a contact: FIELDS to their new ``values``, each only if it still holds what the user has ``seen`` in it.

    ``status_choice`` is as ``status`` of ``log_contact``. A value that is held already changes nothing. Raises
    NotFound, NotAllowed unless the actor made the contact or leads the team, Invalid with the field named, and Conflict
    when somebody changed a field to something else meanwhile; nothing is written then.
    """
    now = now or datetime.now(UTC)
    if unknown := set(values) - set(LABELS):
        raise Invalid.field(min(unknown), f"“{min(unknown)}” is not a field of a contact that can be changed.")
    lead, contact = _locked(session, actor, contact_id)
    wanted = contacts.clean_contact(values, now)
    changed = {name: value for name, value in wanted.items() if value != contact[name]}
    for name in changed:
        if name in seen and seen[name] != contact[name]:
            raise _conflict(session, contact, name, wanted[name])
    if "user_id" in changed:
        contacts.check_maker(session, actor, changed["user_id"])
    after = {**contact, **changed}
    if {"direction", "outcome"} & set(changed) and contacts.answered(after) != contact["successful"]:
        changed["successful"] = after["successful"] = contacts.answered(after)
    batch_id = uuid.uuid4()
    if not changed:
        return Outcome(batch_id, (), [lead.id])
    past = pasts(session, [lead.id])[lead.id]
    because = lost.implied(after["outcome"]) if "outcome" in changed else Because()
    former = {} if because.reason else lost.held_last(session, [lead.id])
    change = _edited(session, lead, past, contact, changed, now, because=because, former=former)
    history.record(session, actor, batch_id, "contact_edited", [change], now=now)
    return Outcome(batch_id, [lead.id])


def remove_contact(session: Session, actor: Actor, contact_id: uuid.UUID, *, now: datetime | None = None) -> Outcome:
    """Remove a contact that should not have been logged; its event keeps what it said.

    Raises NotFound, and NotAllowed unless the actor made the contact or leads the team.
    """
    now = now or datetime.now(UTC)
    lead, contact = _locked(session, actor, contact_id)
    batch_id = uuid.uuid4()
    changes = _removed(session, {lead.id: lead}, [contact], now, lost.held_last(session, [lead.id]))
    history.record(session, actor, batch_id, "contact_removed", changes, now=now)
    return Outcome(batch_id, [lead.id])


# ---------------------------------------------------------------- undo


def take_back(session: Session, actor: Actor, events: Sequence[Any], batch_id: uuid.UUID, undoes: uuid.UUID,
              locked: Mapping[uuid.UUID, Any], refused: list[Refusal], *, now: datetime) -> list[uuid.UUID]:
    """Undo the logging of contacts by the batch ``undoes``; the leads' ids. ``locked`` are the leads, by the caller.

    A contact that has been removed since is among the refusals.
    """
    lead_ids = [event.lead_id for event in events if event.lead_id in locked]
    # What was put back says which contact it was, as that may have kept the batch that it was logged by.
    named = [event.after["contact"]["id"] for event in events if "contact" in event.after]
    found = session.execute(select(*_ATTEMPTS.c).where(
        _ATTEMPTS.c.id.in_(named) if named else _ATTEMPTS.c.batch_id == undoes,
        _ATTEMPTS.c.lead_id.in_(lead_ids))).mappings().all()
    changes = _removed(session, locked, found, now, lost.held_before(events))
    history.record(session, actor, batch_id, "contact_removed", changes, now=now, undoes=undoes)
    done = [change.lead_id for change in changes]
    left = set(lead_ids) - set(done)
    _refuse(refused, (locked[lead_id] for lead_id in lead_ids if lead_id in left),
            "The contact has been removed since.")
    return done


def put_back(session: Session, actor: Actor, events: Sequence[Any], batch_id: uuid.UUID, undoes: uuid.UUID,
             locked: Mapping[uuid.UUID, Any], *, now: datetime) -> list[uuid.UUID]:
    """Log again the contacts that the batch ``undoes`` removed; the leads' ids.

    A contact that was removed comes back to its place, into the batch that logged it. Where it is the logging that had
    been undone, that batch is spent, and the contact counts as logged now.
    """
    events = [event for event in events if event.lead_id in locked]
    lead_ids = [event.lead_id for event in events]
    batch_of = {event.lead_id: uuid.UUID(event.before["contact"]["batch_id"]) for event in events}
    spent = {(row.lead_id, row.undoes_batch_id) for row in session.execute(
        select(_EVENTS.c.lead_id, _EVENTS.c.undoes_batch_id)
        .where(_EVENTS.c.lead_id.in_(lead_ids), _EVENTS.c.undoes_batch_id.in_(set(batch_of.values()))))}
    past_of = pasts(session, [each for each in lead_ids if (each, batch_of[each]) not in spent])
    logged = []
    for event in events:
        lead, row = locked[event.lead_id], event.before["contact"]
        contact = {name: from_json(name, row.get(name)) for name in ("id", "batch_id", "created_at", *FIELDS)}
        if (lead.id, contact["batch_id"]) in spent:
            contact["batch_id"] = batch_id
            if contact["status_choice"] and event.after.get("status") != lead.status:
                # The choice was made about another status than the one that the lead has come to since.
                contact["status_choice"] = LEAVE
            logged.append((contacts.effect_of(lead, contact), contact))
            continue
        past = past_of[lead.id]
        placed = {**contact, "event_id": past.events_of.get(contact["batch_id"])}
        after = followed(lead, past, sorted([*past.logged, placed], key=in_order))
        logged.append((Change(lead.id, {name: getattr(lead, name) for name in after}, after), contact))
    contacts.insert_contacts(session, actor, batch_id, logged, locked, now=now, former=lost.held_before(events))
    history.record(session, actor, batch_id, "contact_restored", [
        Change(change.lead_id, change.before, change.after | {"contact": {"id": str(contact["id"])}})
        for change, contact in logged], now=now, undoes=undoes)
    return lead_ids


def edit_back(session: Session, actor: Actor, events: Sequence[Any], batch_id: uuid.UUID, undoes: uuid.UUID,
              locked: Mapping[uuid.UUID, Any], refused: list[Refusal], *, now: datetime) -> list[uuid.UUID]:
    """Undo edits of contacts, where they still say what the edit made them say; the leads' ids."""
    changes = []
    past_of = pasts(session, [event.lead_id for event in events if event.lead_id in locked])
    former = lost.held_before(events)
    for event in events:
        lead = locked.get(event.lead_id)
        if lead is None:
            continue
        before, after = event.before["contact"], event.after["contact"]
        past = past_of[lead.id]
        contact = next((each for each in past.logged if str(each["id"]) == after["id"]), None)
        if contact is None or any(to_json(contact[name]) != after[name] for name in after):
            _refuse(refused, [lead], "The contact has been changed or removed since.")
            continue
        changes.append(_edited(session, lead, past, contact, {
            name: from_json(name, value) for name, value in before.items() if name != "id"}, now, former=former))
    history.record(session, actor, batch_id, "contact_edited", changes, now=now, undoes=undoes)
    return [change.lead_id for change in changes]


# ---------------------------------------------------------------- the lead follows


def _locked(session: Session, actor: Actor, contact_id: uuid.UUID) -> tuple[Any, Contact]:
    """The lead, locked, and then the contact as it is under that lock."""
    found = contacts.find(session, actor, contact_id)
    lead = leads.lock(session, actor, [found.lead_id], []).get(found.lead_id)
    contact = session.execute(select(*_ATTEMPTS.c).where(_ATTEMPTS.c.id == contact_id)).mappings().one_or_none()
    if lead is None or contact is None:
        raise NotFound(contacts.NO_SUCH_CONTACT)
    check_contact(actor, contact["user_id"], found.made_by)
    return lead, contact


def _edited(session: Session, lead: Any, past: Past, contact: Contact, changed: Mapping[str, Any],
            now: datetime, **lost_by: Any) -> Change:
    """Write the contact's new values and what follows from them; the lead's change, with the contact's in it."""
    logged = sorted(({**each, **changed} if each["id"] == contact["id"] else each for each in past.logged),
                    key=in_order)
    columns = followed(lead, past, logged)
    session.execute(update(_ATTEMPTS).where(_ATTEMPTS.c.id == contact["id"]).values(
        {name: null() if value is None else value for name, value in changed.items()}))
    change = Change(lead.id, {name: getattr(lead, name) for name in columns}, columns)
    contacts.write_summaries(session, {lead.id: lead}, [change], now=now, **lost_by)
    said = {"id": str(contact["id"])}
    return Change(lead.id,
                  change.before | {"contact": said | {name: to_json(contact[name]) for name in changed}},
                  change.after | {"contact": said | {name: to_json(value) for name, value in changed.items()}})


def _removed(session: Session, locked: Mapping[uuid.UUID, Any], removed: Sequence[Contact],
             now: datetime, former: Mapping[uuid.UUID, Mapping[str, Any]]) -> list[Change]:
    """Delete contacts, at most one of a lead; the leads' changes, with what the contact said."""
    past_of = pasts(session, [contact["lead_id"] for contact in removed])
    session.execute(delete(_ATTEMPTS).where(_ATTEMPTS.c.id.in_([contact["id"] for contact in removed])))
    changes = []
    for contact in removed:
        lead, past = locked[contact["lead_id"]], past_of[contact["lead_id"]]
        columns = followed(lead, past, [each for each in past.logged if each["id"] != contact["id"]])
        changes.append(Change(lead.id, {name: getattr(lead, name) for name in columns}, columns))
    contacts.write_summaries(session, locked, changes, now=now, former=former)
    return [Change(change.lead_id, change.before | {"contact": {name: to_json(value) for name, value in said.items()}},
                   change.after)
            for change, said in zip(changes, removed, strict=True)]


def _conflict(session: Session, contact: Contact, name: str, yours: Any) -> Conflict:
    change = session.execute(
        select(_USERS.c.name, _EVENTS.c.at)
        .outerjoin(_USERS, _USERS.c.id == _EVENTS.c.actor_id)
        .where(_EVENTS.c.lead_id == contact["lead_id"], _EVENTS.c.action == "contact_edited",
               _EVENTS.c.after["contact"]["id"].astext == str(contact["id"]),
               _EVENTS.c.after["contact"].has_key(name))
        .order_by(_EVENTS.c.id.desc()).limit(1)).one_or_none()
    by, at = change or (None, None)
    verb = "were" if name == "notes" else "was"
    message = (f"{LABELS[name]} {verb} changed by {by or 'somebody else'} after you opened this contact. Open it again "
               "to see what it says now.")
    return Conflict(message, lead_id=contact["lead_id"], field=name, theirs=contact[name], yours=yours, by=by, at=at)


def _refuse(refused: list[Refusal], some: Any, sentence: str) -> None:
    refused.extend(Refusal(lead.id, leads.name_of(lead), ChangedSince(sentence)) for lead in some)
