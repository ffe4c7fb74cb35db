"""The other leads at the same firm, with their last touches: whom a rep should know of before writing."""

from datetime import datetime

import streamlit as st
from sqlalchemy import Row

from lib import leads
from lib.models import Direction, Status
from lib.neighbours import LOOKED_AT, AtSameFirm
from lib.ui import walk, words

SHOWN = 4


def draw(lead: Row, found: AtSameFirm, now: datetime) -> None:
    if not lead.company:
        return
    st.subheader(f"Also at {words.plain(lead.company)}", anchor=False)
    if not found.rows:
        st.caption("No other lead works there.")
        return
    with st.container(gap="small", key="same_firm"):
        for other in found.rows:
            colour, _ = words.STATUS_COLOUR[Status(other.status)]
            with st.container(gap=None):
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                    st.button(words.plain(leads.name_of(other)), key=f"colleague:{other.id}", type="tertiary",
                              icon=":material/person:", help="Open this lead", on_click=walk.show, args=(other.id,))
                    st.badge(words.STATUS[Status(other.status)], color=colour)
                st.caption(f"{words.plain(other.owner or 'Unassigned')} · {last_touch(other, now)}")
    more = found.total - len(found.rows)
    if more > 0:
        label = f"And more than {LOOKED_AT - len(found.rows):,} others" if found.total > LOOKED_AT else f"And {more:,} more"
        st.page_link("../pages/all_leads.py", label=label, icon=":material/search:",
                     query_params={"firm": lead.company})


def last_touch(other: Row, now: datetime) -> str:
    """“Call by Bob Brown, 2 days ago”; without the name where it is the owner’s, who is named beside it."""
    if other.touched_at is None:
        return "never contacted"
    told = words.METHOD.get(other.method, "Contact")
    is_answer = other.direction == Direction.INBOUND
    if is_answer:
        told += " from them"
    if other.by and other.by != other.owner:
        told += f" {'to' if is_answer else 'by'} {words.plain(other.by)}"
    return f"{told}, {words.ago(other.touched_at, now)}"
