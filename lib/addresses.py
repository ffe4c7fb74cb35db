"""Leads by the addresses that make them known: e-mail and LinkedIn."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Text, bindparam, func, literal_column, select, true
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.fields import CHECKS, linkedin_key
from lib.models import LINKEDIN_KEY, Lead, User
from lib.statements import Read

# So many leads with the same LinkedIn address are looked at; one would be right.
MOST_TWINS = 5
STORED = tuple(name for name in CHECKS if name != "enrichment_data") + ("lead_company_id",)
_KEY = literal_column(LINKEDIN_KEY)
_LEADS = Lead.__table__


def _leads_by(condition: ColumnElement[Any], locks: bool) -> Read:
    """The company's leads for which ``condition`` is one of the values that are wanted.

    Asked for value by value, which leaves the planner no choice but the index: a join or a list could also be answered
    by going through all leads of the company, and for a company that has only just begun to fill up it would be.
    """
    wanted = func.unnest(bindparam("wanted", type_=ARRAY(Text))).table_valued("value", name="wanted").render_derived()
    owner = select(User.name).where(User.id == _LEADS.c.assigned_to_user_id).scalar_subquery()
    found = (select(_LEADS.c.id, _LEADS.c.created_at, *(_LEADS.c[name] for name in STORED),
                    _LEADS.c.assigned_to_user_id, owner.label("owner"))
             .where(_LEADS.c.company_id == bindparam("company"), condition == wanted.c.value,
                    _LEADS.c.linkedin_url.is_not(None) if condition is _KEY else true())
             .order_by(_LEADS.c.created_at, _LEADS.c.id).limit(MOST_TWINS))
    found = (found.with_for_update(of=_LEADS) if locks else found).lateral("found")
    return Read(select(*found.c).select_from(wanted).join(found, true()))


_BY_EMAIL = {locks: _leads_by(_LEADS.c.email, locks) for locks in (False, True)}
_BY_LINK = {locks: _leads_by(_KEY, locks) for locks in (False, True)}


def known_by_address(session: Session, actor: Actor, found: Sequence[Mapping[str, Any]], *,
                     locks: bool) -> Sequence[Row]:
    """The company's leads that have one of these rows' e-mail or LinkedIn addresses, oldest first."""
    emails = sorted({values["email"] for values in found if values.get("email")})
    links = sorted({key for values in found if (key := linkedin_key(values.get("linkedin_url")))})
    found: dict[uuid.UUID, Row] = {}
    for statement, wanted in ((_BY_EMAIL[locks], emails), (_BY_LINK[locks], links)):
        if wanted:
            found |= {row.id: row for row in statement.rows(session, {"company": actor.company_id, "wanted": wanted})}
    return sorted(found.values(), key=lambda row: (row.created_at, row.id))
