"""The lead's own form: free text and everything else that is not picked in a list."""

import uuid
from typing import Any

import streamlit as st
from sqlalchemy import Row

from lib import leads
from lib.errors import Conflict, LeadDeskError
from lib.fields import LABELS, MAX_SCORE
from lib.history import Outcome
from lib.leads import Edit
from lib.ui import desk as desks
from lib.ui import words
from lib.ui.desk import Desk

FIELDS = ("first_name", "last_name", "job_title", "email", "phone", "linkedin_url", "score", "tags", "notes")


def draw(desk: Desk, user_id: uuid.UUID, lead: Row, people: dict[str, str]) -> None:
    """Draw the form. It keeps what was typed until that is saved, also when somebody else changes the lead."""
    opened = desk.lists.setdefault(f"lead {lead.id}", {"seen": _values(lead)})
    seen, form = opened["seen"], f"{lead.id}:{desk.lists.get(f'version {lead.id}', 0)}"
    problem = desk.problems.get(form)

    with st.form(f"lead:{form}", border=False):
        with st.container(horizontal=True):
            _text("first_name", form, seen, 200)
            _text("last_name", form, seen, 200)
        _text("job_title", form, seen, 200)
        with st.container(horizontal=True):
            _text("email", form, seen, 320)
            _text("phone", form, seen, 50)
        _text("linkedin_url", form, seen, 2000)
        with st.container(horizontal=True):
            st.number_input(LABELS["score"], value=seen["score"], min_value=0, max_value=MAX_SCORE, step=1,
                            key=f"score:{form}", width=130)
            st.multiselect(LABELS["tags"], sorted(seen["tags"]), default=seen["tags"], accept_new_options=True,
                           key=f"tags:{form}", placeholder="Add a tag")
        st.text_area(LABELS["notes"], value=seen["notes"] or "", key=f"notes:{form}", height=130, max_chars=20_000)
        if problem is not None:
            st.error(words.plain(_told(problem)), icon=":material/error:")
        st.form_submit_button("Save changes", key=f"save:{form}", on_click=_on_save,
                              args=(desk, user_id, lead.id, form, leads.name_of(lead)))

    changed = [LABELS[name] for name, value in _values(lead).items() if value != seen[name]]
    if changed:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/sync: {words.listed(changed)} changed since you opened this form.", width="content")
            st.button("Load the new values", type="tertiary", key=f"reload:{form}", on_click=_reload,
                      args=(desk, lead.id), help="What you typed and did not save is discarded")


def _text(name: str, form: str, seen: dict[str, Any], limit: int) -> None:
    st.text_input(LABELS[name], value=seen[name] or "", key=f"{name}:{form}", max_chars=limit)


def _on_save(desk: Desk, user_id: uuid.UUID, lead_id: uuid.UUID, form: str, name: str) -> None:
    seen = desk.lists[f"lead {lead_id}"]["seen"]
    typed = {field: st.session_state.get(f"{field}:{form}") for field in FIELDS}
    edits = [Edit(lead_id, field, seen[field], value) for field, value in typed.items()
             if (value or None) != (seen[field] or None)]
    if not edits:
        desk.problems.pop(form, None)
        return

    def work(session, actor) -> Outcome:
        outcome = leads.edit(session, actor, edits)
        # A form is saved whole or not at all: leaving the block by an error takes the other fields back.
        return outcome.or_raise()

    desks.run(desk, user_id, work, lambda outcome: f"{name} saved.", form=form)
    problem = desk.problems.get(form)
    if problem is None:
        # From here on the form shows what it has saved; a value that was stored otherwise than typed is drawn anew.
        _reload(desk, lead_id)
    elif isinstance(problem, Conflict):
        # The user is told what is there now, so saving once more is meant.
        seen[problem.field] = problem.theirs


def _reload(desk: Desk, lead_id: uuid.UUID) -> None:
    """Let the next run draw the form anew, from the database."""
    desk.lists.pop(f"lead {lead_id}", None)
    desk.lists[f"version {lead_id}"] = desk.lists.get(f"version {lead_id}", 0) + 1


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
