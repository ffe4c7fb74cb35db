"""The lead's own form: free text and everything else that is not picked in a list.

Its widgets stand outside of ``st.form``, whose values leave the browser only with its button: what was typed is known
here as soon as a field is left, and is kept for the session, whatever is opened in between.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib import leads
from lib.errors import Conflict, Duplicate, LeadDeskError
from lib.fields import LABELS
from lib.history import Outcome
from lib.leads import Edit
from lib.ui import desk as desks
from lib.ui import words
from lib.ui.desk import Desk

FIELDS = ("first_name", "last_name", "job_title", "company", "email", "phone", "linkedin_url", "score", "tags",
          "notes")


@dataclass
class Form:
    """One opening of a lead's form: ``seen`` are the values that it was drawn with, ``key`` is new for each opening.

    ``turn`` is that of the desk when it was drawn last.
    """

    key: str
    lead: str
    seen: dict[str, Any]
    turn: int

    def typed(self) -> dict[str, Any]:
        """What the fields hold that is not what was seen in them."""
        state = st.session_state
        held = {name: state[f"{name}:{self.key}"] for name in FIELDS if f"{name}:{self.key}" in state}
        return {name: value for name, value in held.items() if (value or None) != (self.seen[name] or None)}


def draw(desk: Desk, user_id: uuid.UUID, lead: Row, on_open: Callable[[uuid.UUID], None]) -> None:
    """Draw the form. It keeps what was typed until that is saved, also when somebody else changes the lead.

    ``on_open`` is the callback that opens another lead, the one that already has an address that was typed here.
    """
    form = _opened(desk, lead)
    seen, key = form.seen, form.key
    with st.container(horizontal=True):
        _text("first_name", form, 200)
        _text("last_name", form, 200)
    with st.container(horizontal=True):
        _text("job_title", form, 200)
        _text("company", form, 200, help="A company that you know already, or a new one")
    with st.container(horizontal=True):
        _text("email", form, 320)
        _text("phone", form, 50, width=130)
    with st.container(horizontal=True):
        _text("linkedin_url", form, 2000)
        st.number_input(LABELS["score"], value=seen["score"], step=1, key=f"score:{key}", width=130,
                        persist_state="session")
    st.multiselect(LABELS["tags"], sorted({*seen["tags"], *st.session_state.get(f"tags:{key}", ())}),
                   default=seen["tags"], accept_new_options=True, key=f"tags:{key}", placeholder="Add a tag",
                   wrap=True, persist_state="session")
    st.text_area(LABELS["notes"], value=seen["notes"] or "", key=f"notes:{key}", height=104, max_chars=20_000,
                 persist_state="session")
    _problem(desk, form, on_open)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Save changes", key=f"save:{key}", shortcut="Alt+S", on_click=_on_save,
                  args=(desk, user_id, lead.id, form))
        if form.typed():
            st.button("Discard", type="tertiary", key=f"discard:{key}", on_click=_close, args=(desk, lead.id),
                      help=f"Not saved yet: {words.listed([LABELS[name] for name in form.typed()])}")
    changed = [LABELS[name] for name, value in _values(lead).items() if value != seen[name]]
    if changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/sync: {words.listed(changed)} changed since you opened this form.", width="content")
            st.button("Load the new values", type="tertiary", key=f"reload:{key}", on_click=_close,
                      args=(desk, lead.id), help="What you typed and did not save is discarded")


def left_unsaved(desk: Desk, lead_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """The other leads in whose forms something was typed and not saved: their names, the latest first."""
    return {other: form.lead for other, form in reversed(_forms(desk).items()) if other != lead_id and form.typed()}


def _opened(desk: Desk, lead: Row) -> Form:
    forms = _forms(desk)
    for other, form in list(forms.items()):
        # Whoever comes back to a form in which nothing was typed, be it this one, sees the lead as it is by then, and
        # so does who has just done something to it, such as an undo. A colleague's change alone leaves the form as it
        # is: letters that were typed and have not left the browser yet would be gone.
        is_on_screen = other == lead.id and f"save:{form.key}" in st.session_state
        is_outdated = form.turn != desk.turn and form.seen != _values(lead)
        if (not is_on_screen or is_outdated) and not form.typed():
            _close(desk, other)
    if lead.id not in forms:
        number = desk.lists.setdefault("forms opened", {}).get(lead.id, 0)
        forms[lead.id] = Form(f"{lead.id}:{number}", leads.name_of(lead), _values(lead), desk.turn)
    form = forms[lead.id]
    form.turn = desk.turn
    return form


def _close(desk: Desk, lead_id: uuid.UUID) -> None:
    """Forget the form with what was typed in it; the next run draws a new one, from the database."""
    form = _forms(desk).pop(lead_id, None)
    if form is not None:
        desk.problems.pop(form.key, None)
        opened = desk.lists.setdefault("forms opened", {})
        opened[lead_id] = opened.get(lead_id, 0) + 1
        for name in FIELDS:
            st.session_state.pop(f"{name}:{form.key}", None)


def _forms(desk: Desk) -> dict[uuid.UUID, Form]:
    return desk.lists.setdefault("forms", {})


def _text(name: str, form: Form, limit: int, **options: Any) -> None:
    st.text_input(LABELS[name], value=form.seen[name] or "", key=f"{name}:{form.key}", max_chars=limit,
                  persist_state="session", **options)


def _problem(desk: Desk, form: Form, on_open: Callable[[uuid.UUID], None]) -> None:
    problem = desk.problems.get(form.key)
    if problem is None:
        return
    st.error(words.plain(_told(problem)), icon=":material/error:")
    if isinstance(problem, Duplicate) and problem.lead_id is not None:
        st.button("Open that lead", key=f"other:{form.key}", icon=":material/open_in_full:", type="tertiary",
                  help="What you typed here is kept", on_click=on_open, args=(problem.lead_id,))


def _on_save(desk: Desk, user_id: uuid.UUID, lead_id: uuid.UUID, form: Form) -> None:
    edits = [Edit(lead_id, name, form.seen[name], value) for name, value in form.typed().items()]
    if not edits:
        desk.problems.pop(form.key, None)
        return

    def work(session, actor) -> Outcome:
        outcome = leads.edit(session, actor, edits)
        # A form is saved whole or not at all: leaving the block by an error takes the other fields back.
        return outcome.or_raise()

    desks.run(desk, user_id, work, lambda outcome: f"{form.lead} saved.", form=form.key)
    problem = desk.problems.get(form.key)
    if problem is None:
        # From here on the form shows what it has saved; a value that was stored otherwise than typed is drawn anew.
        _close(desk, lead_id)
    elif isinstance(problem, Conflict):
        # The user is told what is there now, so saving once more is meant.
        form.seen[problem.field] = problem.theirs


def _values(lead: Row) -> dict[str, Any]:
    values = {name: getattr(lead, name) for name in FIELDS}
    values["tags"] = list(lead.tags or [])
    return values


def _told(problem: LeadDeskError) -> str:
    if isinstance(problem, Conflict):
        theirs = words.value_of(problem.field, problem.theirs, {})
        return (f"{problem.by or 'Somebody else'} changed {LABELS[problem.field].lower()} to “{theirs}” meanwhile. "
                "Save again to put yours in its place.")
    return str(problem)
