"""Who is looking at the page."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib import db, sign_ins, uploads, users
from lib.auth import Actor
from lib.config import settings
from lib.errors import NoAccess, NotSignedIn
from lib.sign_ins import SignIn
from lib.ui import desk as desks
from lib.ui import words
from lib.users import Member

# Read once per session: who can be chosen in a demo does not change under it, and every rerun would ask again.
IDENTITIES = "demo_identities"
CHOICE = "as"
# Who was chosen, apart from the menu: Streamlit sets that back to the first person when a run comes from an address
# without it, as after the browser's Back.
CHOSEN = "identity"
OPENED_AT = "opened_at"

# What the shell has read, for as long as it runs the page: of this run and this thread only, since the next run and
# every run of a fragment have to ask again.
_of_this_run: ContextVar[tuple[Actor, list[Member]] | None] = ContextVar("of_this_run", default=None)


def choose() -> None:
    """In the demo, the menu of identities in the sidebar. There is none where people sign in."""
    if not settings().is_open:
        return
    if IDENTITIES not in st.session_state:
        with db.transaction() as session:
            found = users.demo_identities(session)
        home = found[0].company if found else ""
        st.session_state[IDENTITIES] = {
            str(each.id): f"{each.name} · {words.ROLE[each.role]}"
                          + ("" if each.company == home else f" · {each.company}") for each in found}
    people = st.session_state[IDENTITIES]
    chosen = st.session_state.get(CHOSEN)
    if chosen in people and st.session_state.get(CHOICE) != chosen:
        st.session_state[CHOICE] = chosen
    with st.sidebar:
        shown = st.selectbox("You are", list(people), format_func=people.get, key=CHOICE, bind="query-params",
                             on_change=_remember,
                             help="Lead Desk runs on sample data here, so you can be anybody. On your own database, "
                                  "people sign in.")
        st.caption("This is a demo with an invented team. What you change is kept until you delete the folder "
                   ".lead-desk.")
    if shown == chosen:
        return
    if chosen in people and CHOICE not in st.query_params:
        # Back to an address that names nobody, where nothing is put into the menu before it is drawn.
        st.rerun()
    _remember()


def _remember() -> None:
    st.session_state[CHOSEN] = st.session_state[CHOICE]


def read() -> tuple[Actor, list[Member]]:
    """The actor and their colleagues as they are at this moment.

    Raises NotSignedIn for nobody, and NoAccess for somebody who may not use Lead Desk.
    """
    desk = desks.of_session()
    try:
        signed_in = _signed_in()
        chosen = _chosen() if signed_in is None else None
        with db.transaction() as session:
            actor, team = (users.sign_in(session, chosen) if signed_in is None
                           else users.sign_in_by_address(session, signed_in))
    except (NotSignedIn, NoAccess):
        desk.user_id = None
        uploads.refuse(_session_id())
        raise
    desk.signed_in, desk.user_id = signed_in, actor.user_id
    uploads.allow(_session_id(), desk)
    st.session_state[words.TIME_ZONE] = actor.time_zone
    return actor, team


@contextmanager
def kept(actor: Actor, team: list[Member]) -> Iterator[None]:
    """Let everything that is drawn in this run have what was just read."""
    token = _of_this_run.set((actor, team))
    try:
        yield
    finally:
        _of_this_run.reset(token)


def current() -> tuple[Actor, list[Member]]:
    """The actor and their colleagues, read anew for every run of the page and every run of a fragment."""
    found = _of_this_run.get()
    if found is not None:
        return found
    try:
        return read()
    except (NotSignedIn, NoAccess):
        # Only the whole page can be taken away, and the shell says why.
        st.rerun()
        raise


def current_user_id() -> uuid.UUID:
    """Whoever was last let in, without asking the database: what they write is checked against it when it is written.

    Raises NotSignedIn when that is nobody.
    """
    if settings().is_open:
        return _chosen()
    user_id = desks.of_session().user_id
    if user_id is None:
        raise NotSignedIn("Sign in to go on.")
    return user_id


def was_let_in() -> bool:
    """Whether this tab's owner was let in when that was last asked."""
    return desks.of_session().user_id is not None


def _session_id() -> str:
    """What Streamlit calls this tab, in the addresses of its uploads too."""
    return get_script_run_ctx().session_id


def _signed_in() -> SignIn | None:
    """What somebody signed in with; None where everybody may be anybody."""
    chosen, now = settings(), datetime.now(UTC)
    if chosen.auth:
        return sign_ins.from_claims(st.user.to_dict(), chosen, now)
    if chosen.trusted_proxy:
        opened_at = st.session_state.setdefault(OPENED_AT, now)
        return sign_ins.from_proxy(st.user.get("email"), opened_at, chosen, now)
    return None


def _chosen() -> uuid.UUID:
    if settings().is_open and st.session_state.get(CHOSEN):
        return uuid.UUID(st.session_state[CHOSEN])
    raise NotSignedIn("Nobody is signed in.")
