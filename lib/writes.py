"""Many leads written at once, each with values of its own: one statement for a chunk, whatever is in it.

The rows travel as one JSON value. That is quicker than a statement for each lead by an order of magnitude, and one
statement serves every chunk of the same columns.
"""

import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, TableValuedAlias, bindparam, column, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lib import leads
from lib.errors import LeadDeskError
from lib.fields import to_json
from lib.history import Change
from lib.models import Lead
from lib.round_trips import ANSWER_LATER
from lib.statements import Write

_LEADS = Lead.__table__


def plan_anew(session: Session) -> None:
    """Have each statement of this transaction planned for its own values and for the tables as they are by then.

    A plan that is kept from the first chunks is one for a small table, and reads all that came since for every chunk.
    """
    session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"), execution_options=ANSWER_LATER)


def add(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[uuid.UUID]:
    """Add leads, all with the same columns, their ids among them; the ids of those that were added.

    One whose e-mail address another lead has got meanwhile is left out.
    """
    if not rows:
        return set()
    return set(_add(tuple(rows[0])).now(session, {"rows": as_json(rows)}).scalars())


def change_each(session: Session, changes: Sequence[Change]) -> list[tuple[Change, LeadDeskError]]:
    """Write what each change has in ``after``; those that could not be written, and why.

    The leads are the caller's, locked. A change is refused where it brings an e-mail address that another lead has.
    """
    alike: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        alike.setdefault(tuple(sorted(change.after)), []).append(change)
    refused: list[tuple[Change, LeadDeskError]] = []
    for names, group in alike.items():
        given = {"rows": as_json([{"id": change.lead_id, **change.after} for change in group])}
        if "email" not in names:
            _change(names).later(session, given)
            continue
        try:
            with session.begin_nested():
                _change(names).now(session, given)
        except IntegrityError:
            # One of them is in the way of all; one after the other shows which.
            refused += _one_by_one(session, group)
    # An address that moves from one of these leads to another is free only once the first has another.
    while refused and len(again := _one_by_one(session, [change for change, _ in refused])) < len(refused):
        refused = again
    return refused


def _one_by_one(session: Session, changes: Sequence[Change]) -> list[tuple[Change, LeadDeskError]]:
    refused = []
    for change in changes:
        try:
            leads.write(session, [change])
        except LeadDeskError as error:
            refused.append((change, error))
    return refused


@functools.lru_cache(maxsize=64)
def _add(names: tuple[str, ...]) -> Write:
    given = table_of(_LEADS, names)
    return Write(
        insert(_LEADS).from_select(list(names), select(*(given.c[name] for name in names)))
        .on_conflict_do_nothing(index_elements=["company_id", "email"], index_where=text("email IS NOT NULL"))
        .returning(_LEADS.c.id))


@functools.lru_cache(maxsize=64)
def _change(names: tuple[str, ...]) -> Write:
    given = table_of(_LEADS, ("id", *names))
    return Write(update(_LEADS).where(_LEADS.c.id == given.c.id).values({name: given.c[name] for name in names}))


def table_of(table: Table, names: tuple[str, ...]) -> TableValuedAlias:
    """The rows of the parameter ``rows``, which ``as_json`` has made, with these columns of a table."""
    columns = [column(name, table.c[name].type) for name in names]
    return func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*columns, name="given").render_derived(
        with_types=True)


def as_json(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: to_json(value) for name, value in row.items()} for row in rows]
