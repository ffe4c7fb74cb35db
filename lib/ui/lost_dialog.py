"""Why was it lost? Asked at once when leads are set to Lost, and from the page of a lead that is.

The status is saved by then, so nothing is lost by an answer that never comes. The reason joins the batch that set the
status: one Undo takes back both.
"""

import uuid

import streamlit as st
from sqlalchemy import Row

from lib import bulk, leads
from lib.errors import Invalid
from lib.lost import MAX_NOTE, Because
from lib.models import LostReason, Status
from lib.ui import desk as desks
from lib.ui import identity, jobs, words
from lib.ui.desk import Desk, Loss

# More leads than this are worked through in the background.
MANY = 100


def request(desk: Desk, loss: Loss) -> None:
    """The callback that asks for the dialog."""
    desk.loss = loss
    desk.asked_for = ("lost", [])


def draw_if_asked(desk: Desk) -> None:
    """Ask for the reason that is due, if any. Called from the page itself, never from inside a fragment.

    A page has room for one dialog: while another one is open, the question waits.
    """
    loss = desk.loss
    if loss is None or "bulk" in desk.lists or "log" in st.query_params or "new" in st.query_params:
        return
    ask = st.dialog(f"Why {'was' if len(loss.ids) == 1 else 'were'} {words.plain(loss.who)} lost?",
                    icon=":material/flag:", on_dismiss=lambda: _leave(desk, loss))
    ask(_dialog)(desk, identity.current_user_id(), loss)


def mark(desk: Desk, lead: Row) -> None:
    """On the page of a lead that is lost: why, or that nobody said so yet, with the way to say it."""
    if lead.status != Status.LOST:
        return
    held = Because(lead.lost_reason, lead.lost_note)
    told = words.because(held.reason, held.note)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="why_lost"):
        st.markdown(f"{words.status_badge(Status.LOST)} {words.plain(told) if told else 'No reason given'}",
                    width="content")
        st.button("Change the reason" if told else "Add a reason", icon=":material/edit:", type="tertiary",
                  key="explain", on_click=request, args=(desk, Loss([lead.id], leads.name_of(lead), held=held)))


def _dialog(desk: Desk, user_id: uuid.UUID, loss: Loss) -> None:
    if desk.loss is not loss:
        st.rerun()
    problem = desk.problems.get(loss.key)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    with st.form(f"why:{loss.key}", border=False):
        st.pills("Reason", list(LostReason), format_func=words.LOST_REASON.get, key=f"lost_reason:{loss.key}",
                 default=LostReason(loss.held.reason) if loss.held.reason else None, label_visibility="collapsed")
        st.text_input("Note", loss.held.note or "", key=f"lost_note:{loss.key}", max_chars=MAX_NOTE,
                      placeholder="Optional, in a few words")
        with st.container(horizontal=True):
            # First, as the Enter key presses the first button of a form.
            st.form_submit_button("Save reason", type="primary", key=f"save_reason:{loss.key}", on_click=_save,
                                  args=(desk, user_id, loss))
            st.form_submit_button("Cancel" if loss.held.reason else "Not now", type="tertiary", key=f"later:{loss.key}", on_click=_leave,
                                  args=(desk, loss), help="The status stays Lost, and the reason can be said later")


def _save(desk: Desk, user_id: uuid.UUID, loss: Loss) -> None:
    because = Because(st.session_state.get(f"lost_reason:{loss.key}"), st.session_state.get(f"lost_note:{loss.key}"))
    if not because.reason and not (because.note or "").strip():
        desk.problems[loss.key] = Invalid.field("lost_reason", "Choose a reason, or leave it for now.")
        return
    _leave(desk, loss)

    def work(session, actor, progress=lambda done: None):
        return bulk.explain(session, actor, loss.ids, because, joins=loss.batch_id, progress=progress)

    def said(outcome) -> str:
        what = f"{loss.who} set to Lost" if outcome.batch_id == loss.batch_id else f"Reason saved for {loss.who}"
        return f"{what} – {words.because(because.reason, because.note)}."

    many = len(loss.ids)
    if many > MANY:
        jobs.start(desk, user_id, f"Saving why {words.counted(many, 'lead')} were lost", many, work, said)
    else:
        desks.run(desk, user_id, work, said)


def _leave(desk: Desk, loss: Loss) -> None:
    desk.problems.pop(loss.key, None)
    if desk.loss is loss:
        desk.loss = None
