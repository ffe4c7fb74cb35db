"""Who is looking at the page."""

import uuid

import streamlit as st

from lib import db, users
from lib.auth import Actor
from lib.config import settings
from lib.errors import LeadDeskError, NotAllowed
from lib.models import Role
from lib.ui import words
from lib.users import Member

# Read once per session: who can be chosen in a demo does not change under it, and every rerun would ask again.
IDENTITIES = "demo_identities"
CHOICE = "as"


def choose() -> None:
    """In the demo, the menu of identities in the sidebar. There is none on a team's own database."""
    if not settings().is_demo:
        return
    if IDENTITIES not in st.session_state:
        with db.transaction() as session:
            found = users.demo_identities(session)
        home = found[0].company if found else ""
        st.session_state[IDENTITIES] = {
            str(each.id): f"{each.name} · {words.ROLE[each.role]}"
                          + ("" if each.company == home else f" · {each.company}") for each in found}
    people = st.session_state[IDENTITIES]
    with st.sidebar:
        st.selectbox("You are", list(people), format_func=people.get, key=CHOICE, bind="query-params",
                     help="Lead Desk runs on sample data here, so you can be anybody. On your own database, people "
                          "sign in.")
        st.caption("This is a demo with an invented team. What you change is kept until you delete the folder "
                   ".lead-desk.")


def current_user_id() -> uuid.UUID:
    """Raises NotAllowed when nobody is signed in."""
    if settings().is_demo and st.session_state.get(CHOICE):
        return uuid.UUID(st.session_state[CHOICE])
    raise NotAllowed("Nobody is signed in.")


def current() -> tuple[Actor, list[Member]]:
    """The actor and their colleagues, read anew on every run. Raises NotAllowed for somebody without access."""
    user_id = current_user_id()
    with db.transaction() as session:
        return users.sign_in(session, user_id)


def role() -> Role | None:
    """The actor's role, by which the menu shows its pages; None for nobody. The pages ask again themselves."""
    try:
        actor, _ = current()
    except LeadDeskError:
        return None
    return actor.role
