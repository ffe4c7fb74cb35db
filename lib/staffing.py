"""Who takes leads: the settings that round robin and load go by, of each person and of the company."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from lib import users
from lib.assignment import Strategy
from lib.auth import Actor, check_manage
from lib.errors import Invalid
from lib.models import Company, User

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


def set_taking(session: Session, actor: Actor, user_id: uuid.UUID, wanted: Taking) -> None:
    """Change a person's settings. Raises NotAllowed unless the actor manages the company, NotFound, and Invalid."""
    check_manage(actor)
    users.find(session, actor, user_id)
    if wanted.away_until is not None and (wanted.away_from is None or wanted.away_until <= wanted.away_from):
        raise Invalid.field("away_until", "The absence has to end after it begins.")
    if wanted.most_open_leads is not None and not 0 <= wanted.most_open_leads <= 1_000_000:
        raise Invalid.field("most_open_leads", "The most open leads have to be a number from 0 to 1,000,000.")
    session.execute(update(_USERS).where(_USERS.c.company_id == actor.company_id, _USERS.c.id == user_id).values(
        takes_leads=wanted.takes_leads, away_from=wanted.away_from, away_until=wanted.away_until,
        most_open_leads=wanted.most_open_leads))


def set_auto_assign(session: Session, actor: Actor, strategy: str | None) -> None:
    """By which strategy a lead is assigned as soon as it is enriched; None for not at all. For managers."""
    check_manage(actor)
    if strategy is not None and strategy not in list(Strategy):
        raise Invalid.field("auto_assign", f"“{strategy[:60]}” is not a strategy; choose one of {', '.join(Strategy)}.")
    session.execute(update(Company).where(Company.id == actor.company_id).values(auto_assign=strategy)
                    .execution_options(synchronize_session=False))
