"""Counts of leads that are kept as leads change, so that a number costs the same however many leads there are.

Triggers add a row for each change (migration 0011): rows of a table's same key add up to the count. Nobody waits for
anybody to add one, where writers who changed one number in place would queue up, and block each other. ``fold`` puts
the rows of a key together now and then; whoever reads meanwhile gets the same sum.
"""

import uuid

from sqlalchemy import BigInteger, Boolean, Column, Date, Enum, Index, Table, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Session

from lib.models import Base, Status

NOBODY = uuid.UUID(int=0)
"""The owner of leads that nobody owns."""

_STATUS = Enum(*[status.value for status in Status], name="lead_status")


def _counts(name: str, *key: Column) -> Table:
    return Table(name, Base.metadata, *key, Column("n", BigInteger, nullable=False),
                 Column("is_sum", Boolean, nullable=False, server_default=text("false")),
                 Index(f"{name}_idx", *(column.name for column in key), postgresql_include=["n"]),
                 Index(f"{name}_new_idx", "company_id", postgresql_where=text("NOT is_sum")))


def _id(name: str) -> Column:
    return Column(name, UUID(as_uuid=True), nullable=False)


BY_STATUS = _counts("lead_status_counts", _id("company_id"), _id("owner_id"), Column("status", _STATUS, nullable=False))
"""Leads by company, owner and status."""
FOLLOW_UPS = _counts("follow_up_counts", _id("company_id"), Column("day", Date, nullable=False))
"""Leads that wait for an answer (contacted or conversing), by company and the UTC day of their last contact."""
OWN_FOLLOW_UPS = _counts("owner_follow_up_counts", _id("company_id"), _id("owner_id"), Column("day", Date, nullable=False))
"""The same of those that somebody owns, by owner."""

_TAKE_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('fold counts', 0))")
_WAIT_FOR_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('fold counts', 0))")


def _fold(table: Table) -> str:
    key = ", ".join(column.name for column in table.c if column.name not in ("n", "is_sum"))
    same = " AND ".join(f"{table.name}.{name} = touched.{name}" for name in key.split(", "))
    return (f"WITH touched AS (SELECT DISTINCT {key} FROM {table.name} WHERE NOT is_sum), "
            f"gone AS (DELETE FROM {table.name} USING touched WHERE {same} RETURNING {table.name}.*) "
            f"INSERT INTO {table.name} ({key}, n, is_sum) SELECT {key}, sum(n), true FROM gone GROUP BY {key} "
            "HAVING sum(n) <> 0")


_FOLDS = [text(_fold(table)) for table in (BY_STATUS, FOLLOW_UPS, OWN_FOLLOW_UPS)]


def fold(session: Session) -> bool:
    """Put the rows of each key that has new ones together, of all companies; False when somebody else is at it.

    One statement a table: whoever reads sees the rows before or the sum after. What is added meanwhile stays.
    """
    if not session.scalar(_TAKE_TURN):
        return False
    for statement in _FOLDS:
        session.execute(statement)
    return True


_DAY = "(last_contacted_at AT TIME ZONE 'UTC')::date"
_WAITS = "status IN ('contacted', 'conversing') AND last_contacted_at IS NOT NULL"
_COUNTED = {
    BY_STATUS: f"company_id, coalesce(assigned_to_user_id, '{NOBODY}'), status, count(*), true FROM leads "
               "GROUP BY 1, 2, 3",
    FOLLOW_UPS: f"company_id, {_DAY}, count(*), true FROM leads WHERE {_WAITS} GROUP BY 1, 2",
    OWN_FOLLOW_UPS: f"company_id, assigned_to_user_id, {_DAY}, count(*), true FROM leads "
                    f"WHERE {_WAITS} AND assigned_to_user_id IS NOT NULL GROUP BY 1, 2, 3",
}


def recount(session: Session) -> None:
    """Count all leads anew, while writers wait: for whoever has written past the triggers, as bulk loads do."""
    # Who folds meanwhile would add sums that are not there to be deleted yet.
    session.execute(_WAIT_FOR_TURN)
    session.execute(text("LOCK TABLE leads IN SHARE ROW EXCLUSIVE MODE"))
    for table, counted in _COUNTED.items():
        session.execute(text(f"DELETE FROM {table.name}"))
        session.execute(text(f"INSERT INTO {table.name} SELECT {counted}"))
