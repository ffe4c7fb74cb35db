"""Log Contact, for one lead or for several: a dialog that lives in the URL.

``?log=<lead>,<lead>&form=<key>`` opens it. That way it comes back with everything typed in it when the server was
restarted, and its key makes a repeated Save harmless even then.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from lib import contacts, db, leads, once
from lib.models import Direction, Method
from lib.ui import desk as desks
from lib.ui import came_from, identity, words
from lib.ui.desk import Desk

DIRECTIONS = {Direction.OUTBOUND: "We reached out", Direction.INBOUND: "They got in touch"}


def request(desk: Desk, lead_ids: Sequence[uuid.UUID]) -> None:
    """The callback that asks for the dialog."""
    desk.asked_for = ("log", list(lead_ids))


def go_where_asked(desk: Desk) -> None:
    """Open what a click asked for. A fragment can open neither a dialog that lasts nor a page, so the page runs anew.

    The dialog goes into the URL, with the leads and the key that makes its Save count once.
    """
    if desk.asked_for is None:
        return
    action, lead_ids = desk.asked_for
    desk.asked_for = None
    if action == "bulk":
        st.rerun()
    if action == "new":
        st.query_params["new"] = once.new_key()
        st.rerun()
    if action == "open":
        st.switch_page("../pages/lead.py", query_params=came_from.address(desk, lead_ids[0]))
    st.query_params["log"] = ",".join(str(lead_id) for lead_id in lead_ids)
    st.query_params["form"] = once.new_key()
    st.rerun()


def draw_if_asked(desk: Desk) -> None:
    """Open the dialog that the URL names, if any. Called from the page itself, never from inside a fragment."""
    if "log" not in st.query_params:
        return
    form = st.query_params.get("form") or once.new_key()
    names = desk.lists.get(form)
    if names is None:
        actor, _ = identity.current()
        with db.transaction() as session:
            used = once.was_used(session, actor, form)
            rows = leads.rows(session, actor, _ids(st.query_params["log"]))
        if used or not rows:
            # Saved before the server went away, or an old bookmark: there is nothing left to fill in.
            _leave()
            st.rerun()
        names = {row.id: leads.name_of(row) for row in rows}
        desk.lists[form] = names
    _dialog(desk, identity.current_user_id(), form, names)


@st.dialog("Log contact", icon=":material/edit_note:", on_dismiss=lambda: _leave())
def _dialog(desk: Desk, user_id: uuid.UUID, form: str, names: dict[uuid.UUID, str]) -> None:
    # Nothing in here asks the database before the fields are drawn: what was typed stays, whatever happens to it.
    if form in desk.saved_forms:
        _leave()
        st.rerun()
    st.caption("With " + words.plain(words.listed(list(names.values()))))
    problem = desk.problems.get(form)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    with st.form(f"log:{form}", border=False):
        st.segmented_control("Direction", list(DIRECTIONS), format_func=DIRECTIONS.get, default=Direction.OUTBOUND,
                             required=True, key=f"direction:{form}", label_visibility="collapsed")
        st.segmented_control("Method", list(Method), default=Method.EMAIL, required=True, key=f"method:{form}",
                             format_func=lambda method: f"{words.METHOD_ICON[method]} {words.METHOD[method]}")
        st.text_area("Notes", key=f"notes:{form}", height=140, max_chars=20_000,
                     placeholder="What was said, and what comes next")
        with st.container(horizontal=True):
            st.text_input("Subject", key=f"subject:{form}", max_chars=500, placeholder="Optional")
            st.datetime_input("When", value=None, key=f"when:{form}", step=300, format="YYYY-MM-DD",
                              help="Leave it empty for now.")
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button("Cancel", type="tertiary", key=f"cancel:{form}", on_click=_leave)
            saved = st.form_submit_button("Save contact", type="primary", key=f"save:{form}", on_click=_on_save,
                                          args=(desk, user_id, form, names))
    if saved and form not in desk.saved_forms and form not in desk.problems:
        # After a restart no callback runs for the first click, so the click is seen here only.
        _on_save(desk, user_id, form, names)
    if saved or "log" not in st.query_params:
        st.rerun()


def _on_save(desk: Desk, user_id: uuid.UUID, form: str, names: dict[uuid.UUID, str]) -> None:
    state = st.session_state
    direction, method = state.get(f"direction:{form}"), state.get(f"method:{form}")
    notes, subject = state.get(f"notes:{form}"), state.get(f"subject:{form}")
    occurred_at = _in_viewers_zone(state.get(f"when:{form}"))

    def work(session, actor):
        return contacts.log_contact(session, actor, list(names), method=method, direction=direction, notes=notes,
                                    subject=subject, occurred_at=occurred_at, key=form)

    def said(outcome) -> str:
        who = words.listed([names[lead_id] for lead_id in outcome.done if lead_id in names])
        return f"{words.METHOD.get(method, 'Contact')} logged with {who}."

    desks.run(desk, user_id, work, said, form=form, again_when_unknown=True)


def _in_viewers_zone(typed: datetime | None) -> datetime | None:
    return typed.replace(tzinfo=words.zone()) if typed is not None and typed.tzinfo is None else typed


def _leave() -> None:
    for name in ("log", "form"):
        if name in st.query_params:
            del st.query_params[name]


def _ids(text: str) -> list[uuid.UUID]:
    found = []
    for part in text.split(",")[:leads.PAGE_LIMIT]:
        try:
            found.append(uuid.UUID(part))
        except ValueError:
            continue
    return found
