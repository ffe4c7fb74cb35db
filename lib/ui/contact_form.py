"""Log Contact, for one lead or for several: a dialog that lives in the URL.

``?log=<lead>,<lead>&form=<key>`` opens it, with ``&method=call`` for a method to begin with. That way it comes back
with everything typed in it when the server was restarted, and its key makes a repeated Save harmless even then.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from sqlalchemy import Row
from sqlalchemy.orm import Session

from lib import contacts, db, leads, lists, neighbours, once
from lib.auth import Actor
from lib.models import Direction, Method
from lib.ui import came_from, contact_fields, identity, jobs, words
from lib.ui import desk as desks
from lib.ui.desk import Desk

# So many leads fit into the URL; of more, these are looked at for the names and statuses that are shown.
MANY = 100


@dataclass(frozen=True)
class Opened:
    """What the dialog was opened for: the leads, some names and statuses, and what colleagues did at their firms."""

    ids: Sequence[uuid.UUID]
    names: dict[uuid.UUID, str]
    statuses: Sequence[str]
    touches: Sequence[Row]

    @property
    def who(self) -> str:
        shown = list(self.names.values())
        return words.listed(shown + [""] * (len(self.ids) - len(shown)))


def request(desk: Desk, lead_ids: Sequence[uuid.UUID], method: str | None = None) -> None:
    """The callback that asks for the dialog, with a method to begin with."""
    desk.asked_for = ("log", list(lead_ids), method)


def go_where_asked(desk: Desk) -> None:
    """Open what a click asked for. A fragment can open neither a dialog that lasts nor a page, so the page runs anew.

    The dialog goes into the URL, with the leads and the key that makes its Save count once.
    """
    if desk.asked_for is None:
        return
    action, lead_ids, *method = desk.asked_for
    desk.asked_for = None
    if action in ("bulk", "lost"):
        st.rerun()
    if action == "new":
        st.query_params["new"] = once.new_key()
        st.rerun()
    if action == "open":
        st.switch_page("../pages/lead.py", query_params=came_from.address(desk, lead_ids[0]))
    st.query_params["form"] = form = once.new_key()
    if len(lead_ids) > MANY:
        # Too many for an address: this dialog does not survive a restart of the server.
        desk.lists[form] = _opened(lead_ids)
    st.query_params["log"] = ",".join(str(lead_id) for lead_id in lead_ids[:MANY])
    if method and method[0]:
        st.query_params["method"] = str(method[0])
    st.rerun()


def draw_if_asked(desk: Desk) -> None:
    """Open the dialog that the URL names, if any. Called from the page itself, never from inside a fragment."""
    if "log" not in st.query_params:
        return
    form = st.query_params.get("form") or once.new_key()
    opened = desk.lists.get(form)
    if opened is None:
        actor, _ = identity.current()
        with db.transaction() as session:
            used = once.was_used(session, actor, form)
        opened = desk.lists[form] = _opened(ids_of(st.query_params["log"]))
        if used or not opened.ids:
            # Saved before the server went away, or an old bookmark: there is nothing left to fill in.
            _leave()
            st.rerun()
    _dialog(desk, identity.current_user_id(), form, opened)


# Escape or a click beside it would take what was typed along: it is left by its buttons.
@st.dialog("Log contact", icon=":material/edit_note:", dismissible=False)
def _dialog(desk: Desk, user_id: uuid.UUID, form: str, opened: Opened) -> None:
    # Nothing in here asks the database before the fields are drawn: what was typed stays, whatever happens to it.
    if form in desk.saved_forms:
        _leave()
        st.rerun()
    st.caption("With " + words.plain(opened.who))
    problem = desk.problems.get(form)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    warning = st.container()
    method = st.query_params.get("method")
    direction = contact_fields.pick(form, opened.statuses, contact_fields.NEW | (
        {"method": method} if method in list(Method) else {}))
    if direction == Direction.OUTBOUND:
        with warning:
            contact_fields.warn_of_colleagues(opened.touches, datetime.now(UTC))
    with st.form(f"log:{form}", border=False):
        contact_fields.write(form, held=opened.statuses)
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button("Cancel", type="tertiary", key=f"cancel:{form}", on_click=_leave)
            saved = st.form_submit_button("Save contact", type="primary", key=f"save:{form}", on_click=_on_save,
                                          args=(desk, user_id, form, opened))
    if saved and form not in desk.saved_forms and form not in desk.problems:
        # After a restart no callback runs for the first click, so the click is seen here only.
        _on_save(desk, user_id, form, opened)
    if saved or "log" not in st.query_params:
        st.rerun()


def _opened(wanted: Sequence[uuid.UUID]) -> Opened:
    actor, _ = identity.current()
    looked_at = wanted[:MANY]
    with db.transaction() as session:
        rows = lists.rows(session, actor, looked_at)
        touches = neighbours.recent_touches(session, actor, looked_at, now=datetime.now(UTC))
    ids = [row.id for row in rows] if len(wanted) <= MANY else wanted
    return Opened(ids, {row.id: leads.name_of(row) for row in rows}, [row.status for row in rows], touches)


def _on_save(desk: Desk, user_id: uuid.UUID, form: str, opened: Opened) -> None:
    save(desk, user_id, form, lambda session, actor: list(opened.ids), contact_fields.typed(form), names=opened.names,
         many=len(opened.ids))


def save(desk: Desk, user_id: uuid.UUID, form: str, chosen: Callable[[Session, Actor], Sequence[uuid.UUID]],
         typed: Mapping[str, Any], *, names: Mapping[uuid.UUID, str], made_by: uuid.UUID | None = None,
         many: int = 1) -> None:
    """Log what was ``typed`` (of ``contact_fields``) with the leads that are ``chosen``, once for this form.

    ``many`` is about how many they are; more than MANY are worked through in the background.
    """
    typed = dict(typed)
    status = typed.pop("status_choice")
    because = contact_fields.because(form)

    def work(session, actor, progress=lambda done: None):
        return contacts.log_contact(session, actor, chosen(session, actor), status=status, because=because,
                                    made_by=made_by, key=form, progress=progress, **typed)

    def said(outcome) -> str:
        who = words.listed([names[lead_id] for lead_id in outcome.done if lead_id in names]) if many <= MANY else \
            words.counted(len(outcome.done), "lead")
        return f"{words.METHOD.get(typed['method'], 'Contact')} logged with {who}."

    if many > MANY:
        jobs.start(desk, user_id, f"Logging a contact with {words.counted(many, 'lead')}", many, work, said, form=form)
        if jobs.leave_form(desk, form):
            desk.saved_forms.add(form)
    else:
        desks.run(desk, user_id, work, said, form=form, again_when_unknown=True)


def _leave() -> None:
    for name in ("log", "form", "method"):
        if name in st.query_params:
            del st.query_params[name]


def ids_of(text: str) -> list[uuid.UUID]:
    found = []
    for part in text.split(",")[:lists.PAGE_LIMIT]:
        try:
            found.append(uuid.UUID(part))
        except ValueError:
            continue
    return found
