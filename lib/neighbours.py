"""Who else has been in touch with the firms that some leads work for."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.models import ContactAttempt, Lead, LeadCompany, User

DAYS = 14
MOST = 20

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
