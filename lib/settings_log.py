"""Who changed which setting: one event for every change, written in the change's own transaction, never altered.

Settings are of a person, of the company, of a token or of a tag. An event holds what differs and nothing else, and
never a token or its hash.
"""

import functools
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, case, insert, select, update
from sqlalchemy.orm import Session

from lib.auth import Actor, check_manage
from lib.errors import Invalid, NotFound, SettingChanged
from lib.fields import to_json
from lib.models import ApiToken, Company, SettingsEvent, User

USER, COMPANY, TOKEN, TAG = "user", "company", "token", "tag"
LABELS = {"name": "Name", "email": "E-mail", "role": "Role", "time_zone": "Time zone", "takes_leads": "Takes leads",
          "away_from": "Away from", "away_until": "Away until", "most_open_leads": "Most open leads",
          "follow_up_days": "Days until a follow-up is due", "auto_assign": "Automatic assignment",
          "is_active": "Access"}
PAGE_LIMIT = 200

_EVENTS, _USERS, _COMPANIES, _TOKENS = (each.__table__ for each in (SettingsEvent, User, Company, ApiToken))
_TABLES = {USER: (_USERS, _USERS.c.company_id), COMPANY: (_COMPANIES, _COMPANIES.c.id)}


def record(session: Session, actor: Actor, subject: str, subject_id: uuid.UUID, action: str, *,
           before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None, now: datetime) -> None:
    """Add one event. ``subject_id`` is the user's, company's or token's id, and for a tag the batch of its leads."""
    session.execute(insert(_EVENTS).values(
        company_id=actor.company_id, actor_id=actor.user_id, source=actor.source, subject=subject,
        subject_id=subject_id, action=action, at=now,
        before={name: to_json(value) for name, value in (before or {}).items()},
        after={name: to_json(value) for name, value in (after or {}).items()}))


def change(session: Session, actor: Actor, subject: str, subject_id: uuid.UUID, wanted: Mapping[str, Any], *,
           seen: Mapping[str, Any] | None = None, action: str = "changed", now: datetime) -> bool:
    """Let columns of a user or of the company hold what is ``wanted``, with one event; False when they do already.

    ``seen`` is what the user saw in them: what they left as they saw it is not written, and what they changed only if
    it still holds what they saw. Raises NotFound, and SettingChanged, which names the settings that somebody else
    changed first; nothing is written then.
    """
    table, company = _TABLES[subject]
    held = session.execute(
        select(*(table.c[name] for name in wanted)).where(company == actor.company_id, table.c.id == subject_id)
        .with_for_update(key_share=True)).mappings().one_or_none()
    if held is None:
        raise NotFound("There is no such colleague.")
    after = {name: value for name, value in wanted.items()
             if held[name] != value and (seen is None or name not in seen or seen[name] != value)}
    taken = [name for name in after if seen is not None and name in seen and held[name] != seen[name]]
    if taken:
        raise _changed_first(session, actor, subject_id, taken)
    if not after:
        return False
    session.execute(update(table).where(company == actor.company_id, table.c.id == subject_id).values(**after))
    record(session, actor, subject, subject_id, action, before={name: held[name] for name in after}, after=after,
           now=now)
    return True


def page(session: Session, actor: Actor, *, limit: int = 50, before_id: int | None = None) -> Sequence[Row]:
    """The company's events, newest first, in one round trip; ``before_id`` pages on behind that event.

    Each has id, at, action, source, subject, before, after, actor (a name, None for the command line), subject_name
    (as a person or token is called now) and for_user (whose token it is). Raises NotAllowed unless the actor manages
    the company.
    """
    check_manage(actor, "see the history of the settings")
    if not 1 <= limit <= PAGE_LIMIT:
        raise Invalid.field("limit", f"A page holds 1 to {PAGE_LIMIT} events.")
    return session.execute(_page(before_id is not None), {"company": actor.company_id, "limit": limit,
                                                          "behind": before_id}).all()


@functools.cache
def _page(goes_on: bool) -> Select:
    chosen = (select(_EVENTS).where(_EVENTS.c.company_id == bindparam("company"))
              .order_by(_EVENTS.c.id.desc()).limit(bindparam("limit")))
    if goes_on:
        chosen = chosen.where(_EVENTS.c.id < bindparam("behind"))
    event = chosen.subquery("event")
    by, about, owner = _USERS.alias("by"), _USERS.alias("about"), _USERS.alias("owner")
    return (
        select(*(event.c[name] for name in ("id", "at", "action", "source", "subject", "subject_id", "before", "after")),
               by.c.name.label("actor"), owner.c.name.label("for_user"),
               case((event.c.subject == USER, about.c.name), (event.c.subject == TOKEN, _TOKENS.c.name))
               .label("subject_name"))
        .select_from(event)
        .outerjoin(by, by.c.id == event.c.actor_id)
        .outerjoin(about, (event.c.subject == USER) & (about.c.id == event.c.subject_id)
                   & (about.c.company_id == event.c.company_id))
        .outerjoin(_TOKENS, (event.c.subject == TOKEN) & (_TOKENS.c.id == event.c.subject_id)
                   & (_TOKENS.c.company_id == event.c.company_id))
        .outerjoin(owner, owner.c.id == _TOKENS.c.user_id)
        .order_by(event.c.id.desc())
    )


def _changed_first(session: Session, actor: Actor, subject_id: uuid.UUID, names: Sequence[str]) -> SettingChanged:
    last = session.execute(
        select(_USERS.c.name).select_from(_EVENTS).outerjoin(_USERS, _USERS.c.id == _EVENTS.c.actor_id)
        .where(_EVENTS.c.company_id == actor.company_id, _EVENTS.c.subject_id == subject_id,
               _EVENTS.c.after.has_key(names[0]))
        .order_by(_EVENTS.c.id.desc()).limit(1)).scalar()
    by = last or "somebody else"
    fields = {name: f"{LABELS.get(name, name)} was changed by {by} after you opened this." for name in names}
    return SettingChanged(" ".join(fields.values()) + " Nothing was saved. What you see now is how it stands.", fields)
