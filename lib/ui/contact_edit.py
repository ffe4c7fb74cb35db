"""Correct a contact: a dialog that lives in the URL, as Log Contact does.

``?edit=<contact>&seen=<digest>&edit_form=<key>`` opens it. The digest is of what the contact said when it was opened:
a dialog that comes back after a restart finds out from it whether somebody has changed the contact meanwhile.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib import contact_changes, contacts, db, leads, once
from lib.auth import RULES, Actor
from lib.errors import LeadDeskError
from lib.ui import contact_fields, identity, words
from lib.ui import desk as desks
from lib.ui.desk import Desk
from lib.users import Member

PARAMETERS = ("edit", "seen", "edit_form")
CHANGED = "Somebody has changed this contact since you opened it. Look over each field before you save."


def request(desk: Desk, contact: Row) -> None:
    """The callback that asks for the dialog."""
    desk.asked_for = ("edit", [contact.id], digest(contact))


def remove(desk: Desk, user_id: uuid.UUID, contact: Row) -> None:
    """The callback that removes a contact."""
    name = leads.name_of(contact)
    desks.run(desk, user_id, lambda session, actor: contact_changes.remove_contact(session, actor, contact.id),
              lambda _: f"{words.METHOD.get(contact.method, 'Contact')} with {name} removed.")


def go_where_asked(desk: Desk) -> None:
    """Put the dialog that a click asked for into the URL, and run the page anew; see ``contact_form``."""
    if desk.asked_for is None or desk.asked_for[0] != "edit":
        return
    _, [contact_id], seen = desk.asked_for
    desk.asked_for = None
    for name, value in zip(PARAMETERS, (str(contact_id), seen, once.new_key()), strict=True):
        st.query_params[name] = value
    st.rerun()


def draw_if_asked(desk: Desk) -> None:
    """Open the dialog that the URL names, if any. Called from the page itself, never from inside a fragment."""
    if "edit" not in st.query_params:
        return
    form = st.query_params.get("edit_form") or once.new_key()
    actor, team = identity.current()
    contact = desk.lists.get(form)
    if contact is None:
        try:
            with db.transaction() as session:
                contact = contacts.find(session, actor, _id(st.query_params["edit"]))
        except LeadDeskError as error:
            desks.report(desk, error, str)
            _leave()
            st.rerun()
        desk.lists[form] = contact
        if digest(contact) != st.query_params.get("seen"):
            desk.problems[form] = LeadDeskError(CHANGED)
    _dialog(desk, actor, team, form, contact)


# Escape or a click beside it would take what was typed along: it is left by its buttons.
@st.dialog("Edit contact", icon=":material/edit:", dismissible=False)
def _dialog(desk: Desk, actor: Actor, team: Sequence[Member], form: str, contact: Row) -> None:
    if form in desk.saved_forms:
        _leave()
        st.rerun()
    st.caption(f"With {words.plain(leads.name_of(contact))}. The lead's counters, last contact and status follow.")
    problem = desk.problems.get(form)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    if RULES[actor.role][2]:
        people = contact_fields.people(team, actor.user_id)
        people.setdefault(contact.user_id, f"{contact.made_by} (left)")
        st.selectbox("Made by", list(people), list(people).index(contact.user_id), format_func=people.get,
                     key=f"maker:{form}")
    contact_fields.pick(form, [], contact._mapping)
    with st.form(f"edit:{form}", border=False):
        contact_fields.write(form, contact._mapping)
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button("Cancel", type="tertiary", key=f"cancel:{form}", on_click=_leave)
            saved = st.form_submit_button("Save changes", type="primary", key=f"save:{form}", on_click=_on_save,
                                          args=(desk, actor.user_id, form, contact))
    if saved and form not in desk.saved_forms and form not in desk.problems:
        # After a restart no callback runs for the first click, so the click is seen here only.
        _on_save(desk, actor.user_id, form, contact)
    if saved or "edit" not in st.query_params:
        st.rerun()


def digest(contact: Row) -> str:
    held = contact._mapping
    return hashlib.sha256(repr([str(held[name]) for name in contacts.FIELDS]).encode()).hexdigest()[:12]


def _on_save(desk: Desk, user_id: uuid.UUID, form: str, contact: Row) -> None:
    values = contact_fields.typed(form)
    if maker := st.session_state.get(f"maker:{form}"):
        values["user_id"] = maker
    if values["occurred_at"] == contact.occurred_at.replace(second=0, microsecond=0):
        # The field shows minutes; what it left out is no change.
        del values["occurred_at"]
    seen: Mapping[str, Any] = dict(contact._mapping)

    def work(session, actor):
        return contact_changes.edit_contact(session, actor, contact.id, seen, values, now=datetime.now(UTC))

    desks.run(desk, user_id, work, lambda _: f"Contact with {leads.name_of(contact)} changed.", form=form)


def _leave() -> None:
    for name in PARAMETERS:
        if name in st.query_params:
            del st.query_params[name]


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
