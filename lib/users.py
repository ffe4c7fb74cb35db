"""The people of a company."""

import string
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from lib import logs
from lib.auth import Actor
from lib.errors import Invalid, NoAccess, NotFound, NotSignedIn
from lib.models import Company, Role, User
from lib.sign_ins import SignIn
from lib.statements import Read

# From the tables, not from the classes, and put together only once: that would take longer than the database needs.
_USERS, _COMPANIES, _ME = User.__table__, Company.__table__, User.__table__.alias("me")

_TEAM = (
    select(_USERS.c.id, _USERS.c.name, _USERS.c.role, _USERS.c.is_active, _USERS.c.is_service, _USERS.c.company_id,
           (_USERS.c.id == _ME.c.id).label("is_me"), _USERS.c.time_zone, _USERS.c.signed_out_at,
           _COMPANIES.c.name.label("company"), _COMPANIES.c.follow_up_days, _COMPANIES.c.auto_assign)
    .select_from(_ME)
    .join(_USERS, _USERS.c.company_id == _ME.c.company_id)
    .join(_COMPANIES, _COMPANIES.c.id == _USERS.c.company_id)
    .order_by(func.lower(_USERS.c.name), _USERS.c.id)
)
_IS_ME, _HAS_MY_ADDRESS = _ME.c.id == bindparam("user"), func.lower(_ME.c.email) == bindparam("email")
_TEAM_OF_ID, _TEAM_OF_ADDRESS = Read(_TEAM.where(_IS_ME)), Read(_TEAM.where(_HAS_MY_ADDRESS))
_TEAM_OF_BOTH = Read(_TEAM.where(_IS_ME, _HAS_MY_ADDRESS))
# A to Z only: the database makes a k of the sign for Kelvin too, and whose address has that is somebody else.
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ROLES = {role.value: role for role in Role}
_DIRECTORY = Read(
    select(*(_USERS.c[name] for name in (
        "id", "name", "email", "role", "is_active", "is_service", "takes_leads", "away_from", "away_until",
        "most_open_leads", "last_assigned_at")))
    .where(_USERS.c.company_id == bindparam("company"))
    .order_by(func.lower(_USERS.c.name), _USERS.c.id))
_ONE = (
    select(_USERS.c.id, _USERS.c.name, _USERS.c.role, _USERS.c.is_active, _USERS.c.is_service)
    .where(_USERS.c.company_id == bindparam("company"), _USERS.c.id == bindparam("user"))
)
_FIND, _FIND_AND_KEEP = Read(_ONE), Read(_ONE.with_for_update(read=True, key_share=False))


@dataclass(frozen=True, slots=True)
class Member:
    """A colleague, as menus and lists show them."""

    id: uuid.UUID
    name: str
    role: Role
    is_active: bool
    is_service: bool = False
    """A machine, which acts through tokens and never signs in."""

    @property
    def can_own(self) -> bool:
        """Leads can be given to them: a person who has not left."""
        return self.is_active and not self.is_service


def sign_in(session: Session, user_id: uuid.UUID, signed_in: SignIn | None = None) -> tuple[Actor, list[Member]]:
    """The actor that a user is, and everybody in the company by name (also those who left: their leads name them).

    With ``signed_in`` the user must be the one who signed in so, with the address that they have now. One round trip.
    Raises NoAccess when the user is not known, no longer active or a service user, and NotSignedIn when they have
    signed out since.
    """
    if signed_in is None:
        return _actor(_TEAM_OF_ID.rows(session, {"user": user_id}).all(), None)
    return _actor(_TEAM_OF_BOTH.rows(session, {"user": user_id, "email": _small(signed_in.email)}).all(), signed_in)


def sign_in_by_address(session: Session, signed_in: SignIn) -> tuple[Actor, list[Member]]:
    """The same for whoever has the e-mail address, letter case aside, that somebody signed in with."""
    return _actor(_TEAM_OF_ADDRESS.rows(session, {"email": _small(signed_in.email)}).all(), signed_in)


def sign_out_everywhere(session: Session, actor: Actor, *, now: datetime) -> None:
    """End all sign-ins of the actor that were issued until now, in whatever browser they are."""
    session.execute(update(_USERS).where(_USERS.c.company_id == actor.company_id, _USERS.c.id == actor.user_id)
                    .values(signed_out_at=now))


def find(session: Session, actor: Actor, user_id: uuid.UUID) -> Member:
    """A colleague. Raises NotFound for anybody outside the company, in the words for somebody who does not exist."""
    row = _FIND.rows(session, {"company": actor.company_id, "user": user_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such colleague.")
    return _member(row)


def directory(session: Session, actor: Actor) -> Sequence[Row]:
    """Everybody of the company by name, also those who left: id, name, email, role, is_active, is_service, takes_leads,
    away_from, away_until, most_open_leads, last_assigned_at."""
    return _DIRECTORY.rows(session, {"company": actor.company_id}).all()


def check_can_own(session: Session, actor: Actor, user_id: uuid.UUID, field: str = "assigned_to_user_id") -> Member:
    """The colleague, locked against being deactivated until the transaction ends.

    Raises NotFound for anybody outside the company, and Invalid for somebody who has left and for a service user.
    """
    return checking_can_own(session, actor, user_id, field)()


def checking_can_own(session: Session, actor: Actor, user_id: uuid.UUID,
                     field: str = "assigned_to_user_id") -> Callable[[], Member]:
    """``check_can_own`` that goes out with the next statement, and is answered when what is returned is called."""
    found = _FIND_AND_KEEP.ahead(session, {"company": actor.company_id, "user": user_id})

    def answer() -> Member:
        row = found().one_or_none()
        if row is None:
            raise NotFound("There is no such colleague.")
        if not row.is_active:
            raise Invalid.field(field, f"{row.name} no longer works here and cannot be given leads.")
        if row.is_service:
            raise Invalid.field(field, f"{row.name} is a service user and cannot be given leads.")
        return _member(row)
    return answer


def demo_identities(session: Session) -> list[Row]:
    """Everybody that a visitor of the demo may become: id, name, role and company, over all companies."""
    return list(session.execute(
        select(User.id, User.name, User.role, Company.name.label("company"))
        .join(Company, Company.id == User.company_id)
        .where(User.is_active, ~User.is_service)
        .order_by(Company.created_at, Company.name, User.created_at, User.name)
    ).all())


def _actor(rows: Sequence[Row], signed_in: SignIn | None) -> tuple[Actor, list[Member]]:
    logs.nobody()
    mine = next((row for row in rows if row.is_me), None)
    if mine is None or not mine.is_active or mine.is_service:
        raise NoAccess("You have no access to Lead Desk. Ask your manager to add you.")
    # Tokens count in whole seconds: one of the very second in which somebody signed out is taken for an earlier one.
    if signed_in is not None and mine.signed_out_at is not None and signed_in.issued_at <= mine.signed_out_at:
        raise NotSignedIn("You have signed out. Sign in again to go on.")
    actor = Actor(user_id=mine.id, company_id=mine.company_id, name=mine.name, role=Role(mine.role),
                  company=mine.company, follow_up_days=mine.follow_up_days, auto_assign=mine.auto_assign,
                  time_zone=mine.time_zone)
    logs.acting(actor.user_id, actor.company_id)
    return actor, [_member(row) for row in rows]


def _small(address: str) -> str:
    return address.translate(_SMALL)


def _member(row: Row) -> Member:
    # In one go, as there is one for each colleague in every run of a page: column by column takes twice as long.
    user_id, name, role, is_active, is_service, *_ = row
    return Member(user_id, name, _ROLES[role], is_active, is_service)
