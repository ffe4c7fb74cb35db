"""Leads as a file: read from the database and written a row at a time, whatever the list's length."""

import csv
import io
import logging
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, BinaryIO

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from lib import filters, orders
from lib.auth import Actor
from lib.fields import LABELS
from lib.filters import LeadFilter
from lib.models import Lead, LeadCompany, User
from lib.spreadsheets import SPOOLED, to_csv_cell

EXPORT_LIMIT = 100_000
AT_ONCE = 1_000
# What Excel has room for in one cell.
MAX_EXCEL_CELL = 32_767

log = logging.getLogger(__name__)


class Kind(StrEnum):
    CSV = "csv"
    EXCEL = "xlsx"


@dataclass(frozen=True)
class Exported:
    """``file`` stands at its beginning. ``is_capped``: there are more leads than the EXPORT_LIMIT that are in it."""

    file: BinaryIO
    count: int
    is_capped: bool


# The headings of a file, as an import understands them, and where each comes from.
COLUMNS: dict[str, str] = {LABELS[name]: name for name in (
    "first_name", "last_name", "job_title", "company", "email", "phone", "linkedin_url", "status")} | {
    LABELS["lost_reason"]: "lost_reason", LABELS["lost_note"]: "lost_note", "Assigned to": "owner",
    "Assigned at": "assigned_at", "Last contact": "last_contacted_at", "Last contact method": "last_contact_method",
    "Contacts": "contact_count", "Last response": "last_response_at",
    "Responses": "response_count"} | {LABELS[name]: name for name in (
        "score", "tags", "notes", "source", "source_workflow")} | {"Created": "created_at", "Updated": "updated_at",
                                                                  "ID": "id"}


def write(session: Session, actor: Actor, kind: Kind, *, wanted: LeadFilter = LeadFilter(), order: str = "waiting",
          only: Sequence[uuid.UUID] | None = None, limit: int = EXPORT_LIMIT) -> Exported:
    """The leads that ``wanted`` describes, in this order, or ``only`` these of the company in theirs, as a file.

    Times are ISO 8601 in UTC, tags are joined by “; ”, and no cell is a formula. At most ``limit`` leads are written.
    Raises Invalid for an unknown order. Who exported how many is logged; what was in them is not.
    """
    by = orders.known_order(order)
    if only is None:
        statement = orders.ordered(_selected(), by).where(filters.matching(actor, wanted)).limit(limit + 1)
        rows = session.execute(statement.execution_options(yield_per=AT_ONCE))
    else:
        found = {row.id: row for row in session.execute(_selected().where(
            Lead.company_id == actor.company_id, Lead.id.in_(list(only))))}
        rows = iter([found[lead_id] for lead_id in only if lead_id in found])
    out = tempfile.SpooledTemporaryFile(SPOOLED)
    capped = _Capped(rows, limit)
    _WRITERS[Kind(kind)](out, capped)
    out.seek(0)
    log.info("User %s exported %d leads as %s", actor.user_id, capped.count, kind)
    return Exported(out, capped.count, capped.is_capped)


def _selected() -> Select:
    # A firm's and an owner's names as values of the row: an order may join the same tables for itself.
    firm = select(LeadCompany.name).where(LeadCompany.id == Lead.lead_company_id).correlate(Lead).scalar_subquery()
    owner = select(User.name).where(User.id == Lead.assigned_to_user_id).correlate(Lead).scalar_subquery()
    known = {"company": firm.label("company"), "owner": owner.label("owner")}
    return select(*(known[name] if name in known else Lead.__table__.c[name] for name in COLUMNS.values()))


class _Capped:
    """Rows up to a limit, counted on their way."""

    def __init__(self, rows: Iterator[Row], limit: int) -> None:
        self._rows, self._limit, self.count, self.is_capped = rows, limit, 0, False

    def __iter__(self) -> Iterator[list[Any]]:
        for row in self._rows:
            if self.count == self._limit:
                self.is_capped = True
                return
            self.count += 1
            yield [_shown(getattr(row, name)) for name in COLUMNS.values()]


def _shown(value: Any) -> str | int | None:
    match value:
        case datetime():
            return value.isoformat(timespec="seconds")
        case list():
            return "; ".join(value)
        case None | int():
            return value
        case _:
            return str(value)


def _csv(out: BinaryIO, rows: _Capped) -> None:
    # With the mark by which Excel tells UTF-8.
    text = io.TextIOWrapper(out, "utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for cells in rows:
        writer.writerow([cell if isinstance(cell, int) else to_csv_cell(cell) for cell in cells])
    text.flush()
    text.detach()


def _excel(out: BinaryIO, rows: _Capped) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                                     "strings_to_numbers": False})
    sheet = book.add_worksheet("Leads")
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(COLUMNS) - 1, 18)
    for place, heading in enumerate(COLUMNS):
        sheet.write_string(0, place, heading, bold)
    for number, cells in enumerate(rows, 1):
        for place, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(number, place, cell)
            elif cell:
                sheet.write_string(number, place, cell[:MAX_EXCEL_CELL])
    book.close()


_WRITERS: dict[Kind, Callable[[BinaryIO, _Capped], None]] = {Kind.CSV: _csv, Kind.EXCEL: _excel}
