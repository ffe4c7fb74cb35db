"""A lead's history as sentences, newest first, each change with its Undo."""

import uuid
from datetime import datetime

import streamlit as st
from sqlalchemy import Row

from lib.auth import Actor, may_undo
from lib.fields import LABELS
from lib.models import Direction
from lib.ui import jobs, words
from lib.ui.desk import Desk

PAGE_SIZE = 20
ICONS = {"created": "add_circle", "enriched": "auto_awesome", "assigned": "person", "status_changed": "flag",
         "edited": "edit", "contacted": "call_made", "responded": "call_received", "undone": "undo",
         "contact_removed": "undo", "contact_restored": "redo"}
# Columns that follow from a contact or an assignment, and are told by it.
IMPLIED = {"assigned_at", "last_contacted_at", "last_contact_method", "contact_count", "last_response_at",
           "response_count", "contact"}


def draw(desk: Desk, actor: Actor, events: list[Row], people: dict[str, str], now: datetime) -> None:
    if not events:
        st.caption("Nothing has been recorded about this lead yet.")
    for event in events:
        with st.container(horizontal=True, vertical_alignment="top", gap="small", key=f"event{event.id}"):
            with st.container(gap=None):
                by = words.plain(event.actor) if event.actor else "An integration"
                st.markdown(f":material/{ICONS.get(event.action, 'circle')}: {sentence(event, people)}")
                st.caption(f"{by} · {words.time_of(event.occurred_at or event.at)} · "
                           f"{words.ago(event.occurred_at or event.at, now)}"
                           + (" · through the API" if event.source == "api" else ""))
                if event.subject:
                    st.markdown(f"**{words.plain(event.subject)}**")
                if event.notes:
                    st.text(event.notes)
            if may_undo(actor, event.actor_id) and not event.is_undone and event.action != "created":
                st.button("Undo", icon=":material/undo:", type="tertiary", key=f"undo_event:{event.id}",
                          on_click=_undo, args=(desk, actor.user_id, event.batch_id))


def sentence(event: Row, people: dict[str, str]) -> str:
    """What an event did, as Markdown in which everything that comes from the lead is plain text."""
    changed = [column for column in event.after if column not in IMPLIED]
    moved = _moved(event, changed, people)
    match event.action:
        case "created":
            return "Lead added"
        case "contacted" | "contact_restored" if event.direction != Direction.INBOUND:
            return f"{_method(event)} from us{moved}"
        case "responded" | "contact_restored":
            return f"{_method(event)} from them{moved}"
        case "contact_removed":
            return f"Contact taken back{moved}"
        case "enriched":
            return f"Enriched{moved}"
        case "undone":
            return f"Taken back{moved}"
        case _:
            return moved.removeprefix(" · ") or "Changed"


def _moved(event: Row, columns: list[str], people: dict[str, str]) -> str:
    """“ · Status New → Contacted”, for each column that changed."""
    told = []
    for column in columns:
        if column == "enrichment_data":
            continue
        before = words.plain(words.value_of(column, event.before.get(column), people))
        after = words.plain(words.value_of(column, event.after.get(column), people))
        told.append(f"{LABELS.get(column, column)} {before} → **{after}**")
    return "".join(f" · {each}" for each in told)


def _method(event: Row) -> str:
    return words.METHOD.get(event.method, "Contact")


def _undo(desk: Desk, user_id: uuid.UUID, batch_id: uuid.UUID) -> None:
    jobs.take_back(desk, user_id, batch_id)
