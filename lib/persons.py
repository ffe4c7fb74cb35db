"""A person's data, handed out or erased on their request: for whoever works at the server's command line.

A person is known by an e-mail address. It may be a lead's, in any of the companies, and a user's. Leads are deleted with
everything about them; users stay as rows without a name, as history refers to them. Nothing here asks for a role: who
runs it has the database anyway.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, Text, cast, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from lib import settings_log, team
from lib.auth import operator
from lib.errors import Invalid, NotFound
from lib.models import (ApiToken, Company, ContactAttempt, IdempotencyKey, Lead, LeadCompany, LeadEvent, Role,
                        SettingsEvent, User)
from lib.views import OPEN

NAMELESS = "Erased user"

_USERS, _LEADS, _EVENTS, _CONTACTS, _TOKENS, _KEYS, _SETTINGS = (
    each.__table__ for each in (User, Lead, LeadEvent, ContactAttempt, ApiToken, IdempotencyKey, SettingsEvent))

# The tables of events refuse to alter a row, so it is deleted and added again under its number: only what names the
# person differs. One statement, as the number is free only there.
_FORGET_SETTINGS = text("""
    WITH gone AS (
        DELETE FROM settings_events WHERE company_id = :company AND subject_id = ANY(:subjects)
        AND (jsonb_exists_any(before, ARRAY['name', 'email']) OR jsonb_exists_any(after, ARRAY['name', 'email']))
        RETURNING *)
    INSERT INTO settings_events (id, company_id, actor_id, source, subject, subject_id, action, before, after, at)
    OVERRIDING SYSTEM VALUE
    SELECT id, company_id, actor_id, source, subject, subject_id, action, before - 'name' - 'email',
           after - 'name' - 'email', at
    FROM gone""")
# Events of assignments tell who was passed over, and who has left, by name.
_FORGET_NAME = text("""
    WITH gone AS (
        DELETE FROM lead_events WHERE company_id = :company AND detail IS NOT NULL
        AND (strpos(detail::text, to_jsonb(CAST(:name AS text))::text) > 0
             OR strpos(detail::text, to_jsonb(CAST(:name || ' has left' AS text))::text) > 0)
        RETURNING *)
    INSERT INTO lead_events (id, company_id, lead_id, batch_id, undoes_batch_id, actor_id, source, action, before, after,
                             detail, at)
    OVERRIDING SYSTEM VALUE
    SELECT id, company_id, lead_id, batch_id, undoes_batch_id, actor_id, source, action, before, after,
           replace(replace(detail::text, to_jsonb(CAST(:name AS text))::text, to_jsonb(CAST(:nameless AS text))::text),
                   to_jsonb(CAST(:name || ' has left' AS text))::text,
                   to_jsonb(CAST(:nameless || ' has left' AS text))::text)::jsonb, at
    FROM gone""")
# A delivery that was refused as another lead has the address tells that lead's name and address.
_FORGET_CLASHES = text("""
    WITH gone AS (
        DELETE FROM lead_events WHERE company_id = ANY(:companies) AND action = 'enrichment_refused'
        AND (detail ->> 'with' = ANY(:ids) OR strpos(lower(detail::text), :email) > 0)
        RETURNING *)
    INSERT INTO lead_events (id, company_id, lead_id, batch_id, undoes_batch_id, actor_id, source, action, before, after,
                             detail, at)
    OVERRIDING SYSTEM VALUE
    SELECT id, company_id, lead_id, batch_id, undoes_batch_id, actor_id, source, action, before, after,
           detail || jsonb_build_object('with', NULL, 'reason', CAST(:instead AS text)), at
    FROM gone""")
CLASHED = "A lead that was erased since already had this address."


@dataclass(frozen=True, slots=True)
class Found:
    """Who has an address: a user, if any, and leads, of one company or of several."""

    email: str
    user: Row | None
    leads: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Erased:
    """How many leads and users are gone, and how many other leads have the address in their history still."""

    leads: int
    users: int
    mentioned: int


def find(session: Session, email: str, *, company_id: uuid.UUID | None = None) -> Found:
    """Who has this address, letter case aside; in one company or in all. Raises NotFound when nobody has."""
    email = email.strip().lower()

    def having(table: Table) -> Sequence[Row]:
        query = select(*table.columns).where(func.lower(table.c.email) == email).order_by(table.c.id)
        return session.execute(query if company_id is None else query.where(table.c.company_id == company_id)).all()

    users, leads = having(_USERS), having(_LEADS)
    if not users and not leads:
        raise NotFound(f"Nothing is stored about {email[:320]}.")
    return Found(email, users[0] if users else None, leads)


def collected(session: Session, found: Found, *, now: datetime) -> dict[str, Any]:
    """Everything that is stored about somebody, as plain values: texts, numbers, ids, times, lists of them."""
    return {"email": found.email, "collected_at": now, "user": found.user and _of_user(session, found.user),
            "leads": [_of_lead(session, lead) for lead in found.leads]}


def erase(session: Session, found: Found, *, now: datetime) -> Erased:
    """Delete the leads with everything about them, and take the person out of the user's row.

    Raises Invalid for a user who owns open leads, naming how many, and for a company's last manager: nothing is done
    then, neither to the leads.
    """
    if found.user is not None:
        _erase_user(session, found.user, now=now)
    mentioned = _erase_leads(session, found, now=now) if found.leads else 0
    return Erased(len(found.leads), int(found.user is not None), mentioned)


def _of_lead(session: Session, lead: Row) -> dict[str, Any]:
    firm = session.execute(select(LeadCompany.name, LeadCompany.domain, LeadCompany.industry)
                           .where(LeadCompany.id == lead.lead_company_id)).mappings().one_or_none()
    return {**lead._mapping, "customer": _company(session, lead.company_id), "firm": dict(firm) if firm else None,
            "contacts": _rows(session, _CONTACTS, _CONTACTS.c.lead_id == lead.id, _CONTACTS.c.occurred_at),
            "events": _rows(session, _EVENTS, _EVENTS.c.lead_id == lead.id, _EVENTS.c.id)}


def _of_user(session: Session, user: Row) -> dict[str, Any]:
    did = session.execute(select(_EVENTS.c.action, func.count()).where(
        _EVENTS.c.company_id == user.company_id, _EVENTS.c.actor_id == user.id).group_by(_EVENTS.c.action)).all()
    made = session.scalars(select(_CONTACTS.c.id).where(
        _CONTACTS.c.company_id == user.company_id, _CONTACTS.c.user_id == user.id).order_by(_CONTACTS.c.occurred_at))
    owned = session.scalars(select(_LEADS.c.id).where(
        _LEADS.c.company_id == user.company_id, _LEADS.c.assigned_to_user_id == user.id).order_by(_LEADS.c.id))
    return {**user._mapping, "customer": _company(session, user.company_id),
            "tokens": _rows(session, _TOKENS, _TOKENS.c.user_id == user.id, _TOKENS.c.created_at,
                            without=("token_hash",)),
            "settings_changed": _rows(session, _SETTINGS, (_SETTINGS.c.company_id == user.company_id) & (
                _SETTINGS.c.subject_id == user.id), _SETTINGS.c.id),
            "changes_of_leads_by_action": dict(map(tuple, did)), "contacts_made": made.all(), "leads_owned": owned.all()}


def _company(session: Session, company_id: uuid.UUID) -> str:
    return session.scalar(select(Company.name).where(Company.id == company_id))


def _rows(session: Session, table: Table, condition: Any, order: Any, without: Sequence[str] = ()) -> list[dict]:
    columns = [each for each in table.columns if each.name not in without]
    return [dict(row) for row in session.execute(select(*columns).where(condition).order_by(order)).mappings()]


def _erase_leads(session: Session, found: Found, *, now: datetime) -> int:
    """Delete them; how many other leads have the address in their history, which is theirs to keep."""
    ids = [lead.id for lead in found.leads]
    companies = [lead.company_id for lead in found.leads]
    # In the order of their ids, as everybody who locks several leads.
    session.execute(select(_LEADS.c.id).where(_LEADS.c.id.in_(ids)).order_by(_LEADS.c.id).with_for_update())
    # What keyed requests were answered may be a copy of the lead.
    answer = cast(_KEYS.c.answer, Text)
    session.execute(delete(_KEYS).where(_KEYS.c.company_id.in_(companies), or_(
        *(func.strpos(answer, str(each)) > 0 for each in ids), func.strpos(func.lower(answer), found.email) > 0)))
    session.execute(delete(_LEADS).where(_LEADS.c.id.in_(ids)))
    session.execute(_FORGET_CLASHES, {"companies": list(set(companies)), "ids": [str(each) for each in ids],
                                      "email": found.email, "instead": CLASHED})
    for company_id in dict.fromkeys(companies):
        settings_log.record(session, operator(company_id), settings_log.COMPANY, company_id, "leads_erased",
                            after={"leads": companies.count(company_id)}, now=now)
    return session.scalar(select(func.count(_EVENTS.c.lead_id.distinct())).where(
        _EVENTS.c.company_id.in_(companies),
        or_(_EVENTS.c.before["email"].astext == found.email, _EVENTS.c.after["email"].astext == found.email)))


def _erase_user(session: Session, user: Row, *, now: datetime) -> None:
    actor = operator(user.company_id)
    if user.is_active and user.role == Role.MANAGER and not user.is_service:
        team.check_manager_remains(session, actor, user.id)
    session.execute(select(_USERS.c.id).where(_USERS.c.id == user.id).with_for_update())
    owned = session.scalar(select(func.count()).where(
        _LEADS.c.company_id == user.company_id, _LEADS.c.assigned_to_user_id == user.id, _LEADS.c.status.in_(OPEN)))
    if owned:
        raise Invalid.field("email", f"{user.name} owns {owned:,} open lead{'s' * (owned != 1)}. Hand them over first: "
                                     "in Lead Desk under Settings, Team.")
    tokens = session.scalars(select(_TOKENS.c.id).where(_TOKENS.c.user_id == user.id)).all()
    for name in _names(session, user):
        session.execute(_FORGET_NAME, {"company": user.company_id, "name": name, "nameless": NAMELESS})
    session.execute(_FORGET_SETTINGS, {"company": user.company_id, "subjects": [user.id, *tokens]})
    session.execute(update(_TOKENS).where(_TOKENS.c.user_id == user.id).values(
        name="Erased", revoked_at=func.coalesce(_TOKENS.c.revoked_at, now)))
    session.execute(delete(_KEYS).where(_KEYS.c.owner_id.in_([user.id, *tokens])))
    session.execute(update(_USERS).where(_USERS.c.id == user.id).values(
        name=NAMELESS, email=f"{user.id}@{team.ERASED}", is_active=False, takes_leads=False, away_from=None,
        away_until=None, most_open_leads=None, time_zone=None, signed_out_at=now))
    settings_log.record(session, actor, settings_log.USER, user.id, "erased", now=now)


def _names(session: Session, user: Row) -> list[str]:
    """What they are called, and have been."""
    told = session.execute(select(_SETTINGS.c.before["name"].astext, _SETTINGS.c.after["name"].astext).where(
        _SETTINGS.c.company_id == user.company_id, _SETTINGS.c.subject_id == user.id)).all()
    return list(dict.fromkeys(name for row in [(user.name,), *told] for name in row if name))
