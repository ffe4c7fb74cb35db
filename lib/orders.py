"""In which order leads come, and paging that stays fast on any page."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Enum, Integer, Select, Text, and_, cast, func, literal_column, tuple_
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine

from lib.errors import Invalid
from lib.fields import LABELS, from_json, to_json
from lib.filters import storable
from lib.models import Lead, LeadCompany, User


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


# The words of leads_name_idx.
NAME = literal_column("lower(coalesce(leads.last_name, '') || ' ' || coalesce(leads.first_name, ''))", Text)


def _folded(column: Any) -> ColumnElement[str]:
    return func.lower(column, type_=Text)


def _both(key: str, label: str, ascending: str, descending: str, column: Any, **rest: Any) -> dict[str, Order]:
    """A column's order in either direction. Where nothing is known comes last both ways."""
    return {key: Order(f"{label}, {ascending}", column, **rest),
            f"{key}-down": Order(f"{label}, {descending}", column, descending=True, **rest)}


def _text(key: str, label: str, column: Any, **rest: Any) -> dict[str, Order]:
    return _both(key, label, "A to Z", "Z to A", _folded(column), **rest)


# Never contacted is the longest wait of all, so it comes first among the longest and last among the latest. Both are
# one walk of an index, forwards or backwards. Where nothing is known about a firm, an owner or a score: at the end.
ORDERS: dict[str, Order] = {
    "waiting": Order("Longest wait", Lead.last_contacted_at, nulls_first=True),
    "recent": Order("Latest contact", Lead.last_contacted_at, descending=True),
    "score": Order("Best score", Lead.score, descending=True),
    "score-up": Order("Lowest score", Lead.score),
    "newest": Order("Newest", Lead.created_at, descending=True),
    # Never NULL; this way round they are the same indexes, walked backwards.
    "oldest": Order("Oldest", Lead.created_at, nulls_first=True),
    "name": Order("Name, A to Z", NAME),
    "name-down": Order("Name, Z to A", NAME, descending=True, nulls_first=True),
    **_text("company", LABELS["company"], LeadCompany.name, joins=(LeadCompany,)),
    **_both("status", LABELS["status"], "from New", "from Lost", Lead.status),
    **_text("owner", LABELS["assigned_to_user_id"], User.name, joins=(User,)),
    "contacts": Order("Most contacts", Lead.contact_count, descending=True),
    "contacts-up": Order("Fewest contacts", Lead.contact_count),
    **_text("job-title", LABELS["job_title"], Lead.job_title),
    **_text("email", LABELS["email"], Lead.email),
    **_text("phone", LABELS["phone"], Lead.phone),
    **_text("linkedin", LABELS["linkedin_url"], Lead.linkedin_url),
    **_text("method", "Last method", Lead.last_contact_method),
    **_text("tags", LABELS["tags"], func.nullif(func.array_to_string(Lead.tags, ", "), "")),
    **_text("source", LABELS["source"], Lead.source),
    **_text("workflow", LABELS["source_workflow"], Lead.source_workflow),
    **_both("assigned", "Assigned", "longest ago", "latest", Lead.assigned_at),
    **_both("answered", "Last answer", "longest ago", "latest", Lead.last_response_at),
    **_both("updated", "Changed", "longest ago", "latest", Lead.updated_at),
}
JOINS = {LeadCompany: Lead.lead_company_id == LeadCompany.id, User: Lead.assigned_to_user_id == User.id}


def ordered(query: Select, order: Order) -> Select:
    """The query in this order, joined with what the order needs."""
    return joined(query, order).order_by(*order.by())


def joined(query: Select, order: Order) -> Select:
    """The query joined with what the order needs, in no order yet."""
    for table in order.joins:
        query = query.outerjoin(table, JOINS[table])
    return query


def known_order(name: str) -> Order:
    """The order of this name. Raises Invalid for one that does not exist."""
    try:
        return ORDERS[name]
    except KeyError:
        raise Invalid.field("sort", f"There is no order “{name}”; choose one of {', '.join(ORDERS)}.") from None


def encode_cursor(order: str, value: Any, lead_id: uuid.UUID) -> str:
    """An opaque word for “behind this row, in this order”, safe in a URL."""
    packed = json.dumps([order, to_json(value), str(lead_id)], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode_cursor(order: str, cursor: str) -> tuple[Any, uuid.UUID]:
    """What ``encode_cursor`` was given. Raises Invalid for anything that it did not make for this order."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, value, lead_id = json.loads(base64.urlsafe_b64decode(padded))
        kind = ORDERS[order].column.type
        if made_for != order or not (value is None or _sorts(kind, value)):
            raise ValueError(made_for)
        # Only a time is kept otherwise than as itself.
        column = "sorted_at" if isinstance(kind, TIMESTAMP) else ""
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
            return isinstance(value, str) and value == storable(value)
