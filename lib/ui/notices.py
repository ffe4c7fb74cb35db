"""What happened, said where the eye is: the line above a list with its Undo, and cells that somebody else changed."""

import uuid
from datetime import datetime

import streamlit as st

from lib.fields import LABELS
from lib.ui import desk as desks
from lib.ui import jobs, words
from lib.ui.desk import Desk, Dispute

# A click on an Undo that has just been replaced still undoes what it stood for; a key for each command would stay in
# the session's memory for good.
LATE_CLICKS = 8


def line(desk: Desk, user_id: uuid.UUID, otherwise: str) -> None:
    """One line that is always there, so that nothing moves when there is something to say."""
    notice = desks.news(desk)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content",
                      key="notice"):
        if notice is None:
            st.caption(otherwise, width="content")
            return
        icon = ":material/check_circle:" if notice.done else ":material/error:"
        st.markdown(f"{icon} {words.plain(notice.text)}", width="content")
        if notice.details:
            with st.popover(words.counted(len(notice.details), "lead") + " left as is", type="tertiary"):
                for detail in notice.details:
                    st.markdown(words.plain(detail))
        if notice.batch_id is not None:
            st.button("Undo", icon=":material/undo:", type="tertiary", key=f"undo:{desk.turn % LATE_CLICKS}",
                      shortcut="Alt+U", help="Take this back", on_click=jobs.take_back,
                      args=(desk, user_id, notice.batch_id, notice.size))
        st.button("Dismiss", icon=":material/close:", type="tertiary", key="dismiss",
                  help="Hide this message", on_click=_dismiss, args=(desk,))


def disputes(desk: Desk, user_id: uuid.UUID, people: dict[str, str], now: datetime) -> None:
    """The cells that were not saved because somebody else was first, each with the user's own value at hand."""
    for number, dispute in enumerate(list(desk.disputes)):
        conflict = dispute.conflict
        yours = words.value_of(conflict.field, conflict.yours, people)
        theirs = words.value_of(conflict.field, conflict.theirs, people)
        since = f", {words.ago(conflict.at, now)}" if conflict.at else ""
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"dispute{number}"):
            what = f"{LABELS[conflict.field].lower()} of {words.plain(dispute.lead)}"
            if dispute.is_restored:
                told = f"The app was restarted before {what} was saved. It is **{words.plain(theirs)}**."
            else:
                told = (f"{words.plain(conflict.by or 'Somebody else')} changed {what} to "
                        f"**{words.plain(theirs)}**{since}.")
            st.markdown(f":material/call_split: **Not saved.** {told} You chose **{words.plain(yours)}**.")
            st.button(f"Change it to {words.plain(yours[:45])}", key=f"insist:{number}:{conflict.lead_id}:{conflict.field}",
                      on_click=_insist, args=(desk, user_id, dispute))
            st.button("Leave it", type="tertiary", key=f"yield:{number}:{conflict.lead_id}:{conflict.field}",
                      on_click=_drop, args=(desk, dispute))


def _insist(desk: Desk, user_id: uuid.UUID, dispute: Dispute) -> None:
    """Apply the user's value over the one they have now been shown; a third change in between is a new dispute."""
    conflict = dispute.conflict
    _drop(desk, dispute)
    desks.change_cell(desk, user_id, conflict.lead_id, conflict.field, seen=conflict.theirs, value=conflict.yours,
                      lead=dispute.lead)


def _drop(desk: Desk, dispute: Dispute) -> None:
    with desk.lock:
        if dispute in desk.disputes:
            desk.disputes.remove(dispute)


def _dismiss(desk: Desk) -> None:
    with desk.lock:
        desk.shown = None
