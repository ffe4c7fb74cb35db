"""A table that is read, with a button in each row: what it opens goes by what stood in that row."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lib.ui.desk import Desk

HEADER_HEIGHT, ROW_HEIGHT, ROWS_VISIBLE, ROWS_OF_AUTO = 36, 35, 15, 10


def table(desk: Desk, frame: pd.DataFrame, rows: Sequence[Any], *, place: str, icon: str, told: str, alt: str,
          columns: dict[str, Any], without: Sequence[bool] = ()) -> None:
    """Draw the frame. A click on a row's button puts its entry of ``rows`` into ``desk.lists[place]``.

    ``told`` is what the button does, ``alt`` what the table is for assistive technology, and ``without`` says which rows
    have no button. The key goes by ``rows``, so that a click that comes late, after they have changed, does not open
    another one.
    """
    digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
    key = f"{place}:{digest}"
    button = st.column_config.ButtonColumn("", key=key, width=44, alignment="center", type="tertiary", help=told,
                                           on_click=_clicked, args=(desk, tuple(rows), place, key))
    frame.insert(0, "button", [None if no else icon for no in (without or [False] * len(rows))])
    st.dataframe(
        frame, hide_index=True, row_height=ROW_HEIGHT, alt=alt, key=f"table:{key}", placeholder=" ", width="content",
        height="auto" if len(frame) <= ROWS_OF_AUTO else HEADER_HEIGHT + ROW_HEIGHT * min(len(frame), ROWS_VISIBLE),
        column_config={"button": button, **columns})


def _clicked(desk: Desk, rows: Sequence[Any], place: str, key: str) -> None:
    click = st.session_state.get(key)
    if click is not None and 0 <= click["row"] < len(rows):
        desk.lists[place] = rows[click["row"]]
