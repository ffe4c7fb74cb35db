"""API tokens: how a machine says on whose behalf it calls.

A token belongs to a user and does what that user may do, as far as its scopes go. It is shown once; kept is its SHA-256,
as 256 random bits need no slower hash.
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from lib import settings_log
from lib.auth import Actor, check_manage
from lib.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from lib.fields import needed, text_of
from lib.models import ApiToken, Company, Role, User

SCOPES = ("read", "write")
PREFIX = "ldk_"
# How exactly it is known when a token was last used; noting every call would make every read a write.
USE_NOTED_EVERY = timedelta(minutes=1)
# Nobody needs more that work at the same time; a script that makes one for every run does.
MOST_TOKENS, LISTED = 50, 500

_TOKENS, _USERS, _COMPANIES = ApiToken.__table__, User.__table__, Company.__table__
_FIND = (
    select(_TOKENS.c.id.label("token_id"), _TOKENS.c.scopes, _TOKENS.c.expires_at, _TOKENS.c.revoked_at,
           _TOKENS.c.last_used_at, _USERS.c.id, _USERS.c.name, _USERS.c.role, _USERS.c.is_active, _USERS.c.company_id,
           _COMPANIES.c.name.label("company"), _COMPANIES.c.follow_up_days, _COMPANIES.c.auto_assign,
           _COMPANIES.c.time_zone)
    .join(_USERS, _USERS.c.id == _TOKENS.c.user_id)
    .join(_COMPANIES, _COMPANIES.c.id == _USERS.c.company_id)
    .where(_TOKENS.c.token_hash == bindparam("hash"))
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls through a token: the actor, the token, and the company's time zone (an IANA name)."""

    actor: Actor
    token_id: uuid.UUID
    scopes: frozenset[str]
    time_zone: str


def create(session: Session, actor: Actor, *, user_id: uuid.UUID, name: str, scopes: Sequence[str] = SCOPES,
           expires_at: datetime | None = None, now: datetime) -> tuple[uuid.UUID, str]:
    """A new token that acts as the user: its id, and the token itself, which nobody can read again.

    Everybody can make tokens for themselves, a manager for service users too: a token that acts as a person would
    outlive the maker's own rights. Raises NotAllowed, NotFound, and Invalid for a name that is missing, scopes that do
    not exist, an end that has passed, and one token too many.
    """
    # Locked, so that of two who make the last one that there is room for, one is told.
    owner = session.execute(select(_USERS.c.name, _USERS.c.is_active, _USERS.c.is_service).where(
        _USERS.c.company_id == actor.company_id, _USERS.c.id == user_id).with_for_update(key_share=True)).one_or_none()
    if owner is None:
        raise NotFound("There is no such colleague.")
    # Whoever works at the server's command line is no user, and has the whole database anyway.
    if actor.user_id is not None and user_id != actor.user_id and not (actor.role is Role.MANAGER and owner.is_service):
        raise NotAllowed("Only a manager can make the tokens of service users, and everybody makes their own.")
    if not owner.is_active:
        raise Invalid.field("user_id", f"{owner.name} no longer works here.")
    name = needed(text_of(100), "Give the token a name that says what uses it.")("name", name)
    if not scopes or set(scopes) - set(SCOPES):
        raise Invalid.field("scopes", f"A token's scopes are some of {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise Invalid.field("expires_at", "The token would have expired already.")
    working = session.scalar(select(func.count()).where(
        _TOKENS.c.user_id == user_id, _TOKENS.c.revoked_at.is_(None),
        or_(_TOKENS.c.expires_at.is_(None), _TOKENS.c.expires_at > now)))
    if working >= MOST_TOKENS:
        raise Invalid.field("user_id", f"{owner.name} has {working} tokens that work. Revoke one first.")
    token = PREFIX + secrets.token_urlsafe(32)
    token_id = session.execute(
        insert(ApiToken).values(company_id=actor.company_id, user_id=user_id, name=name, token_hash=_hash(token),
                                hint=token[-4:], scopes=sorted(set(scopes)), expires_at=expires_at, created_at=now)
        .returning(ApiToken.id)).scalar_one()
    settings_log.record(session, actor, settings_log.TOKEN, token_id, "created", now=now, after={
        "name": name, "user_id": user_id, "scopes": sorted(set(scopes)), "expires_at": expires_at})
    return token_id, token


def revoke(session: Session, actor: Actor, token_id: uuid.UUID, *, now: datetime) -> bool:
    """End a token, from the next call on; False when it had ended already. Raises NotFound and NotAllowed."""
    token = session.execute(select(_TOKENS.c.user_id).where(
        _TOKENS.c.company_id == actor.company_id, _TOKENS.c.id == token_id)).one_or_none()
    if token is None:
        raise NotFound("There is no such token.")
    if token.user_id != actor.user_id and actor.role is not Role.MANAGER:
        raise NotAllowed("Only a manager can revoke the tokens of others.")
    return _end(session, actor, _TOKENS.c.id == token_id, now) > 0


def revoke_all(session: Session, actor: Actor, user_id: uuid.UUID, *, now: datetime) -> int:
    """End every token of somebody who leaves, for good: they stay ended when the person comes back. How many did.

    Raises NotAllowed unless the actor manages the company.
    """
    check_manage(actor)
    return _end(session, actor, _TOKENS.c.user_id == user_id, now)


def _end(session: Session, actor: Actor, which: ColumnElement[bool], now: datetime) -> int:
    ended = session.scalars(update(_TOKENS).where(
        _TOKENS.c.company_id == actor.company_id, which, _TOKENS.c.revoked_at.is_(None)
    ).values(revoked_at=now).returning(_TOKENS.c.id)).all()
    for token_id in ended:
        settings_log.record(session, actor, settings_log.TOKEN, token_id, "revoked", after={"revoked_at": now}, now=now)
    return len(ended)


def of_company(session: Session, actor: Actor) -> Sequence[Row]:
    """The tokens that the actor may see, newest first: a manager the company's, everybody else their own.

    Those that were revoked come last, and at most LISTED are told.
    """
    query = (select(_TOKENS.c.id, _TOKENS.c.name, _TOKENS.c.hint, _TOKENS.c.scopes, _TOKENS.c.user_id,
                    _USERS.c.name.label("user"), _USERS.c.is_active.label("user_is_active"), _TOKENS.c.created_at,
                    _TOKENS.c.expires_at, _TOKENS.c.last_used_at, _TOKENS.c.revoked_at)
             .join(_USERS, _USERS.c.id == _TOKENS.c.user_id)
             .where(_TOKENS.c.company_id == actor.company_id)
             .order_by(_TOKENS.c.revoked_at.is_not(None), _TOKENS.c.created_at.desc(), _TOKENS.c.id).limit(LISTED))
    if actor.role is not Role.MANAGER:
        query = query.where(_TOKENS.c.user_id == actor.user_id)
    return session.execute(query).all()


def sign_in(session: Session, token: str, *, now: datetime) -> Caller:
    """Who calls with this token; one round trip, and once a minute one more to note that it was used.

    Raises NotSignedIn for a token that is not known, was revoked or has expired, and for one whose user has left.
    """
    row = session.execute(_FIND, {"hash": _hash(token)}).one_or_none()
    if row is None:
        raise NotSignedIn("This API token is not known. Make one in Lead Desk under Settings, API tokens.")
    if row.revoked_at is not None:
        raise NotSignedIn("This API token was revoked.")
    if row.expires_at is not None and row.expires_at <= now:
        raise NotSignedIn("This API token has expired.")
    if not row.is_active:
        raise NotSignedIn("This API token belongs to somebody who no longer works here.")
    if row.last_used_at is None or row.last_used_at <= now - USE_NOTED_EVERY:
        # Looked at again in the write: of many calls at once, one notes it and the others do not wait for each other.
        free = (select(_TOKENS.c.id).where(_TOKENS.c.id == row.token_id, or_(
            _TOKENS.c.last_used_at.is_(None), _TOKENS.c.last_used_at <= now - USE_NOTED_EVERY))
            .with_for_update(skip_locked=True))
        session.execute(update(_TOKENS).where(_TOKENS.c.id.in_(free.scalar_subquery())).values(last_used_at=now))
    actor = Actor(user_id=row.id, company_id=row.company_id, name=row.name, role=Role(row.role), company=row.company,
                  follow_up_days=row.follow_up_days, source="api", auto_assign=row.auto_assign)
    return Caller(actor, row.token_id, frozenset(row.scopes), row.time_zone)


def _hash(token: str) -> bytes:
    # Whatever a header held, half a surrogate pair too, is a token that is not known and no failure.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
