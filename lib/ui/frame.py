"""The frame that the grid of leads draws."""

import uuid
from collections.abc import Sequence, Set
from datetime import tzinfo
from typing import Any

import pandas as pd
from sqlalchemy import Row

from lib import leads
from lib.ui import words


def make(ticked: Set[uuid.UUID], rows: Sequence[Row], zone: tzinfo) -> pd.DataFrame:
    """The frame to draw. It is not kept for the next run: most runs draw no grid, and it takes as much memory as a tenth
    of a tab."""
    def column(values: Sequence[Any], kind: str = "object") -> pd.Index:
        # Typed by hand, as a column without any value must not change the grid's identity. A frame takes in an Index as
        # it is, while it looks at each Series' own index first, which takes longer than all the rest.
        return pd.Index(values, dtype=kind)

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
    }, index=index, copy=False)
    frame.columns = frame.columns.astype("object")
    return frame
