"""The people of a company as a manager looks after them: who has access, in which role. And what is one's own.

Somebody has access by a row with their e-mail address, nothing is mailed. Whoever leaves is deactivated by
``lib/leavers.py``, which hands their leads over; a user is never deleted.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lib import settings_log, time_zones, users
from lib.auth import Actor, check_manage
from lib.counts import BY_STATUS
from lib.errors import Invalid
from lib.fields import clean, clean_all, needed, text_of
from lib.models import Role, User
from lib.settings_log import USER
from lib.views import OPEN

TAKEN = "This address is already used in Lead Desk."
# Who has no address: the domain is one that can never exist.
NO_MAIL = "service.invalid"
ERASED = "erased.invalid"

_USERS = User.__table__
_OPEN_LEADS = (
    select(cast(func.coalesce(func.sum(BY_STATUS.c.n), 0), BigInteger))
    .where(BY_STATUS.c.company_id == _USERS.c.company_id, BY_STATUS.c.owner_id == _USERS.c.id,
           BY_STATUS.c.status.in_([status.value for status in OPEN]))
    .scalar_subquery()
)
_EVERYBODY = (
    select(*(_USERS.c[name] for name in (
        "id", "name", "email", "role", "is_active", "is_service", "time_zone", "takes_leads", "away_from", "away_until",
        "most_open_leads", "last_assigned_at")), _OPEN_LEADS.label("open_leads"))
    .where(_USERS.c.company_id == bindparam("company"))
    .order_by(func.lower(_USERS.c.name), _USERS.c.id)
)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Everything there is to set of somebody, and how many leads with a status other than Converted and Lost they own.

    Times are UTC; ``time_zone`` None stands for the browser's.
    """

    id: uuid.UUID
    name: str
    email: str
    role: Role
    is_active: bool
    is_service: bool
    time_zone: str | None
    takes_leads: bool
    away_from: datetime | None
    away_until: datetime | None
    most_open_leads: int | None
    last_assigned_at: datetime | None
    open_leads: int


def everybody(session: Session, actor: Actor) -> Sequence[Colleague]:
    """Everybody of the company by name, also those who have left. Raises NotAllowed unless the actor manages it."""
    check_manage(actor, "see the settings of the team")
    rows = session.execute(_EVERYBODY, {"company": actor.company_id})
    return [Colleague(**{**row._mapping, "role": Role(row.role)}) for row in rows]


def invite(session: Session, actor: Actor, *, email: str, name: str, role: str = Role.REP, takes_leads: bool = True,
           time_zone: str | None = None, now: datetime) -> uuid.UUID:
    """Give somebody access; their id. They can sign in with this address from now on, and nothing is mailed.

    Raises NotAllowed unless the actor manages the company, and Invalid naming each value that was refused, also for an
    address that anybody has in Lead Desk, in any company.
    """
    check_manage(actor, "invite somebody")
    values = clean_all({"email": email, "name": name, "role": role, "time_zone": time_zone}, CHECKS)
    return _add(session, actor, "invited", values | {"takes_leads": bool(takes_leads)}, now=now)


def add_service_user(session: Session, actor: Actor, *, name: str, role: str = Role.TEAM_LEAD,
                     now: datetime) -> uuid.UUID:
    """A user for a machine, which acts through tokens: it never signs in and takes no leads; its id.

    Raises NotAllowed unless the actor manages the company, and Invalid.
    """
    check_manage(actor, "add a service user")
    values = clean_all({"name": name, "role": role}, CHECKS)
    return _add(session, actor, "service_added", values | {
        "email": f"{uuid.uuid4().hex}@{NO_MAIL}", "is_service": True, "takes_leads": False}, now=now)


def change(session: Session, actor: Actor, user_id: uuid.UUID, wanted: Mapping[str, Any], *,
           seen: Mapping[str, Any] | None = None, now: datetime) -> bool:
    """Change somebody's name, e-mail address, role or time zone; False when they are so already.

    ``seen`` is what the user saw of these. Raises NotAllowed unless the actor manages the company, NotFound, Invalid
    naming each value that was refused, also when no manager would be left, and SettingChanged when another manager
    changed one of them first.
    """
    check_manage(actor, "change the settings of the team")
    cleaned = clean_all(wanted, CHECKS)
    if cleaned.get("role", Role.MANAGER) != Role.MANAGER:
        check_manager_remains(session, actor, user_id, "role")
    try:
        with session.begin_nested():
            return settings_log.change(session, actor, USER, user_id, cleaned, seen=seen, now=now)
    except IntegrityError as error:
        raise Invalid.field("email", TAKEN) from error


def set_own_time_zone(session: Session, actor: Actor, time_zone: str | None, *, now: datetime) -> bool:
    """In which zone the actor reads and writes times: an IANA name, or None for the browser's. Raises Invalid."""
    return settings_log.change(session, actor, USER, actor.user_id,
                               {"time_zone": time_zones.check_or_none("time_zone", time_zone)}, now=now)


def sign_out_everywhere(session: Session, actor: Actor, *, now: datetime) -> None:
    """End all sign-ins of the actor that were issued until now (UTC), as when a device was lost. Tokens stay."""
    users.sign_out_everywhere(session, actor, now=now)
    settings_log.record(session, actor, USER, actor.user_id, "signed_out", after={"signed_out_at": now}, now=now)


def own_time_zone(session: Session, actor: Actor) -> str | None:
    """The zone that the actor has chosen, if any."""
    return session.scalar(select(_USERS.c.time_zone).where(_USERS.c.company_id == actor.company_id,
                                                           _USERS.c.id == actor.user_id))


def is_erased(session: Session, actor: Actor, user_id: uuid.UUID) -> bool:
    """Whether this is what is left of somebody whose data was erased (``lib/persons.py``)."""
    email = session.scalar(select(_USERS.c.email).where(_USERS.c.company_id == actor.company_id,
                                                        _USERS.c.id == user_id))
    return email is not None and email.endswith(f"@{ERASED}")


def check_manager_remains(session: Session, actor: Actor, without: uuid.UUID, field: str = "user_id") -> None:
    """Raise Invalid when nobody would manage the company without this user, as nobody could undo that.

    The managers are locked until the transaction ends: of two who stop being one at the same time, the second one to
    come finds the first one gone.
    """
    managers = session.scalars(
        select(_USERS.c.id).where(_USERS.c.company_id == actor.company_id, _USERS.c.role == Role.MANAGER,
                                  _USERS.c.is_active, ~_USERS.c.is_service)
        .order_by(_USERS.c.id).with_for_update(key_share=True)).all()
    if list(managers) == [without]:
        raise Invalid.field(field, "The company needs a manager. Make somebody else a manager first.")


def _add(session: Session, actor: Actor, action: str, values: Mapping[str, Any], *, now: datetime) -> uuid.UUID:
    try:
        with session.begin_nested():
            user_id = session.execute(insert(_USERS).values(company_id=actor.company_id, **values)
                                      .returning(_USERS.c.id)).scalar_one()
    except IntegrityError as error:
        # The index is over all companies; whose address it is, is nobody's business.
        raise Invalid.field("email", TAKEN) from error
    told = {name: value for name, value in values.items()
            if name in ("name", "role", "time_zone") or (name == "email" and not values.get("is_service"))}
    settings_log.record(session, actor, USER, user_id, action, after=told, now=now)
    return user_id


def _email(field: str, value: Any) -> str:
    value = needed(clean, "An e-mail address is needed: it is what they sign in with.")(field, value)
    if value.endswith(".invalid"):
        raise Invalid.field(field, f"“{value[:60]}” is not an e-mail address.")
    return value


def _role(field: str, value: Any) -> str:
    if not isinstance(value, str) or value not in list(Role):
        raise Invalid.field(field, f"“{str(value)[:60]}” is not a role; choose one of {', '.join(Role)}.")
    return str(value)


CHECKS = {"name": needed(text_of(100), "A name is needed."), "email": _email, "role": _role,
          "time_zone": time_zones.check_or_none}
