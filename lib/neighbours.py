"""Who else there is: the leads at the same firm, so that nobody writes to two of them without knowing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, bindparam, func, literal, select, true
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import ContactAttempt, Lead, User

# A firm with more leads than this is no firm that a person looks through; of such a one, some are told.
LOOKED_AT = 1_000

# From the tables, not from the classes, and put together only once: that would take longer than the database needs.
_LEADS, _USERS, _ATTEMPTS = Lead.__table__, User.__table__, ContactAttempt.__table__
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
