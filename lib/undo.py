"""Undo: every batch can be taken back, as far as nobody has built on it since."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Row, delete, func, select
from sqlalchemy.orm import Session

from lib import contact_changes, conversion, history, leads
from lib.auth import Actor, may_undo
from lib.errors import ChangedSince, LeadDeskError, NotAllowed
from lib.fields import LABELS, from_json, to_json
from lib.history import Change, Outcome, Refusal
from lib.models import Lead, LeadEvent


class AlreadyUndone(LeadDeskError):
    """The batch was undone before, by this click's twin or by somebody else."""

    status = 409
    code = "already_undone"


def undo(session: Session, actor: Actor, batch_id: uuid.UUID, *, now: datetime | None = None) -> Outcome:
    """Restore what a batch changed, lead by lead, where it still stands; an undo can itself be undone.

    Leads that somebody has changed since are among the refusals, by name. Raises NotFound for an unknown batch,
    NotAllowed for somebody else's unless the actor leads the team, and AlreadyUndone.
    """
    now = now or datetime.now(UTC)
    events = history.batch(session, actor, batch_id)
    if not may_undo(actor, events[0].actor_id):
        raise NotAllowed("Only the person who did this, or a team lead, can undo it.")
    refused: list[Refusal] = []
    locked = leads.lock(session, actor, [event.lead_id for event in events], refused)
    # Looked up under the locks: of two undos at once, the second sees the first one's event.
    if session.scalar(select(LeadEvent.id).where(LeadEvent.company_id == actor.company_id,
                                                 LeadEvent.undoes_batch_id == batch_id).limit(1)):
        raise AlreadyUndone("This has already been undone.")

    undo_id = uuid.uuid4()
    done: list[uuid.UUID] = []
    by_action: dict[str, list[Row]] = {}
    for event in events:
        by_action.setdefault(event.action, []).append(event)
    for action, group in by_action.items():
        if action in ("contacted", "responded", "contact_restored"):
            done += contact_changes.take_back(session, actor, group, undo_id, batch_id, locked, refused, now=now)
        elif action == "contact_removed":
            done += contact_changes.put_back(session, actor, group, undo_id, batch_id, locked, now=now)
        elif action == "contact_edited":
            done += contact_changes.edit_back(session, actor, group, undo_id, batch_id, locked, refused, now=now)
        elif action == "created":
            done += _remove(session, group, locked, refused)
        else:
            done += _restore(session, actor, group, undo_id, batch_id, locked, refused, now)
    return Outcome(undo_id, done, (), refused)


def _restore(session: Session, actor: Actor, events: Sequence[Row], undo_id: uuid.UUID, batch_id: uuid.UUID,
             locked: dict[uuid.UUID, Row], refused: list[Refusal], now: datetime) -> list[uuid.UUID]:
    changes = []
    for event in events:
        lead = locked.get(event.lead_id)
        if lead is None:
            continue
        moved_on = [column for column, value in event.after.items() if to_json(getattr(lead, column)) != value
                    # What a change of the status brought along may have been worked out anew since.
                    and not ("status" in event.after and column in conversion.COLUMNS)]
        if moved_on:
            refused.append(_changed_since(session, actor, lead, moved_on))
            continue
        before = conversion.restored(
            lead, {column: from_json(column, value) for column, value in event.before.items()})
        change = Change(lead.id, {column: getattr(lead, column) for column in before}, before)
        try:
            leads.write(session, [change])
        except LeadDeskError as error:
            # Its former e-mail address has become another lead's.
            refused.append(Refusal(lead.id, leads.name_of(lead), error))
            continue
        changes.append(change)
    history.record(session, actor, undo_id, "undone", changes, now=now, undoes=batch_id)
    return [change.lead_id for change in changes]


def _remove(session: Session, events: Sequence[Row], locked: dict[uuid.UUID, Row],
            refused: list[Refusal]) -> list[uuid.UUID]:
    """Undo the making of a lead: only one that nothing has happened to since can go without losing anything."""
    done = []
    for event in events:
        lead = locked.get(event.lead_id)
        if lead is None:
            continue
        if session.scalar(select(func.count()).where(LeadEvent.lead_id == lead.id)) > 1:
            refused.append(Refusal(lead.id, leads.name_of(lead), ChangedSince("It has been worked on since.")))
            continue
        session.execute(delete(Lead).where(Lead.id == lead.id))
        done.append(lead.id)
    return done


def _changed_since(session: Session, actor: Actor, lead: Row, moved_on: Sequence[str]) -> Refusal:
    # The time of an assignment has no name of its own: it moves with the owner.
    column = next((column for column in moved_on if column in LABELS), moved_on[0])
    change = history.last_change(session, actor, lead.id, column, held=getattr(lead, column))
    by = change.actor if change and change.actor else "Somebody"
    return Refusal(lead.id, leads.name_of(lead), ChangedSince(f"{by} has changed {LABELS.get(column, 'it')} since."))
