"""Undo: every batch can be taken back, as far as nobody has built on it since."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, select, text
from sqlalchemy.orm import Session

from lib import assignment, contact_changes, conversion, history, leads, lists, lost, tags, writes
from lib.auth import Actor, may_undo
from lib.errors import ChangedSince, LeadDeskError, NotAllowed
from lib.fields import LABELS, from_json, to_json
from lib.history import Change, Outcome, Refusal
from lib.leavers import come_back
from lib.leads import Progress
from lib.models import Lead, LeadEvent
from lib.statements import Write

_TAKE_TURN = Write(text("SELECT pg_advisory_xact_lock(hashtextextended(:line, 0))"))


class AlreadyUndone(LeadDeskError):
    """The batch was undone before, by this click's twin or by somebody else."""

    status = 409
    code = "already_undone"


def undo(session: Session, actor: Actor, batch_id: uuid.UUID, *, progress: Progress = lambda done: None,
         now: datetime | None = None) -> Outcome:
    """Restore what a batch changed, lead by lead, where it still stands; an undo can itself be undone.

    Leads that somebody has changed since are among the refusals, by name. ``progress`` is told how many leads are
    done. Raises NotFound for an unknown batch, NotAllowed for somebody else's unless the actor leads the team, and
    AlreadyUndone.
    """
    now = now or datetime.now(UTC)
    # Undos of the same batch take turns: the second sees what the first one did, also when that left no event.
    _TAKE_TURN.later(session, {"line": f"undo/{batch_id}"})
    batch = history.concerned(session, actor, batch_id)
    if not may_undo(actor, batch.actor_id):
        raise NotAllowed("Only the person who did this, or a team lead, can undo it.")
    if batch.is_undone:
        raise AlreadyUndone("This has already been undone.")

    if batch.is_leaving:
        # Before any lead, as in a leaving itself: that goes from people to leads, and its undo from leads to people.
        assignment.take_turns(session, actor)
    if len(batch.lead_ids) > leads.CHUNK:
        writes.plan_anew(session)
    undo_id = uuid.uuid4()
    refused: list[Refusal] = []
    done: list[uuid.UUID] = []
    looked_at = 0
    changed: Sequence[uuid.UUID] = batch.lead_ids
    if batch.made:
        # What was made goes first, with whatever else the batch did to it: it may have an address that belongs to
        # another of these leads again. All are locked on the way, in the order of their ids.
        changed = []
        for chunk in leads.in_chunks(batch.lead_ids):
            locked = leads.lock(session, actor, chunk, refused)
            made = [lead_id for lead_id in chunk if lead_id in batch.made]
            done += _remove(session, made, batch_id, locked, refused)
            changed += [lead_id for lead_id in locked if lead_id not in batch.made]
            looked_at += len(made)
            progress(looked_at)
    removed = len(done)
    late: list[Change] = []
    leavers: set[uuid.UUID] = set()
    tag: dict[str, Any] | None = None
    for chunk in leads.in_chunks(changed):
        locked = leads.lock(session, actor, chunk, refused)
        by_action: dict[str, list[Row]] = {}
        events = history.batch(session, actor, batch_id, of=chunk) if batch.events is None else [
            event for event in batch.events if event.lead_id in locked]
        for event in events:
            leavers |= {uuid.UUID(event.detail["left"])} if event.detail and "left" in event.detail else set()
            tag = tag or (event.detail or {}).get(tags.DETAIL)
            by_action.setdefault(event.action, []).append(event)
        for action, group in by_action.items():
            if action in ("contacted", "responded", "contact_restored"):
                done += contact_changes.take_back(session, actor, group, undo_id, batch_id, locked, refused, now=now)
            elif action == "contact_removed":
                done += contact_changes.put_back(session, actor, group, undo_id, batch_id, locked, now=now)
            elif action == "contact_edited":
                done += contact_changes.edit_back(session, actor, group, undo_id, batch_id, locked, refused, now=now)
            else:
                changes = _restored(session, actor, group, locked, refused)
                failed = _write(session, actor, changes, undo_id, batch_id, now)
                left = {change.lead_id for change, _ in failed}
                late += [change for change, _ in failed]
                done += [change.lead_id for change in changes if change.lead_id not in left]
        looked_at += len(chunk)
        progress(looked_at)
    done += _write_late(session, actor, late, undo_id, batch_id, refused, now)
    for user_id in leavers:
        # The leads were handed over as somebody left, so that goes back with them.
        come_back(session, actor, user_id, now=now)
    if tag is not None and done:
        tags.note_undone(session, actor, tag, undo_id, len(done), now=now)
    # A lead that is gone has no events either, so nothing brings it back.
    return Outcome(undo_id if len(done) > removed else None, done, (), refused)


def _restored(session: Session, actor: Actor, events: Sequence[Row], locked: dict[uuid.UUID, Row],
              refused: list[Refusal]) -> list[Change]:
    """What takes each lead back to where it was, unless somebody has changed it since."""
    changes = []
    for lead_id, (before, after) in _together(events).items():
        lead = locked.get(lead_id)
        if lead is None:
            continue
        moved_on = [column for column, value in after.items() if to_json(getattr(lead, column)) != value
                    # What a change of the status brought along may have been worked out or explained anew since.
                    and not ("status" in after and column in (*conversion.COLUMNS, *lost.COLUMNS))]
        if moved_on:
            refused.append(_changed_since(session, actor, lead, moved_on))
            continue
        before = conversion.restored(lead, {column: from_json(column, value) for column, value in before.items()})
        before = lost.restored(lead, before)
        changes.append(Change(lead.id, {column: getattr(lead, column) for column in before}, before))
    return changes


def _write(session: Session, actor: Actor, changes: Sequence[Change], undo_id: uuid.UUID, batch_id: uuid.UUID,
           now: datetime) -> list[tuple[Change, LeadDeskError]]:
    """Write the changes with their events; those that could not be written, as their e-mail address is taken."""
    failed = writes.change_each(session, changes)
    left = {change.lead_id for change, _ in failed}
    history.record(session, actor, undo_id, "undone", [change for change in changes if change.lead_id not in left],
                   now=now, undoes=batch_id)
    return failed


def _write_late(session: Session, actor: Actor, late: Sequence[Change], undo_id: uuid.UUID, batch_id: uuid.UUID,
                refused: list[Refusal], now: datetime) -> list[uuid.UUID]:
    """Try again what was in the way of each other: of two addresses that moved on, one has to move back first."""
    waiting, done = list(late), []
    while waiting:
        failed = _write(session, actor, waiting, undo_id, batch_id, now)
        left = {change.lead_id for change, _ in failed}
        done += [change.lead_id for change in waiting if change.lead_id not in left]
        if len(failed) == len(waiting):
            names = {row.id: leads.name_of(row) for row in lists.rows(session, actor, sorted(left))}
            refused.extend(Refusal(change.lead_id, names[change.lead_id], error) for change, error in failed)
            break
        waiting = [change for change, _ in failed]
    return done


def _together(events: Sequence[Row]) -> dict[uuid.UUID, tuple[dict[str, Any], dict[str, Any]]]:
    """What each lead held before the first of a batch's events, oldest first, and after the last.

    An import may change a lead twice, when it stands in two rows of the file.
    """
    found: dict[uuid.UUID, tuple[dict[str, Any], dict[str, Any]]] = {}
    for event in events:
        before, after = found.setdefault(event.lead_id, ({}, {}))
        before |= {column: value for column, value in event.before.items() if column not in before}
        after |= event.after
    return found


def _remove(session: Session, made: Sequence[uuid.UUID], batch_id: uuid.UUID, locked: dict[uuid.UUID, Row],
            refused: list[Refusal]) -> list[uuid.UUID]:
    """Undo the making of leads: only one that nothing else has happened to can go without losing anything."""
    lead_ids = [lead_id for lead_id in made if lead_id in locked]
    worked_on = set(session.scalars(
        select(LeadEvent.lead_id).where(LeadEvent.lead_id.in_(lead_ids), LeadEvent.batch_id != batch_id).distinct()))
    refused.extend(Refusal(lead_id, leads.name_of(locked[lead_id]), ChangedSince("It has been worked on since."))
                   for lead_id in lead_ids if lead_id in worked_on)
    gone = [lead_id for lead_id in lead_ids if lead_id not in worked_on]
    session.execute(delete(Lead).where(Lead.id.in_(gone)).execution_options(synchronize_session=False))
    return gone


def _changed_since(session: Session, actor: Actor, lead: Row, moved_on: Sequence[str]) -> Refusal:
    # The time of an assignment has no name of its own: it moves with the owner.
    column = next((column for column in moved_on if column in LABELS), moved_on[0])
    change = history.last_change(session, actor, lead.id, column, held=getattr(lead, column))
    by = change.actor if change and change.actor else "Somebody"
    return Refusal(lead.id, leads.name_of(lead), ChangedSince(f"{by} has changed {LABELS.get(column, 'it')} since."))
