"""The people of a company."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from lib import logs
from lib.auth import Actor
from lib.errors import Invalid, NotAllowed, NotFound
from lib.models import Company, Role, User

# From the tables, not from the classes, and put together only once: that would take longer than the database needs.
_USERS, _COMPANIES, _ME = User.__table__, Company.__table__, User.__table__.alias("me")

_TEAM = (
    select(_USERS.c.id, _USERS.c.name, _USERS.c.role, _USERS.c.is_active, _USERS.c.company_id,
           _COMPANIES.c.name.label("company"), _COMPANIES.c.follow_up_days, _COMPANIES.c.auto_assign)
    .select_from(_ME)
    .join(_USERS, _USERS.c.company_id == _ME.c.company_id)
    .join(_COMPANIES, _COMPANIES.c.id == _USERS.c.company_id)
    .where(_ME.c.id == bindparam("user"))
    .order_by(func.lower(_USERS.c.name), _USERS.c.id)
)
_FIND = (
    select(_USERS.c.id, _USERS.c.name, _USERS.c.role, _USERS.c.is_active)
    .where(_USERS.c.company_id == bindparam("company"), _USERS.c.id == bindparam("user"))
)
_FIND_AND_KEEP = _FIND.with_for_update(read=True, key_share=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A colleague, as menus and lists show them."""

    id: uuid.UUID
    name: str
    role: Role
    is_active: bool


def sign_in(session: Session, user_id: uuid.UUID) -> tuple[Actor, list[Member]]:
    """The actor that a user is, and everybody in the company by name (also those who left: their leads name them).

    One round trip. Raises NotAllowed when the user is not known or no longer active.
    """
    rows = session.execute(_TEAM, {"user": user_id}).all()
    mine = next((row for row in rows if row.id == user_id), None)
    if mine is None or not mine.is_active:
        logs.nobody()
        raise NotAllowed("You have no access to Lead Desk. Ask your manager to add you.")
    actor = Actor(user_id=mine.id, company_id=mine.company_id, name=mine.name, role=Role(mine.role),
                  company=mine.company, follow_up_days=mine.follow_up_days, auto_assign=mine.auto_assign)
    logs.acting(actor.user_id, actor.company_id)
    return actor, [_member(row) for row in rows]


def find(session: Session, actor: Actor, user_id: uuid.UUID) -> Member:
    """A colleague. Raises NotFound for anybody outside the company, in the words for somebody who does not exist."""
    row = session.execute(_FIND, {"company": actor.company_id, "user": user_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such colleague.")
    return _member(row)


def directory(session: Session, actor: Actor) -> Sequence[Row]:
    """Everybody of the company by name, also those who left: id, name, email, role, is_active, is_service, takes_leads,
    away_from, away_until, most_open_leads, last_assigned_at."""
    return session.execute(
        select(*(_USERS.c[name] for name in (
            "id", "name", "email", "role", "is_active", "is_service", "takes_leads", "away_from", "away_until",
            "most_open_leads", "last_assigned_at")))
        .where(_USERS.c.company_id == actor.company_id)
        .order_by(func.lower(_USERS.c.name), _USERS.c.id)).all()


def check_can_own(session: Session, actor: Actor, user_id: uuid.UUID, field: str = "assigned_to_user_id") -> Member:
    """The colleague, locked against being deactivated until the transaction ends.

    Raises NotFound for anybody outside the company and Invalid for somebody who has left.
    """
    row = session.execute(_FIND_AND_KEEP, {"company": actor.company_id, "user": user_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such colleague.")
    if not row.is_active:
        raise Invalid.field(field, f"{row.name} no longer works here and cannot be given leads.")
    return _member(row)


def demo_identities(session: Session) -> list[Row]:
    """Everybody that a visitor of the demo may become: id, name, role and company, over all companies."""
    return list(session.execute(
        select(User.id, User.name, User.role, Company.name.label("company"))
        .join(Company, Company.id == User.company_id)
        .where(User.is_active)
        .order_by(Company.created_at, Company.name, User.created_at, User.name)
    ).all())


def _member(row: Row) -> Member:
    return Member(id=row.id, name=row.name, role=Role(row.role), is_active=row.is_active)
