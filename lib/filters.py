"""Which leads, and in which order: the conditions behind every list, and paging that stays fast on any page."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (BindParameter, ColumnElement, Enum, Integer, Select, Text, and_, bindparam, cast, func,
                        literal_column, or_, select, tuple_)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import clean, from_json, to_json
from lib.models import Lead, LeadCompany, User

# The rule of the specification for Follow-ups Due, apart from the days. Written out, not bound: the planner has to
# see the very words of leads_follow_up_idx to use it.
AWAITS_ANSWER = literal_column("leads.status IN ('contacted', 'conversing')")

# The parameter's name, for a statement that is kept and run again with another time.
CONTACTED_BEFORE = "contacted_before"

# The words of leads_search_idx and lead_companies_search_idx.
SEARCHED = literal_column(
    "(lower(coalesce(leads.first_name, '') || ' ' || coalesce(leads.last_name, '') || ' ' || "
    "coalesce(leads.email, '')))")


@dataclass(frozen=True, kw_only=True)
class LeadFilter:
    """Which leads of the actor's company. Everything given has to hold; an empty tuple restricts nothing."""

    assigned_to: uuid.UUID | None = None
    unassigned: bool = False
    statuses: tuple[str, ...] = ()
    also_statuses: tuple[str, ...] = ()
    """Has to hold besides ``statuses``: what a person chose on top of a view's own rule."""
    awaits_answer: bool = False
    last_contacted_before: datetime | None = None
    """Excludes leads that were never contacted, as ``last_contacted_at < …`` does in SQL."""
    never_contacted: bool = False
    contact_count_min: int | None = None
    last_contact_methods: tuple[str, ...] = ()
    search: str = ""
    """Any part of a name, an e-mail address or the firm's name; every word has to be found, letter case aside."""


def matching(actor: Actor, wanted: LeadFilter) -> ColumnElement[bool]:
    """The condition for the leads that the actor may see and that ``wanted`` describes.

    Raises Invalid for a status that does not exist.
    """
    conditions: list[ColumnElement[bool]] = [Lead.company_id == actor.company_id]
    if wanted.assigned_to is not None:
        conditions.append(Lead.assigned_to_user_id == wanted.assigned_to)
    if wanted.unassigned:
        conditions.append(Lead.assigned_to_user_id.is_(None))
    if wanted.awaits_answer:
        conditions.append(AWAITS_ANSWER)
    for statuses in (wanted.statuses, wanted.also_statuses):
        if statuses:
            conditions.append(Lead.status.in_(planned_for([clean("status", status) for status in statuses])))
    if wanted.last_contacted_before is not None:
        conditions.append(Lead.last_contacted_at < bindparam(CONTACTED_BEFORE, wanted.last_contacted_before))
    if wanted.never_contacted:
        conditions.append(Lead.last_contacted_at.is_(None))
    if wanted.contact_count_min is not None:
        conditions.append(Lead.contact_count >= wanted.contact_count_min)
    if wanted.last_contact_methods:
        conditions.append(Lead.last_contact_method.in_(wanted.last_contact_methods))
    conditions.extend(_contains(actor, word) for word in _storable(wanted.search).split()[:8])
    return and_(*conditions)


def _contains(actor: Actor, word: str) -> ColumnElement[bool]:
    escaped = word[:100].replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    # The database puts both sides in lower case: Python's rules are others, such as for İ or a Greek Σ.
    pattern = func.lower(planned_for(f"%{escaped}%"))
    firms = (select(LeadCompany.id)
             .where(LeadCompany.company_id == actor.company_id, func.lower(LeadCompany.name).like(pattern)))
    # As an array the firms are looked up once, before the leads, and both halves of the OR can use an index.
    return or_(SEARCHED.like(pattern), Lead.lead_company_id == func.any(func.array(firms.scalar_subquery())))


def planned_for(value: str | int | list[str]) -> BindParameter:
    """A value that the planner has to know: written into the statement, quoted, and never left to a later execution.

    A statement that comes often is prepared, and in time gets one plan for all values. That would take the same way to
    a rare word as to “an”, and to fifty rows as to a tenth of the table.
    """
    return bindparam(None, value, expanding=isinstance(value, list), literal_execute=True)


def _storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold, and so no lead can: NUL and half a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


@dataclass(frozen=True)
class Order:
    """An order of leads: one column, NULLs placed on purpose, the id deciding between equals."""

    label: str
    column: ColumnElement[Any] | InstrumentedAttribute[Any]
    descending: bool = False
    nulls_first: bool = False
    joins: tuple[type, ...] = field(default=())

    def by(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        column = self.column.desc() if self.descending else self.column.asc()
        return (column.nulls_first() if self.nulls_first else column.nulls_last(),
                Lead.id.desc() if self.descending else Lead.id.asc())

    def after(self, value: Any, lead_id: uuid.UUID) -> list[ColumnElement[bool]]:
        """The rows behind one row, as conditions whose rows follow each other in this order.

        Two, because a row comparison is what an index can start from, and NULL compares with nothing: the rest on the
        cursor's own side of the NULLs, then the whole of the other side if that is still to come.
        """
        if value is None:
            rest = and_(self.column.is_(None), Lead.id < lead_id if self.descending else Lead.id > lead_id)
            return [rest, self.column.is_not(None)] if self.nulls_first else [rest]
        here, there = tuple_(self.column, Lead.id), tuple_(cast(value, self.column.type), lead_id)
        rest = here < there if self.descending else here > there
        return [rest] if self.nulls_first else [rest, self.column.is_(None)]


_NAME = func.lower(func.coalesce(Lead.last_name, "") + " " + func.coalesce(Lead.first_name, ""), type_=Text)
_FIRM = func.lower(LeadCompany.name, type_=Text)
_OWNER = func.lower(User.name, type_=Text)

# Never contacted is the longest wait of all, so it comes first among the longest and last among the latest. Both are
# one walk of an index, forwards or backwards. Where nothing is known about a firm, an owner or a score: at the end.
ORDERS: dict[str, Order] = {
    "waiting": Order("Longest wait", Lead.last_contacted_at, nulls_first=True),
    "recent": Order("Latest contact", Lead.last_contacted_at, descending=True),
    "score": Order("Best score", Lead.score, descending=True),
    "name": Order("Name", _NAME),
    "company": Order("Company", _FIRM, joins=(LeadCompany,)),
    "status": Order("Status", Lead.status),
    "owner": Order("Assigned to", _OWNER, joins=(User,)),
    "contacts": Order("Most contacts", Lead.contact_count, descending=True),
    "newest": Order("Newest", Lead.created_at, descending=True),
}
JOINS = {LeadCompany: Lead.lead_company_id == LeadCompany.id, User: Lead.assigned_to_user_id == User.id}


def ordered(query: Select, order: Order) -> Select:
    """The query in this order, joined with what the order needs."""
    for table in order.joins:
        query = query.outerjoin(table, JOINS[table])
    return query.order_by(*order.by())


def encode_cursor(order: str, value: Any, lead_id: uuid.UUID) -> str:
    """An opaque word for “behind this row, in this order”, safe in a URL."""
    packed = json.dumps([order, to_json(value), str(lead_id)], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode_cursor(order: str, cursor: str) -> tuple[Any, uuid.UUID]:
    """What ``encode_cursor`` was given. Raises Invalid for anything that it did not make for this order."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, value, lead_id = json.loads(base64.urlsafe_b64decode(padded))
        if made_for != order or not (value is None or _sorts(ORDERS[order].column.type, value)):
            raise ValueError(made_for)
        column = "last_contacted_at" if order in ("waiting", "recent", "newest") else ""
        return from_json(column, value), uuid.UUID(lead_id)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid.field("cursor", "This cursor does not belong to this list; start again without one.") from error


def _sorts(kind: TypeEngine, value: Any) -> bool:
    """Whether a cursor's value can be compared with such a column; the database would raise where it cannot."""
    match kind:
        case Integer():
            return type(value) is int and abs(value) < 2**31
        case Enum():
            return value in kind.enums
        case _:
            return isinstance(value, str) and value == _storable(value)


def known_order(name: str) -> Order:
    try:
        return ORDERS[name]
    except KeyError:
        raise Invalid.field("sort", f"There is no order “{name}”; choose one of {', '.join(ORDERS)}.") from None


