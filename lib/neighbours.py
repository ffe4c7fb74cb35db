"""Who else there is at a firm, and who has been in touch with it, so that nobody writes to two people unawares."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, func, literal, select, true
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import ContactAttempt, Lead, LeadCompany, User

# So far back, and so many, are the contacts of colleagues that a person is warned of.
DAYS, MOST = 14, 20
# A firm with more leads than this is no firm that a person looks through; of such a one, some are told.
LOOKED_AT = 1_000

# From the tables, not from the classes, and put together only once: that would take longer than the database needs.
_ATTEMPTS, _LEADS, _FIRMS, _USERS = (each.__table__ for each in (ContactAttempt, Lead, LeadCompany, User))
_ASKED = _LEADS.alias("asked")
_RECENT = (
    select(_ATTEMPTS.c.id, _ATTEMPTS.c.occurred_at, _ATTEMPTS.c.method, _ATTEMPTS.c.direction, _ATTEMPTS.c.outcome,
           _ATTEMPTS.c.user_id, _USERS.c.name.label("colleague"), _ATTEMPTS.c.lead_id, _LEADS.c.first_name,
           _LEADS.c.last_name, _LEADS.c.email, _LEADS.c.lead_company_id, _FIRMS.c.name.label("company"))
    .select_from(_LEADS)
    .join(_ATTEMPTS, _ATTEMPTS.c.lead_id == _LEADS.c.id)
    .join(_USERS, _USERS.c.id == _ATTEMPTS.c.user_id)
    .join(_FIRMS, _FIRMS.c.id == _LEADS.c.lead_company_id)
    .where(_LEADS.c.company_id == bindparam("company"),
           _LEADS.c.lead_company_id.in_(
               select(_ASKED.c.lead_company_id)
               .where(_ASKED.c.company_id == bindparam("company"),
                      _ASKED.c.id.in_(bindparam("ids", expanding=True)))),
           _ATTEMPTS.c.user_id != bindparam("me"), _ATTEMPTS.c.occurred_at >= bindparam("since"))
    .order_by(_ATTEMPTS.c.occurred_at.desc(), _ATTEMPTS.c.id.desc())
    .limit(MOST)
)

_ONE, _AUTHOR = _LEADS.alias("one"), _USERS.alias("author")

_OTHERS = (
    select(*(_LEADS.c[name] for name in ("id", "first_name", "last_name", "email", "job_title", "status",
                                         "assigned_to_user_id", "last_contacted_at", "last_contact_method")),
           func.greatest(_LEADS.c.last_contacted_at, _LEADS.c.last_response_at).label("touched_at"))
    .where(_LEADS.c.company_id == bindparam("company"), _LEADS.c.id != bindparam("lead"),
           _LEADS.c.lead_company_id == select(_ONE.c.lead_company_id)
           .where(_ONE.c.company_id == bindparam("company"), _ONE.c.id == bindparam("lead")).scalar_subquery())
    .limit(LOOKED_AT + 1)
    .cte("others")
)
# Those that are shown first, so that their contacts are looked up for them alone.
_LATEST = (
    select(_OTHERS, select(func.count()).select_from(_OTHERS).scalar_subquery().label("total"))
    .order_by(_OTHERS.c.touched_at.desc().nulls_last(), _OTHERS.c.id)
    .limit(bindparam("limit"))
    .subquery("latest")
)
_TOUCH = (
    select(_ATTEMPTS.c.occurred_at, _ATTEMPTS.c.method, _ATTEMPTS.c.direction, _ATTEMPTS.c.user_id)
    .where(_ATTEMPTS.c.lead_id == _LATEST.c.id)
    .order_by(_ATTEMPTS.c.occurred_at.desc(), _ATTEMPTS.c.id.desc())
    .limit(1)
    .lateral("touch")
)
_AT_SAME_FIRM = (
    select(*(_LATEST.c[name] for name in ("id", "first_name", "last_name", "email", "job_title", "status")),
           _USERS.c.name.label("owner"), func.coalesce(_TOUCH.c.occurred_at, _LATEST.c.touched_at).label("touched_at"),
           func.coalesce(_TOUCH.c.method, _LATEST.c.last_contact_method).label("method"),
           func.coalesce(_TOUCH.c.direction, literal("outbound")).label("direction"),
           _AUTHOR.c.name.label("by"), _LATEST.c.total)
    .select_from(_LATEST)
    .outerjoin(_USERS, _USERS.c.id == _LATEST.c.assigned_to_user_id)
    .outerjoin(_TOUCH, true())
    .outerjoin(_AUTHOR, _AUTHOR.c.id == _TOUCH.c.user_id)
    .order_by(_LATEST.c.touched_at.desc().nulls_last(), _LATEST.c.id)
)


def recent_touches(session: Session, actor: Actor, lead_ids: Sequence[uuid.UUID], *, now: datetime,
                   days: int = DAYS) -> Sequence[Row]:
    """The latest contacts that colleagues had in the last ``days`` with the firms of these leads, latest first.

    Who (user_id, colleague), when (occurred_at), how (method, direction, outcome), and with which lead (lead_id, the
    parts of its name, company); at most MOST rows. Includes those with the leads themselves, and leaves out the
    actor's own. Leads without a firm have no neighbours.
    """
    if not lead_ids:
        return []
    return session.execute(_RECENT, {"company": actor.company_id, "ids": list(lead_ids), "me": actor.user_id,
                                     "since": now - timedelta(days=days)}).all()


@dataclass(frozen=True, slots=True)
class AtSameFirm:
    """Some of the leads of a firm, and how many there are; ``total`` stops at LOOKED_AT + 1: “more than that”.

    Each row has id, first_name, last_name, email, job_title, status and owner (a name or None), and the last touch:
    touched_at (UTC, None without one), method, direction, and by (a name; None where nobody wrote it down).
    """

    rows: Sequence[Row]
    total: int


def at_same_firm(session: Session, actor: Actor, lead_id: uuid.UUID, *, limit: int = 5) -> AtSameFirm:
    """The other leads at a lead's firm, those first that were in touch last, in one round trip.

    Nobody for a lead without a firm, and for one of another company.
    """
    rows = session.execute(_AT_SAME_FIRM, {"company": actor.company_id, "lead": lead_id, "limit": limit}).all()
    return AtSameFirm(rows, rows[0].total if rows else 0)
