"""Leads by the addresses that make them known: e-mail and LinkedIn."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (ARRAY, ColumnElement, Row, Text, bindparam, func, literal_column, select, text, true,
                        union_all)
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import CHECKS, clean, linkedin_key
from lib.models import LINKEDIN_KEY, Lead, User
from lib.statements import Read, Write

# So many leads with the same LinkedIn address are looked at; one would be right.
MOST_TWINS = 5
STORED = tuple(name for name in CHECKS if name != "enrichment_data") + ("lead_company_id",)
_KEY = literal_column(LINKEDIN_KEY)
_LEADS = Lead.__table__
_OF_COMPANY = _LEADS.c.company_id == bindparam("company")


def _leads_by(condition: ColumnElement[Any], locks: bool) -> Read:
    """The company's leads for which ``condition`` is one of the values that are wanted.

    Asked for value by value, which leaves the planner no choice but the index: a join or a list could also be answered
    by going through all leads of the company, and for a company that has only just begun to fill up it would be.
    """
    wanted = func.unnest(bindparam("wanted", type_=ARRAY(Text))).table_valued("value", name="wanted").render_derived()
    owner = select(User.name).where(User.id == _LEADS.c.assigned_to_user_id).scalar_subquery()
    found = (select(_LEADS.c.id, _LEADS.c.created_at, *(_LEADS.c[name] for name in STORED),
                    _LEADS.c.assigned_to_user_id, owner.label("owner"))
             .where(_OF_COMPANY, condition == wanted.c.value,
                    _LEADS.c.linkedin_url.is_not(None) if condition is _KEY else true())
             .order_by(_LEADS.c.created_at, _LEADS.c.id).limit(MOST_TWINS))
    found = (found.with_for_update(of=_LEADS) if locks else found).lateral("found")
    return Read(select(*found.c).select_from(wanted).join(found, true()))


_BY_EMAIL = {locks: _leads_by(_LEADS.c.email, locks) for locks in (False, True)}
_BY_LINK = {locks: _leads_by(_KEY, locks) for locks in (False, True)}
_SAME = {
    "email": _LEADS.c.email == bindparam("email"),
    "linkedin_url": (_KEY == bindparam("linkedin_url")) & _LEADS.c.linkedin_url.is_not(None),
}
_DUPLICATES = {
    name: select(*(_LEADS.c[column] for column in ("id", "first_name", "last_name", "email")),
                 literal_column(f"'{name}'").label("same")).where(_OF_COMPANY, same).limit(3)
    for name, same in _SAME.items()
}
# By the fields that are wanted.
_KNOWN = {(name,): Read(query) for name, query in _DUPLICATES.items()} | {
    tuple(_DUPLICATES): Read(union_all(*(each.subquery().select() for each in _DUPLICATES.values())))}

_HOLD_LINE = Write(text("SELECT pg_advisory_xact_lock(hashtextextended(:line, 0))"))
_HOLD = Write(text("""
    SELECT pg_advisory_xact_lock_shared(hashtextextended(:line, 0))
    UNION ALL SELECT pg_advisory_xact_lock(hashtextextended(held.key, 0)) FROM unnest(:keys) AS held (key)
    """).bindparams(bindparam("keys", type_=ARRAY(Text))))


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


def duplicates(session: Session, actor: Actor, *, email: str | None = None,
               linkedin_url: str | None = None) -> list[Row]:
    """The company's leads that have this e-mail or LinkedIn address: id, names, email, and ``same``, the field.

    For a look before saving, so what is not an address is nobody's. LinkedIn addresses are compared as
    ``fields.linkedin_key`` has them.
    """
    return sought(session, actor, email, linkedin_url)()


def sought(session: Session, actor: Actor, email: str | None, linkedin_url: str | None) -> Callable[[], list[Row]]:
    """``duplicates`` that go out with the next statement, and are answered when what is returned is called."""
    wanted = {}
    for name, value in (("email", email), ("linkedin_url", linkedin_url)):
        try:
            value = clean(name, value)
        except Invalid:
            continue
        if value is not None:
            wanted[name] = linkedin_key(value) if name == "linkedin_url" else value
    if not wanted:
        return list
    found = _KNOWN[tuple(wanted)].ahead(session, {"company": actor.company_id, **wanted})
    return lambda: list(found().all())


def hold(session: Session, actor: Actor, new: Sequence[Mapping[str, Any]]) -> None:
    """Let nobody else add leads with these e-mail and LinkedIn addresses until the transaction ends.

    The same lead often arrives twice at the same moment, and LinkedIn addresses have no unique index. One lead holds
    its own addresses; several hold the company's line, as a server has no room for a lock for each of many thousands.
    """
    line = {"line": f"{actor.company_id}/new leads"}
    if len(new) > 1:
        _HOLD_LINE.later(session, line)
        return
    keys = sorted({f"{actor.company_id}/{key}" for lead in new
                   for key in (lead.get("email"), linkedin_key(lead.get("linkedin_url"))) if key})
    _HOLD.later(session, line | {"keys": keys})
