"""The team's contacts, the latest first: who, whom, how, what came of it; each to be corrected or removed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from sqlalchemy import Row
from sqlalchemy.orm import Session

from lib import contacts, leads
from lib.auth import Actor, may_correct
from lib.models import Direction, Method
from lib.ui import contact_edit, words
from lib.ui.desk import Desk
from lib.users import Member

PAGE_SIZE = 12
EVERYBODY, MINE = "everybody", "mine"
PERIODS = {"": "Any time", "1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}
PLACE = "recent contacts"


@dataclass(frozen=True)
class Wanted:
    """What the filters ask for. ``by`` is EVERYBODY, MINE or a user's id as text; ``days`` a key of PERIODS."""

    by: str
    methods: tuple[str, ...]
    days: str


def filters(team: Sequence[Member], actor: Actor) -> Wanted:
    people = {EVERYBODY: "Everybody", MINE: "Only mine"} | {
        str(each.id): each.name for each in team if each.id != actor.user_id}
    with st.grid(3, min_column_width=150, gap="small", key="recent_filters"):
        by = st.selectbox("Made by", list(people), format_func=people.get, key="by", bind="query-params")
        methods = st.multiselect("Method", list(Method), format_func=words.METHOD.get, key="how", placeholder="Any",
                                 bind="query-params")
        days = st.selectbox("When", list(PERIODS), format_func=PERIODS.get, key="days", bind="query-params")
    return Wanted(by, tuple(sorted(methods)), days)


def read(session: Session, desk: Desk, actor: Actor, wanted: Wanted, now: datetime) -> Sequence[Row]:
    """The page that is wanted, and one row more if there is another page behind it."""
    place = desk.lists.get(PLACE)
    if place is None or place[0] != wanted:
        place = desk.lists[PLACE] = (wanted, [])
    by = {EVERYBODY: (), MINE: (actor.user_id,)}.get(wanted.by)
    return contacts.recent(
        session, actor, made_by=(uuid.UUID(wanted.by),) if by is None else by, methods=wanted.methods,
        since=now - timedelta(days=int(wanted.days)) if wanted.days else None,
        behind=place[1][-1] if place[1] else None, limit=PAGE_SIZE + 1)


def draw(desk: Desk, actor: Actor, rows: Sequence[Row], wanted: Wanted, now: datetime) -> None:
    shown = rows[:PAGE_SIZE]
    if not shown:
        narrowed = wanted != Wanted(EVERYBODY, (), "")
        with st.container(border=True, horizontal_alignment="center", key="empty"):
            st.markdown(":material/search_off: No contact matches these filters." if narrowed
                        else ":material/forum: Nobody has logged a contact yet. The first one will stand here.",
                        width="content")
    for row in shown:
        _one(desk, actor, row, now)
    behind: list[Any] = desk.lists[PLACE][1]
    if behind or len(rows) > PAGE_SIZE:
        with st.container(horizontal=True, horizontal_alignment="center", key="recent_pages"):
            st.button("Newer", icon=":material/chevron_left:", type="tertiary", key="newer", disabled=not behind,
                      on_click=_newer, args=(desk,))
            st.button("Older", icon=":material/chevron_right:", icon_position="right", type="tertiary", key="older",
                      disabled=len(rows) <= PAGE_SIZE, on_click=_older, args=(desk, shown))


def _one(desk: Desk, actor: Actor, row: Row, now: datetime) -> None:
    outbound = row.direction == Direction.OUTBOUND
    with st.container(border=True, gap=None, key=f"contact:{row.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(words.plain(leads.name_of(row)), icon=words.METHOD_ICON.get(row.method, ":material/chat:"),
                      type="tertiary", key=f"open:{row.id}", help="Open the lead", on_click=_open,
                      args=(desk, row.lead_id))
            if row.outcome:
                st.badge(words.OUTCOME[row.outcome], color="gray")
            st.space("stretch")
            if may_correct(actor, row.user_id):
                st.button("Edit", type="tertiary", key=f"edit:{row.id}", on_click=contact_edit.request,
                          args=(desk, row))
                # In two steps: the next contact moves to where the mouse is.
                with st.popover("Remove", type="tertiary", key=f"removing:{row.id}"):
                    st.button("Remove this contact", icon=":material/delete:", key=f"remove:{row.id}",
                              on_click=contact_edit.remove, args=(desk, actor.user_id, row))
        method = words.METHOD.get(row.method, row.method)
        who = f"{method} by {row.made_by}" if outbound else f"{method} from them, noted by {row.made_by}"
        st.caption(" · ".join(words.plain(part) for part in (
            who, row.company, words.time_of(row.occurred_at), words.ago(row.occurred_at, now)) if part))
        if row.subject or row.notes:
            said = " · ".join(part for part in (row.subject, row.notes) if part)
            st.markdown(":small[" + words.plain(said if len(said) <= 200 else said[:199] + "…") + "]")


def _open(desk: Desk, lead_id: uuid.UUID) -> None:
    desk.asked_for = ("open", [lead_id])


def _older(desk: Desk, shown: Sequence[Row]) -> None:
    desk.lists[PLACE][1].append((shown[-1].occurred_at, shown[-1].id))


def _newer(desk: Desk) -> None:
    behind = desk.lists[PLACE][1]
    if behind:
        behind.pop()
