"""A lead's history as sentences, newest first, each change with its Undo."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import streamlit as st
from sqlalchemy import Row

from lib.auth import Actor, may_undo
from lib.fields import LABELS
from lib.history import MOST_COUNTED
from lib.models import Direction, Status
from lib.ui import jobs, words
from lib.ui.desk import Desk

PAGE_SIZE, OLDER = 5, 20
NOTES_SHOWN = 240
ICONS = {"created": "add_circle", "enriched": "auto_awesome", "enrichment_unchanged": "auto_awesome",
         "enrichment_refused": "error", "assigned": "person", "status_changed": "flag",
         "edited": "edit", "contacted": "call_made", "responded": "call_received", "undone": "undo",
         "contact_removed": "undo", "contact_restored": "redo", "contact_edited": "edit_note",
         "attributed": "conversion_path"}
# Columns that follow from a contact or an assignment, and are told by it.
IMPLIED = {"assigned_at", "last_contacted_at", "last_contact_method", "contact_count", "last_response_at",
           "response_count", "contact", "converted_at", "lost_at"}
_BECAUSE = ("lost_reason", "lost_note")
ALL = "all"
KINDS = {ALL: "Everything", "contacts": "Contacts", "status": "Status", "owner": "Owner", "edits": "Edits",
         "enrichment": "Enrichment"}


def choose(desk: Desk, lead_id: uuid.UUID) -> tuple[str | None, int]:
    """The heading with the choice of what to show, which is in the URL; the kind of event, and how many to read."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("History", anchor=False, width="content")
        chosen = st.selectbox("Show", list(KINDS), format_func=KINDS.get, key="history", bind="query-params",
                              label_visibility="collapsed", width=140)
    return None if chosen == ALL else chosen, desk.lists.get(_shown(lead_id, chosen), PAGE_SIZE)


def draw(desk: Desk, actor: Actor, lead_id: uuid.UUID, events: Sequence[Row], kind: str | None, limit: int,
         people: dict[str, str], now: datetime) -> None:
    """The first ``limit`` of the events; one more of them means that there are older ones."""
    if not events:
        st.caption("Nothing has been recorded about this lead yet." if kind is None else
                   f"Nothing of this kind yet: {KINDS[kind].lower()}.")
    for event in events[:limit]:
        with st.container(horizontal=True, vertical_alignment="top", gap="small", key=f"event{event.id}"):
            with st.container(gap=None):
                by = words.plain(event.actor) if event.actor else "An integration"
                st.markdown(f":material/{ICONS.get(event.action, 'circle')}: {sentence(event, people)}")
                st.caption(words.told_by(by, event.occurred_at or event.at, now, event.source))
                if event.subject:
                    st.markdown(f"**{words.plain(event.subject)}**")
                if event.notes:
                    _notes(event.notes)
            changes_something = event.after or event.before
            if changes_something and may_undo(actor, event.actor_id) and not event.is_undone:
                st.button(_undo_label(event), icon=":material/undo:", type="tertiary", key=f"undo_event:{event.id}",
                          on_click=_undo, args=(desk, actor.user_id, event.batch_id))
    if len(events) > limit:
        st.button("Show older", key="older", icon=":material/expand_more:", type="tertiary",
                  on_click=_show_older, args=(desk, lead_id, kind or ALL))


def _undo_label(event: Row) -> str:
    """What Undo takes back: a batch goes whole, so it names how many leads that are."""
    if event.batch_size > 1:
        return "Undo for " + (f"{MOST_COUNTED:,}+ leads" if event.batch_size > MOST_COUNTED else
                              words.counted(event.batch_size, "lead"))
    return "Remove this lead" if event.action == "created" else "Undo"


def _notes(text: str) -> None:
    if len(text) <= NOTES_SHOWN:
        st.text(text)
        return
    st.text(text[:NOTES_SHOWN].rsplit(maxsplit=1)[0] + " …")
    with st.expander("Read on", type="compact"):
        st.text(text)


def _show_older(desk: Desk, lead_id: uuid.UUID, kind: str) -> None:
    desk.lists[_shown(lead_id, kind)] = desk.lists.get(_shown(lead_id, kind), PAGE_SIZE) + OLDER


def _shown(lead_id: uuid.UUID, kind: str) -> str:
    return f"events of {lead_id}: {kind}"


def sentence(event: Row, people: dict[str, str]) -> str:
    """What an event did, as Markdown in which everything that comes from the lead is plain text."""
    changed = [column for column in event.after if column not in IMPLIED]
    moved = _moved(event, changed, people)
    match event.action:
        case "contact_edited":
            return f"Contact corrected{moved}"
        case "contact_restored" if event.method is None:
            # It stands with the event that logged it.
            return f"Contact put back{moved}"
        case "created":
            return "Lead added"
        case "contacted" | "contact_restored" if event.direction != Direction.INBOUND:
            return f"{_method(event)} from us{moved}"
        case "responded" | "contact_restored":
            return f"{_method(event)} from them{moved}"
        case "contact_removed":
            return f"Contact taken back{moved}"
        case "enriched":
            return f"Enriched{moved}{_kept(event)}"
        case "enrichment_unchanged":
            return f"Enrichment came again, with nothing new{_kept(event)}"
        case "enrichment_refused":
            return f"Enrichment refused · {words.plain(event.detail['reason'])}"
        case "assigned" if event.detail:
            return f"{moved.removeprefix(' · ')} · {words.plain(event.detail['reason'])}"
        case "undone":
            return f"Taken back{moved}"
        case _:
            return moved.removeprefix(" · ") or "Changed"


def _kept(event: Row) -> str:
    """What a delivery would have replaced, and left as it was."""
    kept = event.detail.get("kept", []) if event.detail else []
    return f" · kept as it was: {', '.join(LABELS[name] for name in kept)}" if kept else ""


def _moved(event: Row, columns: list[str], people: dict[str, str]) -> str:
    """“ · Status New → Contacted”, for each column that changed."""
    told = []
    for column in columns:
        if column == "enrichment_data" or column in _BECAUSE:
            continue
        if column == "lead_company_id":
            before, after = (words.plain(name or "empty") for name in (event.firm_before, event.firm_after))
        else:
            before, after = (words.plain(words.value_of(column, values.get(column), people))
                             for values in (event.before, event.after))
        told.append(f"{LABELS.get(column, column)} {before} → **{after}**")
    told += _because(event)
    return "".join(f" · {each}" for each in told)


def _because(event: Row) -> list[str]:
    """Why the lead was lost, behind the status where both came together; nothing when that is only cleared with it."""
    after = event.after
    if not any(column in after for column in _BECAUSE):
        return []
    is_lost_by_this = after.get("status") == Status.LOST
    if "status" in after and not is_lost_by_this:
        return []
    # What stayed the same is in no event, and so are a note without its reason, and a reason without its note.
    reason, note = (after.get(column) for column in _BECAUSE)
    told = words.plain(words.because(reason, note))
    if is_lost_by_this:
        return [told] if told else []
    return [f"Lost because **{told}**" if told else
            f"{'Reason' if 'lost_reason' in after else 'Note'} on the loss taken away"]


def _method(event: Row) -> str:
    return words.METHOD.get(event.method, "Contact")


def _undo(desk: Desk, user_id: uuid.UUID, batch_id: uuid.UUID) -> None:
    jobs.take_back(desk, user_id, batch_id)
