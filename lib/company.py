"""The settings of a company: its name, when a contact is due again, its time zone, and who gets enriched leads."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from lib import settings_log, time_zones
from lib.assignment import Strategy
from lib.auth import Actor, check_manage, operator
from lib.errors import Invalid
from lib.fields import clean_all, needed, text_of
from lib.models import Company

MOST_DAYS = 365

_COMPANIES = Company.__table__


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """``follow_up_days``: after how many days an unanswered contact is due again. ``auto_assign``: by which strategy a
    lead gets an owner as it is enriched, if any. ``time_zone``: an IANA name."""

    name: str
    follow_up_days: int
    time_zone: str
    auto_assign: str | None


def settings(session: Session, actor: Actor) -> CompanySettings:
    """The settings as they are now. Raises NotAllowed unless the actor manages the company."""
    check_manage(actor, "see the settings of the company")
    return CompanySettings(*session.execute(
        select(_COMPANIES.c.name, _COMPANIES.c.follow_up_days, _COMPANIES.c.time_zone, _COMPANIES.c.auto_assign)
        .where(_COMPANIES.c.id == actor.company_id)).one())


def change(session: Session, actor: Actor, wanted: Mapping[str, Any], *, seen: CompanySettings | None = None,
           now: datetime) -> bool:
    """Change settings, named as in CompanySettings; False when they are so already.

    ``seen`` are the settings that the user saw. Raises NotAllowed unless the actor manages the company, Invalid naming
    each value that was refused, and SettingChanged when another manager changed one of them first.
    """
    check_manage(actor, "change the settings of the company")
    return settings_log.change(session, actor, settings_log.COMPANY, actor.company_id, clean_all(wanted, CHECKS),
                               seen=seen and asdict(seen), now=now)


def create(session: Session, name: str, *, time_zone: str = "UTC", now: datetime) -> uuid.UUID:
    """A new company; its id. Raises Invalid for a name that another company has and for an unknown time zone."""
    cleaned = clean_all({"name": name, "time_zone": time_zone}, CHECKS)
    if session.scalar(select(_COMPANIES.c.id).where(_COMPANIES.c.name == cleaned["name"]).limit(1)):
        raise Invalid.field("name", f"There is a company “{cleaned['name']}” already.")
    company_id = session.execute(insert(_COMPANIES).values(**cleaned).returning(_COMPANIES.c.id)).scalar_one()
    settings_log.record(session, operator(company_id), settings_log.COMPANY, company_id, "created", after=cleaned,
                        now=now)
    return company_id


def _days(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_DAYS:
        raise Invalid.field(field, f"A follow-up is due after 1 to {MOST_DAYS} days.")
    return value


def _strategy(field: str, value: Any) -> str | None:
    if value is not None and value not in list(Strategy):
        raise Invalid.field(field, f"“{str(value)[:60]}” is not a strategy; choose one of {', '.join(Strategy)}.")
    return None if value is None else str(value)


CHECKS = {"name": needed(text_of(200), "The company needs a name."), "follow_up_days": _days,
          "time_zone": time_zones.check, "auto_assign": _strategy}
