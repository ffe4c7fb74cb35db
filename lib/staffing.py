"""Who takes leads: the settings that round robin and load go by, of each person and of the company."""

import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from lib import company, settings_log, users
from lib.auth import Actor, check_manage
from lib.errors import Invalid
from lib.models import User

_USERS = User.__table__


@dataclass(frozen=True, slots=True)
class Taking:
    """Whether somebody takes leads, when not (UTC, from inclusive, until exclusive), and how many open ones at most."""

    takes_leads: bool = True
    away_from: datetime | None = None
    away_until: datetime | None = None
    most_open_leads: int | None = None


def taking(session: Session, actor: Actor) -> dict[uuid.UUID, Taking]:
    """The settings of everybody in the company, by user id."""
    return {row.id: Taking(*row[1:]) for row in session.execute(
        select(_USERS.c.id, _USERS.c.takes_leads, _USERS.c.away_from, _USERS.c.away_until, _USERS.c.most_open_leads)
        .where(_USERS.c.company_id == actor.company_id))}


def set_taking(session: Session, actor: Actor, user_id: uuid.UUID, wanted: Taking, *, seen: Taking | None = None,
               now: datetime | None = None) -> bool:
    """Change a person's settings; False when they are so already. ``seen`` is what the user saw of them.

    Raises NotAllowed unless the actor manages the company, NotFound, Invalid, and SettingChanged when another manager
    changed one of them first.
    """
    check_manage(actor)
    users.find(session, actor, user_id)
    if wanted.away_until is not None and (wanted.away_from is None or wanted.away_until <= wanted.away_from):
        raise Invalid.field("away_until", "The absence has to end after it begins.")
    if wanted.most_open_leads is not None and not 0 <= wanted.most_open_leads <= 1_000_000:
        raise Invalid.field("most_open_leads", "The most open leads have to be a number from 0 to 1,000,000.")
    return settings_log.change(session, actor, settings_log.USER, user_id, asdict(wanted), seen=seen and asdict(seen),
                               now=now or datetime.now(UTC))


def set_auto_assign(session: Session, actor: Actor, strategy: str | None, *, now: datetime | None = None) -> bool:
    """By which strategy a lead is assigned as soon as it is enriched; None for not at all. For managers."""
    return company.change(session, actor, {"auto_assign": strategy}, now=now or datetime.now(UTC))
