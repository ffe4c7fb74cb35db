"""The frame that the grid of leads draws."""

import uuid
from collections.abc import Sequence, Set
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Row

from lib import leads
from lib.ui import words

if TYPE_CHECKING:
    from lib.ui.grid import Listing


def of(listing: "Listing", rows: Sequence[Row], values: Any) -> pd.DataFrame:
    """The frame to draw: most runs change nothing in ``values``, and making it is a tenth of what such a run costs."""
    # Not the rows themselves, which hold more than that and would stay in memory for each tab.
    made_of = (values, set(listing.ticked), words.zone())
    if listing.framed is None or listing.framed[0] != made_of:
        listing.framed = made_of, make(listing.ticked, rows, made_of[-1])
    return listing.framed[1]


def make(ticked: Set[uuid.UUID], rows: Sequence[Row], zone: tzinfo) -> pd.DataFrame:
    def column(values: Sequence[Any], kind: str = "object") -> pd.Series:
        # Typed by hand, as a column without any value must not change the grid's identity.
        return pd.Series(list(values), dtype=kind, index=index)

    # As plain objects: Streamlit goes through the names of rows and columns one by one, several times for each run, and
    # pandas' own texts take ten times as long for that.
    index = pd.Index([str(row.id) for row in rows], name="lead", dtype="object")
    frame = pd.DataFrame({
        "selected": column([row.id in ticked for row in rows], "bool"),
        "log": column([":material/edit_note:"] * len(rows)),
        "open": column([":material/open_in_full:"] * len(rows)),
        "name": column([leads.name_of(row) for row in rows]),
        "job_title": column([row.job_title or "" for row in rows]),
        "company": column([row.company or "" for row in rows]),
        "status": column([row.status for row in rows]),
        "owner": column([str(row.assigned_to_user_id) if row.assigned_to_user_id else None for row in rows]),
        "last_contact": column([row.last_contacted_at and row.last_contacted_at.astimezone(zone).date()
                                for row in rows]),
        "method": column([[words.METHOD.get(row.last_contact_method, row.last_contact_method)]
                          if row.last_contact_method else [] for row in rows]),
        "contacts": column([row.contact_count for row in rows], "int64"),
        "score": column([row.score for row in rows], "Int64"),
        "tags": column([list(row.tags or []) for row in rows]),
    })
    frame.columns = frame.columns.astype("object")
    return frame
