"""New lead: a dialog that lives in the URL, and says before saving when somebody has that address already.

``?new=<key>`` opens it, so that it comes back with what was typed in it when the server was restarted, and its key
makes a repeated Save harmless even then.
"""

import uuid

import streamlit as st

from lib import addresses, db, leads, new_leads, once
from lib.fields import LABELS
from lib.history import Outcome
from lib.ui import desk as desks
from lib.ui import identity, words
from lib.ui.desk import Desk

FIELDS = ("first_name", "last_name", "job_title", "company", "email", "phone", "linkedin_url", "source", "score",
          "tags", "notes")


def button(desk: Desk) -> None:
    """The button that opens the dialog."""
    st.button("New lead", type="primary", icon=":material/person_add:", key="new_lead", shortcut="Alt+N",
              on_click=_request, args=(desk,))


def draw_if_asked(desk: Desk) -> None:
    """Open the dialog that the URL names, if any. Called from the page itself, never from inside a fragment."""
    form = st.query_params.get("new")
    if not form:
        return
    actor, team = identity.current()
    if desk.lists.get("new") != form:
        with db.transaction() as session:
            used = once.was_used(session, actor, form)
        if used:
            # Saved before the server went away: there is nothing left to fill in.
            _leave()
            st.rerun()
        desk.lists["new"] = form
    _dialog(desk, actor.user_id, form, {str(each.id): each.name for each in team if each.can_own})


# Escape or a click beside it would take what was typed along: it is left by its buttons.
@st.dialog("New lead", width="medium", icon=":material/person_add:", dismissible=False)
def _dialog(desk: Desk, user_id: uuid.UUID, form: str, people: dict[str, str]) -> None:
    if form in desk.saved_forms:
        _leave()
        st.rerun()
    with st.container(horizontal=True):
        _text("first_name", form, 200)
        _text("last_name", form, 200)
    with st.container(horizontal=True):
        _text("job_title", form, 200)
        _text("company", form, 200)
    with st.container(horizontal=True):
        _text("email", form, 320)
        _text("phone", form, 50)
    _text("linkedin_url", form, 2000)
    _already_there(form)
    with st.container(horizontal=True):
        st.selectbox("Assigned to", ["", *people], index=1 + list(people).index(str(user_id)), key=f"owner:{form}",
                     format_func=lambda key: people.get(key, "Nobody"))
        _text("source", form, 200)
        st.number_input(LABELS["score"], value=None, step=1, key=f"score:{form}", width=120)
    st.multiselect(LABELS["tags"], _tags(desk), accept_new_options=True, key=f"tags:{form}", placeholder="Add a tag")
    st.text_area(LABELS["notes"], key=f"notes:{form}", height=80, max_chars=20_000)
    problem = desk.problems.get(form)
    if problem is not None:
        st.error(words.plain(str(problem)), icon=":material/error:")
    with st.container(horizontal=True, horizontal_alignment="right"):
        left = st.button("Cancel", type="tertiary", key=f"cancel:{form}", on_click=_leave)
        saved = st.button("Save lead", type="primary", key=f"save:{form}", on_click=_on_save,
                          args=(desk, user_id, form))
    if saved and form not in desk.saved_forms and form not in desk.problems:
        # After a restart no callback runs for the first click, so the click is seen here only.
        _on_save(desk, user_id, form)
    if left or form in desk.saved_forms:
        st.rerun()


def _text(name: str, form: str, limit: int) -> None:
    st.text_input(LABELS[name], key=f"{name}:{form}", max_chars=limit)


def _already_there(form: str) -> None:
    """Who has this e-mail or LinkedIn address, as soon as it is typed."""
    email, linkedin = st.session_state.get(f"email:{form}"), st.session_state.get(f"linkedin_url:{form}")
    if not email and not linkedin:
        return
    actor, _ = identity.current()
    with db.transaction() as session:
        found = addresses.duplicates(session, actor, email=email, linkedin_url=linkedin)
    for lead in found:
        st.warning(f"[{words.plain(leads.name_of(lead))}](/lead?id={lead.id}) already has this "
                   f"{LABELS[lead.same].replace('E-mail', 'e-mail')} address.", icon=":material/content_copy:")


def _tags(desk: Desk) -> list[str]:
    _, _, known = desk.lists.get("vocabulary", (None, None, {}))
    return known.get("tags", [])


def _on_save(desk: Desk, user_id: uuid.UUID, form: str) -> None:
    typed = {name: st.session_state.get(f"{name}:{form}") for name in FIELDS}
    picked = st.session_state.get(f"owner:{form}")
    owner = uuid.UUID(picked) if picked else None

    def work(session, actor) -> Outcome:
        return new_leads.create_once(session, actor, form, typed, owner=owner)

    name = " ".join(filter(None, (typed["first_name"], typed["last_name"]))) or typed["email"] or "The lead"
    desks.run(desk, user_id, work, lambda outcome: f"{name} added.", form=form, again_when_unknown=True)


def _request(desk: Desk) -> None:
    desk.asked_for = ("new", [])


def _leave() -> None:
    if "new" in st.query_params:
        del st.query_params["new"]
