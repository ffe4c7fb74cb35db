"""What the enrichment workflow found out, as a readable table; the raw data on request."""

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from lib.ui import words


def draw(data: Mapping[str, Any] | None) -> None:
    with st.expander("Enrichment", expanded=bool(data), icon=":material/auto_awesome:"):
        if not data:
            st.caption("Nothing yet. The enrichment workflow has not delivered anything for this lead.")
            return
        st.table({words.plain(name): words.plain(value) for name, value in flat(data)}, border="horizontal")
        if st.toggle("Show the raw data", key="raw_enrichment"):
            st.json(dict(data))


def flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as “Funding, round” and “Series A”, in the order they came."""
    for key, value in data.items():
        name = f"{above}, {_words(key).lower()}" if above else _words(key)
        match value:
            case Mapping():
                yield from flat(value, name)
            case list() if any(isinstance(each, dict) for each in value):
                for number, each in enumerate(value, start=1):
                    yield from flat(each if isinstance(each, dict) else {"": each}, f"{name} {number}")
            case list():
                yield name, ", ".join(map(str, value)) or "none"
            case bool():
                yield name, "yes" if value else "no"
            case None | "":
                yield name, "unknown"
            case _:
                yield name, str(value)


def _words(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()
