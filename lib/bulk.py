"""The same change to many leads at once, as one batch with one Undo."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from lib import history, leads
from lib.auth import Actor, check_change
from lib.errors import Invalid, LeadDeskError
from lib.fields import clean
from lib.history import Change, Outcome, Refusal
from lib.leads import ANYTHING, Edit, Progress


def set_status(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], status: str, *,
               progress: Progress = lambda done: None, now: datetime | None = None) -> Outcome:
    """Give these leads a status. Raises Invalid for one that does not exist."""
    status = clean("status", status)
    return leads.edit(session, actor, [Edit(lead_id, "status", ANYTHING, status) for lead_id in lead_ids],
                      progress=progress, now=now)


def tag(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, add: Sequence[str] = (),
        remove: Sequence[str] = (), progress: Progress = lambda done: None, now: datetime | None = None) -> Outcome:
    """Add tags to these leads and take others away; their remaining tags stay as and where they are.

    Raises Invalid for a tag that cannot be kept, and for one that is both to be added and to be taken away; a lead that
    would have too many is among the refusals.
    """
    now = now or datetime.now(UTC)
    batch_id = uuid.uuid4()
    added, removed = clean("tags", list(add)), clean("tags", list(remove))
    if both := set(added) & set(removed):
        raise Invalid.field("tags", f"“{min(both)}” cannot be added and removed at the same time.")
    done: list[uuid.UUID] = []
    unchanged: list[uuid.UUID] = []
    refused: list[Refusal] = []
    looked_at = 0
    for chunk in leads.in_chunks(lead_ids):
        changes = []
        for lead in leads.lock(session, actor, chunk, refused).values():
            held = list(lead.tags or [])
            try:
                check_change(actor, lead.assigned_to_user_id, lead.owner)
                wanted = [each for each in held if each not in removed]
                wanted = clean("tags", wanted + [each for each in added if each not in wanted])
            except LeadDeskError as error:
                refused.append(Refusal(lead.id, leads.name_of(lead), error))
                continue
            if wanted == held:
                unchanged.append(lead.id)
                continue
            changes.append(Change(lead.id, {"tags": held}, {"tags": wanted}))
        leads.write(session, changes)
        history.record(session, actor, batch_id, "edited", changes, now=now)
        done += [change.lead_id for change in changes]
        looked_at += len(chunk)
        progress(looked_at)
    return Outcome(batch_id, done, unchanged, refused)
