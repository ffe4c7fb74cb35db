"""The fixed cast, and makers of rows in which a test names only what it is about."""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import Company, ContactAttempt, Lead, LeadCompany, LeadEvent, Role, SettingsEvent, User

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cast:
    """Alice and Bob are reps, Tess leads their team, Mona manages it, Lea has left. Olga manages another company."""

    alice: Actor
    bob: Actor
    tess: Actor
    mona: Actor
    lea: Actor
    olga: Actor


def make_cast(session: Session) -> Cast:
    acme, initech = make_company(session, "Acme Outbound"), make_company(session, "Initech Sales")
    return Cast(
        alice=make_user(session, acme, "Alice Adams"),
        bob=make_user(session, acme, "Bob Brown"),
        tess=make_user(session, acme, "Tess Turner", role=Role.TEAM_LEAD),
        mona=make_user(session, acme, "Mona Meyer", role=Role.MANAGER),
        lea=make_user(session, acme, "Lea Lang", is_active=False),
        olga=make_user(session, initech, "Olga Olsen", role=Role.MANAGER),
    )


def make_company(session: Session, name: str = "Some Company", **values: Any) -> uuid.UUID:
    return session.execute(insert(Company).values(name=name, **values).returning(Company.id)).scalar_one()


def make_user(session: Session, company_id: uuid.UUID, name: str = "Some User", **values: Any) -> Actor:
    """A user, as the actor that they are."""
    values = {"email": f"user{next(_numbers)}@{uuid.uuid4().hex[:8]}.example", "role": Role.REP} | values
    user_id = session.execute(insert(User).values(company_id=company_id, name=name, **values)
                              .returning(User.id)).scalar_one()
    return Actor(user_id=user_id, company_id=company_id, name=name, role=Role(values["role"]))


def make_firm(session: Session, actor: Actor, name: str = "Some Firm") -> uuid.UUID:
    return session.execute(insert(LeadCompany).values(company_id=actor.company_id, name=name)
                           .returning(LeadCompany.id)).scalar_one()


def make_lead(session: Session, actor: Actor, *, owner: Actor | None = None, **values: Any) -> uuid.UUID:
    """A lead of the actor's company, unassigned unless it has an owner; its id."""
    number = next(_numbers)
    values = {"first_name": "Ada", "last_name": f"Lovelace {number}", "email": f"ada{number}@example.com",
              "assigned_to_user_id": owner.user_id if owner else None} | values
    return session.execute(insert(Lead).values(company_id=actor.company_id, **values).returning(Lead.id)).scalar_one()


def row(session: Session, lead_id: uuid.UUID) -> Row:
    """The lead as the database holds it now, past any cache."""
    return session.execute(select(*Lead.__table__.columns).where(Lead.id == lead_id)).one()


def events(session: Session, lead_id: uuid.UUID) -> list[Row]:
    """The lead's events, oldest first."""
    return list(session.execute(select(*LeadEvent.__table__.columns).where(LeadEvent.lead_id == lead_id)
                                .order_by(LeadEvent.id)).all())


def attempts(session: Session, lead_id: uuid.UUID) -> list[Row]:
    """The lead's contacts, oldest first."""
    return list(session.execute(select(*ContactAttempt.__table__.columns).where(ContactAttempt.lead_id == lead_id)
                                .order_by(ContactAttempt.occurred_at, ContactAttempt.created_at)).all())


@contextmanager
def forgotten(session: Session) -> Iterator[None]:
    """Roll back what the block did: one example of a property test."""
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()


def days_ago(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)


def settings_events(session: Session, actor: Actor) -> list[Row]:
    """The events of the settings of the actor's company, oldest first."""
    return list(session.execute(select(*SettingsEvent.__table__.columns)
                                .where(SettingsEvent.company_id == actor.company_id).order_by(SettingsEvent.id)).all())


def user_row(session: Session, user_id: uuid.UUID) -> Row:
    """The user as the database holds them now."""
    return session.execute(select(*User.__table__.columns).where(User.id == user_id)).one()
