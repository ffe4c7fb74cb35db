"""Which list a lead was opened from, in the lead's own URL: ``from=queue?view=…&page=2``."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import streamlit as st

from lib.ui.desk import Desk
from lib.ui.listing import ALL, QUEUE

# Parts of a list's address that are no part of the list.
APART = ("as", "log", "form", "new", "embed", "embed_options")


def address(desk: Desk, lead_id: uuid.UUID) -> dict[str, str]:
    """The parameters of the URL of a lead that was opened from a row of the list that is on the screen."""
    clicked = desk.lists.pop("clicked", None)
    key = next((key for key in (QUEUE, ALL) if clicked is not None and desk.lists.get(key) is clicked), None)
    if key is None:
        return {"id": str(lead_id)}
    asked = {name: st.query_params.get_all(name) for name in st.query_params if name not in APART}
    return {"id": str(lead_id), "from": written(key, asked)}


def written(key: str, asked: Mapping[str, Any]) -> str:
    return f"{key}?{urlencode(asked, doseq=True)}" if asked else key


def read() -> tuple[str | None, dict[str, list[str]]]:
    """The list's key and what its own URL asks for; None for a lead that was not opened from a list."""
    key, _, query = st.query_params.get("from", "").partition("?")
    return (key, parse_qs(query)) if key in (QUEUE, ALL) else (None, {})
