"""Counts of leads that are kept as leads change, so that a number costs the same however many leads there are.

Triggers add a row for each change (migrations 0011 and 0012): rows of a table's same key add up to the count. Nobody
waits for anybody to add one, where writers who changed one number in place would queue up, and block each other.
``fold`` puts the rows of a key together now and then; whoever reads meanwhile gets the same sum. Days are those of UTC.
"""

import uuid
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Boolean, Column, Date, Enum, Index, Integer, Table, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session

from lib.models import UNTOUCHED, Base, Direction, Method, Status

NOBODY = uuid.UUID(int=0)
"""The owner of leads that nobody owns."""

_STATUS = Enum(*[status.value for status in Status], name="lead_status")


def _counts(name: str, *key: Column, counted: tuple[Column, ...] = (), more: tuple[Index, ...] = ()) -> Table:
    """Several numbers stand in one row where they are read together, day by day: a fifth of the rows to add up."""
    counted = counted or (_number("n", BigInteger),)
    return Table(name, Base.metadata, *key, *counted,
                 Column("is_sum", Boolean, nullable=False, server_default=text("false")),
                 Index(f"{name}_idx", *(column.name for column in key),
                       postgresql_include=[column.name for column in counted]),
                 Index(f"{name}_new_idx", "company_id", postgresql_where=text("NOT is_sum")), *more)


def _number(name: str, kind: type[Integer] = Integer) -> Column:
    return Column(name, kind, nullable=False, info={"is_count": True})


def _id(name: str) -> Column:
    return Column(name, UUID(as_uuid=True), nullable=False)


def _day() -> Column:
    return Column("day", Date, nullable=False)


BY_STATUS = _counts("lead_status_counts", _id("company_id"), _id("owner_id"), Column("status", _STATUS, nullable=False))
"""Leads by company, owner and status."""
FOLLOW_UPS = _counts("follow_up_counts", _id("company_id"), _day())
"""Leads that wait for an answer (contacted or conversing), by company and the UTC day of their last contact."""
OWN_FOLLOW_UPS = _counts("owner_follow_up_counts", _id("company_id"), _id("owner_id"), _day())
"""The same of those that somebody owns, by owner."""
INBOUND = str(Direction.INBOUND)
CONTACTS = _counts("contact_counts", _id("company_id"), _day(), _id("user_id"),
                   counted=tuple(map(_number, (*Method, INBOUND))))
"""Contacts by company, the day on which they were made and who made them: outbound ones by method, and inbound ones."""
DESKS = _counts("desk_counts", _id("company_id"), _day(), _id("owner_id"),
                counted=tuple(map(_number, ("taken", "untouched", "converted"))),
                more=(Index("desk_counts_untouched_idx", "company_id", "day", "owner_id",
                            postgresql_include=["untouched"], postgresql_where=text("untouched <> 0")),))
"""Leads that somebody owns, by company and owner: ``taken`` by the day on which they became theirs, ``untouched`` those
of them that are ready for outreach and were not contacted since, and ``converted`` by the day of that."""
TABLES = (BY_STATUS, FOLLOW_UPS, OWN_FOLLOW_UPS, CONTACTS, DESKS)

_TAKE_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('fold counts', 0))")
_WAIT_FOR_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('fold counts', 0))")


def day_begins(moment: datetime) -> datetime:
    """When the day of this moment begins, as counts are kept by days: in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def counted_in(table: Table) -> list[str]:
    """The columns that hold numbers."""
    return [column.name for column in table.c if column.info.get("is_count")]


def key_of(table: Table) -> list[str]:
    return [column.name for column in table.c if column.name not in (*counted_in(table), "is_sum")]


def _fold(table: Table) -> str:
    numbers, key = counted_in(table), ", ".join(key_of(table))
    same = " AND ".join(f"{table.name}.{name} = touched.{name}" for name in key_of(table))
    sums = ", ".join(f"sum({name})" for name in numbers)
    return (f"WITH touched AS (SELECT DISTINCT {key} FROM {table.name} WHERE NOT is_sum), "
            f"gone AS (DELETE FROM {table.name} USING touched WHERE {same} RETURNING {table.name}.*) "
            f"INSERT INTO {table.name} ({key}, {', '.join(numbers)}, is_sum) SELECT {key}, {sums}, true FROM gone "
            f"GROUP BY {key} HAVING ({sums}) <> ({', '.join('0' for _ in numbers)})")


_FOLDS = [text(_fold(table)) for table in TABLES]


def fold(session: Session) -> bool:
    """Put the rows of each key that has new ones together, of all companies; False when somebody else is at it.

    One statement a table: whoever reads sees the rows before or the sum after. What is added meanwhile stays.
    """
    if not session.scalar(_TAKE_TURN):
        return False
    for statement in _FOLDS:
        session.execute(statement)
    return True


def _day_of(column: str) -> str:
    return f"({column} AT TIME ZONE 'UTC')::date"


_WAITS = "status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL"
_BY_METHOD = ", ".join(f"count(*) FILTER (WHERE direction = 'outbound' AND method = '{method}')" for method in Method)
_COUNTED = {
    BY_STATUS: f"company_id, coalesce(assigned_to_user_id, '{NOBODY}'), status, count(*), true FROM leads "
               "GROUP BY 1, 2, 3",
    FOLLOW_UPS: f"company_id, {_day_of('last_contacted_at')}, count(*), true FROM leads WHERE {_WAITS} GROUP BY 1, 2",
    OWN_FOLLOW_UPS: f"company_id, assigned_to_user_id, {_day_of('last_contacted_at')}, count(*), true FROM leads "
                    f"WHERE {_WAITS} AND assigned_to_user_id IS NOT NULL GROUP BY 1, 2, 3",
    CONTACTS: f"company_id, {_day_of('occurred_at')}, user_id, {_BY_METHOD}, "
              "count(*) FILTER (WHERE direction = 'inbound'), true FROM contact_attempts GROUP BY 1, 2, 3",
    DESKS: "company_id, day, assigned_to_user_id, sum(taken), sum(untouched), sum(converted), true FROM ("
           f"SELECT company_id, assigned_to_user_id, {_day_of('assigned_at')} AS day, 1 AS taken, "
           f"({UNTOUCHED})::int AS untouched, 0 AS converted FROM leads WHERE assigned_at IS NOT NULL UNION ALL "
           f"SELECT company_id, assigned_to_user_id, {_day_of('converted_at')}, 0, 0, 1 FROM leads "
           "WHERE status = 'converted' AND converted_at IS NOT NULL) AS of_leads "
           "WHERE assigned_to_user_id IS NOT NULL GROUP BY 1, 2, 3",
}


def recount(session: Session) -> None:
    """Count everything anew, while writers wait: for whoever has written past the triggers, as bulk loads do."""
    # Who folds meanwhile would add sums that are not there to be deleted yet.
    session.execute(_WAIT_FOR_TURN)
    session.execute(text("LOCK TABLE leads, contact_attempts IN SHARE ROW EXCLUSIVE MODE"))
    for table, counted in _COUNTED.items():
        session.execute(text(f"DELETE FROM {table.name}"))
        session.execute(text(f"INSERT INTO {table.name} SELECT {counted}"))
