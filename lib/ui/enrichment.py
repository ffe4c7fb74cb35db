"""What the enrichment workflow found out, as a readable table; the raw data on request."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib.ui import words

EMPTY = (None, "", [], {})
# Found by the workflow, and from there in fields of the lead's own.
OWN = ("email", "phone", "job_title", "linkedin_url")


def draw(lead: Row) -> None:
    data: Mapping[str, Any] | None = lead.enrichment_data
    with st.expander("Enrichment", expanded=bool(data), icon=":material/auto_awesome:"):
        if not data:
            st.caption("Nothing yet. The enrichment workflow has not delivered anything for this lead.")
            return
        told = {name for name in OWN if data.get(name) and data[name] == getattr(lead, name)}
        found = {words.plain(name): words.plain(value) for name, value in readable(data, told)}
        if found:
            st.table(found, border="horizontal")
        if st.toggle("Show the raw data", key=f"raw_enrichment:{lead.id}"):
            st.json(dict(data))


def readable(data: Mapping[str, Any], without: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The facts by name, in the order they came, such as “Funding” and “round Series A”; what is empty is left out."""
    for key, value in data.items():
        if key not in without:
            yield from _told(_words(key), value)


def _told(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case _ if value in EMPTY:
            return
        case Mapping() if _is_flat(value):
            told = [f"{_words(key).lower()} {_text(each)}" for key, each in value.items() if each not in EMPTY]
            yield from _told(name, " · ".join(told))
        case Mapping():
            for key, each in value.items():
                yield from _told(f"{name}, {_words(key).lower()}", each)
        case list() if any(isinstance(each, dict | list) for each in value):
            for number, each in enumerate(value, start=1):
                # A line for each thing found: “funding · Mentioned a new round · 2026-09-28”.
                line = isinstance(each, dict) and _is_flat(each)
                yield from _told(f"{name} {number}", " · ".join(_text(inner) for inner in each.values()
                                                                if inner not in EMPTY) if line else each)
        case list():
            yield name, ", ".join(_text(each) for each in value)
        case _:
            yield name, _text(value)


def _is_flat(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(each, dict | list) for each in value.values())


def _text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _words(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()
