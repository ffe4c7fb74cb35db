"""The tags of a company's leads: which there are, and one of them renamed or removed wherever it stands."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from lib import bulk, lists, settings_log
from lib.auth import Actor, check_manage
from lib.errors import Invalid
from lib.fields import clean
from lib.filters import LeadFilter
from lib.history import Outcome
from lib.leads import Progress
from lib.lists import BULK_LIMIT
from lib.models import Lead

LISTED = 500
# The key under which the events of leads say that a tag was changed everywhere, for undo to tell so.
DETAIL = "tag"

_LEADS = Lead.__table__


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    leads: int


def counts(session: Session, actor: Actor) -> Sequence[Tag]:
    """The company's tags with how many leads have each, the most used first; LISTED at most.

    One statement that looks at every lead of the company. Raises NotAllowed unless the actor manages it.
    """
    check_manage(actor, "look after the tags")
    each = select(func.unnest(_LEADS.c.tags).label("tag")).where(_LEADS.c.company_id == actor.company_id).subquery()
    number = func.count().label("number")
    rows = session.execute(
        select(each.c.tag, number).group_by(each.c.tag).order_by(number.desc(), each.c.tag).limit(LISTED))
    return [Tag(*row) for row in rows]


def rename(session: Session, actor: Actor, tag: str, to: str, *, progress: Progress = lambda done: None,
           now: datetime) -> Outcome:
    """Rename a tag wherever it stands, as one batch with one Undo; leads that have ``to`` already lose ``tag`` only.

    Raises NotAllowed unless the actor manages the company, and Invalid for a name that cannot be kept, for a tag that
    no lead has and for one that more leads have than one action may change.
    """
    check_manage(actor, "rename a tag")
    wanted = clean("tags", [to])
    if not wanted or wanted == [tag]:
        raise Invalid.field("tag", "Give the tag another name.")

    def renamed(lead: Row) -> dict[str, Any]:
        return {"tags": list(dict.fromkeys(wanted[0] if each == tag else each for each in lead.tags or []))}

    return _everywhere(session, actor, tag, renamed, "renamed", {"name": wanted[0]}, progress=progress, now=now)


def remove(session: Session, actor: Actor, tag: str, *, progress: Progress = lambda done: None,
           now: datetime) -> Outcome:
    """Take a tag off every lead, as one batch with one Undo. Raises as ``rename`` does."""
    check_manage(actor, "remove a tag")
    return _everywhere(session, actor, tag, lambda lead: {"tags": [each for each in lead.tags or [] if each != tag]},
                       "removed", {}, progress=progress, now=now)


def note_undone(session: Session, actor: Actor, change: Mapping[str, Any], undo_id: uuid.UUID, leads: int, *,
                now: datetime) -> None:
    """Tell in the settings' history that a change of a tag was taken back; ``change`` is what ``DETAIL`` told of it."""
    settings_log.record(session, actor, settings_log.TAG, undo_id, "undone", before={"name": change.get("to")},
                        after={"name": change["name"], "leads": leads}, now=now)


def _everywhere(session: Session, actor: Actor, tag: str, wanted: Callable[[Row], Mapping[str, Any]], action: str,
                after: Mapping[str, Any], *, progress: Progress, now: datetime) -> Outcome:
    found = lists.matching(session, actor, LeadFilter(tags_all=(tag,)))
    if not found:
        raise Invalid.field("tag", f"No lead has the tag “{tag[:60]}” any more.")
    if len(found) > BULK_LIMIT:
        raise Invalid.field("tag", f"More than {BULK_LIMIT:,} leads have the tag “{tag[:60]}”, and one action changes "
                                   f"at most {BULK_LIMIT:,}.")
    batch_id = uuid.uuid4()
    outcome = bulk.change_each(session, actor, found, "edited", wanted, lambda: batch_id, progress=progress, now=now,
                               detail={DETAIL: {"name": tag, "to": after.get("name")}})
    if outcome.done:
        settings_log.record(session, actor, settings_log.TAG, batch_id, action, before={"name": tag},
                            after={**after, "leads": len(outcome.done)}, now=now)
    return outcome
