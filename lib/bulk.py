"""The same change to many leads at once, as one batch with one Undo."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from lib import history, leads, writes
from lib.auth import Actor, check_change
from lib.errors import Invalid, LeadDeskError
from lib.fields import clean
from lib.history import Change, Outcome, Refusal
from lib.leads import ANYTHING, Edit, Progress
from lib.lost import Because
from lib.models import LeadEvent, Status


def set_status(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], status: str, *,
               because: Because = Because(), progress: Progress = lambda done: None,
               now: datetime | None = None) -> Outcome:
    """Give these leads a status; ``because`` is why those are lost that become lost by it. Raises Invalid for a status
    or a reason that does not exist.
    """
    status = clean("status", status)
    return leads.edit(session, actor, [Edit(lead_id, "status", ANYTHING, status) for lead_id in lead_ids],
                      because=because, progress=progress, now=now)


def tag(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, add: Sequence[str] = (),
        remove: Sequence[str] = (), progress: Progress = lambda done: None, now: datetime | None = None) -> Outcome:
    """Add tags to these leads and take others away; their remaining tags stay as and where they are.

    Raises Invalid for a tag that cannot be kept, and for one that is both to be added and to be taken away; a lead that
    would have too many is among the refusals.
    """
    now = now or datetime.now(UTC)
    added, removed = clean("tags", list(add)), clean("tags", list(remove))
    if both := set(added) & set(removed):
        raise Invalid.field("tags", f"“{min(both)}” cannot be added and removed at the same time.")

    def tagged(lead: Row) -> dict[str, Any]:
        kept = [each for each in lead.tags or [] if each not in removed]
        return {"tags": clean("tags", kept + [each for each in added if each not in kept])}

    return change_each(session, actor, lead_ids, "edited", tagged, uuid.uuid4, progress=progress, now=now)


def explain(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], because: Because, *,
            joins: uuid.UUID | None = None, progress: Progress = lambda done: None,
            now: datetime | None = None) -> Outcome:
    """Say why these leads are lost, or take that back with an empty ``because``.

    ``joins`` is the batch by which the actor gave them the status: the reason becomes part of it, so that one Undo
    takes back both, unless it is undone already. A lead that is not lost any more is among the refusals. Raises Invalid
    for a reason that does not exist.
    """
    now = now or datetime.now(UTC)
    wanted = because.cleaned().values

    def explained(lead: Row) -> dict[str, Any]:
        if lead.status != Status.LOST:
            raise Invalid.field("lost_reason", "It is not lost any more.")
        return wanted

    # Found under the locks of the leads: an undo of the batch takes them too, so it is over or has yet to begin.
    return change_each(session, actor, lead_ids, "status_changed", explained,
                       lambda: _joined(session, actor, joins) or uuid.uuid4(), progress=progress, now=now)


def change_each(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], action: str,
                wanted: Callable[[Row], Mapping[str, Any]], batch: Callable[[], uuid.UUID], *,
                detail: Mapping[str, Any] | None = None, progress: Progress = lambda done: None,
                now: datetime) -> Outcome:
    """Let each lead's columns hold what is ``wanted`` of it, in chunks; what that raises is a lead's refusal.

    ``batch`` is asked for the batch's id once, when the first leads are locked. ``detail`` is told with each event.
    """
    batch_id = None
    done: list[uuid.UUID] = []
    unchanged: list[uuid.UUID] = []
    refused: list[Refusal] = []
    looked_at = 0
    for chunk in leads.in_chunks(lead_ids):
        changes = []
        locked = leads.lock(session, actor, chunk, refused)
        batch_id = batch_id or batch()
        for lead in locked.values():
            try:
                check_change(actor, lead.assigned_to_user_id, lead.owner)
                values = wanted(lead)
            except LeadDeskError as error:
                refused.append(Refusal(lead.id, leads.name_of(lead), error))
                continue
            held = {name: list(lead.tags or []) if name == "tags" else getattr(lead, name) for name in values}
            after = {name: value for name, value in values.items() if held[name] != value}
            if after:
                changes.append(Change(lead.id, {name: held[name] for name in after}, after, detail and dict(detail)))
            else:
                unchanged.append(lead.id)
        # One statement, as tags differ from lead to lead.
        writes.change_each(session, changes)
        history.record(session, actor, batch_id, action, changes, now=now)
        done += [change.lead_id for change in changes]
        looked_at += len(chunk)
        progress(looked_at)
    return Outcome(batch_id, done, unchanged, refused)


def _joined(session: Session, actor: Actor, batch_id: uuid.UUID | None) -> uuid.UUID | None:
    """The batch, if the actor has changed a status by it, and nobody has undone that."""
    if batch_id is None:
        return None
    mine = select(LeadEvent.id).where(
        LeadEvent.company_id == actor.company_id, LeadEvent.batch_id == batch_id, LeadEvent.actor_id == actor.user_id,
        LeadEvent.action == "status_changed", LeadEvent.undoes_batch_id.is_(None)).limit(1)
    undone = select(LeadEvent.id).where(LeadEvent.company_id == actor.company_id,
                                        LeadEvent.undoes_batch_id == batch_id).limit(1)
    return batch_id if session.scalar(mine) and not session.scalar(undone) else None
